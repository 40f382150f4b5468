"""The head of a spooled file: a Part 10 file meta header (PS3.10 7.1) that carries our record of the arrival.

The dataset's bytes stand behind it exactly as they came. Nothing of the head travels to a target.
The record has a fixed size, so that it can be filled in when the dataset's digest is known, before the first fsync.
"""

import json
import struct
from dataclasses import dataclass, field, fields
from typing import Final

import xxhash

from dicomrs import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION
from dicomrs.spool.fs import READ, FileSystem

FORMAT: Final = 2
RECORD_SIZE: Final = 1024
# Made once with uuid4 (PS3.5 B.2).
RECORD_CREATOR_UID: Final = "2.25.212998408404735755016105954271561276211"
_HEAD_LIMIT: Final = 4096
_PREAMBLE: Final = b"\0" * 128 + b"DICM"
_LONG_VRS: Final = (b"OB", b"UN", b"UT", b"OW")
_compact: Final = json.JSONEncoder(separators=(",", ":")).encode


class NotOursError(ValueError):
    """A file in the spool that this version did not write, or whose head is damaged."""


class NewerFormatError(NotOursError):
    """A file that a later version wrote: to be left alone, not taken for damaged."""


Identity = tuple[str, str, str]
"""SOP class, SOP Instance and transfer syntax UIDs."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one arrival.

    arrival: random id that receipts refer to; digest: see dicomrs.spool.digest; length: bytes of the dataset;
    received: local time with offset, ISO 8601; calling, called: AE titles; modality, station: (0008,0060), (0008,1010);
    series: (0020,000E), "" if it is none, or the record is of format 1, which had no such field.
    """

    arrival: str
    digest: str
    length: int
    received: str
    calling: str
    called: str
    address: str
    modality: str
    station: str
    series: str = ""
    format: int = field(default=FORMAT)

    def pack(self, identity: Identity) -> bytes:
        """As RECORD_SIZE bytes, with a check over itself and the rest of the head."""
        data = _compact({**self._fields(), "check": self._check(identity)}).encode("ascii")
        if len(data) > RECORD_SIZE:
            raise ValueError(f"the record of an arrival is {len(data)} bytes; at most {RECORD_SIZE} fit")
        return data.ljust(RECORD_SIZE)

    @classmethod
    def unpack(cls, data: bytes, identity: Identity) -> "Record":
        """The reverse of pack.

        Raises:
            NotOursError: it is not a record of this format, or bytes of the head have changed since it was written.
        """
        try:
            found = json.loads(data)
            if found["format"] > FORMAT:
                raise NewerFormatError(
                    f"a later version of dicomrs wrote it (format {found['format']}, this one reads {FORMAT}): update"
                )
            check = found.pop("check")
            record = cls(**found)
            intact = check == record._check(identity)
        except NotOursError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise NotOursError("the record of the arrival is damaged or missing") from error
        if not intact:
            raise NotOursError("its file meta header is not the one that was written when it arrived")
        return record

    def told(self) -> dict[str, str]:
        """What the receipts keep of it when the object has left."""
        return {name: getattr(self, name) for name in ("digest", "received", "calling", "modality", "series")}

    def _check(self, identity: Identity) -> str:
        return xxhash.xxh3_64_hexdigest(json.dumps([identity, self._fields()]).encode("ascii"))

    def _fields(self) -> dict[str, str | int]:
        """In the order in which they are declared, which the check depends on."""
        return {name: getattr(self, name) for name in (_NAMES if self.format > 1 else _FIRST_NAMES)}


_NAMES: Final = tuple(one.name for one in fields(Record))
_FIRST_NAMES: Final = tuple(name for name in _NAMES if name != "series")
"""Of format 1."""


@dataclass(frozen=True, slots=True)
class Head:
    """A spooled file's head: what is needed to send the dataset that starts at byte `start`."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    record: Record
    start: int


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    head = struct.pack("<HH2s", 2, number, vr)
    if vr in _LONG_VRS:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


_VERSION: Final = _element(0x0001, b"OB", b"\0\1")
_OURS: Final = b"".join(
    (
        _element(0x0012, b"UI", IMPLEMENTATION_UID.encode("ascii")),
        _element(0x0013, b"SH", IMPLEMENTATION_VERSION.encode("ascii")),
        _element(0x0100, b"UI", RECORD_CREATOR_UID.encode("ascii")),
        _element(0x0102, b"OB", b" " * RECORD_SIZE),
    )
)


def blank_head(sop_class: str, sop_instance: str, transfer_syntax: str) -> tuple[bytes, int]:
    """The head with an empty record, and the offset at which the record is to be written.

    The dataset follows at the length of the head.
    """
    elements = b"".join(
        (
            _VERSION,
            _element(0x0002, b"UI", sop_class.encode("ascii")),
            _element(0x0003, b"UI", sop_instance.encode("ascii")),
            _element(0x0010, b"UI", transfer_syntax.encode("ascii")),
            _OURS,
        )
    )
    head = _PREAMBLE + _element(0x0000, b"UL", struct.pack("<I", len(elements))) + elements
    return head, len(head) - RECORD_SIZE


def _elements(data: bytes) -> dict[int, bytes]:
    """Group 2 of a file we wrote: element number -> value."""
    if data[128:132] != b"DICM" or data[132:140] != b"\x02\0\0\0UL\4\0":
        raise NotOursError("it is not a Part 10 file as the spool writes them")
    position, end = 144, 144 + int.from_bytes(data[140:144], "little")
    if end > len(data):
        raise NotOursError("its file meta header is longer than the spool writes them")
    found: dict[int, bytes] = {}
    while position < end:
        group, number, vr = struct.unpack_from("<HH2s", data, position)
        if group != 2:
            raise NotOursError("its file meta header is damaged")
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<I", data, position + 8)
            position += 12
        else:
            (length,) = struct.unpack_from("<H", data, position + 6)
            position += 8
        found[number] = data[position : position + length]
        position += length
    if position != end:
        raise NotOursError("its file meta header is damaged")
    found[0x0000] = end.to_bytes(4, "little")
    return found


def read_head(fs: FileSystem, fd: int) -> Head:
    """The head of an open spooled file.

    Raises:
        NotOursError: the file is not one that the spool wrote.
    """
    try:
        found = _elements(fs.pread(fd, _HEAD_LIMIT, 0))
        if found[0x0100].rstrip(b"\0").decode() != RECORD_CREATOR_UID:
            raise NotOursError("it carries somebody else's private information")
        sop_class, instance, syntax = (found[n].rstrip(b"\0").decode("ascii") for n in (0x0002, 0x0003, 0x0010))
        start = int.from_bytes(found[0x0000], "little")
        record = Record.unpack(found[0x0102], (sop_class, instance, syntax))
        return Head(sop_class, instance, syntax, record, start)
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise NotOursError("its file meta header is damaged") from error


def read_start(fs: FileSystem, path: str) -> bytes:
    """The bytes of a file among which its head is; OSError if it cannot be read."""
    fd = fs.open(path, READ)
    try:
        return fs.pread(fd, _HEAD_LIMIT, 0)
    finally:
        fs.close(fd)


def read_head_of(fs: FileSystem, path: str) -> Head:
    """The head of the file at a path; OSError if it cannot be read."""
    fd = fs.open(path, READ)
    try:
        return read_head(fs, fd)
    finally:
        fs.close(fd)
