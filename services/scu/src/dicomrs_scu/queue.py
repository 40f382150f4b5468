"""What waits for one destination, and in which order it goes: pure bookkeeping, told the time, safe between threads.

Oldest study first. An object that was refused waits for a time of its own while those behind it go on; later arrivals
of its SOP Instance wait with it, so that the target's last version is the scanner's last.
A refusal counts towards parking only if the destination has confirmed another object since that object's previous try:
a target that is sick parks nothing.
"""

import threading
from bisect import insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from dicomrs.causes import Cause
from dicomrs.route import Park
from dicomrs_scu.backoff import OBJECT_FIRST, TARGET_FIRST, TARGET_LIMIT, Tries, delay
from dicomrs_scu.uncommitted import Uncommitted
from dicomrs_scu.waiting import Pair, Waiting

_SICK_AFTER = 3  # different objects refused in a row: it is the target, not the objects


@dataclass(frozen=True, slots=True)
class Figures:
    """For status files: objects waiting, of them refused before, confirmations, and why the target is not sent to.

    uncommitted: objects that the target has, and has not committed to yet; these do not wait. cause: of the trouble,
    None without any.
    """

    waiting: int
    uncommitted: int
    refused: int
    confirmed: int
    oldest: str
    retry_in: float
    trouble: str
    cause: Cause | None


