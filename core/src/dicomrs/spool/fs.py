"""The file system as the spool uses it: a short list of calls in the os module's own terms.

The spool goes through this list only, so that a test can put a file system under it that loses power between any two
calls.
"""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol, TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_CLOEXEC


class Stamp(NamedTuple):
    """What differs once a file or folder has changed; modified, changed: nanoseconds by the volume's clock."""

    inode: int
    size: int
    modified: int
    changed: int


class FileSystem(Protocol):
    """The calls of one volume. Every one of them raises OSError as the os module does."""

    def open(self, path: str, flags: int) -> int:
        """Open a file (CREATE, APPEND or READ) and return its descriptor."""

    def close(self, fd: int) -> None:
        """Close a descriptor."""

    def writev(self, fd: int, pieces: Sequence[Data]) -> int:
        """Write at most 1024 pieces at the descriptor's position; return the bytes written, which may be fewer."""

    def pwrite(self, fd: int, data: Data, offset: int) -> int:
        """Write at an offset; return the bytes written."""

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        """Read at an offset; shorter than count only at the end of the file."""

    def size(self, fd: int) -> int:
        """Length of an open file in bytes."""

    def fsync(self, fd: int) -> None:
        """Make a file's content durable. Its name is not: that needs fsync_dir of its folder."""

    def fsync_dir(self, path: str) -> None:
        """Make the names in a folder durable."""

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; FileExistsError if the name is taken (never replaces)."""

    def rename(self, source: str, target: str) -> None:
        """Rename; a file of the target's name is replaced."""

    def unlink(self, path: str) -> None:
        """Remove a name."""

    def mkdir(self, path: str) -> None:
        """Make one folder; FileExistsError if there is one."""

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""

    def listdir(self, path: str) -> list[str]:
        """Names in a folder, in no order."""

    def exists(self, path: str) -> bool:
        """Whether a name is there."""

    def is_dir(self, path: str) -> bool:
        """Whether a name is a folder."""

    def age(self, path: str) -> float:
        """Seconds since a file was last written to."""

    def stamp(self, path: str) -> Stamp | None:
        """What tells whether a file or folder has changed; None if it is not there, or cannot be asked about."""

    def free(self, path: str) -> tuple[int, int, int]:
        """Bytes free to an unprivileged user, bytes in all, and files that can still be made, of the volume."""

    def lock(self, path: str, *, shared: bool = False, wait: bool = True) -> int:
        """Take flock(2) on a file, made if absent; return the descriptor that holds it.

        Raises:
            BlockingIOError: somebody else holds it, and wait is False.
        """


class OsFileSystem:
    """The real one."""

    def open(self, path: str, flags: int) -> int:
        """Readable to the group: diagnosis by another account needs no root."""
        return os.open(path, flags, 0o640)

    close = staticmethod(os.close)
    writev = staticmethod(os.writev)
    pwrite = staticmethod(os.pwrite)
    pread = staticmethod(os.pread)
    fsync = staticmethod(os.fsync)
    rename = staticmethod(os.rename)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    listdir = staticmethod(os.listdir)
    exists = staticmethod(os.path.lexists)
    is_dir = staticmethod(os.path.isdir)

    def link(self, source: str, target: str) -> None:
        """Never replaces: that is what link is for."""
        os.link(source, target, follow_symlinks=False)

    def size(self, fd: int) -> int:
        """By fstat(2)."""
        return os.fstat(fd).st_size

    def mkdir(self, path: str) -> None:
        """Nobody but owner and group may look at patients' names."""
        os.mkdir(path, 0o750)

    def fsync_dir(self, path: str) -> None:
        """By way of a descriptor of the folder."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def age(self, path: str) -> float:
        """By stat(2) and the system's clock, which may have been set since."""
        return time.time() - os.stat(path).st_mtime

    def stamp(self, path: str) -> Stamp | None:
        """By stat(2)."""
        try:
            found = os.stat(path)
        except OSError:
            return None
        return Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def free(self, path: str) -> tuple[int, int, int]:
        """By statvfs(2). A file system without inodes of a fixed number says that it has none in all."""
        volume = os.statvfs(path)
        files = volume.f_favail if volume.f_files else sys.maxsize
        return volume.f_bavail * volume.f_frsize, volume.f_blocks * volume.f_frsize, files

    def lock(self, path: str, *, shared: bool = False, wait: bool = True) -> int:
        """flock(2): it is freed when the process ends, however it ends."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BaseException:
            os.close(fd)
            raise
        return fd


@contextmanager
def locked(fs: FileSystem, path: str, *, shared: bool = False, wait: bool = True) -> Iterator[int]:
    """Hold a lock for the length of a with block; yields the descriptor of its file.

    Raises:
        BlockingIOError: somebody else holds it, and wait is False.
    """
    fd = fs.lock(path, shared=shared, wait=wait)
    try:
        yield fd
    finally:
        fs.close(fd)


def write_all(fs: FileSystem, fd: int, *pieces: Data) -> None:
    """Write all of at most 1024 pieces, one behind the other, at the descriptor's position."""
    done = fs.writev(fd, pieces)
    if done < sum(map(len, pieces)):
        rest = memoryview(b"".join(pieces))[done:]
        while rest:
            rest = rest[fs.writev(fd, (rest,)) :]


def read_all(fs: FileSystem, path: str, most: int = sys.maxsize) -> bytes:
    """Read a file of ours whole, whatever somebody may have put in its place.

    Raises:
        OSError: it cannot be read, is a pipe or a folder, or is larger than so many bytes (EFBIG).
    """
    fd = fs.open(path, READ | os.O_NONBLOCK)  # a pipe keeps nobody waiting: pread refuses it
    try:
        size = fs.size(fd)
        if size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most} bytes", path)
        return fs.pread(fd, size, 0)
    finally:
        fs.close(fd)


def put_file(fs: FileSystem, path: str, data: bytes) -> None:
    """Write a new file and make its content durable; the caller syncs the folder."""
    fd = fs.open(path, CREATE)
    try:
        write_all(fs, fd, data)
        fs.fsync(fd)
    finally:
        fs.close(fd)


class FolderSyncError(OSError):
    """A folder could not be made durable: nothing on this volume can be promised any more."""


def sync_folder(fs: FileSystem, path: str) -> None:
    """Make the names in a folder durable.

    Raises:
        FileNotFoundError: there is no such folder.
        FolderSyncError: the volume failed.
    """
    try:
        fs.fsync_dir(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FolderSyncError(error.errno, error.strerror, path) from error


def make_folder(fs: FileSystem, parent: str, name: str) -> str:
    """Make parent/name durable, whoever made it; return its path."""
    path = f"{parent}/{name}"
    if not fs.exists(path):
        with suppress(FileExistsError):
            fs.mkdir(path)
    sync_folder(fs, parent)
    return path
