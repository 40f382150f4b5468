"""What reads datasets, and files that somebody else may have written: inputs to begin from, and what must hold."""

import json
import os
import re
from pathlib import Path

import yaml

from dicomrs.dataset import missing_pixels, read_header
from dicomrs.route import load_manifests
from dicomrs.route.problems import ManifestError
from dicomrs.spool import control, mailbox
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import CONTROL
from dicomrs.spool.mailbox import Answer
from dicomrs.spool.receipts import Event, History, Kind, _line, parse_events
from dicomrs.spool.record import Head, NotOursError, Record, blank_head, read_head
from support.fuzz_wire import STRANGE_ELEMENTS
from support.fuzzing import Target, outcome
from support.objects import CT, EXPLICIT, IMPLICIT, JPEG, RLE, from_file, package_files
from support.processes import LOOPBACK
from support.router import destination, route
from support.syntaxes import BIG_ENDIAN, GE_PRIVATE

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, GE_PRIVATE, JPEG, RLE)
_LARGEST_FILE = 40_000  # bytes


def _dataset() -> Target:
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
        return outcome(f"{header.problem[:60]} {said[:40]} {header.pixels is None} {bool(header.study)}")

    return Target("dataset headers", answer, made, STRANGE_ELEMENTS)


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
    series="1.2.3",
)


def _head() -> Target:
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
            return outcome(error)
        assert found == Head(*identity, RECORD, found.start), "a changed head is noticed"
        return "whole"

    strange = (b"[" * 900, b'{"format":1,"check":[[]]}', b"\x02\0\0\x01UI\2\0", b'"format":3', b"null")
    return Target("heads of spooled files", answer, [original], strange)


def _receipts() -> Target:
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


class _Unsynced(OsFileSystem):
    """Nothing here must outlast a power cut, and an fsync for each input takes most of the time."""

    def fsync(self, fd: int) -> None:
        pass


def _control(folder: Path) -> Target:
    """Requests to a service: each is answered, and none is left to be stumbled over for ever."""
    fs = _Unsynced()
    (folder / CONTROL).mkdir(parents=True)
    request, reply = folder / CONTROL / "a.request.json", folder / CONTROL / "a.answer.json"
    common = {"who": "ana", "why": "the target is well again", "folder": "20260122T101530_T-1_Tester"}
    asked = [
        mailbox.pack(one)
        for one in (
            control.Release(**common, destination="tap"),
            control.Hold(**common),
            control.Resend(**common, instance="1.2.3"),
            control.Discard(**common, what=(control.What.PARKED,)),
        )
    ]

    def handle(request: control.Request) -> Answer:
        assert mailbox.unpack(control.KINDS, mailbox.pack(request)) == request
        return Answer(1, (request.action,))

    def answer(data: bytes) -> str:
        request.write_bytes(data)
        control.serve(fs, str(folder), handle)
        assert [path.name for path in request.parent.iterdir()] == [reply.name]
        said = json.loads(reply.read_text())
        reply.unlink()
        return outcome(f"{said['notes']} {said['failed']}")

    strange = (b"[]", b"{}", b"null", b"1", b'"who":1,', b"[" * 2000, b'"x":1,', b'"', b"discard", b'"what":["held"],')
    return Target("requests to a service", answer, asked, strange)


def _manifest(folder: Path) -> Target:
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
    texts = [
        yaml.safe_dump(made).encode(),
        yaml.safe_dump_all([made, made]).encode(),
        yaml.dump(made, default_flow_style=True).encode(),
    ]

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
        *(
            b'"\\UFFFFFFFF"',
            b'"\\ud800"',
            b"&a [*a]",
            b"!!python/object:os.system x",
            b"%YAML 9.9\n---\n",
            b"? [a]\n: b\n",
        ),
        *(
            b"1:1" * 300 + b".5",
            b"- " * 40,
            b"[" * 40,
            b"{a: {b: ",
            b"<<: {a: 1}",
            b"0o17",
            b"2026-01-22",
            b".inf",
            b"1e400",
        ),
        *(
            b"9" * 5000,
            b"\t",
            b"\xef\xbb\xbf",
            b"\xff",
            b"\0",
            b"|\n",
            b">-\n",
            b"'",
            b'"',
            b"\n---\n",
            b"!!binary a",
            b"~",
        ),
    )
    return Target("manifests", answer, texts, strange, patience=0.5)  # PyYAML is slow, and nobody waits


def file_targets(folder: Path) -> list[Target]:
    """All of them; folder: for those that read files."""
    return [_dataset(), _head(), _receipts(), _control(folder / "root"), _manifest(folder)]
