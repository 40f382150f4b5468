"""Room on the volume: the reserve that is refused before it is touched, and the ballast that lets a full disk drain."""

import errno
from typing import Final

from dicomrs.spool.fs import CREATE, FileSystem, write_all
from dicomrs.spool.layout import BALLAST

BALLAST_SIZE: Final = 4 * 1024 * 1024
_FILES_KEPT: Final = 64  # that the volume can still make: delivery needs some, such as a study's new metadata
FULL_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def shortage(root: str, free: int, files: int, reserve: int) -> str:
    """Why a volume has no room to receive, and who can mend it; "" if it has.

    free, reserve: bytes; files: how many it can still make.
    """
    if files < _FILES_KEPT:
        return f"only {files} files can still be made on the volume of {root} (inodes): remove some"
    if free > reserve:
        return ""
    return (
        f"only {free // 1_000_000} MB are free on the volume of {root}, "
        f"{reserve // 1_000_000} MB are reserved (spec.storage.reserve): free some space"
    )


def is_full(error: OSError) -> bool:
    """Whether an error says that the volume has no room (bytes, inodes or quota)."""
    return error.errno in FULL_ERRORS


def lay_ballast(fs: FileSystem, root: str) -> bool:
    """Put the ballast in place if it is missing and there is room; whether it is in place."""
    path = f"{root}/{BALLAST}"
    if fs.exists(path):
        return True
    try:
        fd = fs.open(path, CREATE)
    except OSError:
        return False
    try:
        # Written, not just allocated: a volume that compresses or thins must really give the room back.
        block = bytes(range(256)) * 256
        for _ in range(BALLAST_SIZE // len(block)):
            write_all(fs, fd, block)
    except OSError:
        drop_ballast(fs, root)
        return False
    finally:
        fs.close(fd)
    return True


def drop_ballast(fs: FileSystem, root: str) -> bool:
    """Give the ballast's room back; whether there was any."""
    try:
        fs.unlink(f"{root}/{BALLAST}")
    except FileNotFoundError:
        return False
    return True
