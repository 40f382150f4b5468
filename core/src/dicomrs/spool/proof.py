"""The proof that a volume can carry a spool: made by each service at its start, before it promises anything."""

import contextlib
import os
import uuid

from dicomrs.spool.fs import FileSystem, locked, put_file
from dicomrs.spool.layout import COMMITMENTS, CONTROL, DAMAGED, HINTS, INCOMING, LOCKS, QUARANTINE, STATE, STATUS
from dicomrs.spool.space import is_full


class VolumeError(Exception):
    """The volume cannot carry a spool; the message says what is wrong and who can mend it. full: it has no room."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


def prepare_root(fs: FileSystem, root: str) -> None:
    """Make the root's own folders, and try what the spool relies on: writing, fsync, and a link that never replaces.

    Raises:
        VolumeError: with one line that says what to do.
    """
    try:
        _make_root(fs, root)
        for name in (INCOMING, STATUS, CONTROL, HINTS, LOCKS, STATE, COMMITMENTS, QUARANTINE, DAMAGED):
            with contextlib.suppress(FileExistsError):
                fs.mkdir(f"{root}/{name}")
        fs.fsync_dir(root)
        with locked(fs, f"{root}/{LOCKS}/workspaces"):  # a process that starts sweeps what it takes for left behind
            _try(fs, f"{root}/{INCOMING}", f"proof-{uuid.uuid4().hex}")
    except OSError as error:
        if is_full(error):
            message = f"{root}: the volume is full ({error.strerror}); free some space on it"
            raise VolumeError(message, full=True) from error
        what = f"{error.filename or root}: {error.strerror}"
        raise VolumeError(
            f"{root} cannot carry a spool ({what}); it must be a folder that user {os.geteuid()} may write to, "
            "on a file system with hard links and fsync"
        ) from error


def _make_root(fs: FileSystem, root: str) -> None:
    missing = []
    path = root
    while not fs.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            fs.mkdir(folder)
        fs.fsync_dir(os.path.dirname(folder))


def _try(fs: FileSystem, folder: str, name: str) -> None:
    first, second = f"{folder}/{name}.a", f"{folder}/{name}.b"
    try:
        put_file(fs, first, b"proof")
        put_file(fs, second, b"other")
        try:
            fs.link(first, second)
        except FileExistsError:
            fs.fsync_dir(folder)
            return
        raise VolumeError(f"{folder}: a link replaced a file; this file system cannot carry a spool, use ext4 or XFS")
    finally:
        for path in (first, second):
            with contextlib.suppress(OSError):
                fs.unlink(path)
