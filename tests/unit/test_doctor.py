"""Examinations on record: written step by step, read back, the newest kept; files of nonsense are none."""

from datetime import datetime, timedelta, timezone

import pytest

from dicomrs.causes import Cause
from dicomrs.doctor import FOLDER, KEPT, Check, State, Step, new_run, read_run, read_runs, write_run
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.proof import prepare_root

FS = OsFileSystem()
NOW = datetime(2026, 1, 22, 10, 15, 30, tzinfo=timezone(timedelta(hours=-3)))


@pytest.fixture
def root(tmp_path) -> str:
    path = str(tmp_path / "root")
    prepare_root(FS, path)
    return path


def begun(service="scu", destination="zero-click", now=NOW):
    return new_run(service, "clinic", destination, "ana", [Check.TCP, Check.ECHO], now)


def test_a_run_is_read_as_it_was_written_and_followed_step_by_step(root):
    run = begun()
    write_run(FS, root, run)
    assert read_runs(FS, root) == [run]
    assert {step.state for step in run.steps} == {State.WAITING}
    told = {"host": "192.168.10.16", "port": "4243"}
    failed = Step(check=Check.TCP, state=State.FAILED, cause=Cause.FILTERED, params=told, detail="…", milliseconds=5.0)
    write_run(FS, root, run.with_step(failed))
    found = read_run(FS, root, run.id)
    assert found.verdict == failed
    assert found.step(Check.ECHO).state is State.WAITING


def test_the_newest_of_each_service_stay(root):
    first = begun("scp", "")
    write_run(FS, root, first)
    runs = [begun(now=NOW + timedelta(seconds=number)) for number in range(KEPT + 3)]
    for run in runs:
        write_run(FS, root, run)
    assert [run.id for run in read_runs(FS, root)] == [run.id for run in reversed(runs[3:])] + [first.id]


def test_a_run_whose_service_has_ended_is_not_running_for_ever(root):
    run = begun()
    assert run.is_running(NOW + timedelta(seconds=10))
    assert not run.is_running(NOW + timedelta(minutes=5))
    assert not run.model_copy(update={"ended": NOW.isoformat()}).is_running(NOW)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"id": 7}',
        b"[" * 300_000,
        b'{"steps": [{"check": "magic"}]}',
        b'{"steps": [{"check": "tcp", "milliseconds": 1e999}]}',
    ],
)
def test_nonsense_on_the_disk_is_no_run(root, content):
    run = begun()
    write_run(FS, root, run)
    with open(f"{root}/{FOLDER}/{run.id}.json", "wb") as file:
        file.write(content)
    assert read_runs(FS, root) == []
    assert read_run(FS, root, run.id) is None


@pytest.mark.parametrize("name", ["../scu", "", "x", "20260122T101530-scu-abcdef/../..", "20260122T101530-scu-zzzzzz"])
def test_an_id_is_never_a_path(root, name):
    assert read_run(FS, root, name) is None


def test_a_root_without_examinations_has_none(tmp_path):
    assert read_runs(FS, str(tmp_path / "nowhere")) == []


def test_a_clock_that_was_set_back_hides_no_new_run_and_keeps_no_old_one_running(root):
    for number in range(KEPT):
        write_run(FS, root, begun(now=NOW + timedelta(days=365, seconds=number)))
    run = begun()
    write_run(FS, root, run)
    assert read_run(FS, root, run.id) == run
    assert len(read_runs(FS, root)) == KEPT
    assert not begun(now=NOW + timedelta(days=365)).is_running(NOW)
