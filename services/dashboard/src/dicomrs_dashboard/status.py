"""A survey and the heartbeats in it -> how a route stands, for /api/v1/status and /metrics. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from dicomrs.disk import DiskView
from dicomrs.flow import Flow, flow, full_in
from dicomrs.received import received
from dicomrs.route import ClinicRoute
from dicomrs.status_api import (
    DestinationStatus,
    DiskStatus,
    RouteStatus,
    ScpStatus,
    ScuStatus,
    WaitingStatus,
)
from dicomrs.survey import DestinationView, ServiceView, Survey

_LONGEST: Final = 1000  # characters
_LARGEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Totals:
    """What the services have counted since they started: scp by its own names, scu confirmations by destination."""

    scp: Mapping[str, int] = field(default_factory=dict)
    confirmed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route as somebody saw it, in so many seconds. Where status.error says something, the rest means nothing.

    flow: what came and went; full_in: for how long the room above the reserve does if nothing leaves, None: not known.
    """

    status: RouteStatus
    totals: Totals = Totals()
    seconds: float = 0.0
    flow: Flow | None = None
    full_in: timedelta | None = None
    survey: Survey | None = None


def seen(route: ClinicRoute, found: Survey, disk: DiskView, began: datetime, seconds: float) -> RouteView:
    """What a look at a route's root has shown."""
    services = {one.name: one for one in found.services}
    scp, scu = services["scp"], services["scu"]
    waiting = found.totals.waiting
    status = RouteStatus(
        name=route.metadata.name,
        revision=route.revision,
        root=found.root,
        looked_at=began.isoformat(timespec="milliseconds"),
        received=found.received,
        disk=_disk(found.root, disk),
        scp=_scp(scp),
        scu=_scu(scu),
        waiting=WaitingStatus(objects=waiting.objects, bytes=waiting.bytes, oldest=waiting.oldest),
        parked=found.totals.parked,
        held=found.totals.held,
        no_destination=found.totals.no_destination,
        quarantined=len(found.quarantined),
        damaged=found.damaged_objects,
        uncommitted=found.totals.uncommitted,
        last_delivery=found.totals.last_delivery,
        last_arrival=found.totals.last_arrival,
        destinations=_destinations(route, found.destinations),
    )
    counted = received(scp.figures)
    return RouteView(
        status,
        _totals(scp, scu),
        seconds,
        flow(found.totals.arrivals, found.totals.deliveries, counted, found.at),
        full_in(disk.free - disk.reserve, counted, found.at),
        found,
    )


def unseen(route: ClinicRoute, why: str) -> RouteView:
    """A route of which nothing is known, and why."""
    root = route.spec.storage.root
    disk = DiskStatus(trouble=why)
    return RouteView(RouteStatus(name=route.metadata.name, revision=route.revision, root=root, error=why, disk=disk))


def _disk(root: str, disk: DiskView) -> DiskStatus:
    unwritable = f"the services' user may not write to {root}, or its volume is read-only: see to its owner and mount"
    return DiskStatus(
        free=disk.free,
        total=disk.total,
        reserve=disk.reserve,
        inodes_free=disk.files,
        above_reserve=not disk.shortage,
        writable=disk.writable,
        trouble=disk.shortage if disk.writable else unwritable,
    )


def _scp(beat: ServiceView) -> ScpStatus:
    figures = beat.figures
    return ScpStatus(
        alive=beat.alive,
        at=_fit(beat.at),
        revision=_text(figures, "revision"),
        refused=_text(figures, "refused"),
        listening=beat.alive and figures.get("listening") is True,
        trouble=_fit(beat.trouble),
        cause=beat.cause or "",
        full=figures.get("full") is True,
        associations=_number(figures, "associations") if beat.alive else 0,
    )


def _scu(beat: ServiceView) -> ScuStatus:
    figures = beat.figures
    return ScuStatus(
        alive=beat.alive,
        at=_fit(beat.at),
        revision=_text(figures, "revision"),
        refused=_text(figures, "refused"),
        trouble=_fit(beat.trouble),
    )


def _destinations(route: ClinicRoute, found: tuple[DestinationView, ...]) -> tuple[DestinationStatus, ...]:
    """Those that the route names now: what others have on record is no longer anybody's business here."""
    views = {one.name: one for one in found}
    return tuple(_destination(views[to.name]) for to in route.spec.destinations)


def _destination(one: DestinationView) -> DestinationStatus:
    return DestinationStatus(
        name=one.name,
        delivered=one.delivered,
        waiting=one.waiting,
        parked=one.parked,
        held=one.held,
        uncommitted=one.stored,
        trouble=_fit(one.trouble),
        cause=one.cause or "",
        retry_in=one.retry_in,
        suspended=one.suspended,
    )


def _totals(scp: ServiceView, scu: ServiceView) -> Totals:
    since_start = scp.figures.get("sinceStart")
    counted = since_start if isinstance(since_start, dict) else {}
    destinations = scu.figures.get("destinations")
    told = destinations if isinstance(destinations, dict) else {}
    return Totals(
        {name: _number(counted, name) for name in counted},
        {name: _number(figures, "confirmed") for name, figures in told.items() if isinstance(figures, dict)},
    )


def _text(figures: Mapping[str, Any], name: str) -> str:
    value = figures.get(name)
    return _fit(value) if isinstance(value, str) else ""


def _fit(text: str) -> str:
    """What somebody else has written, cut to length, and without what no UTF-8 is made for."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def _number(figures: Mapping[str, Any], name: str) -> int:
    value = figures.get(name)
    return value if isinstance(value, int) and 0 <= value < _LARGEST else 0
