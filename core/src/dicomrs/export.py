"""Copies of a study's objects for a person: as they are on the disk, whatever state they are in. Nothing is changed."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dicomrs.spool.aside import aside_names, reason_of, whole_digest
from dicomrs.spool.fs import CREATE, READ, FileSystem, write_all
from dicomrs.spool.layout import DAMAGED, QUARANTINE, file_stem, parse_object_name
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.record import NotOursError, read_head

_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copied:
    """One object. path: of the copy, in the folder that was named; "" if there is none, for the reason `failed`.

    reason: why it is no sound object that waits to be sent: of its quarantine, or what is damaged; "" if it is one.
    """

    source: str
    path: str
    digest: str = ""
    reason: str = ""
    failed: str = ""


def export(fs: FileSystem, root: str, folder: str, target: str, instance: str = "") -> Iterator[Copied]:
    """Copy what is here of a study into a folder that is there, with folders of their own for what was set aside.

    Nothing is overwritten. What fails is told, and the next is tried. instance: only this SOP Instance UID.

    Raises:
        OSError: the study's folder cannot be read.
    """
    for where, name in objects_here(fs, root, folder, instance):
        yield _copy(fs, root, folder, where, name, target)


def objects_here(fs: FileSystem, root: str, folder: str, instance: str = "") -> list[tuple[str, str]]:
    """Where each object of a study is ("", QUARANTINE or DAMAGED), and its file's name; instance: as of export.

    Raises:
        OSError: the study's folder cannot be read.
    """
    stem = file_stem(instance) if instance else ""
    places = [("", Outbox(fs, root).names(folder) if fs.exists(f"{root}/{folder}") else [])]
    places += [(where, aside_names(fs, root, where, folder)) for where in (QUARANTINE, DAMAGED)]
    found = [(where, name, parse_object_name(name)) for where, names in places for name in names]
    return [(where, name) for where, name, parsed in found if parsed and stem in ("", parsed[0])]


def _copy(fs: FileSystem, root: str, folder: str, where: str, name: str, target: str) -> Copied:
    inner = os.path.join(where, name)
    source = os.path.join(root, where, folder, name)
    to = os.path.join(target, inner)
    reason = _reason(fs, root, folder, where, name)
    made = False
    try:
        if where:
            with suppress(FileExistsError):
                fs.mkdir(os.path.join(target, where))
        read = fs.open(source, READ)
        try:
            written = fs.open(to, CREATE)
            made = True
            try:
                offset = 0
                while chunk := fs.pread(read, _CHUNK, offset):
                    write_all(fs, written, chunk)
                    offset += len(chunk)
                fs.fsync(written)
            finally:
                fs.close(written)
            with suppress(OSError):  # not every file system that a person may name can do that
                fs.fsync_dir(os.path.dirname(to))
            digest, damage = _judge(fs, read)
        finally:
            fs.close(read)
    except FileExistsError:
        return Copied(name, "", failed="there is such a file already; nothing is overwritten")
    except OSError as error:
        if made:
            with suppress(OSError):
                fs.unlink(to)
        return Copied(name, "", failed=error.strerror or str(error))
    return Copied(name, inner, digest, "; ".join(filter(None, (reason, damage))))


def _reason(fs: FileSystem, root: str, folder: str, where: str, name: str) -> str:
    """Why an object was set aside, "" if it was not."""
    return (reason_of(fs, root, where, folder, name) or f"it is in {where}") if where else ""


def pieces(
    fs: FileSystem, root: str, folder: str, place: tuple[str, str], told: Callable[[Copied], None]
) -> Iterator[bytes]:
    """The bytes of one object, as objects_here names it, for a copy that goes elsewhere than into a folder.

    told: is given what came of it after the last of them. OSError is not raised, but told, too.
    """
    where, name = place
    inner = os.path.join(where, name)
    reason = _reason(fs, root, folder, where, name)
    try:
        fd = fs.open(os.path.join(root, where, folder, name), READ)
        try:
            offset = 0
            while chunk := fs.pread(fd, _CHUNK, offset):
                yield chunk
                offset += len(chunk)
            digest, damage = _judge(fs, fd)
        finally:
            fs.close(fd)
    except OSError as error:
        told(Copied(name, "", failed=error.strerror or str(error)))
        return
    told(Copied(name, inner, digest, "; ".join(filter(None, (reason, damage)))))


def _judge(fs: FileSystem, fd: int) -> tuple[str, str]:
    """The digest that an object came with, and what is wrong with it now, "" if nothing is."""
    try:
        head = read_head(fs, fd)
    except NotOursError as error:
        return "", f"damaged: {error}"
    found = whole_digest(fs, fd, head)
    damage = "" if found == head.record.digest else "damaged: its bytes have changed on the disk since it arrived"
    return head.record.digest, damage
