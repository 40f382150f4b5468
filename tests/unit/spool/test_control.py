"""Requests to a service: what is none is answered as such, and keeps the service from nothing."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from dicomrs.spool import control, mailbox
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import CONTROL
from dicomrs.spool.mailbox import Answer, NoAnswerError
from support.polling import eventually

GOOD = control.Release(who="ana", why="the target is well again", destination="tap")


def changed(**fields):
    return json.dumps({**json.loads(mailbox.pack(GOOD)), **fields}).encode()


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
    (folder / "b.request.json").write_bytes(mailbox.pack(GOOD))
    handled = []

    def handle(request):
        handled.append(request)
        return Answer(3)

    control.serve(OsFileSystem(), str(tmp_path), handle)
    assert handled == [GOOD]
    assert sorted(os.listdir(folder)) == ["a.answer.json", "b.answer.json"]
    answers = {name: json.loads((folder / f"{name}.answer.json").read_text()) for name in "ab"}
    assert "cannot be understood" in answers["a"]["failed"]
    assert (answers["b"]["objects"], answers["b"]["failed"]) == (3, "")


def test_what_is_no_file_neither_holds_the_service_up_nor_keeps_others_from_being_served(tmp_path):
    folder = tmp_path / CONTROL
    folder.mkdir()
    os.mkfifo(folder / "a.request.json")
    (folder / "b.request.json").mkdir()
    (folder / "c.request.json").write_bytes(mailbox.pack(GOOD))
    (folder / "c.answer.json").mkdir()
    (folder / "d.request.json").write_bytes(mailbox.pack(GOOD))
    with ThreadPoolExecutor(1) as service:
        serving = service.submit(control.serve, OsFileSystem(), str(tmp_path), lambda request: Answer(3))
        try:
            with pytest.raises(OSError, match="directory"):
                serving.result(10)
        finally:
            if not serving.done():  # whoever opens a pipe waits until somebody writes to it
                os.close(os.open(folder / "a.taken.json", os.O_WRONLY | os.O_NONBLOCK))
    answers = {name: json.loads((folder / f"{name}.answer.json").read_text()) for name in "ad"}
    assert "cannot be understood" in answers["a"]["failed"]
    assert answers["d"]["objects"] == 3


def test_what_a_dead_service_had_taken_is_answered_as_failed_and_not_done_again(tmp_path):
    folder = tmp_path / CONTROL
    folder.mkdir()
    (folder / "a.request.json").write_bytes(mailbox.pack(GOOD))

    def die(request):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        control.serve(OsFileSystem(), str(tmp_path), die)
    control.serve(OsFileSystem(), str(tmp_path), die)
    assert os.listdir(folder) == ["a.answer.json"]
    assert "ended meanwhile" in json.loads((folder / "a.answer.json").read_text())["failed"]


def test_what_those_who_asked_and_died_have_left_is_removed_after_an_hour(tmp_path):
    folder = tmp_path / CONTROL
    folder.mkdir()
    for name in ("old.answer.json", "old.draft", "fresh.answer.json", "fresh.draft", "old.other"):
        (folder / name).write_bytes(b"{}")
        if name.startswith("old"):
            long_ago = time.time() - 3700
            os.utime(folder / name, (long_ago, long_ago))
    control.serve(OsFileSystem(), str(tmp_path), lambda request: Answer(1))
    assert sorted(os.listdir(folder)) == ["fresh.answer.json", "fresh.draft", "old.other"]


def test_what_nobody_has_waited_for_any_more_is_not_done_an_hour_later(tmp_path):
    """Whoever asked has died while no service ran: a test image must not go to a target in the night for it."""
    folder = tmp_path / CONTROL
    folder.mkdir()
    for name, age in (("old", 3700), ("fresh", 3500)):
        path = folder / f"{name}.request.json"
        path.write_bytes(changed(why=name))
        then = time.time() - age
        os.utime(path, (then, then))
    handled = []

    def handle(request):
        handled.append(request.why)
        return Answer(1)

    control.serve(OsFileSystem(), str(tmp_path), handle)
    assert handled == ["fresh"]
    assert "ask again" in json.loads((folder / "old.answer.json").read_text())["failed"]


def test_who_asks_waits_for_the_answer_as_long_as_the_service_is_at_it(tmp_path):
    (tmp_path / CONTROL).mkdir()
    fs = OsFileSystem()
    asking = partial(control.ask, fs, str(tmp_path), GOOD)
    with ThreadPoolExecutor(1) as persons:
        asked = persons.submit(asking, seconds=2.0)
        requests = lambda: list((tmp_path / CONTROL).glob("*.request.json"))  # noqa: E731 (asked again and again)
        eventually(requests, "it is asked", 10)

        def work(request):
            time.sleep(2.5)
            return Answer(2, ("1 x no",))

        control.serve(fs, str(tmp_path), work)
        assert asked.result(10) == Answer(2, ("1 x no",))
    assert os.listdir(tmp_path / CONTROL) == []


@pytest.mark.parametrize("taken", [False, True])
def test_without_an_answer_nothing_is_promised(taken, tmp_path):
    (tmp_path / CONTROL).mkdir()
    fs = OsFileSystem()
    with ThreadPoolExecutor(1) as persons:
        asked = persons.submit(control.ask, fs, str(tmp_path), GOOD, 3.0 if taken else 0.2, 0.2)
        if taken:
            (path,) = eventually(lambda: list((tmp_path / CONTROL).glob("*.request.json")), "it is asked", 10)
            path.rename(path.with_name(path.name.replace("request", "taken")))
        with pytest.raises(NoAnswerError, match="still at it" if taken else "is it running"):
            asked.result(10)
