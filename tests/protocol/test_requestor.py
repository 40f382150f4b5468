"""The requestor against real acceptors (pynetdicom, storescp) and against peers that misbehave on purpose."""

import hashlib
import os
import shutil
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicomrs_wire import dimse, pdu
from dicomrs_wire.association import decode_request
from dicomrs_wire.errors import (
    Aborted,
    AssociationError,
    DigestMismatch,
    PeerClosed,
    ProtocolError,
    Rejected,
    Timeout,
    Unreachable,
)
from dicomrs_wire.negotiation import accept
from dicomrs_wire.pdu import PduType
from dicomrs_wire.requestor import Requestor, StoreReply, Timeouts
from dicomrs_wire.stream import PduReader
from support.polling import PATIENCE, eventually
from support.processes import free_port

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
ECHO, CT = (dimse.VERIFICATION, IMPLICIT), (CT_IMAGE, EXPLICIT)
PATIENT = Timeouts(connect=PATIENCE, association=PATIENCE, network=PATIENCE, response=PATIENCE)
SHORT = Timeouts(connect=0.3, association=PATIENCE, network=0.3, response=0.3)
HEADER_BYTES = b"not part of the dataset"


def connect(
    port: int, *contexts: tuple[str, str], timeouts: Timeouts = PATIENT, called: str = "ZEROCLICK"
) -> Requestor:
    return Requestor.connect(
        "127.0.0.1",
        port,
        calling="DICOMRS",
        called=called,
        contexts=contexts or (ECHO, CT),
        timeouts=timeouts,
    )


@pytest.fixture
def store(tmp_path: Path) -> Callable[..., StoreReply]:
    """Store `data` as a CT that lies behind a header in a file."""

    def store(association: Requestor, data: bytes, uid: str = "1.2.3", **extra: Any) -> StoreReply:
        path = tmp_path / uid
        path.write_bytes(HEADER_BYTES + data)
        with path.open("rb") as file:
            return association.store(CT_IMAGE, uid, EXPLICIT, file.fileno(), len(HEADER_BYTES), len(data), **extra)

    return store


@dataclass
class Acceptor:
    """A pynetdicom AE on an ephemeral port, and what it got."""

    port: int = 0
    answer: int | Dataset = 0x0000
    datasets: dict[str, bytes] = field(default_factory=dict)
    message_ids: list[int] = field(default_factory=list)
    pdu_lengths: list[int] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def on_store(self, event: evt.Event) -> int | Dataset:
        self.message_ids.append(event.request.MessageID)
        self.datasets[event.request.AffectedSOPInstanceUID] = event.request.DataSet.getvalue()
        return self.answer

    def on_echo(self, event: evt.Event) -> int:
        self.message_ids.append(event.request.MessageID)
        return 0x0000

    def on_data(self, event: evt.Event) -> None:
        if event.data[0] == PduType.P_DATA_TF:
            self.pdu_lengths.append(len(event.data) - 6)

    def on_end(self, event: evt.Event) -> None:
        self.ended.append(event.event.name)
        self.over.set()


