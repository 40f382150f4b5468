"""Everything that reads a stranger's bytes, or bytes off the disk, with inputs to begin from and what must hold."""

import os
import random
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml
from pynetdicom import AE, build_context, evt
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation, UserIdentityNegotiation

from dicomrs.dataset import missing_pixels, read_header
from dicomrs.route import load_manifests
from dicomrs.route.problems import ManifestError
from dicomrs.spool import control
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import CONTROL
from dicomrs.spool.receipts import Event, History, Kind, _line, parse_events
from dicomrs.spool.record import Head, NotOursError, Record, blank_head, read_head
from dicomrs_wire import dimse, negotiation
from dicomrs_wire.association import decode_accept, decode_reject, decode_request, encode_reject
from dicomrs_wire.errors import AssociationError, PeerClosed, ProtocolError
from dicomrs_wire.pdu import HEADER, PduType, pack_abort, parse_abort, parse_header, split_pdata
from dicomrs_wire.statuses import describe_abort, describe_reject
from dicomrs_wire.stream import PduReader
from support.fuzzing import Target
from support.objects import CT, EXPLICIT, IMPLICIT, JPEG, MR, RLE, from_file, image, package_files
from support.processes import LOOPBACK
from support.router import destination, route
from support.syntaxes import BIG_ENDIAN, GE_PRIVATE
from support.tap import taps

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, GE_PRIVATE, JPEG, RLE)
_READER_LIMIT = 16 << 10
_LARGEST_FILE = 40_000  # bytes
_DIGITS = re.compile(r"[0-9A-F]*[0-9][0-9A-F]*")


def conversation() -> list[tuple[bool, bytes]]:
    """(whether the scanner said it, PDU): pynetdicom talking to pynetdicom."""
    said: list[tuple[bool, bytes]] = []
    one, roles, identity = image(rows=8, uid="1.2.3.1"), SCP_SCU_RoleSelectionNegotiation(), UserIdentityNegotiation()
    one.file_meta = meta = type(one)()
    meta.TransferSyntaxUID = EXPLICIT
    roles.sop_class_uid, roles.scu_role, roles.scp_role = CT, True, False
    identity.user_identity_type, identity.primary_field = 1, b"scanner"
    with taps(1, max_pdu=16382) as (tap,):
        handlers = [
            (evt.EVT_DATA_SENT, lambda event: said.append((True, event.data))),
            (evt.EVT_DATA_RECV, lambda event: said.append((False, event.data))),
        ]
        contexts = [build_context(CT, [EXPLICIT, IMPLICIT]), build_context(MR, IMPLICIT), build_context(dimse.VERIFICATION)]
        association = AE("SCANNER").associate(
            LOOPBACK, tap.port, contexts, "ROUTER", ext_neg=[roles, identity], evt_handlers=handlers
        )
        association.send_c_echo(1)
        association.send_c_store(one, 2)
        association.release()
    return said


def _outcome(error: Exception) -> str:
    """An exception as an answer: its sentence without what varies."""
    return _DIGITS.sub("#", str(error))[:80]


def wire_targets(said: list[tuple[bool, bytes]]) -> Iterator[Target]:
    """What a peer's first and later bytes go through."""
    pdus = [pdu for _, pdu in said]
    data = [pdu[HEADER.size :] for pdu in pdus if pdu[0] == PduType.P_DATA_TF]
    commands = [bytes(pdv.data) for body in data for pdv in split_pdata(memoryview(body)) if pdv.is_command]
    bodies = {kind: [pdu[HEADER.size :] for pdu in pdus if pdu[0] == kind] for kind in PduType}
    numbers = [bytes((0, *element, 0, 0, 2, 0, 0, 0)) for element in ((0, 1), (0x10, 1), (0, 8), (0, 9))]
    items = [bytes((kind, 0, 0, 4)) for kind in (0x10, 0x20, 0x21, 0x30, 0x40, 0x50, 0x51, 0x52, 0x54, 0x55, 0x58)]
    yield Target("P-DATA-TF", _split, [*data, b"".join(data)])
    yield Target("command sets", _command, commands, numbers)
    yield Target("A-ASSOCIATE-RQ", _request, bodies[PduType.ASSOCIATE_RQ], items)
    yield Target("A-ASSOCIATE-AC", _accept, bodies[PduType.ASSOCIATE_AC], items)
    yield Target("A-ASSOCIATE-RJ and A-ABORT", _refusal, [encode_reject(1, 1, 7)[6:], pack_abort(2, 1)[6:]])
    yield Target("PDUs in any segments", _stream, [b"".join(pdus), *pdus], [pdu[:6] for pdu in pdus])


