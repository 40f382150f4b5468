"""A disk that loses power: what was on its platter at that moment is all that there is afterwards.

The file system lies on a loop device (the disk's write cache: Linux's page cache of the device below it), and that on
a loop device over an image file (the platter). What the file system writes stays in the cache until it asks for a
flush, as for fsync. A cut clones the platter in one moment (FICLONE of XFS, which stops writers for as long as it
takes), so that the cache is lost, and all of the machine's memory. Before it, the cache is written out not at all, or
in part and in an order of no meaning, or whole: all of these a real disk may do. Not modelled: sectors torn in half,
and disks that lie about a flush.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from support.processes import find_program, run

FILE_SYSTEMS = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q")}
CHECKS = {"ext4": ("e2fsck", "-fn"), "xfs": ("xfs_repair", "-n")}
PROGRAMS = ("mount", "losetup", "mkfs.ext4", "mkfs.xfs")  # for the peer marker
GIGABYTE = 1 << 30
_CHUNK = 32 << 10  # bytes of the cache that are written out together, or not
_WRITE_AND_WAIT = 1 | 2 | 4  # SYNC_FILE_RANGE_WAIT_BEFORE | _WRITE | _WAIT_AFTER

_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


@contextmanager
def shelf(folder: Path) -> Iterator[Path]:
    """A folder in which images are cloned in a moment: an XFS with reflinks.

    The test is skipped where this user may not have one.
    """
    image = folder / "shelf.img"
    _blank(image, 16 * GIGABYTE)
    _must("mkfs.xfs", "-q", "-m", "reflink=1", image)
    mounted = run(["mount", "-o", "loop", image, _made(folder / "shelf")])
    if mounted.returncode:
        image.unlink()
        reason = mounted.stderr.partition("\n")[0]
        pytest.skip(f"cannot cut the power: this user may not mount a file system from an image file ({reason})")
    try:
        yield folder / "shelf"
    finally:
        _must("umount", folder / "shelf")
        image.unlink()


@dataclass(frozen=True)
class Disk:
    """platter: the image file; device: the loop device over it; folder: where its file system is mounted."""

    kind: str
    platter: Path
    device: Path
    folder: Path

    def cut(self, name: str, luck: Random) -> Path:
        """The platter as a power cut at this moment leaves it, as an image of this name; this disk goes on."""
        share = luck.choice((0.0, luck.random(), 1.0))
        self._write_out(share, luck)
        image = self.platter.with_name(name)
        _must("cp", "--reflink=always", self.platter, image)
        return image

    def _write_out(self, share: float, luck: Random) -> None:
        """Let this share of the cache reach the platter, in random order."""
        starts = [start for start in range(0, GIGABYTE, _CHUNK) if luck.random() < share]
        luck.shuffle(starts)
        fd = os.open(self.device, os.O_RDONLY)
        try:
            for start in starts:
                if _libc.sync_file_range(fd, start, _CHUNK, _WRITE_AND_WAIT):
                    raise OSError(ctypes.get_errno(), "sync_file_range")
        finally:
            os.close(fd)


@contextmanager
def disk(on: Path, kind: str, folder: Path, options: str = "defaults") -> Iterator[Disk]:
    """A new disk of a gigabyte with a file system, on a shelf; mounted in `folder` with these mount options."""
    platter = on / "platter.img"
    _blank(platter, GIGABYTE)
    _must(*FILE_SYSTEMS[kind], platter)
    try:
        with _loop(platter) as device, _loop(device) as cached, _mounted(cached, folder, options):
            yield Disk(kind, platter, device, folder)
    finally:
        platter.unlink()


@contextmanager
def after_the_cut(image: Path, kind: str, folder: Path) -> Iterator[Path]:
    """The file system of an image, mounted anew in `folder`: its journal is replayed."""
    options = "loop,nouuid" if kind == "xfs" else "loop"  # the original is perhaps still mounted, under the same UUID
    with _mounted(image, folder, options):
        yield folder


def check(image: Path, kind: str) -> None:
    """Assert that a file system that was mounted and unmounted is sound."""
    _must(*CHECKS[kind], image)


@contextmanager
def _loop(backing: Path) -> Iterator[Path]:
    device = Path(_must("losetup", "--find", "--show", backing))
    try:
        yield device
    finally:
        _must("losetup", "--detach", device)


@contextmanager
def _mounted(device: Path, folder: Path, options: str) -> Iterator[None]:
    _must("mount", "-o", options, device, _made(folder))
    try:
        yield
    finally:
        if run(["umount", folder]).returncode:
            run(["umount", "--lazy", folder])  # a program is still there: the test has failed already


def _blank(image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _must(*words: object) -> str:
    program = find_program(str(words[0]))
    assert program is not None, f"{words[0]} is not installed; mark the test with peer()"
    done = run([program, *words[1:]])
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout.strip()
