"""Room on the volume: the ballast is there or it is not, and gives its bytes back."""

import errno
import os
from collections.abc import Sequence

import pytest

from dicomrs.spool.fs import Data, OsFileSystem
from dicomrs.spool.layout import BALLAST
from dicomrs.spool.space import BALLAST_SIZE, drop_ballast, is_full, lay_ballast

FS = OsFileSystem()


class FullFileSystem(OsFileSystem):
    """A volume on which only so many bytes fit."""

    def __init__(self, room: int) -> None:
        self.room = room

    def writev(self, fd: int, pieces: Sequence[Data]) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, b"".join(pieces)[: self.room])
        self.room -= written
        return written


def test_ballast_is_laid_once_and_dropped_once(tmp_path):
    root = str(tmp_path)
    assert lay_ballast(FS, root)
    assert (tmp_path / BALLAST).stat().st_blocks * 512 >= BALLAST_SIZE
    assert lay_ballast(FS, root)
    assert drop_ballast(FS, root)
    assert not (tmp_path / BALLAST).exists()
    assert not drop_ballast(FS, root)


def test_ballast_that_does_not_fit_leaves_nothing(tmp_path):
    assert not lay_ballast(FullFileSystem(BALLAST_SIZE - 1), str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_no_ballast_where_there_is_no_folder(tmp_path):
    assert not lay_ballast(FS, str(tmp_path / "missing"))


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_full_is_told_from_broken(number, full):
    assert is_full(OSError(number, os.strerror(number))) is full
