"""up: both services as children of one command, through kills, reloads and the end."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dicomrs.exits import Exit
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.requestor import Requestor
from support.certificates import Authority, client
from support.objects import IMPLICIT, series
from support.peers import Storescp
from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK, Child
from support.router import AE_TITLE, Router, destination, route
from support.sender import send_all
from support.volumes import away

SILENT = "a storage root does not answer: if it has the dashboard's users, start anew once it does"


def ready(router: Router) -> Router:
    """Until both services serve the first route."""
    for index in range(len(router.routes)):
        router.children["up"].wait_for_port(router.port(index))
    eventually(lambda: router.spool().status("scu"), "scu serves")
    return router


def pids(router: Router, service: str) -> list[int]:
    return [line["pid"] for line in router.events("up", "child started") if line["child"] == service]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def open_association(port: int) -> Requestor:
    return Requestor.connect(LOOPBACK, port, calling="SCANNER", called=AE_TITLE, contexts=[(VERIFICATION, IMPLICIT)])


def test_objects_go_all_the_way(tmp_path, tap, run_up):
    router = ready(run_up(route(tmp_path / "root", destination("tap", tap.port))))
    sent = series(5)
    send_all(router.port(), sent)
    tap.wait_stored(5)
    assert {one.identity for one in tap.stored} == {one.identity for one in sent}


@pytest.mark.peer("openssl", "storescp")
def test_objects_go_all_the_way_over_tls_and_echo_agrees(tmp_path, make_router, dicomrs):
    """With the secrets in a folder of their own, which both commands are told."""
    authority, secrets = Authority(tmp_path), tmp_path / "certificates"
    here, there = authority.issue(secrets / "here"), authority.issue(secrets / "there")
    target = Storescp(tmp_path / "storescp", "+tls", there / "tls.key", there / "tls.crt", "+cf", there / "ca.crt")
    to = destination("target", target.port, tls={"secretName": "there"})
    router = make_router(route(tmp_path / "root", to, receiver={"tls": {"secretName": "here"}}), start=False)
    command = [
        sys.executable,
        "-m",
        "dicomrs_cli",
        "up",
        "--no-dashboard",
        "--secrets",
        str(secrets),
        str(router.manifest),
    ]
    router.children["up"] = Child(command, router.log("up"))
    sent = series(3)
    try:
        target.start()
        ready(router)
        send_all(router.port(), sent, tls=client(here))
        router.spool().wait_empty()
        shown = dicomrs("echo", "--secrets", secrets, router.manifest)
        assert (shown.exit_code, shown.output.count("0000 success")) == (Exit.OK, 2), shown.output
        assert sorted(path.read_bytes()[-1000:] for path in target.files()) == sorted(o.dataset[-1000:] for o in sent)
    finally:
        target.close()


@pytest.mark.parametrize("service", ["scp", "scu"])
def test_a_service_that_is_killed_is_started_again(service, tmp_path, tap, run_up):
    router = ready(run_up(route(tmp_path / "root", destination("tap", tap.port))))
    (first,) = pids(router, service)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(pids(router, service)) == 2, f"{service} is started again")
    assert router.wait_for("up", "child ended, it is started again")["reason"] == "killed by SIGKILL"
    ready(router)
    send_all(router.port(), series(2))
    tap.wait_stored(2)


def test_a_port_in_use_is_one_line_and_its_exit_code(tmp_path, run_up):
    with socket.create_server((LOOPBACK, 0)) as occupied:
        port = occupied.getsockname()[1]
        router = run_up(route(tmp_path / "root", receiver={"port": port}))
        assert router.children["up"].wait() == Exit.PORT_IN_USE
    (line,) = router.events("up", "not receiving")
    assert f"port {port} is used by another program" in line["reason"]
    assert all(gone(pid) for service in ("scp", "scu") for pid in pids(router, service))


def test_a_root_that_cannot_be_written_to_is_told_and_its_exit_code(tmp_path, run_up):
    (tmp_path / "file").write_text("")
    router = run_up(route(tmp_path / "file" / "root"))
    assert router.children["up"].wait() == Exit.ROOT
    assert "cannot carry a spool" in router.wait_for("up", "not receiving")["reason"]


def test_a_broken_manifest_is_a_line_for_each_problem_and_no_start(tmp_path, run_up):
    router = run_up(route(tmp_path / "root", destination("Bad Name", 70000)))
    assert router.children["up"].wait() == Exit.MANIFEST
    problems = [line["problem"] for line in router.events("up", "manifest refused")]
    assert len(problems) == 2
    assert all(str(router.manifest) in problem for problem in problems)
    assert not router.events("up", "child started")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_both_and_itself_with_0(signum, tmp_path, run_up):
    router = ready(run_up(route(tmp_path / "root")))
    router.children["up"].process.send_signal(signum)
    assert router.children["up"].wait() == Exit.OK
    assert all(gone(pid) for service in ("scp", "scu") for pid in pids(router, service))
    assert not router.events("up", "child killed")
    assert not router.is_listening()


def test_killed_it_takes_its_children_along(tmp_path, run_up):
    router = ready(run_up(route(tmp_path / "root")))
    router.children["up"].kill()
    for service in ("scp", "scu"):
        (pid,) = pids(router, service)
        eventually(lambda pid=pid: gone(pid), f"{service} ends")


def test_a_new_receiver_comes_without_an_association_of_another_being_dropped(tmp_path, run_up):
    old = route(tmp_path / "a", name="a")
    router = ready(run_up(old))
    with open_association(router.port()) as association:
        assert association.echo() == 0
        router.write(old, route(tmp_path / "b", name="b"))
        eventually(lambda: router.is_listening(1), "the new receiver listens")
        assert association.echo() == 0
    with open_association(router.port(1)) as association:
        assert association.echo() == 0
    assert len(pids(router, "scp")) == 1


def test_a_manifest_that_breaks_is_told_and_the_last_good_one_stays(tmp_path, tap, run_up):
    good = route(tmp_path / "root", destination("tap", tap.port))
    router = ready(run_up(good))
    broken = route(tmp_path / "root", destination("tap", 70000), receiver={"port": router.port()})
    Path(router.manifest).write_text(str(broken))
    line = router.wait_for("up", "manifest refused, the last good one stays")
    assert "spec.destinations[0].port" in line["problem"]
    send_all(int(good["spec"]["receiver"]["port"]), series(1))
    tap.wait_stored(1)


def test_it_stops_when_its_input_ends_if_asked_to(tmp_path, make_router):
    router = make_router(route(tmp_path / "root"), start=False)
    command = [sys.executable, "-m", "dicomrs_cli", "up", "--no-dashboard", "--watch-stdin", str(router.manifest)]
    with router.log("up").open("ab") as log:
        up = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        eventually(router.is_listening, "the receiver listens")
        up.stdin.close()
        assert up.wait(PATIENCE) == Exit.OK
    finally:
        up.kill()
        up.wait()


@pytest.mark.peer("mount")
def test_a_volume_that_hangs_at_the_start_keeps_no_other_route_from_being_served(tmp_path, tap, run_up):
    to, first = destination("tap", tap.port), tmp_path / "hanging"
    first.mkdir()
    with away(first):
        router = run_up(route(first, to, name="hanging"), route(tmp_path / "well", to, name="well"))
        router.children["up"].wait_for_port(router.port(1))
        send_all(router.port(1), series(2))
        tap.wait_stored(2)
        assert str(first) in router.wait_for("up", SILENT)["path"]
    ready(router)
    send_all(router.port(0), series(2))
    tap.wait_stored(4)
