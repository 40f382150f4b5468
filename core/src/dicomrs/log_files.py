"""The services' log files, read back for people: newest first, filtered, and never more of them than one can afford.

<folder>/<service>.jsonl has the newest lines of a service, <service>.jsonl.1 those before it, and so on. A file may be
put aside while it is read; a line that a full disk cut short, or that is no line of ours, is passed over.
"""

import heapq
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from dicomrs.moments import moment

FILES: Final = 4  # of a service
LARGEST: Final = 2 * 1024 * 1024  # bytes of one
SERVICES: Final = ("scp", "scu", "dashboard", "up")
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_BLOCK: Final = 64 * 1024
_LONGEST_LINE: Final = 256 * 1024
_PLACES: Final = ("address", "host")  # the fields of a line that name a peer's address
_OWN: Final = frozenset({"service", "event", "level", "timestamp"})


def log_path(folder: str, service: str, number: int = 0) -> str:
    """A service's file; number: 0 for the newest, up to FILES - 1."""
    return f"{folder}/{service}.jsonl" + (f".{number}" if number else "")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. at: with time zone; event: what happened, in a few words; fields: all else that it says."""

    service: str
    at: datetime
    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The fields as a person reads them."""
        return " ".join(f"{name}={value}" for name, value in self.fields.items())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines. "" or (): whatever; level: this and graver ones; address, calling: word for word; text: anywhere."""

    services: tuple[str, ...] = ()
    level: str = ""
    calling: str = ""
    address: str = ""
    text: str = ""

    def has(self, line: LogLine) -> bool:
        """Whether a line is one of them."""
        return (
            (not self.level or _gravity(line.level) >= _gravity(self.level))
            and (not self.calling or line.fields.get("calling") == self.calling)
            and (not self.address or any(line.fields.get(name) == self.address for name in _PLACES))
            and (not self.text or self.text.casefold() in f"{line.event} {line.told}".casefold())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """The newest lines that were wanted, the newest first.

    until: everything after this moment was looked at, and more lies before it; None: there is nothing before.
    """

    lines: tuple[LogLine, ...]
    until: datetime | None


def newest(folder: str, wanted: Wanted, most: int, until: datetime | None = None, budget: int = LARGEST) -> Found:
    """Look for lines, from the newest on to older ones.

    Args:
        folder: of the log files.
        wanted: which lines.
        most: how many.
        until: the newest that counts, as another look has left off.
        budget: bytes that are looked at, of all services together, as far as most of them are not wanted.
    """
    lines: list[LogLine] = []
    looked = 0
    for line, length in _backwards(folder, wanted.services or SERVICES, until):
        if until is not None and line.at > until:
            continue
        if len(lines) == most or looked > budget:
            return Found(tuple(lines), line.at)
        looked += length
        if wanted.has(line):
            lines.append(line)
    return Found(tuple(lines), None)


def chronicle(folder: str, wanted: Wanted) -> Iterator[LogLine]:
    """All lines that are wanted, the oldest first, as they are read from the disk."""
    services = [_forwards(folder, service) for service in wanted.services or SERVICES]
    return filter(wanted.has, heapq.merge(*services, key=lambda line: line.at))


def signature(folder: str, services: tuple[str, ...] = ()) -> tuple[tuple[int, int], ...]:
    """What changes whenever a line is written."""
    found = []
    for service in services or SERVICES:
        with suppress(OSError):
            told = os.stat(log_path(folder, service))
            found.append((told.st_ino, told.st_size))
    return tuple(found)


def _backwards(folder: str, services: tuple[str, ...], until: datetime | None) -> Iterator[tuple[LogLine, int]]:
    """Lines with their lengths, the newest first."""
    each = [_service_backwards(folder, service, until) for service in services]
    return heapq.merge(*each, key=lambda found: found[0].at, reverse=True)


def _service_backwards(folder: str, service: str, until: datetime | None) -> Iterator[tuple[LogLine, int]]:
    with ExitStack() as stack:
        for fd in _files(folder, service, stack):
            for block in _blocks_backwards(fd):
                lines = block.split(b"\n")
                first = next((found for line in lines if (found := _parse(line))), None)
                if first is None or (until is not None and first.at > until):
                    continue  # not a line of it was written before that moment
                for line in reversed(lines):
                    if (found := _parse(line)) is not None:
                        yield found, len(line)


def _forwards(folder: str, service: str) -> Iterator[LogLine]:
    with ExitStack() as stack:
        for fd in reversed(_files(folder, service, stack)):
            with open(fd, "rb", closefd=False) as file:
                while line := file.readline(_LONGEST_LINE):
                    if (found := _parse(line)) is not None:
                        yield found


def _files(folder: str, service: str, stack: ExitStack) -> list[int]:
    """A service's files, the newest first; one that is put aside meanwhile is not opened twice."""
    found: dict[tuple[int, int], int] = {}
    for number in range(FILES):
        with suppress(OSError):
            # O_NONBLOCK: a pipe in its place must not hang.
            fd = os.open(log_path(folder, service, number), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            told = os.fstat(fd)
            if stat.S_ISREG(told.st_mode) and told.st_size <= 2 * LARGEST:  # what is larger is not ours
                found.setdefault((told.st_dev, told.st_ino), fd)
    return list(found.values())


def _blocks_backwards(fd: int) -> Iterator[bytes]:
    """Whole lines, some at a time, from the end of a file."""
    end, rest = os.fstat(fd).st_size, b""
    while end > 0:
        start = max(0, end - _BLOCK)
        data = os.pread(fd, end - start, start) + rest
        end = start
        head, newline, tail = data.partition(b"\n")
        if start and (newline or len(data) < _LONGEST_LINE):
            rest = head
            yield tail
        else:
            rest = b""
            yield data


def _parse(line: bytes) -> LogLine | None:
    try:
        told = json.loads(line)
        at = moment(told["timestamp"])
        own = [told[name] for name in ("service", "level", "event")]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if at is None or not all(isinstance(text, str) for text in own):
        return None
    service, level, event = own
    return LogLine(service, at, level, event, {name: value for name, value in told.items() if name not in _OWN})


def _gravity(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
