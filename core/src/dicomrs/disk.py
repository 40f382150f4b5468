"""The volume of a root as the dashboard shows it; looked at without writing."""

import os
from dataclasses import dataclass

from dicomrs.route import Reserve
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.space import shortage


@dataclass(frozen=True, slots=True)
class DiskView:
    """free, total, reserve: bytes; files: how many can still be made; shortage: why there is no room to receive.

    writable: whether this process's user may write to the root, on a volume that takes it.
    """

    free: int
    total: int
    reserve: int
    files: int
    shortage: str
    writable: bool


def look_at_disk(fs: FileSystem, root: str, reserve: Reserve) -> DiskView:
    """Ask the volume.

    Raises:
        OSError: it does not answer.
    """
    free, total, files = fs.free(root)
    kept = reserve.bytes_of(total)
    return DiskView(free, total, kept, files, shortage(root, free, files, kept), os.access(root, os.W_OK | os.X_OK))
