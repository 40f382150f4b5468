"""The doors of the dashboard as a program: TLS of its own, live pages that stay, and what its command line refuses."""

import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from dicomrs.exits import Exit
from dicomrs_dashboard.connections import CONNECTIONS, STREAMS
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.live import MOST_OF_ONE
from support.certificates import Authority
from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK, Child, free_port, is_open, tail

PASSWORD = "correct horse battery"


class Program:
    """One that runs."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.log = folder / "dashboard.log"
        words = [str(folder / "routes.yaml"), "--await-manifests", "--state", str(folder)]
        listen = ["--listen", f"{LOOPBACK}:{self.port}"]
        self.child = Child([sys.executable, "-m", "dicomrs_dashboard", *words, *listen, *options], self.log)
        eventually(lambda: is_open(self.port) or not self.child.alive, "it answers")
        assert self.child.alive, tail(self.log)


@pytest.fixture
def run(tmp_path) -> Iterator[Callable[..., Program]]:
    """Start programs."""
    with ExitStack() as ending:

        def make(*options: str) -> Program:
            made = Program(tmp_path, *options)
            ending.callback(made.child.close)
            return made

        yield make


def sign_in(browser: httpx2.Client, state: Path, name: str = "ana") -> None:
    users = Users(str(state))
    users.add(name, Role.VIEWER)
    users.set_password(name, PASSWORD)
    fields = {"name": name, "password": PASSWORD}
    eventually(lambda: browser.post("/login", data=fields).status_code == 303, "the user is known")


@pytest.mark.peer("openssl")
class TestTls:
    """A machine without a proxy."""

    @pytest.fixture
    def authority(self, tmp_path) -> Authority:
        return Authority(tmp_path / "authority")

    def test_people_sign_in_over_it_and_a_renewed_certificate_is_taken_over(self, tmp_path, run, authority):
        folder = authority.issue(tmp_path / "tls", names=("DNS:localhost",))
        program = run("--tls", str(folder))
        context = ssl.create_default_context(cafile=authority.certificate)
        address = f"https://localhost:{program.port}"
        with httpx2.Client(base_url=address, verify=context, timeout=PATIENCE) as browser:
            sign_in(browser, tmp_path)
            assert browser.get("/").status_code == 200
            assert [cookie.name for cookie in browser.cookies.jar] == ["__Host-dicomrs"]

        def serial() -> bytes:
            with (
                socket.create_connection(("localhost", program.port), timeout=PATIENCE) as sock,
                context.wrap_socket(sock, server_hostname="localhost") as tls,
            ):
                return tls.getpeercert(binary_form=True)

        before = serial()
        shutil.copy(authority.issue(tmp_path / "next", names=("DNS:localhost",)) / "tls.crt", folder)
        eventually(lambda: "certificate not taken" in program.log.read_text(), "it does not fit the key that is there")
        assert serial() == before, "the last good one does not stay"
        shutil.copy(tmp_path / "next" / "tls.key", folder)
        eventually(lambda: serial() != before, "the renewed one is shown")

    def test_what_is_no_certificate_ends_it_with_a_sentence(self, tmp_path, authority):
        folder = authority.issue(tmp_path / "tls")
        for spoil in (lambda: (folder / "tls.key").write_text("x"), lambda: shutil.rmtree(folder)):
            spoil()
            words = [str(tmp_path / "a.yaml"), "--await-manifests", "--state", str(tmp_path), "--tls", str(folder)]
            child = Child([sys.executable, "-m", "dicomrs_dashboard", *words], tmp_path / "log")
            assert child.wait() == Exit.FAILED
            assert '"event": "no certificate"' in (tmp_path / "log").read_text()

    def test_connections_without_a_handshake_keep_nobody_from_being_answered(self, tmp_path, run, authority):
        program = run("--tls", str(authority.issue(tmp_path / "tls")))
        context = ssl.create_default_context(cafile=authority.certificate)
        with ExitStack() as opened:
            silent = [
                opened.enter_context(socket.create_connection((LOOPBACK, program.port), timeout=PATIENCE))
                for _ in range(2 * CONNECTIONS)
            ]
            url = f"https://localhost:{program.port}/healthz"
            assert httpx2.get(url, verify=context, timeout=PATIENCE).text == "ok\n"
            eventually(lambda: all(closed(sock) for sock in silent), "they are closed")


def closed(sock: socket.socket) -> bool:
    sock.settimeout(0.01)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def live_page(program: Program, state: Path, name: str) -> bytes:
    """What the browser of a new user asks for it with."""
    with httpx2.Client(base_url=f"http://{LOOPBACK}:{program.port}", timeout=PATIENCE) as browser:
        sign_in(browser, state, name)
        cookie = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
    return (
        f"GET /live/overview HTTP/1.1\r\nHost: {LOOPBACK}:{program.port}\r\n"
        f"Accept: text/event-stream\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


def test_live_pages_are_counted_apart_from_those_who_come_and_go(tmp_path, run):
    program = run()
    with ExitStack() as opened:
        requests = [live_page(program, tmp_path, f"ana-{number}") for number in range(2 * CONNECTIONS // MOST_OF_ONE)]
        pages = []
        for number in range(2 * CONNECTIONS):
            sock = opened.enter_context(socket.create_connection((LOOPBACK, program.port), timeout=PATIENCE))
            sock.sendall(requests[number // MOST_OF_ONE])
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
            pages.append(sock)
        assert 2 * CONNECTIONS < STREAMS
        for _ in range(2 * CONNECTIONS):
            opened.enter_context(socket.create_connection((LOOPBACK, program.port), timeout=PATIENCE))
        assert httpx2.get(f"http://{LOOPBACK}:{program.port}/healthz", timeout=PATIENCE).text == "ok\n"
        assert not any(ended(sock) for sock in pages), "live pages have given way to silent connections"


def ended(sock: socket.socket) -> bool:
    """Whether nothing more can come; what has come is thrown away."""
    sock.settimeout(0.01)
    try:
        while True:
            if sock.recv(65536) == b"":
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--proxy-user", "X-User", "--proxy-groups", "X-Groups"], "--proxy-user needs --trusted-proxy"),
        (["--proxy-user", "X-User", "--trusted-proxy", "10.0.0.0/8"], "go together"),
        (["--trusted-proxy", "10.0.0.1/8"], "is no network"),
        (["--trusted-proxy", "the proxy"], "is no network"),
        (["--base-path", "dicom"], "is no path prefix"),
        (["--session-idle", "0"], "is no number of minutes"),
        (["--openid-issuer", "http://idp.test"], "is no issuer"),
        (["--openid-issuer", "https://idp.test"], "needs --openid-client and --openid-secret-file"),
        (["--role", "rt-it=boss"], "is no role of a group"),
        (["--role", "admin"], "is no role of a group"),
    ],
)
def test_what_its_command_line_refuses(options, says, tmp_path):
    command = [sys.executable, "-m", "dicomrs_dashboard", "a.yaml", "--state", str(tmp_path), *options]
    assert Child(command, tmp_path / "log").wait() == Exit.USAGE
    assert says in " ".join((tmp_path / "log").read_text().split())


def test_options_may_come_from_a_file(tmp_path, run):
    file = tmp_path / "options"
    file.write_text("--base-path=/dicom\n--session-idle=5\n")
    program = run(f"@{file}")
    answer = httpx2.get(f"http://{LOOPBACK}:{program.port}/", headers={"Accept": "text/html"}, timeout=PATIENCE)
    assert answer.headers["location"] == "/dicom/login"
