"""A deleted route: what is left of it, and when it may go. Pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomrs.status_api import RouteStatus, ScpStatus, ScuStatus
from dicomrs_operator.routes import FORCE_DELETE, Running

_FORCED = f'the annotation {FORCE_DELETE}: "true" lets it go at once and leaves the files'


@dataclass(frozen=True, slots=True)
class Drain:
    """How far the drain of a route is."""

    done: bool
    message: str
    """What is left, and who can do something about it; once done, what stays behind."""
    stopped_at: str = ""
    """When scp first said that it receives nothing for the route any more; "" while it has not."""


def drain(running: Running | None, status: RouteStatus | None, trouble: str, stopped_at: str) -> Drain:
    """Judge a deleted route.

    It may go once a look at its files that began after scp had stopped receiving finds nothing that waits.

    Args:
        running: what the services are told; None if no version of the route was ever accepted.
        status: what the dashboard says of it.
        trouble: why the dashboard does not answer, "" if it does.
        stopped_at: that of the Drain before this one.
    """
    if running is None:
        return Drain(True, "no version of this route was ever accepted: nothing to drain")
    if status is None or trouble or status.error:
        why = trouble or (status.error if status is not None else "") or "it has not loaded the route"
        return Drain(False, f"draining; what is left is not known while the dashboard cannot tell: {why}; {_FORCED}")
    return _judged(running, status, stopped_at)


def _judged(running: Running, status: RouteStatus, stopped_at: str) -> Drain:
    if late := [name for name, loaded in _loaded(status, running).items() if not loaded]:
        return Drain(False, f"draining; waiting for {' and '.join(late)} to take notice; {_FORCED}", stopped_at)
    if status.scp.associations and not stopped_at:
        return Drain(False, f"draining; associations of scanners that are ending: {status.scp.associations}; {_FORCED}")
    stopped_at = stopped_at or status.scp.at
    if left := _left(running, status):
        return Drain(False, f"draining; {left}{_aside(status, '; ')}; {_FORCED}", stopped_at)
    if not _later(status.looked_at, stopped_at):
        return Drain(False, f"draining; nothing waits any more, looking once more; {_FORCED}", stopped_at)
    return Drain(True, f"nothing waits any more{_aside(status, '; it leaves behind in its folder: ')}", stopped_at)


def _loaded(status: RouteStatus, running: Running) -> dict[str, bool]:
    services: dict[str, ScpStatus | ScuStatus] = {"scp": status.scp, "scu": status.scu}
    loaded = {name: one.alive and one.revision == running.revision for name, one in services.items()}
    return loaded | {"dashboard": status.revision == running.revision}  # it counts by the destinations that it knows


def _left(running: Running, status: RouteStatus) -> str:
    """What is still to be sent, and what is in its way; "" if nothing is."""
    if not status.waiting.objects and not status.uncommitted:
        return ""
    parts = []
    if status.waiting.objects:
        parts.append(f"objects that wait: {status.waiting.objects} ({status.waiting.bytes} bytes)")
    if status.uncommitted:
        parts.append(f"objects that wait for storage commitment: {status.uncommitted}")
    if running.route.spec.suspend:
        parts.append("sending is suspended: set spec.suspend to false")
    return "; ".join(parts + [f"{one.name}: {one.trouble}" for one in status.destinations if one.trouble])


def _aside(status: RouteStatus, before: str) -> str:
    """What no drain will move: a person decides about it, before the route goes or from the files."""
    counts = {
        "parked": status.parked,
        "held": status.held,
        "without destination": status.no_destination,
        "quarantined": status.quarantined,
        "damaged": status.damaged,
    }
    listed = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return before + listed if listed else ""


def _later(at: str, stopped_at: str) -> bool:
    """Whether `at` is certainly later: heartbeats tell whole seconds, cut off."""
    try:
        return datetime.fromisoformat(at) - datetime.fromisoformat(stopped_at) >= timedelta(seconds=1)
    except (ValueError, TypeError):  # no time, or none that can be compared: never let go by a guess
        return False
