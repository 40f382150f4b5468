"""Small volumes that can be filled, and network namespaces with addresses and losses; where this user may."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from support.polling import eventually
from support.processes import Child, find_program, run


@contextmanager
def small_volume(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs of a size; the test is skipped where this user may not mount."""
    folder.mkdir()
    mounted = run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "dicomrs-tests", folder])
    if mounted.returncode:
        pytest.skip(f"may not mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        run(["umount", "-l", folder])


def enlarge(volume: Path, megabytes: int) -> None:
    """Give a small volume more room."""
    made = run(["mount", "-o", f"remount,size={megabytes}m", volume])
    assert made.returncode == 0, made.stderr


@contextmanager
def ext4_volume(folder: Path, megabytes: int, inodes: int = 4096) -> Iterator[Path]:
    """An ext4 that an error makes read-only, in an image file; the test is skipped where this user may not mount."""
    folder.mkdir()
    image = _image(folder)
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    made = run(["mkfs.ext4", "-q", "-F", "-N", inodes, "-e", "remount-ro", image])
    assert made.returncode == 0, made.stderr
    mounted = run(["mount", "-o", "loop", image, folder])
    if mounted.returncode:
        pytest.skip(f"may not mount an image file: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        run(["umount", "-l", folder])
        image.unlink()


def _image(folder: Path) -> Path:
    return folder.with_suffix(".img")


def break_down(volume: Path) -> None:
    """What an ext4 does when it finds an error in itself: its journal is given up, and it is read-only at once."""
    broken = run(["mount", "-o", "remount,abort", volume])
    assert broken.returncode == 0, broken.stderr


def mend(volume: Path) -> None:
    """What a person does then; nothing may have a file open there."""
    image = _image(volume)
    for command in (["umount", volume], ["e2fsck", "-p", image], ["mount", "-o", "loop", image, volume]):
        done = run(command)
        assert done.returncode in (0, 1), done.stderr  # e2fsck: 1 is errors corrected


def take_inodes(volume: Path) -> Path:
    """Make files until no more can be made; return their folder."""
    folder = volume / "filler"
    folder.mkdir()
    with suppress(OSError):
        for number in count():
            (folder / str(number)).touch()
    return folder


@contextmanager
def standstill(volume: Path) -> Iterator[None]:
    """The disk takes no writes: whoever wants to write waits, without an error."""
    assert run(["fsfreeze", "--freeze", volume]).returncode == 0
    try:
        yield
    finally:
        run(["fsfreeze", "--unfreeze", volume])


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Whoever touches a folder waits, as on a network volume whose server is away; skipped where it cannot be made.

    A FUSE file system is mounted over it, for which nobody answers.
    """
    try:
        fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"may not open /dev/fuse: {error.strerror}")
    try:
        options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        mounted = run(["mount", "-i", "-t", "fuse", "-o", options, "away", folder], descriptors=[fd])
        if mounted.returncode:
            pytest.skip(f"may not mount a FUSE file system: {mounted.stderr.strip()}")
        try:
            yield
        finally:
            run(["umount", "-l", folder])
    finally:
        os.close(fd)  # those who wait get an error


def fill(volume: Path, leave: int = 0) -> Path:
    """Write a file until so many bytes are free, or none; return it."""
    path = volume / "filler"
    with path.open("ab", buffering=0) as file:
        while (free := shutil.disk_usage(volume).free) > leave:
            try:
                file.write(bytes(min(1 << 20, free - leave)))
            except OSError:
                break
    return path


@contextmanager
def network_namespace(log: Path) -> Iterator[list[str]]:
    """The words that run a program in a network of its own; the test is skipped where this user may not make one."""
    unshare, sleep = find_program("unshare"), find_program("sleep")
    assert unshare
    assert sleep
    if (tried := run([unshare, "-n", "true"])).returncode:
        pytest.skip(f"may not make a network namespace: {tried.stderr.strip()}")
    keeper = Child([unshare, "-n", sleep, "600"], log)
    try:
        own = os.readlink("/proc/self/ns/net")
        there = f"/proc/{keeper.process.pid}/ns/net"
        eventually(lambda: os.readlink(there) != own, "the namespace exists")
        enter = ["nsenter", f"--net={there}"]
        assert run([*enter, "ip", "link", "set", "lo", "up"]).returncode == 0
        yield enter
    finally:
        keeper.close()


class Loss:
    """Packets to and from a port of a namespace vanish without a word while it is cut."""

    def __init__(self, enter: list[str], port: int) -> None:
        self._enter = enter
        self._port = port

    def cut(self) -> None:
        """Lose everything from now on."""
        self._nft("add table inet loss")
        self._nft("add chain inet loss input { type filter hook input priority 0 ; }")
        for direction in ("dport", "sport"):
            self._nft(f"add rule inet loss input tcp {direction} {self._port} drop")

    def mend(self) -> None:
        """Lose nothing any more."""
        self._nft("delete table inet loss")

    def _nft(self, rule: str) -> None:
        done = run([*self._enter, "nft", rule])
        assert done.returncode == 0, done.stderr
