"""The traffic light of a route: how it stands, why, and whose job that is. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from dicomrs.causes import Cause, Owner, owner_of
from dicomrs.moments import moment
from dicomrs.status_api import DestinationStatus, RouteStatus

PATIENCE: Final = timedelta(minutes=2)
"""What waits longer than this although nothing prevents it deserves a look."""


class Colour(IntEnum):
    """The worst is the greatest."""

    GREEN = 0  # images flow, or would
    YELLOW = 1  # they flow, and something deserves a person's look
    RED = 2  # they do not flow
    GREY = 3  # nobody knows


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong. destination: its name, "" if it is none's; objects: how many it touches, 0 if any.

    words: the service's own, in English; "" if it said nothing.
    """

    colour: Colour
    cause: Cause
    destination: str = ""
    objects: int = 0
    words: str = ""

    @property
    def owner(self) -> Owner:
        """Whose job it is."""
        return owner_of(self.cause)


@dataclass(frozen=True, slots=True)
class Light:
    """The worst colour, and the reasons, the worst first. Green has none."""

    colour: Colour
    reasons: tuple[Reason, ...] = ()


def light_of(route: RouteStatus, now: datetime) -> Light:
    """Judge a route.

    Args:
        route: as somebody saw it.
        now: with time zone.
    """
    if route.error:
        return Light(Colour.GREY, (Reason(Colour.GREY, Cause.ROOT_UNUSABLE, words=route.error),))
    reasons = sorted(_reasons(route, now), key=lambda reason: -reason.colour)
    return Light(max((reason.colour for reason in reasons), default=Colour.GREEN), tuple(reasons))


def destination_light(to: DestinationStatus, *, scu_alive: bool) -> Colour:
    """Of one destination alone."""
    if not scu_alive:
        return Colour.GREY
    if to.trouble and not to.suspended:
        return Colour.RED
    return Colour.YELLOW if to.parked or to.suspended or to.held else Colour.GREEN


def _reasons(route: RouteStatus, now: datetime) -> Iterator[Reason]:
    yield from _receiving(route)
    yield from _sending(route, now)
    yield from _objects(route)


def _receiving(route: RouteStatus) -> Iterator[Reason]:
    scp, disk = route.scp, route.disk
    if not scp.alive:
        yield Reason(Colour.RED, Cause.SERVICE_DOWN, words="scp")
    elif scp.trouble or not scp.listening:
        yield Reason(Colour.RED, _cause(scp.cause, Cause.NOT_LISTENING), words=scp.trouble)
    if not disk.writable:
        yield Reason(Colour.RED, Cause.ROOT_UNUSABLE, words=disk.trouble)
    elif (scp.alive and scp.full) or not disk.above_reserve:
        yield Reason(Colour.RED, Cause.DISK_FULL, words=disk.trouble)
    if refused := next((one.refused for one in (scp, route.scu) if one.alive and one.refused), ""):
        yield Reason(Colour.YELLOW, Cause.MANIFEST_REFUSED, words=refused)


def _sending(route: RouteStatus, now: datetime) -> Iterator[Reason]:
    if not route.scu.alive:
        yield Reason(Colour.RED, Cause.SERVICE_DOWN, words="scu")
        return
    if route.scu.trouble:
        yield Reason(Colour.RED, Cause.ROOT_UNUSABLE, words=route.scu.trouble)
    for to in route.destinations:
        if to.suspended:
            yield Reason(Colour.YELLOW, Cause.SUSPENDED, to.name, to.waiting)
        elif to.trouble:
            yield Reason(Colour.RED, _cause(to.cause, Cause.UNKNOWN), to.name, to.waiting, to.trouble)
    oldest = moment(route.waiting.oldest)
    calm = not any(to.trouble or to.suspended for to in route.destinations)
    if calm and oldest is not None and now - oldest > PATIENCE:
        yield Reason(Colour.YELLOW, Cause.SLOW, objects=route.waiting.objects)


def _objects(route: RouteStatus) -> Iterator[Reason]:
    for to in route.destinations:
        if to.parked:
            yield Reason(Colour.YELLOW, Cause.PARKED, to.name, to.parked)
    counts = {
        Cause.DAMAGED: route.damaged,
        Cause.QUARANTINED: route.quarantined,
        Cause.NO_DESTINATION: route.no_destination,
        Cause.HELD: route.held,
    }
    for cause, objects in counts.items():
        if objects:
            yield Reason(Colour.YELLOW, cause, objects=objects)


def _cause(told: str, otherwise: Cause) -> Cause:
    """What a service named; one of a newer version may name what is not known here."""
    try:
        return Cause(told)
    except ValueError:
        return otherwise
