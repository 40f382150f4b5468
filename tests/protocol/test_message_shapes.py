"""The same bytes arrive however a message is cut into PDVs and PDUs, and whatever PDU sizes scanner and target name."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom import AE, _config
from pynetdicom.association import Association

from dicomrs_wire import dimse
from dicomrs_wire.association import decode_accept, encode_request
from dicomrs_wire.dialing import dial
from dicomrs_wire.pdu import RELEASE_RQ, PduType, split_pdata
from dicomrs_wire.stream import PduReader, tune
from support.objects import Instance, image, instance, write_files
from support.processes import LOOPBACK
from support.router import destination, route
from support.syntaxes import every_transfer_syntax, labelled
from support.tap import Tap, taps

_COMMAND, _LAST = 1, 2
_PDU_SIZES = [4096, 16384, 131072, 0]


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    return make_shared_router(route(tmp_path_factory.mktemp("root"), destination("tap", shared_tap.port)))


@dataclass(frozen=True)
class Shape:
    """How a message is cut. cuts: sizes of its fragments, in turn, over and over; pdus: how many of them share a PDU.

    empty: each part of the message ends with a fragment of no bytes that is marked as the last.
    """

    cuts: list[int]
    pdus: list[int]
    empty: bool = field(default=False)


SHAPES = {
    "one byte a PDV, one PDV a PDU": Shape([1], [1]),
    "one byte a PDV, all PDVs in one PDU": Shape([1], [5000]),
    "command and data in one PDU": Shape([60_000], [2]),
    "a command of one-byte fragments together with the beginning of the data": Shape([1], [200]),
    "several PDVs a PDU": Shape([700, 1, 333], [5, 2]),
    "the last fragments are empty": Shape([500], [1], empty=True),
    "the longest PDU that the receiver takes": Shape([131_066], [1]),
}


def fragments(part: bytes, flag: int, shape: Shape) -> list[tuple[int, bytes]]:
    """Command or dataset as (control header, bytes)."""
    found, position, turn = [], 0, 0
    while position < len(part):
        size = shape.cuts[turn % len(shape.cuts)]
        found.append((flag, part[position : position + size]))
        position, turn = position + size, turn + 1
    if shape.empty:
        found.append((flag, b""))
    found[-1] = (flag | _LAST, found[-1][1])
    return found


def message(number: int, one: Instance, shape: Shape) -> bytes:
    """The PDUs of a C-STORE."""
    command = dimse.store_request(number, one.sop_class, one.uid)
    pdvs = [
        struct.pack(">IBB", len(data) + 2, 1, control) + data
        for control, data in fragments(command, _COMMAND, shape) + fragments(one.dataset, 0, shape)
    ]
    packed, turn = bytearray(), 0
    while pdvs:
        count = shape.pdus[turn % len(shape.pdus)]
        body, pdvs, turn = b"".join(pdvs[:count]), pdvs[count:], turn + 1
        packed += struct.pack(">BxI", PduType.P_DATA_TF, len(body)) + body
    return bytes(packed)


class Scanner:
    """Sends messages in the shape that it is told."""

    def __init__(self, port: int, one: Instance) -> None:
        self._sock = dial(LOOPBACK, port, 10)
        tune(self._sock)
        self._reader = PduReader(self._sock)
        self._sock.sendall(encode_request("SHAPES", "DICOMRS", [(one.sop_class, one.transfer_syntax)], 16384))
        decode_accept(self._reader.read(30)[1])

    def send(self, number: int, one: Instance, shape: Shape) -> None:
        """One object; it must be taken."""
        self._sock.sendall(message(number, one, shape))
        kind, body = self._reader.read(60)
        assert kind is PduType.P_DATA_TF
        answer = dimse.decode_command(b"".join(bytes(pdv.data) for pdv in split_pdata(body)))
        assert (answer.status, answer.responded_to) == (0, number), answer

    def end(self) -> None:
        """Release."""
        self._sock.sendall(RELEASE_RQ)
        assert self._reader.read(30)[0] is PduType.RELEASE_RP
        self._sock.close()


def check_arrival(tap: Tap, objects: list[Instance]) -> None:
    found = tap.by_uid()
    for one in objects:
        assert [copy.identity for copy in found.get(one.uid, [])] == [one.identity]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_message_arrives_whatever_its_shape(shape, router, shared_tap):
    """Three on one association: what one leaves behind must not disturb the next."""
    objects = [instance(image(rows=400 if min(shape.cuts) > 1000 else 20)) for _ in range(3)]
    scanner = Scanner(router.port(), objects[0])
    for number, one in enumerate(objects, 1):
        scanner.send(number, one, shape)
    scanner.end()
    router.spool().wait_empty()
    check_arrival(shared_tap, objects)


shapes = st.builds(
    Shape,
    cuts=st.lists(st.one_of(st.integers(1, 9), st.integers(1, 3000)), min_size=1, max_size=6),
    pdus=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    empty=st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shapes=st.lists(shapes, min_size=1, max_size=3))
def test_messages_of_any_shapes_arrive(shapes, router, shared_tap):
    objects = [instance(image(rows=20)) for _ in shapes]
    scanner = Scanner(router.port(), objects[0])
    for number, (one, shape) in enumerate(zip(objects, shapes, strict=True), 1):
        scanner.send(number, one, shape)
    scanner.end()
    router.spool().wait_empty()
    check_arrival(shared_tap, objects)


def leave_answers_to_the_sender(association: Association) -> None:
    """Let pynetdicom's reactor thread take no message: a scanner gets no requests.

    It looks for one right after its pause, which send_c_store may already believe to have begun anew: on a busy
    machine the reactor then takes the answer, and send_c_store waits for it until its timeout (pynetdicom 3.0,
    Association._run_reactor).
    """
    take = association.dimse.get_msg
    association.dimse.get_msg = lambda block=False: take(block) if block else (None, None)


@pytest.mark.parametrize("target_takes", _PDU_SIZES)
@pytest.mark.parametrize("scanner_takes", _PDU_SIZES)
def test_pynetdicom_on_both_sides_in_every_transfer_syntax(
    scanner_takes, target_takes, tmp_path, make_router, monkeypatch
):
    """pynetdicom sends the files' bytes as they are, and keeps what it is sent."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    objects = [labelled(uid) for uid in every_transfer_syntax() if UID(uid).is_transfer_syntax]
    files = write_files(tmp_path / "files", objects)
    with taps(1, max_pdu=target_takes) as (tap,):
        router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
        ae = AE("PYNETDICOM")
        ae.maximum_pdu_size = scanner_takes
        for one in objects:
            ae.add_requested_context(one.sop_class, one.transfer_syntax)
        association = ae.associate(LOOPBACK, router.port(), max_pdu=scanner_takes)
        assert association.is_established
        leave_answers_to_the_sender(association)
        for path in files:
            assert association.send_c_store(path).Status == 0x0000
        association.release()
        router.spool().wait_empty()
        check_arrival(tap, objects)
