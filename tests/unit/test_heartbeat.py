"""Status files: one that is nonsense is none, and keeps no service from starting."""

import os
import time

import pytest

from dicomrs.heartbeat import read_heartbeat
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import STATUS
from dicomrs.watched import SECONDS, is_watched, note_watched


@pytest.mark.parametrize("text", ["", "7", "{", "\0" * 4096, "[" * 100_000])
def test_what_is_no_status_file_is_none(tmp_path, text):
    (tmp_path / STATUS).mkdir()
    (tmp_path / STATUS / "scp.json").write_text(text)
    assert read_heartbeat(str(tmp_path), "scp") == {}


@pytest.mark.parametrize("off", [SECONDS + 5, -3600.0])
def test_nobody_looks_at_another_time_by_a_clock_that_has_been_set(tmp_path, off):
    (tmp_path / STATUS).mkdir()
    fs, root = OsFileSystem(), str(tmp_path)
    assert not is_watched(fs, root)
    note_watched(root)
    assert is_watched(fs, root)
    then = time.time() - off
    os.utime(tmp_path / STATUS / "watched", (then, then))
    assert not is_watched(fs, root)