@contextmanager
def acceptor(max_pdu: int = 16382, *, check_title: bool = False) -> Iterator[Acceptor]:
    state = Acceptor()
    ae = AE("ZEROCLICK")
    ae.maximum_pdu_size = max_pdu
    ae.require_called_aet = check_title
    ae.add_supported_context(dimse.VERIFICATION)
    ae.add_supported_context(CT_IMAGE, EXPLICIT)
    handlers = [
        (evt.EVT_C_STORE, state.on_store),
        (evt.EVT_C_ECHO, state.on_echo),
        (evt.EVT_DATA_RECV, state.on_data),
        (evt.EVT_RELEASED, state.on_end),
        (evt.EVT_ABORTED, state.on_end),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    state.port = server.server_address[1]
    try:
        yield state
    finally:
        server.shutdown()


class Peer:
    """An accepted TCP connection that a test speaks PDUs on as it likes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader = PduReader(sock)

    def associate(self, max_pdu: int = 16384) -> None:
        kind, body = self.reader.read(PATIENCE)
        assert kind == PduType.ASSOCIATE_RQ
        answer, _ = accept(decode_request(body), lambda _: True, max_pdu)
        self.sock.sendall(answer)

    def message(self) -> tuple[int, dimse.CommandSet, list[pdu.Pdv]]:
        """Context id, command and dataset fragments of one message."""
        command, fragments = b"", []
        while True:
            kind, body = self.reader.read(PATIENCE)
            assert kind == PduType.P_DATA_TF
            for pdv in pdu.split_pdata(memoryview(bytes(body))):
                if pdv.is_command:
                    command += bytes(pdv.data)
                else:
                    fragments.append(pdv)
                if pdv.is_last:
                    decoded = dimse.decode_command(command)
                    if not decoded.has_dataset or not pdv.is_command:
                        return pdv.context_id, decoded, fragments

    def reply(self, context_id: int, response: bytes) -> None:
        self.sock.sendall(pdu.pack_command(context_id, response, 16378))

    def next(self) -> PduType:
        return self.reader.read(PATIENCE)[0]


@contextmanager
def scripted(script: Callable[[Peer], object]) -> Iterator[int]:
    """Port on which `script` plays the peer once; its failures fail the test."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(10)

        def play() -> None:
            sock, _ = listener.accept()
            with sock:
                script(Peer(sock))

        played = pool.submit(play)
        yield listener.getsockname()[1]
        played.result(timeout=PATIENCE)


# -- objects -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_pdu", [4096, 4097, 16382, 65536, 0])
def test_datasets_arrive_byte_for_byte_within_the_peers_limit(store: Callable[..., StoreReply], max_pdu: int) -> None:
    fragment = pdu.fragment_size(max_pdu)
    datasets = [os.urandom(n) for n in (2, fragment, fragment + 2, 3 * fragment, 1_300_000)]
    with acceptor(max_pdu) as peer:
        with connect(peer.port) as association:
            for number, data in enumerate(datasets):
                assert store(association, data, f"1.2.{number}") == StoreReply(0x0000, "")
        assert peer.over.wait(PATIENCE)
    assert [peer.datasets[f"1.2.{number}"] for number in range(len(datasets))] == datasets
    assert max(peer.pdu_lengths) <= (max_pdu or pdu.MAX_SENT_PDU)
    assert peer.ended == ["EVT_RELEASED"]


@pytest.mark.parametrize("length", [0, 1, 4091])
def test_an_empty_or_odd_dataset_is_sent_as_it_is(store: Callable[..., StoreReply], length: int) -> None:
    got: list[bytes] = []

    def script(peer: Peer) -> None:
        peer.associate(4096)
        context_id, command, fragments = peer.message()
        got.extend(bytes(pdv.data) for pdv in fragments)
        peer.reply(context_id, dimse.store_response(command, 0))
        assert peer.next() == PduType.RELEASE_RQ
        peer.sock.sendall(pdu.RELEASE_RP)

    data = os.urandom(length)
    with scripted(script) as port, connect(port) as association:
        store(association, data)
    assert got == ([data[:4090], data[4090:]] if length > 4090 else [data])


def test_status_and_comment_of_a_refusal_are_handed_back(store: Callable[..., StoreReply]) -> None:
    refusal = Dataset()
    refusal.Status, refusal.ErrorComment = 0xA700, "disk full"
    with acceptor() as peer, connect(peer.port) as association:
        peer.answer = refusal
        assert store(association, b"data") == StoreReply(0xA700, "disk full")
        peer.answer = 0xB007
        assert store(association, b"data") == StoreReply(0xB007, "")


def test_the_digest_sees_every_byte_once_before_the_check_is_asked(store: Callable[..., StoreReply]) -> None:
    data = os.urandom(1_300_001)
    digest = hashlib.sha256()
    with acceptor() as peer, connect(peer.port) as association:
        reply = store(
            association,
            data,
            digest=digest.update,
            check=lambda: digest.digest() == hashlib.sha256(data).digest(),
        )
    assert reply.status == 0x0000


@pytest.mark.parametrize("length", [10, 4090, 2_000_000])
def test_an_object_that_fails_its_check_never_arrives_whole(store: Callable[..., StoreReply], length: int) -> None:
    def script(peer: Peer) -> None:
        peer.associate(4096)
        arrived = 0
        while (read := peer.reader.read(PATIENCE))[0] != PduType.ABORT:
            for pdv in pdu.split_pdata(read[1]):
                assert pdv.is_command or not pdv.is_last
                arrived += 0 if pdv.is_command else len(pdv.data)
        assert arrived < length

    with scripted(script) as port:
        association = connect(port)
        with pytest.raises(DigestMismatch, match="not those that arrived"):
            store(association, os.urandom(length), check=lambda: False)
        with pytest.raises(PeerClosed, match="has ended"):
            association.echo()


def test_a_file_that_became_shorter_is_not_sent_as_if_whole(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(bytes(1000))
    with acceptor() as peer:
        association = connect(peer.port)
        with path.open("rb") as file, pytest.raises(DigestMismatch, match="ends 24 bytes early"):
            association.store(CT_IMAGE, "1.2.3", EXPLICIT, file.fileno(), 0, 1024)
        assert peer.over.wait(PATIENCE)
    assert peer.ended == ["EVT_ABORTED"]
    assert peer.datasets == {}


def test_a_file_that_cannot_be_read_aborts(tmp_path: Path) -> None:
    with acceptor() as peer:
        association = connect(peer.port)
        directory = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(IsADirectoryError):
            association.store(CT_IMAGE, "1.2.3", EXPLICIT, directory, 0, 1024)
        os.close(directory)
        assert peer.over.wait(PATIENCE)
    assert peer.ended == ["EVT_ABORTED"]


# -- negotiation, echo, release ------------------------------------------------------------------------------


def test_only_what_was_accepted_can_be_sent_and_the_rest_goes_on(store: Callable[..., StoreReply]) -> None:
    with acceptor() as peer, connect(peer.port, CT, (CT_IMAGE, IMPLICIT), (MR_IMAGE, EXPLICIT)) as association:
        assert association.accepted(CT_IMAGE, EXPLICIT)
        assert not association.accepted(CT_IMAGE, IMPLICIT)
        assert not association.accepted(MR_IMAGE, EXPLICIT)
        assert association.peer.version_name.startswith("PYNETDICOM")
        with pytest.raises(LookupError):
            association.store(MR_IMAGE, "1.2.3", EXPLICIT, 0, 0, 2)
        with pytest.raises(LookupError):
            association.echo()
        assert store(association, b"data").status == 0x0000


def test_a_context_accepted_in_a_syntax_nobody_proposed_is_not_used() -> None:
    def script(peer: Peer) -> None:
        request = decode_request(peer.reader.read(PATIENCE)[1])
        twisted = bytes(accept(request, lambda _: True, 0)[0]).replace(EXPLICIT.encode(), b"1.2.840.10008.1.2.2")
        peer.sock.sendall(twisted)
        assert peer.next() == PduType.RELEASE_RQ

    with scripted(script) as port, connect(port, CT) as association:
        assert not association.accepted(CT_IMAGE, EXPLICIT)


def test_128_contexts_are_negotiated_at_once() -> None:
    contexts = [(f"1.2.3.{number}", EXPLICIT) for number in range(127)]
    with acceptor() as peer, connect(peer.port, *contexts, ECHO) as association:
        assert association.echo() == 0x0000


def test_message_ids_start_over_after_65535(store: Callable[..., StoreReply]) -> None:
    with acceptor() as peer, connect(peer.port) as association:
        association.echo()
        association._message_id = 65533
        for _ in range(2):
            association.echo()
            store(association, b"data")
    assert peer.message_ids == [1, 65534, 65535, 1, 2]


def test_an_exception_in_the_block_aborts_instead_of_releasing() -> None:
    with acceptor() as peer:
        with pytest.raises(KeyError), connect(peer.port):
            raise KeyError
        assert peer.over.wait(PATIENCE)
    assert peer.ended == ["EVT_ABORTED"]


def test_a_rejection_says_what_to_correct() -> None:
    with acceptor(check_title=True) as peer, pytest.raises(Rejected, match="correct the AE title here") as caught:
        connect(peer.port, called="SOMEBODY")
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError, "does not speak DICOM"),
        (pdu.RELEASE_RP, ProtocolError, "RELEASE_RP where ASSOCIATE_AC belongs"),
        (struct.pack(">BxI", 2, 2**31), ProtocolError, "longer than the 1048576 allowed"),
        (pdu.pack_abort(2, 1), Aborted, "did not recognise a PDU"),
        (b"", PeerClosed, "closed the connection"),
        (b"\2\0\0\0", PeerClosed, "in the middle of a PDU"),
    ],
)
def test_a_peer_that_does_not_negotiate_is_told_apart(said: bytes, error: type[AssociationError], words: str) -> None:
    def script(peer: Peer) -> None:
        peer.reader.read(PATIENCE)
        peer.sock.sendall(said)

    with scripted(script) as port, pytest.raises(error, match=words):
        connect(port)


