"""Scanners that misbehave, beside one that does not: it is served as ever, the limits hold, memory stays flat."""

import random
import resource
import socket
import ssl
import struct
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

import pytest
from pydicom.uid import generate_uid

from dicomrs_wire import dimse
from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    REQUEST_COMMITMENT,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.errors import Rejected
from dicomrs_wire.messages import pack_message
from dicomrs_wire.pdu import PduType, pack_abort, pack_command
from support.bad_target import reset
from support.certificates import Authority, client
from support.healthy import MEMORY, Act, Healthy, served_beside
from support.objects import CT, EXPLICIT, Instance, image, instance
from support.processes import LOOPBACK
from support.proof import LONG, trials
from support.raw import RawScanner, request, store_pdus
from support.router import destination, route

BAD = "127.0.0.2"  # where the bad ones come from
IDLERS = 1000
PER_PEER = 20
LIMITS = {
    "associations": 40,
    "associationsPerPeer": PER_PEER,
    "artim": "2s",
    "idle": "2s",
    "largestObject": "1Mi",
}


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port), receiver={"limits": LIMITS}))


@dataclass(frozen=True)
class Usual:
    """While nobody misbehaves: seconds that an object takes, the median, and MB of the receiver."""

    seconds: float
    memory: float


@pytest.fixture(scope="module")
def usual(router) -> Usual:
    alone = Healthy(router.port())
    for _ in range(10):
        alone.study()
    return Usual(alone.median, router.memory("scp"))


# -- what they do; each returns the objects of theirs that were acknowledged -------------------------------------


