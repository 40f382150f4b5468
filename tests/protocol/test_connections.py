"""Who may connect, and what a connection costs: many stations at once, silent, slow and foreign ones."""

import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from dicomrs_wire.association import decode_accept, encode_request
from dicomrs_wire.pdu import PduType
from dicomrs_wire.stream import PduReader
from support.objects import CT, EXPLICIT, IMPLICIT, image, instance, series, write_files
from support.processes import LOOPBACK
from support.router import destination, route
from support.sender import association, echoscu, send_all, store, storescu

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    """Two routes, so two receivers in one process."""
    root = tmp_path_factory.mktemp("root")
    to = destination("tap", shared_tap.port)
    return make_shared_router(route(root / "a", to, name="a"), route(root / "b", to, name="b"))


def connected(port):
    return socket.create_connection((LOOPBACK, port), timeout=10)


def quiet(router):
    """Lines of scp's log, to see that none is added."""
    return len(router.events("scp"))


@pytest.mark.peer("echoscu")
def test_echoscu_is_answered(router):
    done = echoscu(router.port(), "-v", "--repeat", "3")
    assert done.returncode == 0, done.stderr
    line = router.wait_for("scp", "association", "ECHOSCU")
    assert (line["echoes"], line["ended"]) == (3, "released")


@pytest.mark.peer("storescu")
def test_several_stations_at_once_to_both_receivers(router, shared_tap, tmp_path):
    scans = {f"STATION_{number}": series(40) for number in range(4)}
    for name, objects in scans.items():
        write_files(tmp_path / name, objects)
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(storescu, router.port(index % 2), tmp_path / name, calling=name)
            for index, name in enumerate(scans)
        ]
        for future in sent:
            assert future.result().returncode == 0
    for index in (0, 1):
        router.spool(index).wait_empty()
    found = shared_tap.by_uid()
    for objects in scans.values():
        for one in objects:
            assert [copy.dataset for copy in found[one.uid]] == [one.dataset]
    own = {study["callingAeTitle"] for study in router.spool(1).metadata()}
    assert own == {"STATION_1", "STATION_3"}


def test_silent_connections_cost_no_processor(router):
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connected(router.port()))
        # One that does speak: once it is served, so are the others before it.
        send_all(router.port(), [instance(image())])
        before, started = router.cpu_seconds("scp"), time.monotonic()
        threading.Event().wait(3)  # the measurement itself takes this long
        share = (router.cpu_seconds("scp") - before) / (time.monotonic() - started)
    print(f"50 silent connections cost {share:.1%} of a core")
    assert share < 0.2


@pytest.mark.peer("storescu")
@pytest.mark.parametrize("number", [150, 400])
def test_silent_connections_block_nobody(router, tmp_path, number):
    write_files(tmp_path / "scan", series(5))
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(connected(router.port()))
        started = time.monotonic()
        done = storescu(router.port(), tmp_path / "scan")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - started < 20


def test_a_request_that_drips_in_is_served_once_it_is_whole(router):
    request = encode_request("SLOW", "DICOMRS", [(VERIFICATION, IMPLICIT), (CT, EXPLICIT)], 16384)
    with connected(router.port()) as sock:
        reader = PduReader(sock)
        for start in range(0, len(request), 8):
            assert reader.peek() is None  # no answer before the request is whole
            sock.sendall(request[start : start + 8])
            time.sleep(0.02)  # the drip
        kind, body = reader.read(10)
        assert kind == PduType.ASSOCIATE_AC
        assert decode_accept(body).contexts == {1: IMPLICIT, 3: EXPLICIT}
    router.wait_for("scp", "association", "SLOW")


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: router\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        bytes(64),
        struct.pack(">BxI", 1, 0xFFFFFFFF),  # a request of 4 GB
        struct.pack(">BxI", 4, 100),  # P-DATA before there is an association
    ],
    ids=["http", "ssh", "zeros", "huge", "data"],
)
def test_what_does_not_begin_with_a_request_is_closed_without_a_word_in_the_log(router, words):
    before = quiet(router)
    with connected(router.port()) as sock:
        sock.sendall(words)
        answer = b""
        try:
            while piece := sock.recv(1000):
                answer += piece
        except ConnectionResetError:
            pass  # closed over bytes it had not read
    assert answer == b"" or answer[0] == PduType.ABORT
    assert len(answer) <= 10
    assert quiet(router) == before


@pytest.mark.parametrize(
    "body", [b"", b"\0\1", bytes(68), b"\0\1" + b"\xff" * 100], ids=["empty", "short", "v0", "junk"]
)
def test_a_request_that_is_none_is_answered_with_an_end(router, body):
    with connected(router.port()) as sock:
        sock.sendall(struct.pack(">BxI", 1, len(body)) + body)
        kind, _ = PduReader(sock).read(10)
        assert kind in (PduType.ABORT, PduType.ASSOCIATE_RJ)
    send_all(router.port(), [instance(image())])


class GoneError(Exception):
    """The scanner is no more."""


@pytest.mark.parametrize("ending", ["abort", "cut"])
def test_half_an_object_is_no_object(router, shared_tap, ending):
    """A scanner that ends in the middle of a dataset: nothing is kept, and the next one is served."""
    one = instance(image(rows=512))
    fragments = []

    def end(fragment):
        fragments.append(fragment)
        if len(fragments) == 3:
            if ending == "cut":
                requestor._sock.close()
            raise GoneError

    with pytest.raises(GoneError), association(router.port(), [one], calling=ending.upper()) as requestor:
        store(requestor, one, digest=end)
    line = router.wait_for("scp", "association", ending.upper())
    assert (line["kept"], line["refused"]) == (0, 0)
    assert line["ended"] == {"abort": "aborted by the peer", "cut": "closed by the peer"}[ending]
    assert not router.spool().parts()
    send_all(router.port(), [instance(image())])
    router.spool().wait_empty()
    assert one.uid not in {received.uid for received in shared_tap.arrived}


def test_fragments_on_a_context_that_was_not_accepted_end_the_association(router):
    with connected(router.port()) as sock:
        sock.sendall(encode_request("WRONG", "DICOMRS", [(CT, EXPLICIT)], 16384))
        reader = PduReader(sock)
        assert reader.read(10)[0] == PduType.ASSOCIATE_AC
        sock.sendall(struct.pack(">BxIIBB", 4, 6, 2, 99, 3))
        assert reader.read(10)[0] == PduType.ABORT
    assert router.wait_for("scp", "association", "WRONG")["ended"] == "protocol error"
