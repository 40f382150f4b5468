"""What was read of a root's folders, so that the next look reads only those that changed. It is no truth of its own.

A stamp tells whether a folder has changed. One change more within the same tick of the volume's clock leaves the stamp
as it is; so what was read counts only where no further change can have had that stamp.
"""

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from dicomrs.spool.fs import Stamp

_SETTLING_SECONDS: Final = 2.0
"""The coarsest tick of a file system's clock (FAT's)."""
_LONG_AGO_SECONDS: Final = 3600.0
"""By so much the clocks of this machine and of a network volume will not differ."""
_ROUND: Final = 600
"""In so many looks everything is read anew once: an object that rots in its place changes no stamp of its folder."""

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    """number: its place in the round; since: when the stamp was first seen; sure: no further change can have had it."""

    number: int
    stamp: Hashable
    since: float
    sure: bool
    value: T


class Memory(Generic[T]):
    """By the names of folders. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry[T]] = {}
        self._looks = 0
        self._made = 0

    def begin(self) -> None:
        """A new look begins."""
        self._looks += 1

    def recall(
        self, name: str, stamps: tuple[Stamp | None, ...], also: Hashable, read: Callable[[], tuple[T, bool]]
    ) -> T:
        """What is in a folder: as it is remembered, if nothing has changed.

        Args:
            name: the folder's.
            stamps: of it and of the files in it that are appended to, taken just now.
            also: whatever else the answer depends on.
            read: reads it, and says whether all of it could be read; if not, it is not remembered.
        """
        entry, stamp, began = self._entries.get(name), (stamps, also), self._clock()
        same = entry is not None and entry.stamp == stamp
        if entry is not None and same and entry.sure and (self._looks + entry.number) % _ROUND:
            return entry.value
        since = entry.since if entry is not None and same else began
        value, complete = read()
        if entry is None:
            self._made += 1
            entry = self._entries[name] = _Entry(self._made, stamp, since, sure=False, value=value)
        entry.stamp, entry.since = stamp, since
        entry.sure = complete and (began - since >= _SETTLING_SECONDS or _long_ago(stamps))
        if entry.value != value:  # else whoever compares by identity sees that nothing has changed
            entry.value = value
        return entry.value

    def forget_others(self, names: Collection[str]) -> None:
        """Of folders that are gone nothing is remembered."""
        if len(self._entries) > len(names):
            known = set(names)
            self._entries = {name: entry for name, entry in self._entries.items() if name in known}

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


def _long_ago(stamps: tuple[Stamp | None, ...]) -> bool:
    newest = max((max(stamp.modified, stamp.changed) for stamp in stamps if stamp is not None), default=0)
    return newest < time.time_ns() - _LONG_AGO_SECONDS * 1e9
