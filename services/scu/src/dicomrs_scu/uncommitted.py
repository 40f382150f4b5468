"""Objects that a destination has and has not committed to: when it is to be asked about which. Pure, told the time."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from dicomrs_scu.backoff import delay
from dicomrs_scu.waiting import Waiting

GATHER_SECONDS: Final = 1.0  # objects that are stored one after another are asked about together
ASK_FIRST: Final = 10.0  # to be asked again after a failure that may pass
ASK_LIMIT: Final = 3600.0
_MOST_OUTDATED: Final = 1000  # in the heap, beside as many as there are entries: a time-out may be a day
NO_REPORT: Final = (
    "no report came in time; whoever runs the target must enter this router there with the address, port and AE title "
    "of commitment.listen, or its commitment.timeout is too short"
)


@dataclass(slots=True)
class _Entry:
    waiting: Waiting
    due: float
    asked: bool = False  # and nothing was heard since
    failures: int = 0
    why: str = ""


class Uncommitted:
    """All methods take the lock; now is time.monotonic()."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}  # by arrival
        self._heap: list[tuple[float, str]] = []  # (due, arrival); outdated ones are passed over
        self._whys: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def arrivals(self) -> frozenset[str]:
        """Those that are here now."""
        with self._changed:
            return frozenset(self._entries)

    def add(self, waiting: Waiting) -> None:
        """The destination has it: ask soon."""
        with self._changed:
            entry = self._entries.setdefault(waiting.arrival, _Entry(waiting, 0.0))
            self._set_due(entry, self._clock() + GATHER_SECONDS)

    def discard(self, arrival: str) -> None:
        """It need not be asked about any more."""
        with self._changed:
            entry = self._entries.pop(arrival, None)
            if entry is not None:
                self._set_why(entry, "")
            if len(self._heap) > 2 * len(self._entries) + _MOST_OUTDATED:
                self._heap = [(one.due, arrival) for arrival, one in self._entries.items()]
                heapify(self._heap)

    def batch(self, limit: int, timeout: float) -> list[Waiting]:
        """Those to be asked about now, if any is due. They are not due again for `timeout` seconds, unless they are
        put back.
        """
        with self._changed:
            now = self._clock()
            if self._first_due() > now:
                return []
            found: list[Waiting] = []
            while len(found) < limit and self._first_due() <= now + GATHER_SECONDS:
                _, arrival = heappop(self._heap)
                entry = self._entries[arrival]
                if entry.asked:
                    self._set_why(entry, NO_REPORT)
                found.append(entry.waiting)
                entry.asked = True
                entry.due = now + timeout
            for waiting in found:
                heappush(self._heap, (now + timeout, waiting.arrival))
            return found

    def put_back(self, waitings: Iterable[Waiting]) -> None:
        """They could not be asked about."""
        with self._changed:
            for waiting in waitings:
                entry = self._entries.get(waiting.arrival)
                if entry is not None:
                    entry.asked = False
                    self._set_due(entry, self._clock())

    def later(self, arrival: str, why: str) -> None:
        """The destination does not commit to it for a reason that may pass: ask again, after growing pauses."""
        with self._changed:
            entry = self._entries.get(arrival)
            if entry is not None:
                entry.asked = False
                entry.failures += 1
                self._set_why(entry, why)
                self._set_due(entry, self._clock() + delay(entry.failures, ASK_FIRST, ASK_LIMIT))

    def wait(self, seconds: float) -> bool:
        """Until something is due, at most so many seconds; whether it is."""
        with self._changed:
            left = self._first_due() - self._clock()
            if left > 0:
                self._changed.wait(min(left, seconds))
            return self._first_due() <= self._clock()

    def trouble(self) -> str:
        """Why most of those are not committed to for which there is a reason; "" for none."""
        with self._changed:
            found = self._whys.most_common(1)
        return f"{found[0][1]} objects are there, but not committed to: {found[0][0]}" if found else ""

    def _first_due(self) -> float:
        """When the first one is due; infinite if there is none."""
        while self._heap:
            due, arrival = self._heap[0]
            entry = self._entries.get(arrival)
            if entry is not None and entry.due == due:
                return due
            heappop(self._heap)
        return float("inf")

    def _set_due(self, entry: _Entry, due: float) -> None:
        entry.due = due
        heappush(self._heap, (due, entry.waiting.arrival))
        self._changed.notify_all()

    def _set_why(self, entry: _Entry, why: str) -> None:
        if entry.why:
            self._whys[entry.why] -= 1
            if not self._whys[entry.why]:
                del self._whys[entry.why]
        if why:
            self._whys[why] += 1
        entry.why = why