def _split(body: bytes) -> str:
    position, count = 0, 0
    try:
        for pdv in split_pdata(memoryview(body)):
            assert pdv.data == body[position + 6 : position + 6 + len(pdv.data)]
            position, count = position + 6 + len(pdv.data), count + 1
    except ProtocolError as error:
        return _outcome(error)
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
        return _outcome(error)
    absent = [name for name in command.__slots__ if getattr(command, name) in (None, "")]
    return f"{command.field % 64} {command.has_dataset} {absent}"


def _request(body: bytes) -> str:
    try:
        request = decode_request(body)
    except ProtocolError as error:
        return _outcome(error)
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
        return _outcome(error)
    return f"{len(accepted.contexts)} {bool(accepted.peer.class_uid)} {len(accepted.peer.roles)}"


def _refusal(body: bytes) -> str:
    try:
        sentences = describe_abort(*parse_abort(body)), describe_reject(*decode_reject(body))
    except ProtocolError as error:
        return _outcome(error)
    return _DIGITS.sub("#", " ".join(sentences))


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
            return f"{[kind.value for kind, _ in found][:5]} {_outcome(error)}"


def dataset_target() -> Target:
    """The header reader, and the judgement of pixels: the first byte of an input says the transfer syntax."""
    made = [one for path in package_files().values() if path.stat().st_size < _LARGEST_FILE and (one := _whole(path))]
    scratch = os.memfd_create("dataset")

    def answer(data: bytes) -> str:
        syntax, dataset = SYNTAXES[data[0] % len(SYNTAXES)] if data else IMPLICIT, data[1:]
        os.ftruncate(scratch, 0)
        os.pwrite(scratch, dataset, 0)
        header = read_header(scratch, 0, len(dataset), syntax)
        sentences = [missing_pixels(header, sop_class, syntax) for sop_class in (CT, RT_DOSE, header.sop_class)]
        assert all(sentence is None or sentence.endswith(".") for sentence in sentences)
        if header.pixels and syntax != DEFLATED:
            assert header.pixels.present <= len(dataset)
        if sentences[0] is None:
            assert header.pixels, "an image that passes has pixels"
            assert header.pixels.declared is None or header.pixels.present >= header.pixels.declared > 0
        said = next((sentence for sentence in sentences if sentence), "")
        return _DIGITS.sub("#", f"{header.problem[:60]} {said[:40]} {header.pixels is None} {bool(header.study)}")

    return Target("dataset headers", answer, made, [b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0", b"SQ\0\0\xff\xff\xff\xff", b"UN\0\0\xff\xff\xff\xff", b"\xe0\x7f\x10\0OW\0\0", b"\x1b$B", b"\\ISO 2022 IR 87"])


def _whole(path: Path) -> bytes | None:
    one = from_file(path, None)
    if one is None or one.transfer_syntax not in SYNTAXES:
        return None
    return bytes((SYNTAXES.index(one.transfer_syntax),)) + one.dataset


RECORD = Record(
    arrival="0" * 32,
    digest="xxh3-128:" + "1" * 32,
    length=3,
    received="2026-01-22T10:15:30.000-03:00",
    calling="CT_ROOM_1",
    called="DICOMRS",
    address=LOOPBACK,
    modality="CT",
    station="ROOM1",
)


def head_target() -> Target:
    """The head of a spooled file: whatever happens to it, it is never taken for another object's."""
    identity = (CT, "1.2.3.1", EXPLICIT)
    head, at = blank_head(*identity)
    original = head[:at] + RECORD.pack(identity) + b"abc"
    fs, scratch = OsFileSystem(), os.memfd_create("spooled")

    def answer(data: bytes) -> str:
        os.ftruncate(scratch, 0)
        os.pwrite(scratch, data, 0)
        try:
            found = read_head(fs, scratch)
        except NotOursError as error:
            return _outcome(error)
        assert found == Head(*identity, RECORD, found.start), "a changed head is noticed"
        return "whole"

    strange = (b"[" * 900, b'{"format":1,"check":[[]]}', b"\x02\0\0\x01UI\2\0", b'"format":2', b"null")
    return Target("heads of spooled files", answer, [original], strange)


def receipts_target() -> Target:
    """The receipts: lines that are torn or foreign are passed over."""
    events = [
        Event("2026-01-22T10:15:30.000-03:00", kind, f"{number:032x}", "tap", uid=f"1.2.{number}", status="0000")
        for number, kind in enumerate(Kind)
    ]
    whole = b"".join(map(_line, events))

    def answer(data: bytes) -> str:
        found = parse_events(data)
        history = History(found)
        for event in found:
            history.last(event.arrival, event.destination)
            history.digest_of(event.uid, event.arrival)
        return f"{len(found)} {sorted(event.kind for event in found)[:3]}"

    strange = (b"[]", b"{}", b'{"kind":"parked"}', b"[" * 2000, b"1" * 5000, b"null", b'"delivered"', b"\n")
    return Target("receipts", answer, [whole, *map(_line, events)], strange)


def control_target(folder: Path) -> Target:
    """Requests to a service: each is answered, or removed; none is left to be stumbled over for ever."""
    fs = OsFileSystem()
    (folder / CONTROL).mkdir(parents=True)
    request = folder / CONTROL / "a.request.json"
    asked = [b'{"who": "ana", "why": "the target is well again", "folder": "", "destination": "tap"}']

    def handle(release: control.Release) -> int:
        assert all(isinstance(getattr(release, name), str) for name in release.__slots__)
        return 1

    def answer(data: bytes) -> str:
        request.write_bytes(data)
        control.serve(fs, str(folder), handle)
        left = sorted(path.name for path in request.parent.iterdir())
        for name in left:
            os.unlink(request.parent / name)
        assert left in (["a.answer.json"], [])
        return str(left)

    strange = (b"[]", b"{}", b"null", b"1", b'{"who":1}', b"[" * 2000, b'"x":1,', b'"')
    return Target("requests to a service", answer, asked, strange)


def manifest_target(folder: Path) -> Target:
    """Manifests: everything that is wrong is said in sentences that can be printed."""
    path = folder / "clinicroute.yaml"
    park = {"tries": 3, "over": "1m"}
    limits = {"associations": 10, "idle": "10s", "pdu": "64Ki", "largestObject": "1Gi"}
    rule = {"modalities": ["CT"], "stations": ["ROOM1"]}
    made = route(
        Path("/home/dicom/clinic"),
        destination("tap", 104, park=park, match=[rule]),
        receiver={"port": 11112, "limits": limits, "allow": {"networks": ["10.20.30.0/24"]}},
        storage={"retention": "30d", "onConflict": "Park"},
    )
    texts = [yaml.safe_dump(made).encode(), yaml.safe_dump_all([made, made]).encode(), yaml.dump(made, default_flow_style=True).encode()]

    def answer(data: bytes) -> str:
        path.write_bytes(data)
        try:
            load_manifests([path])
        except ManifestError as error:
            sentences = str(error)
            assert sentences.encode()
            return re.sub(r"[0-9]+|\"[^\"]*\"", "#", sentences.replace(str(path), ""))[:80]
        return "loaded"

    strange = (
        *(b'"\\UFFFFFFFF"', b'"\\ud800"', b"&a [*a]", b"!!python/object:os.system x", b"%YAML 9.9\n---\n", b"? [a]\n: b\n"),
        *(b"1:1" * 300 + b".5", b"- " * 40, b"[" * 40, b"{a: {b: ", b"<<: {a: 1}", b"0o17", b"2026-01-22", b".inf", b"1e400"),
        *(b"9" * 5000, b"\t", b"\xef\xbb\xbf", b"\xff", b"\0", b"|\n", b">-\n", b"'", b'"', b"\n---\n", b"!!binary a", b"~"),
    )
    return Target("manifests", answer, texts, strange)


def all_targets(folder: Path) -> list[Target]:
    """All of them; folder: for those that read files."""
    return [
        *wire_targets(conversation()),
        dataset_target(),
        head_target(),
        receipts_target(),
        control_target(folder / "root"),
        manifest_target(folder),
    ]
