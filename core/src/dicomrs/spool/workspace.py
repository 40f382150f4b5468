"""A receiving process's own folder under .incoming: parts being received, study folders in the making.

Nothing in it has been acknowledged, so that what a dead process left behind may be removed. A process is dead when the
lock on its folder is free: locks work across containers, process numbers do not.
"""

import contextlib
import uuid
from typing import Final

from dicomrs.spool.fs import FileSystem, locked, sync_folder
from dicomrs.spool.layout import INCOMING, LOCKS

_LOCK: Final = ".lock"


class Workspace:
    """Made at start; the lock lives as long as the process, or until close()."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        incoming = f"{root}/{INCOMING}"
        with locked(fs, f"{root}/{LOCKS}/workspaces"):
            for name in fs.listdir(incoming):
                _remove_if_dead(fs, f"{incoming}/{name}")
            self.name = uuid.uuid4().hex[:12]
            self.path = f"{incoming}/{self.name}"
            fs.mkdir(self.path)
            self._lock = fs.lock(f"{self.path}/{_LOCK}")

    def close(self) -> None:
        """Give the folder up; the next process to start removes it."""
        self._fs.close(self._lock)


def throw_away(fs: FileSystem, root: str, path: str) -> None:
    """Remove a folder whole: it leaves its place at once and durably.

    What a crash leaves of it, the next process to start removes.

    Raises:
        OSError: the volume refuses.
    """
    with locked(fs, f"{root}/{LOCKS}/workspaces"):
        gone = f"{root}/{INCOMING}/{uuid.uuid4().hex}"
        fs.rename(path, gone)
        sync_folder(fs, root)
        _remove_tree(fs, gone)


def _remove_if_dead(fs: FileSystem, path: str) -> None:
    if not fs.is_dir(path):
        fs.unlink(path)  # left behind by a volume's proof
        return
    try:
        lock = fs.lock(f"{path}/{_LOCK}", wait=False)
    except BlockingIOError:
        return
    try:
        _remove_tree(fs, path)
    finally:
        fs.close(lock)


def _remove_tree(fs: FileSystem, path: str) -> None:
    for name in fs.listdir(path):
        inner = f"{path}/{name}"
        if fs.is_dir(inner):
            _remove_tree(fs, inner)
        else:
            fs.unlink(inner)
    with contextlib.suppress(OSError):
        fs.rmdir(path)
