"""Bytes that a receiver has acknowledged, by quarters of an hour: it counts them, and says so in its heartbeat.

Of objects nobody needs to count: the spool tells when each came. Their lengths leave the disk with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dicomrs.moments import moment, quarter

FIELD: Final = "received"
"""Its name in scp's heartbeat."""
_KEPT: Final = timedelta(hours=49)  # a day, whichever of its hours the clocks skip or repeat, and the one before
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Received:
    """since: from when on it was counted; bytes: of datasets, by quarters of an hour since 1970 (UTC)."""

    since: datetime
    bytes: Mapping[int, int]


def received(figures: Mapping[str, Any]) -> Received | None:
    """What a heartbeat says of it; None if that is nothing, or makes no sense."""
    found = figures.get(FIELD)
    if not isinstance(found, dict):
        return None
    since, counted = found.get("since"), found.get("bytes")
    began = moment(since) if isinstance(since, str) else None
    if began is None or not isinstance(counted, dict):
        return None
    numbers = {int(name): value for name, value in counted.items() if name.isdecimal() and len(name) < 12}
    if not all(isinstance(value, int) and 0 <= value < _LARGEST for value in numbers.values()):
        return None
    return Received(began, numbers)


class ReceivedBytes:
    """The count of one root, for the one receiver that has it. For one thread."""

    def __init__(self, heartbeat: Mapping[str, Any], now: datetime) -> None:
        """heartbeat: the last one of the receiver before, whose count goes on: meanwhile nothing came."""
        before = received(heartbeat)
        if before is not None and before.since > now:
            before = None  # by a clock that has been set back since
        self._since = before.since if before else now
        self._bytes = dict(before.bytes) if before else {}
        self._total = 0

    def count(self, total: int, now: datetime) -> None:
        """total: all bytes since this receiver has begun; what has been added since the last call came by now."""
        current = quarter(now)
        if total > self._total:
            self._bytes[current] = self._bytes.get(current, 0) + total - self._total
            self._total = total
        oldest = quarter(now - _KEPT)
        self._bytes = {one: number for one, number in self._bytes.items() if oldest <= one <= current}
        self._since = min(max(self._since, now - _KEPT), now)

    def figures(self) -> dict[str, Any]:
        """For the heartbeat."""
        counted = {str(one): number for one, number in sorted(self._bytes.items())}
        return {"since": self._since.isoformat(timespec="seconds"), "bytes": counted}
