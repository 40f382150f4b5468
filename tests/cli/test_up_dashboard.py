"""up: the dashboard is its third child, tells its address and a first way in, and is never in the way of the others."""

import os
import re
import socket

import httpx2
import pytest

from dicomrs.exits import Exit
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from support.objects import series
from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK, free_port, is_open
from support.router import Router, destination, route
from support.sender import send_all

PASSWORD = "correct horse battery"


def printed(router: Router) -> str:
    """What it has told of the dashboard, on standard output."""
    found = eventually(lambda: re.search(r"^dashboard: .*$", router.log("up").read_text(), re.MULTILINE), "it is told")
    return found[0]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def run(tmp_path, tap, run_up, port):
    def make(*options: str) -> Router:
        to = destination("tap", tap.port)
        return run_up(route(tmp_path / "root", to), options=[f"--dashboard={LOOPBACK}:{port}", *options])

    return make


def test_by_what_is_printed_at_first_an_admin_comes_in(run, port, tmp_path):
    router = run()
    found = re.match(r"dashboard: (http://127.0.0.1:\d+)(/once\?code=(\S+)) \(.*15 minutes\)", printed(router))
    with httpx2.Client(base_url=found[1], timeout=PATIENCE) as browser:
        assert "Welcome, admin." in browser.get(found[2]).text
        answer = browser.post("/once", data={"code": found[3], "password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 303
        page = eventually(lambda: "clinic" in (text := browser.get("/").text) and text, "the route is shown")
        assert f"admin ({Role.ADMIN.title})" in page
    router.children["up"].stop()
    logs = tmp_path / "root" / ".status" / "logs"
    assert logs.exists()
    for file in logs.iterdir():
        assert found[3] not in file.read_text(), "the code is in a log"


def test_where_somebody_can_sign_in_no_code_is_made(run, port, tmp_path):
    users = Users(str(tmp_path / "root"))
    users.add("ana", Role.ADMIN)
    users.set_password("ana", PASSWORD)
    assert printed(run()) == f"dashboard: http://{LOOPBACK}:{port}/"


def test_options_come_from_a_file(run, port, tmp_path):
    (tmp_path / "options").write_text("--base-path=/dicom\n")
    router = run("--dashboard-options", str(tmp_path / "options"))
    assert printed(router).startswith(f"dashboard: http://{LOOPBACK}:{port}/dicom/once?")
    answer = httpx2.get(f"http://{LOOPBACK}:{port}/", headers={"Accept": "text/html"}, timeout=PATIENCE)
    assert answer.headers["location"] == "/dicom/login"


def test_a_port_that_is_taken_is_told_of_and_stops_nothing(run, port, tmp_path, tap):
    with socket.create_server((LOOPBACK, port)):
        router = run()
        line = router.wait_for("up", "cannot listen")
        assert (line["service"], line["port"]) == ("dashboard", port)
        router.children["up"].wait_for_port(router.port())
        send_all(router.port(), series(3))
        tap.wait_stored(3)
    eventually(lambda: "/once?code=" in printed(router), "it is tried again, once the port is free")


def test_killed_it_is_started_again_and_it_stands_back_for_the_others(run, port):
    router = run()
    printed(router)
    pids = {line["child"]: line["pid"] for line in router.events("up", "child started")}
    nice = {child: os.getpriority(os.PRIO_PROCESS, pid) for child, pid in pids.items()}
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice == {"scp": own, "scu": own, "dashboard": min(19, own + 10)}
    os.kill(pids["dashboard"], 9)
    assert router.wait_for("up", "child ended, it is started again")["child"] == "dashboard"
    eventually(lambda: is_open(port), "it is back")
    assert httpx2.get(f"http://{LOOPBACK}:{port}/healthz", timeout=PATIENCE).text == "ok\n"
    assert router.children["up"].stop() == Exit.OK


def test_a_wrong_place_is_a_wrong_command_line(dicomrs, write_manifest, tmp_path):
    manifest = write_manifest(route(tmp_path / "root"))
    assert dicomrs("up", "--dashboard", "8080", manifest).exit_code == Exit.USAGE