def abort_in_mid_object(port: int) -> list[Instance]:
    data = store_pdus(1, instance(image(rows=256)))
    with RawScanner(port, source=BAD) as scanner:
        scanner.sock.sendall(data[: len(data) // 2])
        scanner.sock.sendall(pack_abort(0, 0))
    return []


def vanish_in_mid_object(port: int) -> list[Instance]:
    data = store_pdus(1, instance(image(rows=256)))
    with RawScanner(port, source=BAD) as scanner:
        scanner.sock.sendall(data[: random.randrange(len(data))])
        reset(scanner.sock)
    return []


def send_twice_at_once(port: int) -> list[Instance]:
    one = instance(image())
    with RawScanner(port, source=BAD) as first, RawScanner(port, source=BAD) as second:
        for scanner in (first, second):
            scanner.sock.sendall(store_pdus(1, one))
        assert [scanner.answer() for scanner in (first, second)] == [(1, 0), (1, 0)]
    return [one]


def send_other_bytes_under_the_same_uid(port: int) -> list[Instance]:
    one = instance(image())
    other = replace(one, dataset=one.dataset[:-2] + b"\xaa\xaa")
    with RawScanner(port, source=BAD) as first, RawScanner(port, source=BAD) as second:
        first.sock.sendall(store_pdus(1, one))
        second.sock.sendall(store_pdus(1, other))
        assert [scanner.answer() for scanner in (first, second)] == [(1, 0), (1, 0)]
    return [one, other]


def lie_about_group_lengths(port: int) -> list[Instance]:
    """Of the command set, and of a group of the dataset."""
    lying = struct.pack("<HH2sHI", 8, 0, b"UL", 4, 0xFFFFFFF0)
    one = instance(image())
    one = replace(one, dataset=lying + one.dataset)
    data = bytearray(store_pdus(1, one))
    at = data.index(struct.pack("<HHI", 0, 0, 4)) + 8
    data[at : at + 4] = random.choice((bytes(4), b"\xff\xff\xff\xff", b"\1\0\0\0"))
    with RawScanner(port, source=BAD) as scanner:
        scanner.sock.sendall(data)
        assert scanner.answer() == (1, 0)
    return [one]


def announce_4_gb(port: int) -> list[Instance]:
    """As a request, and as data."""
    for kind in (PduType.ASSOCIATE_RQ, PduType.P_DATA_TF):
        with RawScanner(port, source=BAD, associate=kind is PduType.P_DATA_TF) as scanner:
            scanner.sock.sendall(struct.pack(">BxI", kind, 0xFFFFFFFF) + bytes(1000))
            assert scanner.last_words() in (PduType.ABORT, None)
    return []


def send_a_byte_a_second(port: int) -> list[Instance]:
    """As many as it may at once, each in its request."""
    began = time.monotonic()
    with ExitStack() as stack:
        slow = [stack.enter_context(RawScanner(port, source=BAD, associate=False)).sock for _ in range(PER_PEER)]
        for byte in request():
            slow = [sock for sock in slow if drips(sock, byte)]
            if not slow:
                break
            time.sleep(1)  # the drip itself
    assert 2 <= time.monotonic() - began < 20, "spec.receiver.limits.artim ends it"
    return []


def drips(sock: socket.socket, byte: int) -> bool:
    """Whether the connection still takes a byte."""
    try:
        sock.sendall(bytes((byte,)))
        sock.setblocking(False)
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        sock.setblocking(True)


def send_a_byte_a_second_of_an_object(port: int) -> list[Instance]:
    """After its command set: STALL_SECONDS end it."""
    one = instance(image())
    began = time.monotonic()
    with RawScanner(port, source=BAD) as scanner:
        data = store_pdus(1, one)
        scanner.sock.sendall(data[:300])
        for byte in data[300:]:
            if not drips(scanner.sock, byte):
                break
            time.sleep(1)  # as above
    assert 50 < time.monotonic() - began < 90
    return []


def open_1000_connections(port: int) -> list[Instance]:
    """And say nothing over any of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * IDLERS)), hard))
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection((LOOPBACK, port), 10, (BAD, 0))) for _ in range(IDLERS)]
        for sock in idle:
            with suppress(ConnectionResetError):
                assert sock.recv(1) == b"", "it is closed in time"
    return []


def take_every_association(port: int) -> list[Instance]:
    """All that one address may have, in silence, and one more."""
    with ExitStack() as stack:
        idle = [stack.enter_context(RawScanner(port, source=BAD)) for _ in range(PER_PEER)]
        refused = stack.enter_context(RawScanner(port, source=BAD, associate=False))
        refused.sock.sendall(request())
        assert refused.last_words() is PduType.ASSOCIATE_RJ
        for scanner in idle:
            assert scanner.last_words() is PduType.ABORT, "spec.receiver.limits.idle ends it"
    return []


def send_without_end(port: int) -> list[Instance]:
    """One dataset, for ever."""
    with RawScanner(port, source=BAD) as scanner:
        scanner.sock.sendall(pack_command(1, dimse.store_request(1, CT, "1.2.3"), 1000))
        fragment = struct.pack(">BxIIBB", PduType.P_DATA_TF, 16384, 16380, 1, 0) + bytes(16378)
        with pytest.raises(ConnectionError):
            scanner.sock.sendall(fragment * (32 << 20 >> 14))  # far more than any buffer on the way holds
    return []


def never_read_an_answer(port: int) -> list[Instance]:
    """Echoes without end, whose answers it leaves where they are."""
    echo = pack_command(3, dimse.echo_request(1), 1000) * 100
    with RawScanner(port, source=BAD) as scanner:
        scanner.sock.settimeout(1)
        with suppress(TimeoutError, ConnectionError):
            while True:
                scanner.sock.sendall(echo)
    return []


def ask_for_commitment_and_leave(port: int) -> list[Instance]:
    """To a thousand objects that never were, for a report that it will not hear; too often, and it is turned away."""
    wanted = Commitments(generate_uid(), tuple(Reference(CT, generate_uid()) for _ in range(1000)))
    wish = dimse.action_request(1, COMMITMENT, COMMITMENT_INSTANCE, REQUEST_COMMITMENT)
    with suppress(Rejected), RawScanner(port, source=BAD) as scanner:
        scanner.sock.sendall(pack_message(5, wish, encode_commitments(wanted, EXPLICIT), 16000))
        assert scanner.answer() == (1, 0)
        reset(scanner.sock)
    return []


def scan_the_port(port: int) -> list[Instance]:
    """Connect and be gone, in every way there is."""
    for words in (b"", b"\0", b"\1\0\0\0", b"GET / HTTP/1.0\r\n\r\n", request()[:50], request()):
        for leave in (socket.socket.close, reset):
            sock = socket.create_connection((LOOPBACK, port), 10, (BAD, 0))
            sock.sendall(words)
            leave(sock)
    return []


def speak_tls(port: int) -> list[Instance]:
    """To a port that does not."""
    context = ssl.create_default_context()
    with socket.create_connection((LOOPBACK, port), 10, (BAD, 0)) as sock, pytest.raises(OSError):
        context.wrap_socket(sock, server_hostname="router")
    return []


ACTS: dict[str, tuple[Act, int]] = {  # and how often
    "aborts in mid-object": (abort_in_mid_object, trials(100, 2000)),
    "vanishes in mid-object": (vanish_in_mid_object, trials(100, 2000)),
    "sends the same object twice at once": (send_twice_at_once, trials(20, 1000)),
    "sends other bytes under the same UID at once": (send_other_bytes_under_the_same_uid, trials(20, 1000)),
    "lies about group lengths": (lie_about_group_lengths, trials(20, 1000)),
    "announces PDUs of 4 GB": (announce_4_gb, trials(50, 1000)),
    "sends a byte a second of its requests, 20 at once": (send_a_byte_a_second, trials(1, 10)),
    "opens 1,000 connections and says nothing": (open_1000_connections, trials(1, 20)),
    "takes all associations that one address may have": (take_every_association, trials(1, 20)),
    "sends a dataset without end": (send_without_end, trials(20, 200)),
    "never reads an answer": (never_read_an_answer, trials(1, 10)),
    "asks for commitment to 1,000 objects and leaves": (ask_for_commitment_and_leave, trials(20, 1000)),
    "scans the port": (scan_the_port, trials(20, 1000)),
    "speaks TLS to the plain port": (speak_tls, trials(20, 1000)),
    "sends a byte a second of an object": (send_a_byte_a_second_of_an_object, 1),
}
ONLY_LONG = {"sends a byte a second of an object"}


@pytest.mark.parametrize("name", ACTS)
def test_a_healthy_scanner_is_served_beside_one_that(name, router, usual, shared_tap, proof):
    if name in ONLY_LONG and not LONG:
        pytest.skip("takes minutes: DICOMRS_LONG=1 runs it")
    act, times = ACTS[name]
    with proof.row("scanners", name) as row:
        served_beside(act, times, row, router, shared_tap, Healthy(router.port()), usual.seconds)


def test_memory_is_flat_after_all_of_them(router, usual, proof):
    """What each may have left behind, together."""
    with proof.row("scanners", "all of these, one after another") as row:
        grown = router.memory("scp") - usual.memory
        row.trials, row.note = len(ACTS) - trials(len(ONLY_LONG), 0), f"memory {grown:+.0f} MB"
        assert grown < 2 * MEMORY


# -- the same with TLS -------------------------------------------------------------------------------------------


def speak_no_tls(port: int) -> list[Instance]:
    """To a port that speaks nothing else."""
    with RawScanner(port, source=BAD, associate=False) as scanner:
        scanner.sock.sendall(request())
        assert scanner.last_words() is not PduType.ASSOCIATE_AC
    return []


def begin_handshakes(port: int) -> list[Instance]:
    """A hundred at once, and end none: half a hello, a whole one, and one with noise behind it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    hello = outgoing.read()
    began = time.monotonic()
    with ExitStack() as stack:
        for number in range(99):
            sock = stack.enter_context(socket.create_connection((LOOPBACK, port), 10, (BAD, 0)))
            sock.sendall((hello[: len(hello) // 2], hello, hello + random.randbytes(1000))[number % 3])
            stack.callback(closed, sock)
    assert time.monotonic() - began < 30, "spec.receiver.limits.artim ends it"
    return []


def closed(sock: socket.socket) -> None:
    """Until the other side has closed it."""
    with suppress(ConnectionResetError):
        while sock.recv(4096):
            pass


TLS_ACTS: dict[str, tuple[Act, int]] = {
    "speaks plain DICOM to the TLS port": (speak_no_tls, trials(20, 1000)),
    "begins TLS handshakes and ends none, 99 at once": (begin_handshakes, trials(1, 20)),
}


@pytest.fixture(scope="module")
def tls_router(tmp_path_factory, make_shared_router, shared_tap):
    """A router whose receiver asks for certificates, and what a healthy scanner opens associations with."""
    folder = tmp_path_factory.mktemp("tls")
    receiver = {"limits": LIMITS, "tls": {"secretName": "receiver"}}
    to = destination("tap", shared_tap.port)
    made = make_shared_router(route(folder / "root", to, receiver=receiver), start=False)
    authority = Authority(folder / "authority")
    authority.issue(made.folder / "secrets" / "receiver")
    made.start()
    return made, client(authority.issue(folder / "secrets" / "scanner"))


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("name", TLS_ACTS)
def test_a_healthy_scanner_is_served_over_tls_beside_one_that(name, tls_router, shared_tap, usual, proof):
    router, tls = tls_router
    act, times = TLS_ACTS[name]
    with proof.row("scanners", name) as row:
        served_beside(act, times, row, router, shared_tap, Healthy(router.port(), tls), usual.seconds)
