"""The server that tells whether a service lives and is ready: what it answers, and whom it does not let in the way."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from dicomrs.exits import Exit
from dicomrs.program import HealthPlace
from dicomrs_wire import health
from dicomrs_wire.health import CONNECTIONS, HealthServer, Readiness, run_with_health
from support.polling import eventually
from support.processes import LOOPBACK, free_port

NAME = "clinic-a/dicomrs-scp"


class Service:
    def __init__(self) -> None:
        self.alive = True
        self.readiness = Readiness()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    place = HealthPlace(LOOPBACK, free_port(), NAME)
    with HealthServer(place, service):
        yield place.port


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection((LOOPBACK, port), 10) as sock:
        try:
            sock.sendall(data)
            return sock.makefile("rb").read()
        except ConnectionError:
            return b""


def test_it_lives_until_a_thread_has_ended(service: Service, port: int) -> None:
    assert get(port, f"/livez/{NAME}") == (200, "it lives\n")
    service.alive = False
    status, text = get(port, f"/livez/{NAME}")
    assert status == 503
    assert "a thread has ended" in text


def test_it_is_ready_when_no_reason_is_told_against_it(service: Service, port: int) -> None:
    assert get(port, f"/readyz/{NAME}") == (503, "it is starting\n")
    service.readiness.tell(["route a is not receiving: why", "route b too"])
    assert get(port, f"/readyz/{NAME}?verbose") == (503, "route a is not receiving: why\nroute b too\n")
    service.readiness.tell([])
    assert get(port, f"/readyz/{NAME}") == (200, "it is ready\n")


def test_a_service_that_tells_nothing_any_more_is_not_ready(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_STALE_SECONDS", 0.0)
    service.readiness.tell([])
    status, text = get(port, f"/readyz/{NAME}")
    assert status == 503
    assert "their volume may hang" in text


@pytest.mark.parametrize("path", ["/", "/livez", "/livez/", "/readyz/clinic-b/dicomrs-scp", f"/livez/{NAME}/more"])
def test_whoever_means_another_release_is_told_who_is_here(port: int, path: str) -> None:
    status, text = get(port, path)
    assert status == 404
    assert f"here {NAME} answers" in text


def test_other_methods_are_refused(port: int) -> None:
    assert get(port, f"/livez/{NAME}", "POST")[0] == 405


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"\x01\x00\x00\x00\x00\xcd" + bytes(64) + b"\r\n\r\n", b"HTTP/1.1 400 "),
        (b"\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /livez/" + NAME.encode() + b"\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET /\xff\x00\x1b[2J HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 "),
        (b"G" * 100_000, b""),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n", b""),
    ],
)
def test_hostile_bytes_get_a_refusal_or_nothing_and_are_not_repeated(port: int, data: bytes, start: bytes) -> None:
    answer = raw(port, data)
    assert answer.startswith(start)
    assert bool(answer) is bool(start)
    assert b"\x1b" not in answer
    assert get(port, f"/livez/{NAME}")[0] == 200


def test_silent_connections_keep_no_probe_waiting_and_are_closed(port: int) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((LOOPBACK, port), 10)) for _ in range(2 * CONNECTIONS)]
        for sock in silent:
            sock.sendall(b"GET /livez")
        began = time.monotonic()
        assert get(port, f"/livez/{NAME}")[0] == 200
        assert time.monotonic() - began < health.SECONDS
        for sock in silent:
            sock.settimeout(30)
            with suppress(ConnectionResetError):
                assert sock.recv(1) == b""


def test_one_that_drips_is_closed_though_it_never_falls_silent(port: int) -> None:
    with socket.create_connection((LOOPBACK, port), 10) as sock:
        sock.settimeout(0.05)

        def closed() -> bool:
            try:
                sock.sendall(b"G")
                return sock.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(closed, "it is closed", 5 * health.SECONDS)


def test_a_service_does_not_run_where_nobody_could_ask_for_its_health() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        place = HealthPlace(LOOPBACK, taken.getsockname()[1], NAME)
        assert run_with_health(place, Service(), lambda: Exit.OK) is Exit.PORT_IN_USE
    assert run_with_health(HealthPlace("192.0.2.1", 20104, NAME), Service(), lambda: Exit.OK) is Exit.USAGE
    assert run_with_health(None, Service(), lambda: Exit.OK) is Exit.OK
