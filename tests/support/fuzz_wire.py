"""What reads the bytes of a peer, with inputs to begin from and what must hold of each."""

import random
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

from pynetdicom import AE, build_context, evt
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation, UserIdentityNegotiation

from dicomrs.dataset.source import MalformedError
from dicomrs_wire import dimse, negotiation
from dicomrs_wire.association import decode_accept, decode_reject, decode_request, encode_reject
from dicomrs_wire.commitment import Commitments, Reference, decode_commitments, encode_commitments
from dicomrs_wire.errors import PeerClosed, ProtocolError
from dicomrs_wire.pdu import HEADER, PduType, pack_abort, parse_abort, parse_header, split_pdata
from dicomrs_wire.statuses import describe_abort, describe_reject
from dicomrs_wire.stream import PduReader
from support.fuzzing import Target, outcome
from support.objects import CT, EXPLICIT, IMPLICIT, MR, image
from support.processes import LOOPBACK
from support.tap import taps

_READER_LIMIT = 16 << 10
STRANGE_ELEMENTS = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"SQ\0\0\xff\xff\xff\xff",
    b"UN\0\0\xff\xff\xff\xff",
    b"\xe0\x7f\x10\0OW\0\0",
    b"\x1b$B",
    b"\\ISO 2022 IR 87",
)


def conversation() -> list[bytes]:
    """Every PDU of pynetdicom talking to pynetdicom."""
    said: list[bytes] = []
    # UIDs that are no accident: a seed must mean the same inputs every time.
    one = image(rows=8, uid="1.2.3.1", study="1.2.3", series="1.2.3.4")
    roles, identity = SCP_SCU_RoleSelectionNegotiation(), UserIdentityNegotiation()
    one.file_meta = meta = type(one)()
    meta.TransferSyntaxUID = EXPLICIT
    roles.sop_class_uid, roles.scu_role, roles.scp_role = CT, True, False
    identity.user_identity_type, identity.primary_field = 1, b"scanner"
    with taps(1, max_pdu=16382) as (tap,):
        handlers = [
            (evt.EVT_DATA_SENT, lambda event: said.append(event.data)),
            (evt.EVT_DATA_RECV, lambda event: said.append(event.data)),
        ]
        contexts = [
            build_context(CT, [EXPLICIT, IMPLICIT]),
            build_context(MR, IMPLICIT),
            build_context(dimse.VERIFICATION),
        ]
        association = AE("SCANNER").associate(
            LOOPBACK, tap.port, contexts, "ROUTER", ext_neg=[roles, identity], evt_handlers=handlers
        )
        association.send_c_echo(1)
        association.send_c_store(one, 2)
        association.release()
    return said


def wire_targets() -> Iterator[Target]:
    """All of them."""
    pdus = conversation()
    data = [pdu[HEADER.size :] for pdu in pdus if pdu[0] == PduType.P_DATA_TF]
    commands = [bytes(pdv.data) for body in data for pdv in split_pdata(memoryview(body)) if pdv.is_command]
    bodies = {kind: [pdu[HEADER.size :] for pdu in pdus if pdu[0] == kind] for kind in PduType}
    numbers = [struct.pack("<HHI", 0, element, 2) for element in (0x0100, 0x0110, 0x0120, 0x0800, 0x0900, 0x1000)]
    items = [bytes((kind, 0, 0, 4)) for kind in (0x10, 0x20, 0x21, 0x30, 0x40, 0x50, 0x51, 0x52, 0x54, 0x55, 0x58)]
    yield Target("P-DATA-TF", _split, [*data, b"".join(data)])
    yield Target("command sets", _command, commands, numbers)
    yield Target("A-ASSOCIATE-RQ", _request, bodies[PduType.ASSOCIATE_RQ], items)
    yield Target("A-ASSOCIATE-AC", _accept, bodies[PduType.ASSOCIATE_AC], items)
    yield Target("A-ASSOCIATE-RJ and A-ABORT", _refusal, [encode_reject(1, 1, 7)[6:], pack_abort(2, 1)[6:]])
    yield _commitment()
    yield Target("PDUs in any segments", _stream, [b"".join(pdus), *pdus], [pdu[:6] for pdu in pdus])


