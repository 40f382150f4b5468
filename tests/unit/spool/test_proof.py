"""The proof of a volume, on a real one: what is made, what is refused, and the one line that says why."""

import errno
import os
import stat
from collections.abc import Sequence

import pytest

from dicomrs.spool.fs import Data, OsFileSystem
from dicomrs.spool.layout import COMMITMENTS, CONTROL, DAMAGED, HINTS, INCOMING, LOCKS, QUARANTINE, STATE, STATUS
from dicomrs.spool.proof import VolumeError, prepare_root

FS = OsFileSystem()
FOLDERS = {COMMITMENTS, INCOMING, STATUS, CONTROL, HINTS, LOCKS, STATE, QUARANTINE, DAMAGED}


def test_root_and_its_parents_are_made(tmp_path):
    root = tmp_path / "not" / "there" / "yet"
    prepare_root(FS, str(root))
    assert {path.name for path in root.iterdir()} == FOLDERS
    assert stat.S_IMODE(root.stat().st_mode) & 0o007 == 0


def test_the_proof_leaves_nothing_and_can_be_repeated(tmp_path):
    prepare_root(FS, str(tmp_path))
    (tmp_path / QUARANTINE / "kept").touch()
    prepare_root(FS, str(tmp_path))
    assert not list((tmp_path / INCOMING).iterdir())
    assert (tmp_path / QUARANTINE / "kept").exists()


def test_a_folder_in_which_nobody_may_write_is_refused():
    with pytest.raises(VolumeError, match=r"^/sys/kernel/spool cannot carry a spool .*may write to") as refused:
        prepare_root(FS, "/sys/kernel/spool")
    assert not refused.value.full
    assert "\n" not in str(refused.value)


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VolumeError, match="Not a directory"):
        prepare_root(FS, str(tmp_path / "file"))


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VolumeError, match="Not a directory"):
        prepare_root(FS, str(tmp_path / "file" / "root"))


def test_a_full_volume_is_told_from_a_wrong_one(tmp_path):
    class FullFileSystem(OsFileSystem):
        def writev(self, fd: int, pieces: Sequence[Data]) -> int:  # type: ignore[override]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(VolumeError, match=r"the volume is full .* free some space") as refused:
        prepare_root(FullFileSystem(), str(tmp_path))
    assert refused.value.full
    assert not list((tmp_path / INCOMING).iterdir())


def test_a_volume_whose_links_replace_files_is_refused(tmp_path):
    class ReplacingFileSystem(OsFileSystem):
        def link(self, source: str, target: str) -> None:
            os.replace(source, target)

    with pytest.raises(VolumeError, match=r"a link replaced a file.*use ext4 or XFS"):
        prepare_root(ReplacingFileSystem(), str(tmp_path))
    assert not list((tmp_path / INCOMING).iterdir())


def test_a_volume_that_cannot_sync_is_refused(tmp_path):
    class ForgetfulFileSystem(OsFileSystem):
        def fsync_dir(self, path: str) -> None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with pytest.raises(VolumeError, match=r"Invalid argument.*hard links and fsync"):
        prepare_root(ForgetfulFileSystem(), str(tmp_path))
