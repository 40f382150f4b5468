"""The audit log of a root: what persons have done, in lines that are chained by their hashes.

One JSON line per entry, appended under a lock and made durable before the action that it tells of. Each carries the
hash of the one before it and ends with its own, over its bytes as they are on the disk: a line that is changed, taken
out, added or moved no longer fits. What a chain cannot show is an end that was cut off; the last hash is therefore also
kept in a status file and in the services' logs (docs/receipts-and-audit.md).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dicomrs.spool.fields import read_fields
from dicomrs.spool.fs import APPEND, CREATE, FileSystem, locked, make_folder, read_all, sync_folder, write_all
from dicomrs.spool.layout import LOCKS, STATE, STATUS
from dicomrs.spool.space import drop_ballast, is_full

LOG: Final = "audit.jsonl"
HEAD: Final = "audit.json"
START: Final = "0" * 64
"""Stands for the hash before the first entry."""
_LINE: Final = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.DOTALL)
_CANCEL: Final = b"\x18"  # ends a line that a crash cut short
_LARGEST_HEAD: Final = 4096  # bytes
_FIRST_LOOK: Final = 64 * 1024  # bytes from the end
_compact: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry: its number, from 1 (0: there is none), and its hash."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that is what was written. fields: what is told, without number and hashes."""

    number: int
    hash: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Torn:
    """A line that a crash cut short: nothing was done on the strength of it. line: from 1."""

    line: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the log is not what was written."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """A log as it is. Behind a break nothing can be told: entries are those before it."""

    entries: tuple[Entry, ...]
    torn: tuple[Torn, ...]
    broken: Broken | None

    @property
    def head(self) -> Head:
        """The last entry that fits."""
        return Head(self.entries[-1].number, self.entries[-1].hash) if self.entries else Head(0, START)


class AuditLog:
    """The log of one root, for any process that may write there."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        self.root = root
        self._path = f"{root}/{STATE}/{LOG}"

    def append(self, fields: Mapping[str, object]) -> Head:
        """Add an entry, with the time; when this returns, it is durable.

        On a full disk the ballast makes room: a person must be able to act then.

        Raises:
            OSError: it is not durable; nothing may be done on the strength of it.
        """
        self._make_folders()
        with locked(self._fs, f"{self.root}/{LOCKS}/audit"):
            try:
                head = self._append(fields)
            except OSError as error:
                if not is_full(error) or not drop_ballast(self._fs, self.root):
                    raise
                head = self._append(fields)
            self._note_head(head)
            return head

    def _make_folders(self) -> None:
        """For a root that no service has taken over yet; what is in them can be lost."""
        for folder in (LOCKS, STATUS):
            if not self._fs.exists(f"{self.root}/{folder}"):
                with suppress(FileExistsError):
                    self._fs.mkdir(f"{self.root}/{folder}")

    def _append(self, fields: Mapping[str, object]) -> Head:
        folder = make_folder(self._fs, self.root, STATE)
        fd = self._fs.open(self._path, APPEND)
        try:
            before, torn, closing = self._end(fd)
            at = datetime.now().astimezone().isoformat(timespec="milliseconds")
            entry = {"number": before.number + 1, "at": at, **fields, **({"torn": torn} if torn else {})}
            line, head = _pack({**entry, "previous": before.hash})
            write_all(self._fs, fd, closing + line + b"\n")
            self._fs.fsync(fd)
            sync_folder(self._fs, folder)
        finally:
            self._fs.close(fd)
        return head

    def _end(self, fd: int) -> tuple[Head, int, bytes]:
        """The entry to be chained to, the number of torn lines behind it, and what ends the last line.

        Where the second place knows of a later entry, that one was damaged or cut off. The next one is chained to it
        all the same: the break stays to be seen.
        """
        size, look = self._fs.size(fd), _FIRST_LOOK
        found, lines = None, [b""]
        while found is None:
            start = max(0, size - look)
            lines = self._fs.pread(fd, size - start, start).split(b"\n")
            if start:
                del lines[0]
            found = next((at for at in reversed(range(len(lines))) if _unpack(lines[at])), None)
            if not start:
                break
            look *= 4
        entry = _unpack(lines[found]) if found is not None else None
        head = Head(entry.number, entry.hash) if entry else Head(0, START)
        behind = [line for line in (lines if found is None else lines[found + 1 :]) if line]
        closing = b"" if not lines[-1] else b"\n" if _unpack(lines[-1]) else _CANCEL + b"\n"
        noted = self.noted_head()
        return (noted if noted and noted.number > head.number else head), len(behind), closing

    def _note_head(self, head: Head) -> None:
        """The second place. It can be lost: then the services' logs have it still."""
        path = f"{self.root}/{STATUS}/{HEAD}"
        with suppress(OSError):
            with suppress(FileNotFoundError):
                self._fs.unlink(f"{path}.new")
            fd = self._fs.open(f"{path}.new", CREATE)
            try:
                write_all(self._fs, fd, _compact({"entries": head.number, "hash": head.hash}).encode())
            finally:
                self._fs.close(fd)
            self._fs.rename(f"{path}.new", path)

    def noted_head(self) -> Head | None:
        """What the second place says; None if there is none, or it cannot be read."""
        try:
            found = read_fields(self._fs, f"{self.root}/{STATUS}/{HEAD}", _LARGEST_HEAD)
            return Head(int(found["entries"]), str(found["hash"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def read(self) -> Findings:
        """Everything, checked.

        Raises:
            OSError: it cannot be read; where there is no log there are no entries.
        """
        try:
            # A line that is just being written is there whole, or at the very end.
            return check(read_all(self._fs, self._path))
        except FileNotFoundError:
            return Findings((), (), None)


def check(data: bytes) -> Findings:
    """Follow the chain from its start. Pure."""
    entries: list[Entry] = []
    torn: list[Torn] = []
    loose: list[int] = []  # lines that are no entries, since the last entry
    head = Head(0, START)

    def broken(line: int, reason: str) -> Findings:
        return Findings(tuple(entries), tuple(torn), Broken(line, reason))

    lines = data.split(b"\n")
    unended = lines.pop()
    lines += [unended] if unended else []
    for number, line in enumerate(lines, 1):
        entry = _unpack(line)
        if entry is None:
            loose.append(number)
            continue
        told = entry.fields.pop("torn", 0)
        if entry.fields.pop("previous", None) != head.hash or entry.number != head.number + 1:
            where = loose[0] if loose else number
            return broken(where, f"entry {head.number + 1} should be here; it is missing, or was changed or moved")
        if told != len(loose):
            return broken(loose[0] if loose else number, "a line was changed, added or taken out")
        torn += [Torn(one) for one in loose]
        loose = []
        head = Head(entry.number, entry.hash)
        entries.append(entry)
    for number in loose:
        at_end = number == len(lines) and unended
        if not (at_end or lines[number - 1].endswith(_CANCEL)):
            return broken(number, f"entry {head.number + 1} should be here; it was changed, or this was added")
    torn += [Torn(one) for one in loose]
    return Findings(tuple(entries), tuple(torn), None)


def differences(found: Findings, noted: Head | None) -> str:
    """What is wrong with a log in the light of a hash that was kept elsewhere, "" if nothing is."""
    if found.broken is not None or noted is None or noted.number == 0:
        return ""
    if noted.number > found.head.number:
        return f"entries {found.head.number + 1} to {noted.number} are missing at its end"
    if found.entries[noted.number - 1].hash != noted.hash:
        return f"entry {noted.number} is not the one that was noted: the log was written anew"
    return ""


def _pack(entry: Mapping[str, object]) -> tuple[bytes, Head]:
    body = _compact(entry).encode("ascii")[:-1]
    value = hashlib.sha256(body).hexdigest()
    number = entry["number"]
    assert isinstance(number, int)
    return body + f',"hash":"{value}"}}'.encode("ascii"), Head(number, value)


def _unpack(line: bytes) -> Entry | None:
    """The entry in a line; None if it is not what was written."""
    match = _LINE.fullmatch(line)
    if match is None or hashlib.sha256(match[1]).hexdigest().encode("ascii") != match[2]:
        return None
    try:
        fields = json.loads(match[1] + b"}")
        return Entry(int(fields.pop("number")), match[2].decode("ascii"), fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def outcomes(entries: tuple[Entry, ...]) -> Iterator[tuple[Entry, Entry | None]]:
    """Every action: the entry that begins it, and the one that ends it; None: nobody wrote how it ended.

    One with the field `complete` has no end of its own, such as that somebody has signed in.
    """
    ends = {entry.fields["of"]: entry for entry in entries if "of" in entry.fields}
    for entry in entries:
        if "of" not in entry.fields:
            yield entry, ends.get(entry.number)