def test_a_peer_that_leaves_no_room_for_data_is_given_up() -> None:
    def script(peer: Peer) -> None:
        peer.associate(max_pdu=7)
        assert peer.next() == PduType.ABORT

    with scripted(script) as port, pytest.raises(ProtocolError, match="no room"):
        connect(port)


def test_a_release_from_both_sides_at_once_ends_well() -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.sock.sendall(pdu.RELEASE_RQ)
        assert peer.next() == PduType.RELEASE_RQ
        assert peer.next() == PduType.RELEASE_RP
        peer.sock.sendall(pdu.RELEASE_RP)
        assert peer.sock.recv(1) == b""

    with scripted(script) as port:
        association = connect(port)
        # The peer's request arrives between our look and our request, as it does when both ask at once.
        association._reader.peek = lambda: None  # type: ignore[method-assign]
        association.release()


@pytest.mark.parametrize("ending", [b"", pdu.pack_abort(0, 0), pdu.RELEASE_RQ])
def test_releasing_an_association_that_the_peer_ended_is_no_error(ending: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.sock.sendall(ending)

    with scripted(script) as port:
        association = connect(port)
        association.release()
        association.release()
        association.abort()


# -- peers that cannot be reached ----------------------------------------------------------------------------


def test_a_port_where_nobody_listens_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="nothing listens on that port"):
            connect(unused.getsockname()[1])


