"""The dashboard as a program of its own, beside a real router."""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import yaml

from dicomrs.exits import Exit
from dicomrs.status_api import RouteStatus, StatusReport
from dicomrs_dashboard.connections import CONNECTIONS
from dicomrs_dashboard.serving import listening_socket
from support.filled_spool import FilledSpool
from support.objects import series
from support.polling import eventually
from support.processes import LOOPBACK, Child, free_port, is_open, tail
from support.router import destination, route
from support.sender import send_all
from support.tap import Tap

TOKEN = "ein-Zeichen-0123456789"


class Dashboard:
    """The program, its log and its token file."""

    def __init__(self, folder: Path, manifest: Path, *, port: int = 0) -> None:
        self.port = port or free_port()
        self.log = folder / "dashboard.log"
        self.token = folder / "token"
        place = f"{LOOPBACK}:{self.port}"
        options = ["--await-manifests", "--listen", place, "--token-file", str(self.token)]
        options += ["--state", str(folder), "--log-folder", str(folder / "logs")]
        self.client = httpx2.Client(
            base_url=f"http://{place}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        self.child = Child([sys.executable, "-m", "dicomrs_dashboard", str(manifest), *options], self.log)

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def route(self) -> RouteStatus | None:
        """The first route, once the token is let in and there is one."""
        answer = self.get("/api/v1/status")
        routes = StatusReport.model_validate_json(answer.content).routes if answer.status_code == 200 else ()
        return routes[0] if routes else None

    def close(self) -> None:
        self.client.close()
        self.child.close()

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def run_dashboard(tmp_path) -> Iterator[Callable[..., Dashboard]]:
    """Start dashboards, and wait until they answer."""
    with ExitStack() as ending:

        def run(manifest: Path, **options: object) -> Dashboard:
            made = Dashboard(tmp_path, manifest, **options)
            ending.callback(made.close)
            eventually(lambda: is_open(made.port) or not made.child.alive, "it answers")
            assert made.child.alive, tail(made.log)
            return made

        yield run


def memory(child: Child) -> float:
    """MB that a process has (RSS)."""
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def test_it_tells_the_story_of_an_outage_as_it_goes_on(tmp_path, make_router, run_dashboard, tap: Tap):
    tap.stop()
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    dashboard = run_dashboard(router.manifest)
    dashboard.token.write_text(TOKEN)
    objects = series(5)
    send_all(router.port(), objects)
    waits = eventually(lambda: (one := dashboard.route()) and one.destinations[0].trouble and one, "it is said why")
    assert (waits.scp.alive, waits.scp.listening, waits.scu.alive, waits.received) == (True, True, True, True)
    assert (waits.waiting.objects, waits.destinations[0].waiting, waits.last_delivery) == (5, 5, "")
    assert waits.waiting.bytes == sum(len(one.dataset) for one in objects)
    eventually(lambda: 'dicomrs_scp_kept_total{route="clinic"} 5.0' in dashboard.get("/metrics").text, "scp's count")
    assert 'dicomrs_destination_trouble{destination="tap",route="clinic"} 1.0' in dashboard.get("/metrics").text

    tap.start()
    router.spool().wait_empty()
    done = eventually(
        lambda: (one := dashboard.route()) and one.destinations[0].delivered == 5 and one, "all is told of"
    )
    assert (done.waiting.objects, done.waiting.oldest, done.destinations[0].waiting) == (0, "", 0)
    assert done.last_delivery > waits.last_arrival
    confirmed = 'dicomrs_scu_confirmed_total{destination="tap",route="clinic"} 5.0'
    eventually(lambda: confirmed in dashboard.get("/metrics").text, "scu's count")

    router.kill("scp", "scu")
    dead = eventually(
        lambda: (one := dashboard.route()) and not (one.scp.alive or one.scu.alive) and one, "both are dead"
    )
    assert not dead.scp.listening


def test_it_waits_for_manifests_and_for_its_token_and_ends_when_told(tmp_path, run_dashboard):
    spool = FilledSpool(tmp_path / "root")
    spool.receive(*series(2))
    manifest = tmp_path / "routes" / "routes.yaml"
    dashboard = run_dashboard(manifest)
    assert dashboard.get("/healthz").text == "ok\n"
    assert "there is no token in" in dashboard.get("/api/v1/status").json()["detail"]
    dashboard.token.write_text(TOKEN)
    assert dashboard.get("/api/v1/status").json()["routes"] == []
    manifest.parent.mkdir()
    manifest.write_text(yaml.safe_dump(route(spool.root, destination("one", 1))))
    found = eventually(dashboard.route, "the route is loaded")
    assert found.waiting.objects == 2
    manifest.unlink()
    eventually(lambda: any("gone" in line["event"] for line in dashboard.lines()), "it is missed")
    assert dashboard.route()
    assert dashboard.child.stop() == Exit.OK
    assert {line["service"] for line in dashboard.lines()} == {"dashboard"}
    assert [line["event"] for line in dashboard.lines() if line["level"] in ("error", "critical")] == []


def test_it_stays_small_while_it_is_asked_all_the_time(tmp_path, run_dashboard):
    spool = FilledSpool(tmp_path / "root")
    spool.receive(*series(300))
    manifest = tmp_path / "routes.yaml"
    manifest.write_text(yaml.safe_dump(route(spool.root, destination("one", 1))))
    dashboard = run_dashboard(manifest)
    dashboard.token.write_text(TOKEN)
    for _ in range(200):
        assert dashboard.route()
        assert dashboard.get("/metrics").status_code == 200
    assert memory(dashboard.child) < 80


def test_told_to_end_while_a_volume_hangs_it_ends(tmp_path, run_dashboard):
    spool = FilledSpool(tmp_path / "root")
    manifest = tmp_path / "routes.yaml"
    manifest.write_text(yaml.safe_dump(route(spool.root)))
    with spool.hanging():
        dashboard = run_dashboard(manifest)
        dashboard.token.write_text(TOKEN)
        with pytest.raises(httpx2.ReadTimeout):
            dashboard.client.get("/metrics", timeout=1)
        began = time.monotonic()
        assert dashboard.child.stop() == Exit.OK
        assert time.monotonic() - began < 30


def test_what_the_server_itself_says_is_a_line_like_any_other(tmp_path, run_dashboard):
    dashboard = run_dashboard(tmp_path / "routes.yaml")
    with socket.create_connection((LOOPBACK, dashboard.port), timeout=30) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    (line,) = eventually(lambda: [one for one in dashboard.lines() if one["level"] == "warning"], "it is logged")
    assert (line["service"], line["event"]) == ("dashboard", "Invalid HTTP request received.")
    assert dashboard.get("/healthz").text == "ok\n"


@pytest.mark.parametrize("first_words", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /"])
def test_a_connection_that_sends_no_whole_request_is_closed(tmp_path, run_dashboard, first_words):
    """Also one that goes on sending, a byte at a time."""
    dashboard = run_dashboard(tmp_path / "routes.yaml")
    with socket.create_connection((LOOPBACK, dashboard.port), timeout=30) as sock:
        sock.sendall(first_words)

        def closed() -> bool:
            sock.settimeout(0.3)
            try:
                sock.sendall(b"x" if first_words else b"")
                return sock.recv(4096) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(closed, "it is closed")
    assert dashboard.get("/healthz").text == "ok\n"


def test_many_silent_connections_keep_nobody_from_being_answered(tmp_path, run_dashboard):
    dashboard = run_dashboard(tmp_path / "routes.yaml")
    with ExitStack() as opened:
        for _ in range(3 * CONNECTIONS):
            opened.enter_context(socket.create_connection((LOOPBACK, dashboard.port), timeout=30))
        descriptors = Path(f"/proc/{dashboard.child.process.pid}/fd")
        eventually(lambda: len(list(descriptors.iterdir())) < CONNECTIONS + 30, "the oldest have given way")
        assert dashboard.get("/healthz").text == "ok\n"
    assert [line["event"] for line in dashboard.lines() if line["level"] != "info"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_listens_on_an_address_of_either_kind_or_a_name(host):
    with listening_socket(host, 0) as sock, socket.create_connection(sock.getsockname()[:2], timeout=5):
        accepted, _ = sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "answers wait for acknowledgements"


def test_a_port_that_is_taken_and_a_wrong_manifest_have_exit_codes_of_their_own(tmp_path, run_dashboard):
    manifest = tmp_path / "routes.yaml"
    manifest.write_text("kind: Nonsense\n")
    first = run_dashboard(manifest)  # awaits a better one
    second = Dashboard(tmp_path, manifest, port=first.port)
    assert second.child.wait() == Exit.PORT_IN_USE
    second.close()
    command = [sys.executable, "-m", "dicomrs_dashboard", str(manifest), "--state", str(tmp_path)]
    third = Child(command, tmp_path / "third.log")
    assert third.wait() == Exit.MANIFEST
    assert "manifest refused" in (tmp_path / "third.log").read_text()


@pytest.mark.parametrize("place", ["8080", "127.0.0.1:", "127.0.0.1:http", ":8080", "127.0.0.1:70000"])
def test_no_place_to_listen_is_a_wrong_command_line(place, tmp_path):
    command = [sys.executable, "-m", "dicomrs_dashboard", "a.yaml", "--state", "s", "--listen", place]
    assert Child(command, tmp_path / "log").wait() == Exit.USAGE
    assert "is no place to listen" in (tmp_path / "log").read_text()
