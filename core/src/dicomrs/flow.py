"""What came and went, hour by hour and today, and for how long the disk will do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from dicomrs.moments import quarter
from dicomrs.received import Received

HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From begin up to end (or now, if that is earlier).

    arrived: objects; bytes: of the datasets that came, None where that is not known of the whole period; delivered: how
    often a destination confirmed an object.
    """

    begin: datetime
    end: datetime
    arrived: int
    bytes: int | None
    delivered: int


@dataclass(frozen=True, slots=True)
class Flow:
    """hours: the last 24, the oldest first, of which the last is not over; today: since midnight.

    Hours and days are those of now's time zone; of one whose hours do not begin with a quarter of UTC's, nearly.
    """

    hours: tuple[Period, ...]
    today: Period


def flow(arrivals: Mapping[int, int], deliveries: Mapping[int, int], received: Received | None, now: datetime) -> Flow:
    """Sum up.

    Args:
        arrivals: objects by quarters of an hour since 1970 (UTC), as are the deliveries.
        deliveries: see Period.
        received: the bytes; None: they are not known.
        now: with time zone.
    """

    def period(begin: datetime, end: datetime) -> Period:
        first, last = quarter(begin), quarter(end)
        return Period(
            begin,
            end,
            _sum(arrivals, first, last),
            _bytes(arrivals, received, first, last),
            _sum(deliveries, first, last),
        )

    hour = now.replace(minute=0, second=0, microsecond=0)
    hours = tuple(period(hour - back * _HOUR, hour - (back - 1) * _HOUR) for back in reversed(range(HOURS)))
    midnight = datetime.combine(now.date(), time.min, now.tzinfo)
    return Flow(hours, period(midnight, midnight + _DAY))


def full_in(room: int, received: Received | None, now: datetime) -> timedelta | None:
    """For how long a room of so many bytes does for images, as they came in the last 24 hours, if none leaves.

    None: nothing came, or that has not been counted for an hour yet.
    """
    if received is None:
        return None
    counted = min(now - received.since, _DAY)
    if counted < _HOUR:
        return None
    came = _sum(received.bytes, quarter(now - counted), quarter(now) + 1)
    if came <= 0:
        return None
    return max(timedelta(), min(room / came * counted, timedelta(days=3650)))


def _bytes(arrivals: Mapping[int, int], received: Received | None, first: int, last: int) -> int | None:
    """None if something may have come while nobody counted."""
    if received is None:
        return None
    since = quarter(received.since)
    if since > first and _sum(arrivals, first, min(since, last)):
        return None
    return _sum(received.bytes, first, last)


def _sum(counts: Mapping[int, int], first: int, last: int) -> int:
    """Of the quarters from first up to last, without that."""
    return sum(counts.get(one, 0) for one in range(first, last))
