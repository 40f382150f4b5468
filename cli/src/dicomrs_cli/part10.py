"""DICOM files as `send` and `adopt` take them: where their dataset begins, and whose it is. Nothing is decoded."""

import os
import re
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dicomrs.dataset import Header, is_storage, read_header

_META_START: Final = 132  # behind preamble and prefix (PS3.10 7.1)
_META_LIMIT: Final = 64 * 1024  # bytes; real file meta information has a few hundred
_LONG_VRS: Final = frozenset({b"OB", b"OW", b"UN", b"UT", b"UC", b"UR", b"SQ"})
_SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX, _SOURCE = 0x0002, 0x0003, 0x0010, 0x0016
_UID: Final = re.compile(r"[0-9.]{1,64}")
_INSTANCE: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,64}")


class NotPart10Error(Exception):
    """A file that has not the form of a DICOM file (PS3.10 7.1)."""


class UnfitError(Exception):
    """A DICOM file that cannot travel by C-STORE; the message says why, without patient data."""


@dataclass(frozen=True, slots=True)
class DicomFile:
    """An object in a file: its dataset are the `length` bytes from `start`.

    Its class and instance are what the dataset says, as the standard wants it; what the file meta information says
    counts where the dataset is silent. source: Source Application Entity Title (0002,0016), often "".
    """

    path: Path
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    source: str
    start: int
    length: int
    header: Header


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and all files in the folders named and below, sorted by name; links are not followed."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
        for folder, folders, names in os.walk(path):
            folders.sort()
            found += [Path(folder, name) for name in sorted(names)]
    return found


def read_dicom_file(path: Path) -> DicomFile:
    """Read what is needed to send a file.

    Raises:
        NotPart10Error: it is something else.
        UnfitError: it is a DICOM file, and no object that could be sent.
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a pipe must not hang
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotPart10Error("no regular file")
        meta, start = _read_meta(os.pread(fd, _META_LIMIT, 0))
        syntax = meta.get(_TRANSFER_SYNTAX, "")
        if not _UID.fullmatch(syntax):
            raise UnfitError("its file meta information names no transfer syntax")
        header = read_header(fd, start, status.st_size, syntax)
    finally:
        os.close(fd)
    sop_class = header.sop_class or meta.get(_SOP_CLASS, "")
    sop_instance = header.sop_instance or meta.get(_SOP_INSTANCE, "")
    if not _UID.fullmatch(sop_class) or not _INSTANCE.fullmatch(sop_instance):
        raise UnfitError("neither its file meta information nor its dataset says which SOP class and instance it is")
    if not is_storage(sop_class):
        raise UnfitError(f"objects of SOP class {sop_class} are not sent by C-STORE")
    source = meta.get(_SOURCE, "")
    return DicomFile(path, sop_class, sop_instance, syntax, source, start, status.st_size - start, header)


def _read_meta(data: bytes) -> tuple[dict[int, str], int]:
    """The texts of group 2 by element number, and where the dataset begins.

    The group's own length is not believed, some writers leave it out or count wrongly: group 2 ends where another
    begins (PS3.10 7.1; always Explicit VR Little Endian).
    """
    if data[128:_META_START] != b"DICM":
        raise NotPart10Error("no DICOM file: there is no DICM at byte 128")
    found: dict[int, str] = {}
    position = _META_START
    while data[position : position + 2] == b"\x02\0":
        try:
            number, vr, length = struct.unpack_from("<H2sH", data, position + 2)
            position += 8
            if vr in _LONG_VRS:
                (length,) = struct.unpack_from("<L", data, position)
                position += 4
        except struct.error:
            raise UnfitError("it ends inside its file meta information") from None
        found[number] = data[position : position + length].rstrip(b"\0 ").decode("ascii", "replace")
        position += length
    if position > len(data):
        raise UnfitError("it ends inside its file meta information, or that is larger than 64 KB")
    return found, position
