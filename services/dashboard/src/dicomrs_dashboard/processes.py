"""Heartbeats -> how the services fare as programs: since when, how large, how busy, how often restarted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dicomrs.moments import moment
from dicomrs.status_api import RouteStatus
from dicomrs_dashboard.lights import Colour

_LARGEST: Final = 2**63
_LONGEST: Final = 100  # characters


@dataclass(frozen=True, slots=True)
class Process:
    """One program by its last heartbeat.

    at, started_at: ISO 8601, "" if unknown; memory: bytes; cpu_seconds: processor time used so far; restarts: how often
    it was started again, None where nobody counts.
    """

    name: str
    alive: bool = False
    at: str = ""
    pid: int = 0
    version: str = ""
    started_at: str = ""
    memory: int = 0
    cpu_seconds: float = 0.0
    restarts: int | None = None

    def busy(self, now: datetime) -> float | None:
        """The part of one processor that it has used since it started; None if that is not known."""
        since = moment(self.started_at)
        seconds = (now - since).total_seconds() if since else 0.0
        return self.cpu_seconds / seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Duty:
    """What a service does for a route.

    alive: None if nobody knows; listening: None for one that has nothing to listen to; trouble: in its own words.
    """

    route: str
    alive: bool | None
    listening: bool | None
    trouble: str


@dataclass(frozen=True, slots=True)
class ServiceCard:
    """What the page shows of a service. root: where it can be asked for something, "" if nowhere."""

    process: Process
    colour: Colour
    duties: tuple[Duty, ...] = ()
    root: str = ""

    @property
    def name(self) -> str:
        """scp, scu or dashboard."""
        return self.process.name


def process_of(name: str, figures: Mapping[str, Any], *, alive: bool) -> Process:
    """What a heartbeat says, whatever it has in it."""
    restarts = figures.get("restarts")
    return Process(
        name=name,
        alive=alive,
        at=_text(figures, "at"),
        pid=int(_number(figures, "pid")),
        version=_text(figures, "version"),
        started_at=_text(figures, "startedAt"),
        memory=int(_number(figures, "memory")),
        cpu_seconds=_number(figures, "cpuSeconds"),
        restarts=int(_number(figures, "restarts")) if isinstance(restarts, int) else None,
    )


def service_card(name: str, seen: Sequence[tuple[RouteStatus, Process]]) -> ServiceCard:
    """A service that works on routes: scp or scu.

    seen: each route, and the service by its heartbeat there.
    """
    duties = tuple(_duty(name, route) for route, _ in seen)
    working = [(route.root, process) for route, process in seen if process.alive]
    process = _newest(process for _, process in seen) or Process(name)
    return ServiceCard(process, _colour(duties), duties, working[0][0] if working else "")


def _colour(duties: Sequence[Duty]) -> Colour:
    if any(duty.alive is False for duty in duties):
        return Colour.RED
    if all(duty.alive is None for duty in duties):
        return Colour.GREY
    return Colour.YELLOW if any(duty.trouble or duty.listening is False for duty in duties) else Colour.GREEN


def _duty(name: str, route: RouteStatus) -> Duty:
    if route.error:
        return Duty(route.name, alive=None, listening=None, trouble=route.error)
    if name == "scp":
        return Duty(route.name, route.scp.alive, route.scp.listening, route.scp.trouble)
    return Duty(route.name, route.scu.alive, None, route.scu.trouble)


def _newest(processes: Iterable[Process]) -> Process | None:
    """The one that lives, or lived last."""
    found = [(one.alive, at, one) for one in processes if (at := moment(one.at)) is not None]
    return max(found, key=lambda one: one[:2])[2] if found else None


def _text(figures: Mapping[str, Any], name: str) -> str:
    value = figures.get(name)
    return value[:_LONGEST].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(figures: Mapping[str, Any], name: str) -> float:
    value = figures.get(name)
    return value if isinstance(value, int | float) and 0 <= value < _LARGEST else 0
