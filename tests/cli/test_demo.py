"""demo: every figure right, and nothing left behind."""

import signal
import sys

import psutil
import pytest

from dicomrs.exits import Exit
from dicomrs_cli.demonstration.figures import Figure
from support.polling import eventually
from support.processes import Child, run

COMMAND = [sys.executable, "-m", "dicomrs_cli", "demo", "--target", "embedded"]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where the demonstration makes its folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_every_figure_is_right_and_nothing_is_left(temporary):
    ended = run(COMMAND, 280)
    assert ended.returncode == Exit.OK, ended.stdout + ended.stderr
    assert "every figure is right" in ended.stdout
    assert "WRONG" not in ended.stdout
    assert ended.stderr == ""  # no terminal, no progress bar
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_folder(signum, temporary, tmp_path):
    demo = Child(COMMAND, tmp_path / "demo.log")
    try:
        everybody = lambda: psutil.Process(demo.process.pid).children(recursive=True)  # noqa: E731
        family = eventually(lambda: len(everybody()) >= 4 and everybody(), "target, up, scp and scu run")
        demo.process.send_signal(signum)
        assert demo.wait() != Exit.OK
    finally:
        demo.close()
    eventually(lambda: not any(process.is_running() for process in family), "none of them is left")
    assert list(temporary.iterdir()) == []


def test_a_figure_is_right_only_if_it_is_what_it_must_be():
    assert Figure("delivered", 5, 5).right
    assert Figure("sent", 5, None).right
    assert not Figure("delivered", 4, 5).right
    assert not Figure("left on disk", 1, 0).right
