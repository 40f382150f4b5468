"""Small files that somebody has put something else in the place of: who reads them neither waits nor reads for ever."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dicomrs.audit import AuditLog
from dicomrs.doctor import FOLDER, new_run, read_run
from dicomrs.heartbeat import read_heartbeat
from dicomrs.log_files import Wanted, chronicle, newest
from dicomrs.spool.aside import reason_of
from dicomrs.spool.fields import read_fields
from dicomrs.spool.folders import read_study_folder
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import METADATA, QUARANTINE, STATUS, reason_name
from dicomrs.spool.receipts import read_events

FS = OsFileSystem()


def huge(path: Path) -> None:
    """Of no blocks, and of more bytes than any machine has memory."""
    with path.open("wb") as file:
        file.truncate(2**42)


PLANTED: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a huge file": huge,
}
RUN = new_run("scp", "clinic", "", "ana", [], datetime.now().astimezone()).id
READERS: dict[str, tuple[str, Callable[[str], Any], Any]] = {
    "heartbeat": (f"{STATUS}/scp.json", lambda root: read_heartbeat(root, "scp"), {}),
    "check": (f"{FOLDER}/{RUN}.json", lambda root: read_run(FS, root, RUN), None),
    "metadata": (f"study/{METADATA}", lambda root: read_study_folder(FS, root, "study"), None),
    "reason": (
        f"{QUARANTINE}/study/{reason_name('a')}",
        lambda root: reason_of(FS, root, QUARANTINE, "study", "a"),
        "",
    ),
    "last hash": (f"{STATUS}/audit.json", lambda root: AuditLog(FS, root).noted_head(), None),
    "log": ("scp.jsonl", lambda root: (*newest(root, Wanted(), 9).lines, *chronicle(root, Wanted())), ()),
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("what", READERS)
def test_what_is_no_file_of_ours_is_none(what, planted, tmp_path):
    name, read, nothing = READERS[what]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    PLANTED[planted](path)
    assert read(str(tmp_path)) == nothing


def test_a_pipe_in_place_of_receipts_or_the_audit_log_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / ".receipts.jsonl")
    (tmp_path / ".dicomrs").mkdir()
    os.mkfifo(tmp_path / ".dicomrs" / "audit.jsonl")
    for read in (lambda: read_events(FS, str(tmp_path)), AuditLog(FS, str(tmp_path)).read):
        with pytest.raises(OSError, match="Illegal seek"):
            read()


@pytest.mark.parametrize("text", ["", "7", "[]", "{", "\0" * 64, '{"a":' * 100_000, b"\xff\xfe"])
def test_what_is_no_object_is_nonsense(text, tmp_path):
    (tmp_path / "a").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError):  # of whatever words
        read_fields(FS, str(tmp_path / "a"), 1_000_000)


def test_a_file_may_be_as_large_as_its_limit(tmp_path):
    text = json.dumps({"a": "x" * 100})
    (tmp_path / "a").write_text(text)
    assert read_fields(FS, str(tmp_path / "a"), len(text)) == {"a": "x" * 100}
    with pytest.raises(OSError, match=f"larger than {len(text) - 1} bytes"):
        read_fields(FS, str(tmp_path / "a"), len(text) - 1)
