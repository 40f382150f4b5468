"""The supervisor, with children that do what real ones do seldom."""

import itertools
import sys
import threading
import time

import pytest

from dicomrs.exits import Exit
from dicomrs_cli.supervisor import STOP_SECONDS, Command, Stop, Supervisor
from support.polling import PATIENCE, eventually

NOTING = "import sys, time, os; open({starts!r}, 'a').write(str(time.monotonic()) + '\\n'); "
FIRST_OR = "sys.exit({first} if len(open({starts!r}).readlines()) == 1 else {then})"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({ready!r}, 'w'); time.sleep(300)"


class Supervised:
    """A supervisor on a thread of its own."""

    def __init__(self, **scripts: str) -> None:
        self.stop = Stop()
        self.code: int | None = None
        self._supervisor = Supervisor(
            {name: Command([sys.executable, "-c", script]) for name, script in scripts.items()}
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.code = self._supervisor.run(self.stop)

    def join(self, within: float) -> bool:
        self._thread.join(within)
        return not self._thread.is_alive()


@pytest.fixture
def supervise():
    made: list[Supervised] = []

    def start(**scripts: str) -> Supervised:
        made.append(Supervised(**scripts))
        return made[-1]

    yield start
    for one in made:
        one.stop.requests += 2
        assert one.join(PATIENCE)


def starts(path) -> list[float]:
    return [float(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_child_that_keeps_dying_is_started_less_and_less_often(tmp_path, supervise):
    noted = tmp_path / "starts"
    supervise(full=NOTING.format(starts=str(noted)) + f"sys.exit({int(Exit.FULL)})")
    found = eventually(lambda: len(starts(noted)) >= 4 and starts(noted), "four starts")
    # Python itself may take its time to start, so that the pauses alone need not grow.
    for (earlier, later), delay in zip(itertools.pairwise(found), (0.5, 1, 2), strict=False):
        assert later - earlier >= delay


@pytest.mark.parametrize("code", [Exit.MANIFEST, Exit.PORT_IN_USE, Exit.ROOT, Exit.NOT_ALLOWED])
def test_a_wrong_configuration_at_the_first_start_ends_everything(code, tmp_path, supervise):
    one = supervise(wrong=f"import sys; sys.exit({int(code)})", good="import time; time.sleep(300)")
    assert one.join(PATIENCE)
    assert one.code == code


def test_a_configuration_that_goes_wrong_later_is_waited_out(tmp_path, supervise):
    noted = tmp_path / "starts"
    script = NOTING + FIRST_OR
    one = supervise(child=script.format(starts=str(noted), first=1, then=int(Exit.ROOT)))
    eventually(lambda: len(starts(noted)) >= 3, "it is started again and again")
    assert one.code is None


def test_asked_twice_it_kills_what_does_not_stop(tmp_path, supervise):
    ready = tmp_path / "ready"
    one = supervise(stubborn=STUBBORN.format(ready=str(ready)))
    eventually(ready.exists, "the child runs")
    one.stop.request()
    assert not one.join(0.5)
    began = time.monotonic()
    one.stop.request()
    assert one.join(PATIENCE)
    assert one.code == Exit.OK
    assert time.monotonic() - began < STOP_SECONDS / 2


def test_a_program_that_cannot_be_started_is_tried_again(tmp_path):
    stop = Stop()
    missing, link = tmp_path / "none", tmp_path / "program"
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(Supervisor({"late": Command([str(link)])}).run(stop)))
    thread.start()
    missing.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    missing.chmod(0o755)
    link.symlink_to(missing)
    try:
        eventually((tmp_path / "ran").exists, "it runs once it is there")
    finally:
        stop.request()
        thread.join(PATIENCE)
    assert codes == [Exit.OK]


def test_a_child_that_a_person_has_restarted_is_started_at_once_and_nothing_is_held_against_it(
    tmp_path, supervise, capsys
):
    noted = tmp_path / "starts"
    supervise(asked=NOTING.format(starts=str(noted)) + f"time.sleep(0.1); sys.exit({int(Exit.RESTART)})")
    eventually(lambda: len(starts(noted)) >= 5, "five starts")
    told = capsys.readouterr().out
    assert told.count("as a person asked for") >= 4
    assert "child ended" not in told, "it is started later and later"
