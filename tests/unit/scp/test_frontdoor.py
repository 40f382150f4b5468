"""The front door, over real connections: a stranger's many connections cost nobody else theirs."""

import socket
import threading
from contextlib import ExitStack

from dicomrs_scp.frontdoor import PENDING_LIMIT, FrontDoor, _Listening
from support.polling import eventually
from support.processes import LOOPBACK
from support.raw import request


def test_a_listener_that_is_removed_as_somebody_comes_costs_nobody_a_place():
    door = FrontDoor(lambda *_: None, lambda _: 60.0)
    with socket.create_server((LOOPBACK, 0)) as listener, socket.create_connection(listener.getsockname(), 10):
        door._accept(listener, _Listening("route", None))
        assert len(door._pending) == 1
    door._accept(listener, _Listening("route", None))
    assert len(door._pending) == 1
    door.start()
    door.stop()


def test_a_crowd_from_one_address_drops_its_own_and_no_other():
    admitted = threading.Event()
    door = FrontDoor(lambda _receiver, sock, _address, _request: (sock.close(), admitted.set()), lambda _: 60.0)
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    door.add("route", listener, None)
    door.start()
    try:
        with ExitStack() as stack:
            slow = stack.enter_context(socket.create_connection((LOOPBACK, port), 10))
            slow.sendall(request()[:10])
            crowd = [
                stack.enter_context(socket.create_connection((LOOPBACK, port), 10, source_address=("127.0.0.9", 0)))
                for _ in range(PENDING_LIMIT + 20)
            ]
            crowd[0].settimeout(30)
            assert crowd[0].recv(1) == b"", "the crowd's oldest is dropped"
            eventually(lambda: len(door._pending) == PENDING_LIMIT, "all have been accepted")
            slow.sendall(request()[10:])
            assert admitted.wait(10)
    finally:
        door.stop()
