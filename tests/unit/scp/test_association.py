"""An accepted association over a pair of sockets: storage commitment between objects, and how much of it is open."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicomrs.route import Limits
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.part import Origin
from dicomrs.spool.proof import prepare_root
from dicomrs_scp.association import AcceptedAssociation, Ending
from dicomrs_scp.commitment import RequestError
from dicomrs_scp.open_reports import ENOUGH_OBJECTS, MOST_REPORTS, OpenReports
from dicomrs_wire import dimse
from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    RESOURCE_LIMITATION,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.messages import pack_message
from dicomrs_wire.negotiation import AcceptedContext
from dicomrs_wire.pdu import HEADER, RELEASE_RQ, PduType, parse_abort, split_pdata
from dicomrs_wire.stream import PduReader
from support.objects import CT, EXPLICIT, image, instance
from support.processes import LOOPBACK

ORIGIN = Origin("CT_ROOM_1", "DICOMRS", "127.0.0.1")
IMAGES, ASKING = AcceptedContext(1, CT, EXPLICIT), AcceptedContext(3, COMMITMENT, EXPLICIT)
ACTION = dimse.action_request(1, COMMITMENT, COMMITMENT_INSTANCE, 1)


def question(objects: int = 1, transaction: str = "2.25.1") -> bytes:
    asked = Commitments(transaction, tuple(Reference(CT, f"1.2.{number}") for number in range(objects)))
    return encode_commitments(asked, EXPLICIT)


class SlowDesk:
    """Knows every object, once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.later: list[Commitments] = []

    def report_on(self, asked: Commitments, _origin: Origin) -> Commitments:
        assert self.let.wait(30)
        return asked

    def report_later(self, _origin: Origin, report: Commitments) -> None:
        self.later.append(report)


class Scanner:
    """The other end, and the association in a thread."""

    def __init__(self, root: Path) -> None:
        fs = OsFileSystem()
        prepare_root(fs, str(root))
        self.desk = SlowDesk()
        self.inbox = Inbox(fs, str(root), lambda _: 0)
        with socket.create_server((LOOPBACK, 0)) as listener:
            self.sock = socket.create_connection(listener.getsockname(), 10)
            self._ours, _ = listener.accept()
        self.reader = PduReader(self.sock)
        contexts = {context.id: context for context in (IMAGES, ASKING)}
        desk: object = self.desk
        served = AcceptedAssociation(self._ours, self.inbox, desk, ORIGIN, contexts, 0, Limits())  # type: ignore[arg-type]
        self._pool = ThreadPoolExecutor(1)
        self.ended = self._pool.submit(served.serve)

    def next(self) -> dimse.CommandSet:
        """The next command set."""
        while True:
            kind, body = self.reader.read(10)
            assert kind is PduType.P_DATA_TF, kind
            for pdv in split_pdata(body):
                if pdv.is_command:
                    return dimse.decode_command(bytes(pdv.data))

    def close(self) -> None:
        self.sock.close()
        self.ended.result(30)
        self._ours.close()
        self._pool.shutdown()
        self.inbox.close()


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[Scanner]:
    made = Scanner(tmp_path / "root")
    yield made
    made.close()


def joined(*messages: bytes) -> bytes:
    """What several P-DATA-TF PDUs carry, in one."""
    carried = b""
    for message in messages:
        offset = 0
        while offset < len(message):
            length = HEADER.unpack_from(message, offset)[1]
            carried += message[offset + HEADER.size : offset + HEADER.size + length]
            offset += HEADER.size + length
    return HEADER.pack(PduType.P_DATA_TF, len(carried)) + carried


def test_what_follows_a_question_in_the_same_pdu_is_taken_as_it_came(scanner: Scanner, tmp_path: Path) -> None:
    """While the report is being made the rest arrives, which must not be read over what is still to be taken."""
    one = instance(image(rows=64))
    store = pack_message(1, dimse.store_request(2, CT, one.uid), one.dataset, 4096)
    first = HEADER.size + HEADER.unpack_from(store)[1]
    begun = first + HEADER.size + HEADER.unpack_from(store, first)[1]
    scanner.sock.sendall(joined(pack_message(3, ACTION, question(), 4096), store[:begun]))
    assert scanner.next().field == dimse.N_ACTION_RSP
    scanner.sock.sendall(store[begun:])
    scanner.desk.let.set()
    fields = {scanner.next().field, scanner.next().field}
    assert fields == {dimse.N_EVENT_REPORT_RQ, dimse.C_STORE_RSP}
    (kept,) = tmp_path.glob("root/*/*.dcm")
    assert one.dataset in kept.read_bytes()


def test_a_report_may_be_answered_with_a_dataset(scanner: Scanner) -> None:
    """An event reply (PS3.7 10.3.1.2) says nothing to us, and is no reason to end the association."""
    scanner.desk.let.set()
    scanner.sock.sendall(pack_message(3, ACTION, question(), 4096))
    assert scanner.next().field == dimse.N_ACTION_RSP
    assert scanner.next().field == dimse.N_EVENT_REPORT_RQ
    response = dimse.encode_command({0x0100: dimse.N_EVENT_REPORT_RSP, 0x0120: 1, 0x0800: 1, 0x0900: 0})
    scanner.sock.sendall(pack_message(3, response, question(), 4096) + RELEASE_RQ)
    assert scanner.ended.result(30) == (Ending.RELEASED, "")
    assert not scanner.desk.later


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (HEADER.pack(9, 4) + bytes(4), 1),
        (HEADER.pack(PduType.ASSOCIATE_AC, 4) + bytes(4), 2),
        (HEADER.pack(PduType.P_DATA_TF, 4) + bytes(4), 6),
    ],
)
def test_an_abort_says_whether_a_pdu_was_unknown_out_of_place_or_wrong(
    scanner: Scanner, said: bytes, reason: int
) -> None:
    scanner.sock.sendall(said)
    kind, body = scanner.reader.read(10)
    assert (kind, *parse_abort(body)) == (PduType.ABORT, 2, reason)


def test_so_much_may_be_unanswered_and_no_more() -> None:
    desk = SlowDesk()
    desk.let.set()
    reports = OpenReports(desk, ORIGIN)  # type: ignore[arg-type]
    command = dimse.decode_command(ACTION)

    def answer(objects: int) -> int:
        try:
            reports.ask(command, question(objects), ASKING)
        except RequestError as error:
            return error.status
        reports.next()
        return dimse.SUCCESS

    assert answer(ENOUGH_OBJECTS) == dimse.SUCCESS
    assert answer(1) == RESOURCE_LIMITATION, "of many objects one report is enough"
    reports.answered(dimse.CommandSet(dimse.N_EVENT_REPORT_RSP, has_dataset=False, responded_to=1))
    assert [answer(1) for _ in range(MOST_REPORTS + 1)] == [*[dimse.SUCCESS] * MOST_REPORTS, RESOURCE_LIMITATION]


def test_message_ids_of_reports_start_over_after_65535() -> None:
    desk = SlowDesk()
    desk.let.set()
    reports = OpenReports(desk, ORIGIN)  # type: ignore[arg-type]
    reports._message_id = 65534
    command = dimse.decode_command(ACTION)
    ids = []
    for _ in range(2):
        reports.ask(command, question(), ASKING)
        ids.append((reports.next() or pytest.fail("no report"))[1])
    assert ids == [65535, 1]