class DestinationQueue:
    """All methods take the lock; now is time.monotonic()."""

    def __init__(self, park: Park, clock: Callable[[], float], *, commits: bool = False) -> None:
        """commits: the target is asked for storage commitment, which is about SOP Instances, not about arrivals: so
        only one arrival of each is at the target without its commitment, or on the way to it.
        """
        self.park = park
        self.uncommitted = Uncommitted(clock)
        self._commits = commits
        self._clock = clock
        self._changed = threading.Condition()
        self._folders: list[str] = []  # sorted: oldest study first
        # Keyed by arrival, not by file name: a name can be free again and taken by a new arrival before the queue
        # has heard that the old one is settled.
        self._entries: dict[str, dict[str, Waiting]] = {}  # all that waits, also in flight and refused
        self._ready: dict[str, dict[str, Waiting]] = {}  # what may be taken
        self._names: dict[str, Counter[str]] = {}  # of the entries; for folders in which a UID has come more than once
        self._refused: dict[str, tuple[Waiting, Tries]] = {}  # by arrival
        self._in_flight: set[str] = set()  # taken
        self._sending: set[str] = set()  # of these
        self._claims: dict[str, str] = {}  # what has gone to a target that commits: SOP Instance -> arrival
        self._confirmed = 0
        self._failures = 0
        self._refused_in_row: set[str] = set()  # arrivals, since the last confirmation
        self._kinds: dict[Pair, tuple[int, float]] = {}  # whose context was refused: how often in a row, until when
        self._retry_at = 0.0
        self._trouble: tuple[str, Cause | None] = ("", None)
        self._heard = clock()  # when the destination last showed how it is

    def add(self, waiting: Waiting) -> None:
        """Queue an object; once is enough."""
        with self._changed:
            if self._enter(waiting):
                self._ready[waiting.folder][waiting.arrival] = waiting
                self._changed.notify()

    def add_stored(self, waiting: Waiting) -> None:
        """Know of an object that the destination has, and has not committed to yet; once is enough."""
        with self._changed:
            if self._enter(waiting):
                self._claims.setdefault(waiting.stem, waiting.arrival)
                self.uncommitted.add(waiting)

    def _enter(self, waiting: Waiting) -> bool:
        """Whether it is new."""
        entries = self._entries.get(waiting.folder)
        if entries is None:
            entries = self._entries[waiting.folder] = {}
            self._ready[waiting.folder] = {}
            insort(self._folders, waiting.folder)
        if waiting.arrival in entries:
            return False
        entries[waiting.arrival] = waiting
        if waiting.folder in self._names:
            self._names[waiting.folder][waiting.name] += 1
        return True

    def discard(self, waiting: Waiting) -> bool:
        """Forget an object: delivered, parked, held, damaged or gone; whether it is being sent, which is finished."""
        with self._changed:
            sending = waiting.arrival in self._sending
            self._discard(waiting)
            return sending

    def wake(self) -> None:
        """Have everyone who waits look again."""
        with self._changed:
            self._changed.notify_all()

    def pairs(self, limit: int, skip: int = 0) -> list[Pair]:
        """The presentation contexts that the objects which may go now need, in their order; empty: nothing may go.

        skip: leave so many objects to other associations.
        """
        with self._changed:
            now = self._clock()
            found: dict[Pair, None] = {}
            if now < self._retry_at:
                return []
            for waiting in islice(self._candidates(now), skip, None):
                found.setdefault(waiting.pair)
                if len(found) == limit:
                    break
            return list(found)

    def take(self, accepted: Collection[Pair]) -> Waiting | None:
        """The next object for an association that has these contexts, to be given back by one of the methods below."""
        with self._changed:
            for waiting in self._candidates(self._clock()):
                if waiting.pair in accepted:
                    self._ready[waiting.folder].pop(waiting.arrival, None)
                    self._in_flight.add(waiting.arrival)
                    if self._commits:
                        self._claims[waiting.stem] = waiting.arrival
                    return waiting
            return None

    def begin(self, waiting: Waiting) -> bool:
        """Whether an object that was taken is still to be sent; then it is being sent from now on."""
        with self._changed:
            if waiting.arrival not in self._in_flight:
                return False
            self._sending.add(waiting.arrival)
            return True

    def wait(self, seconds: float) -> None:
        """Until something may have changed, at most so many seconds."""
        with self._changed:
            now = self._clock()
            due = [tries.due - now for _, tries in self._refused.values() if tries.due > now]
            due += [until - now for _, until in self._kinds.values() if until > now]
            back = self._retry_at - now
            self._changed.wait(max(0.01, min([seconds, *due, *([back] if back > 0 else [])])))

    def confirmed(self, waiting: Waiting) -> None:
        """The destination has it. Objects that were refused while the target was sick may go again at once."""
        with self._changed:
            self._is_well(waiting)
            self._discard(waiting)

    def stored(self, waiting: Waiting) -> None:
        """The destination has it, and is to commit to it; later arrivals of its SOP Instance wait for that."""
        with self._changed:
            self._is_well(waiting)
            if waiting.arrival in self._entries.get(waiting.folder, {}):
                self.uncommitted.add(waiting)

    def _is_well(self, waiting: Waiting) -> None:
        self._confirmed += 1
        self._heard = self._clock()
        self._failures = 0
        self._kinds.pop(waiting.pair, None)
        self._refused_in_row.clear()
        self._retry_at, self._trouble = 0.0, ("", None)
        for _, tries in self._refused.values():
            if tries.sick:
                tries.due, tries.sick = 0.0, False

    def refused(
        self,
        waiting: Waiting,
        why: str,
        cause: Cause = Cause.UNKNOWN,
        *,
        countable: bool = True,
        of_target: bool = True,
    ) -> bool:
        """Put an object at the tail with a back-off of its own; True: it has had its tries and is to be parked.

        countable: False for a refusal that says nothing about the object; of_target: False for one that says nothing
        about the target's health.
        """
        with self._changed:
            return self._refuse(waiting, (why, cause), countable=countable, of_target=of_target)

    def _refuse(self, waiting: Waiting, why: tuple[str, Cause], *, countable: bool, of_target: bool) -> bool:
        now = self._clock()
        self._came_back(waiting)
        if waiting.arrival not in self._entries.get(waiting.folder, {}):
            return False  # it has left meanwhile
        _, tries = self._refused.setdefault(waiting.arrival, (waiting, Tries()))
        tries.attempts += 1
        tries.why, tries.cause = why
        counts = countable and self._confirmed > tries.confirmed
        tries.confirmed = self._confirmed
        if counts:
            tries.counted += 1
            tries.first = tries.first or now
            self._refused_in_row.clear()
        over = self.park.over.seconds
        if tries.counted >= self.park.tries and now - tries.first >= over:
            tries.due = now + 60.0  # should parking fail, it is tried again
            return True
        tries.due = now + delay(tries.attempts, OBJECT_FIRST, max(over / max(1, self.park.tries - 1), 0.05))
        if of_target:
            self._refused_in_row.add(waiting.arrival)
            if len(self._refused_in_row) >= _SICK_AFTER:
                for arrival in self._refused_in_row & self._refused.keys():
                    self._refused[arrival][1].sick = True
                self._target_failed(f"it refuses everything: {tries.why}", tries.cause, now)
        return False

    def kinds_refused(self, why: Mapping[Pair, str]) -> tuple[Counter[Pair], list[Waiting]]:
        """Contexts were not accepted, each for its reason: every object that needs one and may go now has had a try.

        All objects that need them wait from now on, lest each asks for an association of its own.

        Returns:
            How many objects of each had a try; and those that have had all their tries and are to be parked.
        """
        with self._changed:
            now = self._clock()
            tried = [waiting for waiting in self._candidates(now) if waiting.pair in why]
            spent = []
            for waiting in tried:
                self._ready[waiting.folder].pop(waiting.arrival, None)
                if self._refuse(waiting, (why[waiting.pair], Cause.NOT_OFFERED), countable=True, of_target=False):
                    spent.append(waiting)
            for pair in why:
                failures = self._kinds.get(pair, (0, 0.0))[0] + 1
                self._kinds[pair] = failures, now + delay(failures, TARGET_FIRST, TARGET_LIMIT)
            return Counter(waiting.pair for waiting in tried), spent

    def put_back(self, waiting: Waiting) -> None:
        """It was not tried after all."""
        with self._changed:
            self._came_back(waiting)
            if waiting.arrival in self._entries.get(waiting.folder, {}) and waiting.arrival not in self._refused:
                self._ready[waiting.folder][waiting.arrival] = waiting

    def target_failed(self, why: str, cause: Cause = Cause.UNKNOWN) -> None:
        """The destination cannot be sent to for now: back off from it."""
        with self._changed:
            self._target_failed(why, cause, self._clock())

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing waits for the destination, and nobody has heard of it for so long."""
        with self._changed:
            return not self._waiting() and self._clock() - self._heard >= seconds

    def probed(self, trouble: str, cause: Cause | None, asked: float) -> None:
        """It was asked whether it answers; trouble: why it did not, "" if it did; asked: when it began.

        Sending what waits, or what has come since, tells more. One that takes a single association has turned away what
        came since, for the question's sake: that is tried again at once.
        """
        with self._changed:
            told = self._heard > asked
            self._heard = self._clock()
            if not told and self._waiting():
                return
            if not told:
                self._trouble = trouble, cause
            self._failures, self._retry_at = 0, 0.0
            self._changed.notify_all()

    def has_plenty(self, objects: int) -> bool:
        """Whether so many objects may be taken, by senders that are not backing off: there is no hurry to find more."""
        with self._changed:
            if self._clock() < self._retry_at:
                return False
            found = 0
            for ready in self._ready.values():
                found += len(ready)
                if found >= objects:
                    return True
            return False

    @property
    def resting(self) -> bool:
        """Whether the destination is being left alone after a failure."""
        return self._clock() < self._retry_at

    def figures(self) -> Figures:
        """For the status file."""
        with self._changed:
            refused = [tries for arrival, (_, tries) in self._refused.items() if arrival not in self._in_flight]
            trouble, cause = self._trouble
            if not trouble and refused:
                trouble, cause = refused[0].why, refused[0].cause
            return Figures(
                waiting=self._waiting(),
                uncommitted=len(self.uncommitted),
                refused=len(refused),
                confirmed=self._confirmed,
                oldest=self._oldest(),
                retry_in=max(0.0, self._retry_at - self._clock()),
                trouble=trouble,
                cause=cause,
            )

    def _waiting(self) -> int:
        return sum(len(entries) for entries in self._entries.values()) - len(self.uncommitted)

    def _oldest(self) -> str:
        entries = self._entries[self._folders[0]] if self._folders else {}
        return min((waiting.received for waiting in entries.values()), default="")

    def _target_failed(self, why: str, cause: Cause, now: float) -> None:
        self._failures += 1
        self._heard = now
        self._trouble = why, cause
        self._retry_at = now + delay(self._failures, TARGET_FIRST, TARGET_LIMIT)

    def _came_back(self, waiting: Waiting) -> None:
        """It is neither on its way to the target any more, nor there uncommitted."""
        self._in_flight.discard(waiting.arrival)
        self._sending.discard(waiting.arrival)
        self.uncommitted.discard(waiting.arrival)
        if self._claims.get(waiting.stem) == waiting.arrival:
            del self._claims[waiting.stem]
            self._changed.notify_all()

    def _discard(self, waiting: Waiting) -> None:
        self._came_back(waiting)
        self._refused.pop(waiting.arrival, None)
        entries = self._entries.get(waiting.folder)
        if entries is None:
            return
        if entries.pop(waiting.arrival, None) is not None and waiting.folder in self._names:
            self._names[waiting.folder][waiting.name] -= 1
            self._changed.notify()  # a later arrival of its SOP Instance may have waited for this
        self._ready[waiting.folder].pop(waiting.arrival, None)
        if not entries:
            del self._entries[waiting.folder], self._ready[waiting.folder]
            self._names.pop(waiting.folder, None)
            self._folders.remove(waiting.folder)

    def _candidates(self, now: float) -> Iterator[Waiting]:
        """What may be taken now, in order."""
        paused = {pair for pair, (_, until) in self._kinds.items() if until > now}
        return (waiting for waiting in self._in_order(now) if waiting.pair not in paused)

    def _in_order(self, now: float) -> Iterator[Waiting]:
        """What is not waiting for a time of its own: first what was refused and has done so, so that it never starves.

        After a refusal, though, what has not been refused yet, of other studies first: it tells whether the target or
        the object is to blame, and many objects that the target will never take must not use up all its good moments.
        """
        due = (
            waiting
            for waiting, tries in self._refused.values()
            if tries.due <= now and waiting.arrival not in self._in_flight and self._is_first(waiting)
        )
        if not self._refused_in_row:
            yield from due
            yield from self._fresh(self._folders)
            return
        suspects = {waiting.folder for waiting, _ in self._refused.values()}
        yield from self._fresh(sorted(self._folders, key=suspects.__contains__))
        yield from due

    def _fresh(self, folders: Iterable[str]) -> Iterator[Waiting]:
        for folder in folders:
            for waiting in self._ready[folder].values():
                if waiting.arrival not in self._refused and self._is_first(waiting):
                    yield waiting

    def _is_first(self, waiting: Waiting) -> bool:
        if self._claims and self._claims.get(waiting.stem, waiting.arrival) != waiting.arrival:
            return False
        if waiting.number == 1:
            return True
        names = self._names.get(waiting.folder)
        if names is None:
            names = Counter(entry.name for entry in self._entries.get(waiting.folder, {}).values())
            self._names[waiting.folder] = names
        return not any(names[name] for name in waiting.earlier_names())
