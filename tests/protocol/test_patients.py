"""What a scanner writes into patient names and IDs is data: never a path, never altered, never in a log."""

import json
import os

import pytest

from support.objects import image, instance, respelled
from support.router import destination, route
from support.sender import send, send_all

NAMES = {
    "path": b"../../etc/passwd",
    "absolute path": b"/etc/passwd^/root",
    "nul": b"Te\0st^Nul",
    "newline": b"Te\r\nst^Line\x1b[2J",
    "dots": b"..",
    "empty": b"",
    "only spaces": b"    ",
    "long": b"A" * 64,
    "much too long": b"N" * 4000,
    "wildcards": b"*?|<>:\"'`$(reboot);&^\\x",
    "hidden": b".hidden^.dcm",
    "quarantine": b"_INVALID_NO_PIXELS",
}
IDS = {
    "path": b"../../../tmp/x",
    "empty": b"",
    "spaces": b"  ",
    "marks": b"a/b\\c",
    "nul": b"4\0711",
    "long": b"I" * 64,
}


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("around") / "inside" / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port)))


def around(router):
    """Everything beside the root, which nobody may touch."""
    outside = router.spool().root.parent.parent
    return sorted(path for path in outside.rglob("*") if router.spool().root not in (path, *path.parents))


def passes(router, tap, one):
    """Send it; the one folder that it got."""
    spool = router.spool()
    before, outside = set(spool.folders()), around(router)
    send_all(router.port(), [one])
    (folder,) = set(spool.folders()) - before
    spool.wait_empty()
    assert [copy.identity for copy in tap.by_uid()[one.uid]] == [one.identity]
    assert around(router) == outside
    return folder


def assert_safe(folder):
    name = folder.name
    assert len(os.fsencode(name)) <= 255
    assert name.isprintable()
    assert not set(name) & set("/\\:*?\"<>|$`'&;()\0")
    assert ".." not in name
    assert {path.name for path in folder.iterdir()} == {".metadata.json", ".receipts.jsonl"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_patient_name_makes_a_safe_folder_and_arrives(name, router, shared_tap):
    one = respelled(instance(image()), patient_name=name)
    assert_safe(passes(router, shared_tap, one))


def test_a_japanese_name_of_64_characters_arrives_and_is_read(router, shared_tap):
    name = "山" * 31 + "^" + "太" * 32
    assert len(name) == 64
    encoded = name.encode("iso2022_jp")
    one = respelled(instance(image(character_set="\\ISO 2022 IR 87")), patient_name=b"=" + encoded)
    folder = passes(router, shared_tap, one)
    assert_safe(folder)
    study = json.loads((folder / ".metadata.json").read_text())
    assert name in study["patientName"]
    assert "山山山" in folder.name


@pytest.mark.parametrize("patient_id", IDS.values(), ids=IDS)
def test_any_patient_id_makes_a_safe_folder_and_arrives(patient_id, router, shared_tap):
    one = respelled(instance(image()), patient_id=patient_id)
    assert_safe(passes(router, shared_tap, one))


def test_two_studies_of_one_patient_at_one_second_are_two_folders(router, shared_tap):
    objects = [instance(image(patient_id="TWICE")) for _ in range(2)]
    folders = [passes(router, shared_tap, one) for one in objects]
    assert folders[0] != folders[1]


def test_no_patient_is_named_in_a_log(make_router, tmp_path, tap):
    """Kept, repeated, refused, quarantined, delivered, parked, damaged: no line at INFO says who it is about."""
    tap.stop()
    tap.answer = lambda received: 0xA900 if b"PARKED" in received.dataset else 0x0000
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    who = {"patient_name": "Secretname^Jane", "patient_id": "SECRETID-7"}
    good, parked, damaged = (instance(image(**who, station=station)) for station in ("GOOD", "PARKED", "DAMAGED"))
    without = instance(image(**who, without=("PixelData",)))
    homeless = instance(image(**who, without=("StudyInstanceUID",)))
    assert [reply.status for reply in send(router.port(), [good, good, parked, damaged, without, homeless])] == [
        *[0x0000] * 5,
        0xC000,
    ]
    spool = router.spool()
    (path,) = (path for path in spool.waiting() if path.stem == damaged.uid)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    tap.start()
    for kind in ("delivered", "parked", "damaged"):
        spool.wait_receipts(1, kind=kind)
    for service, last in (("scp", "association"), ("scu", "object damaged on disk, moved to _DAMAGED")):
        router.wait_for(service, last)
        text = router.log(service).read_text()
        for secret in ("Secretname", "SECRETNAME", "SECRETID", "Jane", "19700101"):
            assert secret not in text
    assert "Secretname" in str(spool.metadata())
