"""Hints: paths of fresh arrivals, so that scu need not wait for its next rescan. Never the truth, and never synced.

Each receiving process appends lines to files of its own; scu reads whatever was added since it last looked. A hint
that gets lost costs at most the time to the next rescan.
"""

import contextlib
import threading
from itertools import count
from typing import Final

from dicomrs.spool.fs import APPEND, READ, FileSystem, write_all
from dicomrs.spool.layout import HINTS, INCOMING

_ROTATE_AT: Final = 256 * 1024
_READ_LIMIT: Final = 4 * 1024 * 1024


class HintWriter:
    """scp's side; safe to use from several threads."""

    def __init__(self, fs: FileSystem, root: str, process: str) -> None:
        """process: the name of the process's folder under .incoming, which tells whether the writer still lives."""
        self._fs = fs
        self._base = f"{root}/{HINTS}/{process}"
        self._files = count(1)
        self._mutex = threading.Lock()
        self._fd = -1
        self._size = 0

    def write(self, path: str) -> None:
        """Append a path relative to the root. A failure is no failure: the rescan finds the object."""
        line = path.encode("utf-8", "surrogateescape") + b"\n"
        with self._mutex, contextlib.suppress(OSError):
            if self._fd < 0 or self._size > _ROTATE_AT:
                self._rotate()
            write_all(self._fs, self._fd, line)
            self._size += len(line)

    def _rotate(self) -> None:
        self._close()
        self._fd = self._fs.open(f"{self._base}.{next(self._files):06d}", APPEND)
        self._size = 0

    def _close(self) -> None:
        if self._fd >= 0:
            self._fs.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Close the file; scu removes it when it has read it."""
        with self._mutex:
            self._close()


class HintReader:
    """scu's side."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        self._folder = f"{root}/{HINTS}"
        self._incoming = f"{root}/{INCOMING}"
        self._read: dict[str, int] = {}  # file -> bytes read

    def poll(self) -> list[str]:
        """Paths added since the last call, relative to the root.

        Raises:
            OverflowError: so much was added that a rescan is cheaper; nothing of it is returned again.
        """
        names = sorted(name for name in self._fs.listdir(self._folder) if not name.startswith("."))
        paths: list[str] = []
        overflow = False
        for name in names:
            try:
                added, lost = self._added(name)
            except FileNotFoundError:
                continue
            paths += added
            overflow |= lost
        if overflow:
            raise OverflowError("more hints than are worth reading")
        return paths

    def _added(self, name: str) -> tuple[list[str], bool]:
        """Whole lines added to a file since the last look, and whether there were too many to read."""
        fd = self._fs.open(f"{self._folder}/{name}", READ)
        try:
            position = self._read.get(name, 0)
            size = self._fs.size(fd)
            if size - position > _READ_LIMIT:
                self._read[name] = size
                return [], True
            data = self._fs.pread(fd, size - position, position) if size > position else b""
        finally:
            self._fs.close(fd)
        whole = data.rfind(b"\n") + 1
        self._read[name] = position + whole
        return [line.decode("utf-8", "surrogateescape") for line in data[:whole].split(b"\n") if line], False

    def tidy(self) -> None:
        """Remove files that nobody writes to any more: their process has a later one, or is dead and swept."""
        alive = set(self._fs.listdir(self._incoming))
        names = sorted(name for name in self._fs.listdir(self._folder) if not name.startswith("."))
        for name in names:
            process, _, _ = name.partition(".")
            rotated = any(other > name and other.startswith(f"{process}.") for other in names)
            if rotated or process not in alive:
                with contextlib.suppress(FileNotFoundError):
                    self._fs.unlink(f"{self._folder}/{name}")
                self._read.pop(name, None)
