"""Requests to a service: what is none is answered as such, and keeps the service from nothing."""

import json
import os

import pytest

from dicomrs.spool import control
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import CONTROL

GOOD = control.Release(who="ana", why="the target is well again", destination="tap")


def changed(**fields):
    return json.dumps({**json.loads(control.pack(GOOD)), **fields}).encode()


@pytest.mark.parametrize(
    "request_text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 10_000,
        b" " * 100_000,
        changed(who=1),
        changed(folder=["a"]),
        changed(folder="../a"),
        changed(destination=None),
        changed(action="eat"),
        changed(action=[]),
        changed(action="discard"),
        changed(action="discard", what=[["parked"]]),
        changed(mood="good"),
    ],
)
def test_what_is_no_request_is_answered_as_such_and_the_next_is_handled(request_text, tmp_path):
    folder = tmp_path / CONTROL
    folder.mkdir()
    (folder / "a.request.json").write_bytes(request_text)
    (folder / "b.request.json").write_bytes(control.pack(GOOD))
    handled = []

    def handle(request):
        handled.append(request)
        return control.Answer(3)

    control.serve(OsFileSystem(), str(tmp_path), handle)
    assert handled == [GOOD]
    assert sorted(os.listdir(folder)) == ["a.answer.json", "b.answer.json"]
    answers = {name: json.loads((folder / f"{name}.answer.json").read_text()) for name in "ab"}
    assert "cannot be understood" in answers["a"]["failed"]
    assert (answers["b"]["objects"], answers["b"]["failed"]) == (3, "")