def _split(body: bytes) -> str:
    position, count = 0, 0
    try:
        for pdv in split_pdata(memoryview(body)):
            assert pdv.data == body[position + 6 : position + 6 + len(pdv.data)]
            position, count = position + 6 + len(pdv.data), count + 1
    except ProtocolError as error:
        return outcome(error)
    assert position == len(body), "every byte belongs to a PDV"
    return f"{min(count, 9)} PDVs"


def _command(data: bytes) -> str:
    try:
        command = dimse.decode_command(data)
        if command.expects_response:
            reply = dimse.decode_command(dimse.failure_response(command, 0xC001))
            assert (reply.responded_to, reply.status) == (command.message_id, 0xC001)
            assert reply.sop_instance == command.sop_instance
    except ProtocolError as error:
        return outcome(error)
    absent = [name for name in command.__slots__ if getattr(command, name) in (None, "")]
    return f"{command.field % 64} {command.has_dataset} {absent}"


def _request(body: bytes) -> str:
    try:
        request = decode_request(body)
    except ProtocolError as error:
        return outcome(error)
    if (refusal := negotiation.refusal(request)) is not None:
        return str(refusal)
    answer, accepted = negotiation.accept(request, lambda uid: uid != MR, 1 << 17, (EXPLICIT,))
    understood = decode_accept(answer[HEADER.size :]).contexts
    assert understood == {one.id: one.transfer_syntax for one in accepted.values()}
    return f"{len(request.contexts)} {len(accepted)} {sorted(request.peer.roles)[:2]}"


def _accept(body: bytes) -> str:
    try:
        accepted = decode_accept(body)
    except ProtocolError as error:
        return outcome(error)
    return f"{len(accepted.contexts)} {bool(accepted.peer.class_uid)} {len(accepted.peer.roles)}"


def _refusal(body: bytes) -> str:
    try:
        sentences = describe_abort(*parse_abort(body)), describe_reject(*decode_reject(body))
    except ProtocolError as error:
        return outcome(error)
    return outcome(" ".join(sentences))


class _Segments(socket.socket):
    """A connection whose bytes arrive in pieces of any size."""

    sizes: random.Random

    def recv_into(self, buffer: memoryview, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override]
        return super().recv_into(buffer[: self.sizes.choice((1, 5, 6, 7, 100, 5000, 1 << 20))], nbytes, flags)


def _stream(data: bytes) -> str:
    expected, position = [], 0
    with suppress(ProtocolError):
        while position + HEADER.size <= len(data):
            kind, length = parse_header(data, position)
            end = position + HEADER.size + length
            if length > _READER_LIMIT or end > len(data):
                break
            expected.append((kind, data[position + HEADER.size : end]))
            position = end
    ours, theirs = socket.socketpair()
    with theirs, _Segments(fileno=ours.detach()) as sock:
        sock.sizes = random.Random(zlib.crc32(data))
        theirs.sendall(data)
        theirs.close()
        reader, found = PduReader(sock, _READER_LIMIT), []
        try:
            while True:
                kind, body = reader.read(5)
                found.append((kind, bytes(body)))
        except (PeerClosed, ProtocolError) as error:
            assert found == expected
            return f"{[kind.value for kind, _ in found][:5]} {outcome(error)}"


def _commitment() -> Target:
    """Datasets of storage commitment, all in two transfer syntaxes; what is understood can be said again."""
    objects = tuple(Reference(CT, f"1.2.3.{number}") for number in range(3))
    asked = (
        Commitments("1.2.9", objects),
        Commitments("1.2.9", objects[:1], ((objects[1], 0x0112), (objects[2], 0x0110))),
    )
    syntaxes = EXPLICIT, IMPLICIT

    def answer(data: bytes) -> str:
        said = []
        for syntax in syntaxes:
            try:
                found = decode_commitments(data, syntax)
            except MalformedError as error:
                said.append(outcome(error))
                continue
            assert decode_commitments(encode_commitments(found, syntax), syntax) == found
            said.append(f"{len(found.references)} {len(found.failed)}")
        return " ".join(said)

    corpus = [encode_commitments(one, syntax) for one in asked for syntax in syntaxes]
    return Target("storage commitment", answer, corpus, STRANGE_ELEMENTS)
