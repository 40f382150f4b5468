"""Taking objects that an older version left in folders into the spool.

An original is removed only when its copy is as durable as one that a scanner sent and got its answer for. Whatever is
no whole object stays where it is.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from dicomrs.dataset import Header, missing_pixels
from dicomrs.spool.folders import read_study_folder
from dicomrs.spool.fs import READ, FileSystem
from dicomrs.spool.inbox import OUT_OF_RESOURCES, Inbox, Outcome, refusal
from dicomrs.spool.layout import DAMAGED, QUARANTINE, RECEIPTS
from dicomrs.spool.part import Origin, Part, RefusedError
from dicomrs.spool.record import NotOursError, read_head
from dicomrs_cli.part10 import DicomFile, NotPart10Error, UnfitError, read_dicom_file

_CHUNK: Final = 1024 * 1024
_DEFAULT_CALLING: Final = "ADOPT"


class Fate(StrEnum):
    """What became of a file."""

    QUEUED = "queued"
    REPEATED = "already waiting"
    QUARANTINED = "quarantined"
    LEFT = "left in place"  # an object that cannot be taken over
    OTHER = "no DICOM file, left in place"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A file and its fate; reason: of the quarantine, or why it was left."""

    path: Path
    fate: Fate
    reason: str = ""


_OUTCOMES: Final = {
    Outcome.KEPT: Fate.QUEUED,
    Outcome.REPEATED: Fate.REPEATED,
    Outcome.QUARANTINED: Fate.QUARANTINED,
}


def old_folders(fs: FileSystem, path: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder at or below a path, inner ones first, with its files: without what belongs to a spool of ours.

    Raises:
        OSError: a folder cannot be read.
    """
    if _is_ours(fs, path):
        return
    files = []
    for name in sorted(os.listdir(path)):
        inner = path / name
        if inner.is_dir() and not inner.is_symlink():
            if not name.startswith(".") and name not in (QUARANTINE, DAMAGED):
                yield from old_folders(fs, inner)
        else:
            files.append(inner)
    yield path, files


def _is_ours(fs: FileSystem, path: Path) -> bool:
    """Whether a folder is one of the new spool's studies."""
    study = read_study_folder(fs, str(path.parent), path.name)
    return study is not None or fs.exists(str(path / RECEIPTS))


def preview(fs: FileSystem, path: Path) -> Adopted:
    """Say what adopting a file would do."""
    try:
        file = _examine(fs, path)
    except OSError as error:
        return Adopted(path, Fate.LEFT, _unreadable(error))
    if isinstance(file, Adopted):
        return file
    reason = missing_pixels(file.header, file.sop_class, file.transfer_syntax)
    return Adopted(path, Fate.QUARANTINED if reason else Fate.QUEUED, reason or "")


def adopt_file(inbox: Inbox, path: Path, called: str) -> Adopted:
    """Bring the object in a file into the spool, and then remove the file; it stays if that cannot be done.

    Args:
        inbox: of the spool.
        path: the file.
        called: AE title of the receiver, for the record of the arrival.

    Raises:
        RefusedError: A700, the volume takes nothing more; no other file needs to be tried.
    """
    try:
        file = _examine(inbox.fs, path)
        return file if isinstance(file, Adopted) else _take_over(inbox, file, called)
    except RefusedError as error:
        if error.status == OUT_OF_RESOURCES:
            raise
        return Adopted(path, Fate.LEFT, error.reason)
    except OSError as error:
        return Adopted(path, Fate.LEFT, _unreadable(error))


def _examine(fs: FileSystem, path: Path) -> DicomFile | Adopted:
    """An object to take over, or what is to be said of a file that has none."""
    try:
        file = read_dicom_file(path)
    except NotPart10Error as error:
        return Adopted(path, Fate.LEFT, str(error)) if path.suffix == ".dcm" else Adopted(path, Fate.OTHER)
    except UnfitError as error:
        return Adopted(path, Fate.LEFT, str(error))
    if reason := _belongs_to_spool(fs, path) or _damage(file.header):
        return Adopted(path, Fate.LEFT, reason)
    return file


def _unreadable(error: OSError) -> str:
    return f"cannot be read: {error.strerror}"


def _take_over(inbox: Inbox, file: DicomFile, called: str) -> Adopted:
    origin = Origin(calling=file.source or _DEFAULT_CALLING, called=called, address="")
    fd = inbox.fs.open(str(file.path), READ)
    try:
        before = os.fstat(fd)
        part = inbox.begin(origin, file.sop_class, file.sop_instance, file.transfer_syntax)
        try:
            _copy(inbox, fd, file.start, part)
            after = os.fstat(fd)
            changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
            if changed or part.length != file.length:
                return Adopted(file.path, Fate.LEFT, "it is being written to: is the old version still running?")
            arrival = inbox.keep(part)
            inbox.announce(arrival)
        finally:
            part.drop()
    finally:
        inbox.fs.close(fd)
    fate = _OUTCOMES[arrival.outcome]
    try:
        inbox.fs.unlink(str(file.path))
    except OSError as error:
        return Adopted(file.path, Fate.LEFT, f"it is {fate} now, but cannot be removed here: {error.strerror}")
    return Adopted(file.path, fate, arrival.reason)


def _copy(inbox: Inbox, fd: int, start: int, part: Part) -> None:
    while chunk := inbox.fs.pread(fd, _CHUNK, start + part.length):
        try:
            part.write(chunk)
        except OSError as error:
            raise refusal(error, inbox.root) from error


def remove_if_empty(path: Path) -> None:
    """Remove a folder in which nothing is left."""
    with suppress(OSError):
        path.rmdir()


def _belongs_to_spool(fs: FileSystem, path: Path) -> str:
    """An object of a spool must never be taken for an original: its only copy would be removed."""
    fd = fs.open(str(path), READ)
    try:
        read_head(fs, fd)
    except NotOursError:
        return ""
    finally:
        fs.close(fd)
    return "it is an object of a spool already"


def _damage(header: Header) -> str:
    """Why an object is not whole, "" if it is as far as its header tells."""
    if header.problem:
        return f"its dataset is damaged: {header.problem}"
    if not header.study:
        return "it has no Study Instance UID (0020,000D)"
    pixels = header.pixels
    if pixels is not None and pixels.declared is not None and pixels.present < pixels.declared:
        return f"it is cut short: {pixels.declared} bytes of pixel data declared, {pixels.present} there"
    return ""