def test_a_name_that_does_not_resolve_says_so() -> None:
    with pytest.raises(Unreachable, match="does not resolve"):
        Requestor.connect("x" * 64, 104, calling="A", called="B", contexts=[ECHO])


def test_an_address_without_a_route_says_so() -> None:
    with pytest.raises(Unreachable, match=r"no way to 255\.255\.255\.255:104"):
        Requestor.connect("255.255.255.255", 104, calling="A", called="B", contexts=[ECHO])


def test_a_machine_that_does_not_answer_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(2)]
        for sock in waiting:
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(full.getsockname())
        with pytest.raises(Unreachable, match=r"does not answer within 0\.3 s"):
            connect(full.getsockname()[1], timeouts=SHORT)
        for sock in waiting:
            sock.close()


# -- peers that fail while we work ---------------------------------------------------------------------------


@pytest.fixture
def huge(tmp_path: Path) -> Iterator[int]:
    """Descriptor of a file of 64 MB: more than socket buffers hold."""
    path = tmp_path / "huge"
    with path.open("wb+") as file:
        file.truncate(64_000_000)
        yield file.fileno()


def store_huge(association: Requestor, fd: int) -> StoreReply:
    return association.store(CT_IMAGE, "1.2.3", EXPLICIT, fd, 0, 64_000_000)


