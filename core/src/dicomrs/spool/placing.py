"""Giving a received part its name in a folder, without ever replacing anything."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from dicomrs.spool.fs import CREATE, READ, FileSystem, sync_folder
from dicomrs.spool.layout import CONFLICTS, object_name, parse_object_name
from dicomrs.spool.record import Head, NotOursError, read_head

_CHUNK: Final = 1024 * 1024


def place(
    fs: FileSystem, source: str, folder: str, stem: str, is_repeat: Callable[[str], bool]
) -> tuple[str, int, bool]:
    """Link a durable part into a folder and make its name durable: (name, number, whether it is a new arrival).

    Where the name is taken, is_repeat(name) says of the newest arrival of that stem whether the part is the same once
    more; then nothing is added, but the folder is synced all the same: whoever linked the newest may have died before
    doing so. Else the part gets the number after the newest, and so travels after it.

    Raises:
        FileNotFoundError: the folder is gone.
    """
    while True:
        name = object_name(stem, 1)
        if not fs.exists(f"{folder}/{CONFLICTS}") and _linked(fs, source, folder, name):
            return name, 1, True
        newest = newest_number(fs, folder, stem)
        name = object_name(stem, newest)
        if newest:
            try:
                repeat = is_repeat(name)
            except FileNotFoundError:
                continue  # it has left meanwhile
            if repeat:
                sync_folder(fs, folder)
                if fs.exists(f"{folder}/{name}"):
                    return name, newest, False
                continue
            _mark_several(fs, folder)
        name = object_name(stem, newest + 1)
        if _linked(fs, source, folder, name):
            return name, newest + 1, True


def _linked(fs: FileSystem, source: str, folder: str, name: str) -> bool:
    try:
        fs.link(source, f"{folder}/{name}")
    except FileExistsError:
        return False
    sync_folder(fs, folder)
    return True


def newest_number(fs: FileSystem, folder: str, stem: str) -> int:
    """The highest number of a stem's arrivals in a folder, 0 if there is none."""
    found = (parse_object_name(name) for name in fs.listdir(folder))
    return max((item[1] for item in found if item is not None and item[0] == stem), default=0)


def _mark_several(fs: FileSystem, folder: str) -> None:
    """From now on nobody may take a free first name here without looking: a later number may still be waiting."""
    with suppress(FileExistsError):
        fs.close(fs.open(f"{folder}/{CONFLICTS}", CREATE))
    sync_folder(fs, folder)


def same_dataset(fs: FileSystem, one: int, path: str) -> Head | None:
    """The head of the file at a path, if it holds what an open spooled file holds; None if it does not.

    That is the same dataset in the same transfer syntax, byte for byte.

    A file that cannot be read holds nothing.

    Raises:
        FileNotFoundError: there is no such file.
    """
    try:
        other = fs.open(path, READ)
    except FileNotFoundError:
        raise
    except OSError:
        return None
    try:
        return _same(fs, one, other)
    except (OSError, NotOursError):
        return None
    finally:
        fs.close(other)


def _same(fs: FileSystem, one: int, other: int) -> Head | None:
    a, b = read_head(fs, one), read_head(fs, other)
    if a.transfer_syntax != b.transfer_syntax or a.record.digest != b.record.digest:
        return None
    if fs.size(one) - a.start != fs.size(other) - b.start:
        return None
    offset = 0
    while chunk := fs.pread(one, _CHUNK, a.start + offset):
        if chunk != fs.pread(other, _CHUNK, b.start + offset):
            return None
        offset += len(chunk)
    return b
