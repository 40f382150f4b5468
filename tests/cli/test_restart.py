"""A person restarts a service of `dicomrs up`: what is in hand is finished, it is back at once, and nothing is lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from dicomrs.audit import AuditLog, outcomes
from dicomrs.desk import Restart, ask_service
from dicomrs.log_files import Wanted, newest
from dicomrs.moments import moment
from dicomrs.spool.fs import OsFileSystem
from dicomrs.state import log_folder
from dicomrs_wire.errors import Aborted
from support.objects import image, instance, series
from support.polling import PATIENCE, eventually
from support.router import Router, destination, route
from support.sender import association, send_all, store

FS = OsFileSystem()
ANA = Restart(who="ana", identified="password", why="it looks stuck")


@pytest.fixture
def router(tmp_path, tap, run_up):
    made = run_up(route(tmp_path / "root", destination("tap", tap.port)))
    made.children["up"].wait_for_port(made.port())
    eventually(lambda: made.spool().status("scu"), "scu serves")
    return made


def beat_of_second(router: Router, service: str) -> dict:
    """The first heartbeat of the process that came after the first one."""
    first, second = eventually(
        lambda: (pids := started(router, service)) and len(pids) == 2 and pids, f"{service} is started again"
    )
    beat = eventually(lambda: (b := router.spool().status(service)).get("pid") == second and b, "it says that it works")
    assert not psutil.pid_exists(first)
    return beat


def started(router: Router, service: str) -> list[int]:
    return [line["pid"] for line in router.events("up", "child started") if line["child"] == service]


def test_scp_finishes_the_object_in_hand_and_is_back(router, tap):
    root = router.routes[0]["spec"]["storage"]["root"]
    one, other = instance(image(rows=2048)), instance(image())
    fragments, answers = [], []

    def restart_within(_):
        fragments.append(_)
        if len(fragments) == 30:  # of 64
            eventually(router.spool().parts, "it has the object in hand")
            answers.append(ask_service(FS, root, "scp", ANA, PATIENCE))
            eventually(lambda: not router.is_listening(), "it has stopped to listen")

    with association(router.port(), [one, other]) as requestor:
        assert store(requestor, one, digest=restart_within).status == 0x0000
        with pytest.raises(Aborted):
            store(requestor, other)
    beat = beat_of_second(router, "scp")
    assert not answers[0].failed
    router.children["up"].wait_for_port(router.port())
    send_all(router.port(), [other])
    router.spool().wait_empty()
    assert sorted(found.identity for found in tap.stored) == sorted([one.identity, other.identity])

    assert beat["restarts"] == 1
    assert beat["memory"] > 10_000_000
    assert 0 < beat["cpuSeconds"] < 60
    assert 0 <= (moment(beat["at"]) - moment(beat["startedAt"])).total_seconds() < 60
    assert not router.events("up", "child ended, it is started again"), "it counts as no failure"
    ((begun, ended),) = outcomes(AuditLog(FS, root).read().entries)
    assert (begun.fields["action"], begun.fields["service"], begun.fields["who"]) == ("restart", "scp", "ana")
    assert ended.fields["failed"] == ""


def test_scu_finishes_the_object_in_hand_and_sends_the_others_once(router, tap):
    answer_now = threading.Event()
    tap.answer = lambda _: 0 * answer_now.wait(60)
    root = router.routes[0]["spec"]["storage"]["root"]
    objects = series(5)
    send_all(router.port(), objects)
    eventually(lambda: tap.arrived, "the first object is under way")
    with ThreadPoolExecutor(1) as persons:
        asked = persons.submit(ask_service, FS, root, "scu", ANA, PATIENCE)
        assert not asked.result(PATIENCE).failed
        time.sleep(1)
        assert len(started(router, "scu")) == 1, "it waits for the answer to the object in hand"
        answer_now.set()
    beat_of_second(router, "scu")
    router.spool().wait_empty()
    assert sorted(found.uid for found in tap.arrived) == sorted(one.uid for one in objects), "each of them once"


def test_a_restart_disturbs_the_other_service_in_nothing(router, tap):
    root = router.routes[0]["spec"]["storage"]["root"]
    (before,) = started(router, "scp")
    assert not ask_service(FS, root, "scu", ANA, PATIENCE).failed
    send_all(router.port(), series(3))
    beat_of_second(router, "scu")
    tap.wait_stored(3)
    assert started(router, "scp") == [before]
    peers = eventually(lambda: router.spool().status("scp")["peers"], "its next heartbeat tells who came")
    assert [peer["calling"] for peer in peers] == ["SCANNER_1"]


def test_the_log_files_of_all_programs_tell_of_it(router):
    root = router.routes[0]["spec"]["storage"]["root"]
    assert not ask_service(FS, root, "scu", ANA, PATIENCE).failed
    beat_of_second(router, "scu")

    def told() -> set[tuple[str, str]]:
        return {(line.service, line.event) for line in newest(log_folder(root), Wanted(), 1000).lines}

    wanted = {
        ("scp", "listening"),
        ("scu", "done for a person"),
        ("up", "child is started again, as a person asked for"),
    }
    eventually(lambda: wanted <= told(), "it is told")