def test_an_abort_while_we_send_is_known_by_its_reason(huge: int) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.reader.read(PATIENCE)
        peer.sock.sendall(pdu.pack_abort(2, 6))
        with suppress(PeerClosed):
            while True:
                peer.reader.read(PATIENCE)

    with scripted(script) as port, pytest.raises(Aborted, match="invalid value") as caught:
        store_huge(connect(port), huge)
    assert (caught.value.source, caught.value.reason) == (2, 6)


def test_an_abort_and_a_closed_door_while_we_send_is_an_abort_all_the_same(huge: int) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.reader.read(PATIENCE)
        peer.sock.sendall(pdu.pack_abort(2, 6))

    with scripted(script) as port, pytest.raises(Aborted, match="invalid value"):
        store_huge(connect(port), huge)


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a requestor has stopped sending and listens for what the peer may have said."""
    event = threading.Event()
    expect = Requestor._expect

    def listen(self: Requestor, kind: PduType, timeout: float) -> memoryview:
        if self._mid_pdu:
            event.set()
        return expect(self, kind, timeout)

    monkeypatch.setattr(Requestor, "_expect", listen)
    return event


def test_an_abort_from_a_peer_that_no_longer_reads_is_found(huge: int, given_up: threading.Event) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        given_up.wait(PATIENCE)
        peer.sock.sendall(pdu.pack_abort(2, 6))
        peer.sock.recv(1)

    with scripted(script) as port, pytest.raises(Aborted, match="invalid value"):
        store_huge(connect(port, timeouts=SHORT), huge)


def test_a_peer_that_no_longer_reads_is_given_up_without_an_abort_inside_the_object(
    huge: int, given_up: threading.Event
) -> None:
    leftovers = bytearray()

    def script(peer: Peer) -> None:
        peer.associate()
        given_up.wait(PATIENCE)
        while piece := peer.sock.recv(1_000_000):
            leftovers[:] = leftovers[-100:] + piece

    with scripted(script) as port, pytest.raises(Timeout, match="has not taken"):
        store_huge(connect(port, timeouts=SHORT), huge)
    assert set(leftovers[-100:]) == {0}  # the middle of a fragment, not an A-ABORT


def test_a_closed_connection_while_we_send_is_told_as_that(huge: int) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.reader.read(PATIENCE)

    with scripted(script) as port, pytest.raises(PeerClosed):
        store_huge(connect(port), huge)


def test_a_release_while_we_wait_is_answered_and_told_as_closed(store: Callable[..., StoreReply]) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.message()
        peer.sock.sendall(pdu.RELEASE_RQ)
        assert peer.next() == PduType.RELEASE_RP

    with scripted(script) as port, pytest.raises(PeerClosed, match="released the association"):
        store(connect(port), b"data")


def test_an_association_that_ended_while_idle_is_noticed_before_sending(store: Callable[..., StoreReply]) -> None:
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.associate()
        context_id, command, _ = peer.message()
        peer.reply(context_id, dimse.echo_response(command))
        peer.sock.sendall(pdu.pack_abort(0, 0))
        ended.set()
        with pytest.raises(PeerClosed):
            peer.reader.read(PATIENCE)

    with scripted(script) as port:
        association = connect(port)
        association.echo()
        assert ended.wait(PATIENCE)
        eventually(lambda: association._reader.peek() == PduType.ABORT, "the A-ABORT has arrived")
        with pytest.raises(Aborted):
            store(association, b"data")


def answers(change: Callable[[dimse.CommandSet], bytes]) -> Callable[[Peer], None]:
    """A peer that answers one message with `change(command)` and is aborted for it."""

    def script(peer: Peer) -> None:
        peer.associate()
        context_id, command, _ = peer.message()
        peer.reply(context_id, change(command))
        assert peer.next() == PduType.ABORT

    return script


def other_message(command: dimse.CommandSet) -> bytes:
    assert command.message_id is not None
    return dimse.encode_command({0x0100: 0x8001, 0x0120: command.message_id + 1, 0x0800: 0x0101, 0x0900: 0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_message, "got 8001 to 2"),
        (lambda c: dimse.encode_command({0x0100: 0x8030, 0x0120: c.message_id, 0x0800: 0x0101, 0x0900: 0}), "8030"),
        (lambda c: dimse.encode_command({0x0100: 0x8001, 0x0120: c.message_id, 0x0800: 1, 0x0900: 0}), "8001 to 1"),
        (lambda c: dimse.encode_command({0x0100: 0x8001, 0x0120: c.message_id, 0x0800: 0x0101}), "no status"),
        (lambda _: b"\1\2\3\4\5\6\7\xff", "does not belong"),
    ],
)
def test_an_answer_to_something_else_is_not_taken_for_ours(
    store: Callable[..., StoreReply], change: Callable[[dimse.CommandSet], bytes], words: str
) -> None:
    with scripted(answers(change)) as port, pytest.raises(ProtocolError, match=words):
        store(connect(port), b"data")


def test_an_answer_that_never_ends_is_cut(store: Callable[..., StoreReply]) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        context_id, _, _ = peer.message()
        endless = pdu.pack_command(context_id, bytes(16000), 16378)
        endless = endless[:11] + b"\1" + endless[12:]  # a command fragment that is not the last
        for _ in range(5):
            peer.sock.sendall(endless)
        assert peer.next() == PduType.ABORT

    with scripted(script) as port, pytest.raises(ProtocolError, match="does not end"):
        store(connect(port), b"data")


def test_a_dataset_instead_of_an_answer_is_refused(store: Callable[..., StoreReply]) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        context_id, _, _ = peer.message()
        peer.sock.sendall(struct.pack(">BxIIBB", 4, 8, 4, context_id, 2) + b"ab")
        assert peer.next() == PduType.ABORT

    with scripted(script) as port, pytest.raises(ProtocolError, match="dataset where a response"):
        store(connect(port), b"data")


def test_a_peer_that_does_not_answer_is_aborted_in_time(store: Callable[..., StoreReply]) -> None:
    def script(peer: Peer) -> None:
        peer.associate()
        peer.message()
        assert peer.next() == PduType.ABORT

    with scripted(script) as port, pytest.raises(Timeout, match=r"within 0\.3 s"):
        store(connect(port, timeouts=SHORT), b"data")


def test_a_peer_that_requests_without_end_instead_of_responding_is_cut_off() -> None:
    """Each may carry a dataset of megabytes, and is kept until we have our response."""

    def script(peer: Peer) -> None:
        peer.associate()
        context_id, _, _ = peer.message()
        peer.sock.sendall(9 * pdu.pack_command(context_id, dimse.echo_request(1), 16378))
        assert peer.next() == PduType.ABORT

    with scripted(script) as port, pytest.raises(ProtocolError, match="8 requests before the response"):
        connect(port).action(CT_IMAGE, "1.2.3", 1, lambda _: b"ab")


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only")
def test_a_peer_with_nagle_that_answers_in_two_segments_is_not_kept_waiting() -> None:
    def script(peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        peer.associate()
        for _ in range(30):
            context_id, command, _ = peer.message()
            answer = pdu.pack_command(context_id, dimse.echo_response(command), 16378)
            peer.sock.sendall(answer[:12])
            peer.sock.sendall(answer[12:])
        assert peer.next() == PduType.RELEASE_RQ

    durations = []
    with scripted(script) as port, connect(port) as association:
        for _ in range(30):
            started = time.perf_counter()
            association.echo()
            durations.append(time.perf_counter() - started)
    assert statistics.median(durations) < 0.02  # a delayed acknowledgement takes 0.04 s


# -- the reader ----------------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    with sender, receiver:
        yield sender, receiver


def test_pdus_are_found_however_they_are_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    bodies = [os.urandom(n) for n in (0, 1, 90, 100, 3, 77, 100, 100, 0, 50) * 20]
    data = b"".join(struct.pack(">BxI", 4, len(body)) + body for body in bodies)
    steps = [data[start : start + 37] for start in range(0, len(data), 37)]
    reader = PduReader(receiver, limit=100)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(lambda: [sender.sendall(step) for step in steps])
        assert [bytes(reader.read(PATIENCE)[1]) for _ in bodies] == bodies
        sent.result(timeout=PATIENCE)
    assert reader.peek() is None


def test_a_look_ahead_takes_nothing_away(pair: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = pair
    reader = PduReader(receiver)
    assert reader.peek() is None
    sender.sendall(struct.pack(">BxI", 4, 3) + b"one" + pdu.RELEASE_RQ[:1])
    assert bytes(reader.read(PATIENCE)[1]) == b"one"
    assert reader.peek() == PduType.RELEASE_RQ
    sender.sendall(pdu.RELEASE_RQ[1:])
    assert reader.read(PATIENCE)[0] == PduType.RELEASE_RQ


def test_a_pdu_that_drips_in_is_cut_off_in_time_and_can_still_be_completed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    sender, receiver = pair
    reader = PduReader(receiver)
    stop = threading.Event()

    def drip() -> None:
        sender.sendall(struct.pack(">BxI", 4, 1000))
        sent = 0
        while not stop.wait(0.02):
            sender.sendall(b"x")
            sent += 1
        sender.sendall(b"x" * (1000 - sent))

    with ThreadPoolExecutor(1) as pool:
        dripped = pool.submit(drip)
        started = time.monotonic()
        with pytest.raises(Timeout, match=r"0\.2 s"):
            reader.read(0.2)
        assert time.monotonic() - started < 10  # it would go on for twice as long
        stop.set()
        dripped.result(timeout=PATIENCE)
    assert reader.read(PATIENCE)[1] == b"x" * 1000


# -- DCMTK ---------------------------------------------------------------------------------------------------


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    port = free_port()
    program = shutil.which("storescp")
    assert program is not None
    process = subprocess.Popen([program, *options, "--output-directory", str(folder), str(port)])
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "storescp does not listen"
                assert process.poll() is None, "storescp ended"
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def dataset_start(part10: bytes) -> int:
    """Offset of the dataset: behind preamble, magic and the file meta group (PS3.10 7.1)."""
    (group_length,) = struct.unpack_from("<I", part10, 140)
    return int(144 + group_length)


FILES = {
    "CT_small.dcm": (CT_IMAGE, EXPLICIT),
    "MR_small_implicit.dcm": (MR_IMAGE, IMPLICIT),
    "rtdose.dcm": ("1.2.840.10008.5.1.4.1.1.481.2", IMPLICIT),
}


@pytest.mark.peer("storescp")
@pytest.mark.parametrize("max_pdu", ["4096", "131072"])
def test_storescp_keeps_our_objects_bit_for_bit(tmp_path: Path, max_pdu: str) -> None:
    sent = {}
    with (
        storescp(tmp_path, "+B", "--max-pdu", max_pdu) as port,
        connect(port, *FILES.values(), ECHO) as association,
    ):
        assert association.echo() == 0x0000
        for number, (name, (sop_class, syntax)) in enumerate(FILES.items()):
            path = Path(str(get_testdata_file(name, download=False)))
            content = path.read_bytes()
            start = dataset_start(content)
            with path.open("rb") as file:
                reply = association.store(
                    sop_class, f"1.2.3.{number}", syntax, file.fileno(), start, len(content) - start
                )
            assert reply.status == 0x0000
            sent[f"1.2.3.{number}"] = content[start:]
    kept = {path.name.split(".", 1)[1]: path.read_bytes() for path in tmp_path.iterdir()}
    assert {uid: content[dataset_start(content) :] for uid, content in kept.items()} == sent


@pytest.mark.peer("storescp")
def test_storescp_that_aborts_during_the_dataset_is_known_as_aborted(tmp_path: Path, huge: int) -> None:
    with storescp(tmp_path, "--abort-during") as port, pytest.raises((Aborted, PeerClosed)) as caught:
        store_huge(connect(port), huge)
    assert isinstance(caught.value, Aborted)


@pytest.mark.peer("storescp")
def test_storescp_that_refuses_associations_is_known_as_that(tmp_path: Path) -> None:
    with storescp(tmp_path, "--refuse") as port, pytest.raises(Rejected, match="gave no reason"):
        connect(port)
