"""hold, resend, export and discard: what a person may do to a study, with a router that runs, and on record."""

import json

import pydicom
import pytest

from dicomrs.exits import Exit
from support.acting import acting
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.polling import eventually, hold
from support.router import destination, route
from support.sender import send_all
from support.spool_view import QUARANTINE


@pytest.fixture
def stopped_tap(tap):
    """A target that is away: what it is to get waits."""
    tap.stop()
    return tap


def waits(router, name: str, number: int) -> None:
    figures = lambda: router.spool().status("scu")["destinations"][name]["waiting"]  # noqa: E731 (asked again and again)
    eventually(lambda: figures() == number, f"{number} wait for {name}")


def test_a_held_study_waits_while_others_go_and_goes_when_it_is_released(stopped_tap, make_router, tmp_path, dicomrs):
    router = make_router(route(tmp_path / "root", destination("tap", stopped_tap.port)))
    objects = series(4)
    send_all(router.port(), objects[:3])
    waits(router, "tap", 3)
    act = acting(dicomrs, router)
    done = act("hold", why="wrong patient")
    assert (done.exit_code, done.output) == (Exit.OK, "objects held: 3, and whatever else comes of this study\n")
    other = series(1)
    send_all(router.port(), [objects[3], *other])
    router.kill("scu")
    router.start("scu")
    stopped_tap.start()
    stopped_tap.wait_stored(1)
    hold(lambda: len(stopped_tap.stored) == 1, "only the other study is sent", 1.5)
    status = dicomrs("status", router.manifest).output
    assert "4 held: wrong patient" in status
    (study,) = {path.parent.name for path in router.spool().waiting()}
    key = next(line.split()[-1] for line in status.splitlines() if "held" in line and "Tester" in line)
    assert act("release", study=key).output == "objects released: 4\n"
    router.spool().wait_empty()
    assert {one.uid for one in stopped_tap.stored} == {one.uid for one in [*objects, *other]}
    assert {one["who"] for one in router.spool().receipts(kind="held")} != {""}
    assert study


def test_what_one_target_lost_is_sent_again_as_long_as_it_is_here(two_taps, make_router, tmp_path, dicomrs):
    one, away = two_taps
    away.stop()
    router = make_router(route(tmp_path / "root", destination("a", one.port), destination("b", away.port)))
    objects = series(2)
    send_all(router.port(), objects)
    router.spool().wait_receipts(2, kind="delivered", destination="a")
    act = acting(dicomrs, router)
    done = act("resend", "--destination", "a", why="deleted by mistake")
    assert (done.exit_code, done.output) == (Exit.OK, "objects to be sent again: 2\n")
    one.wait_stored(4)
    assert {uid: len(copies) for uid, copies in one.by_uid().items()} == {each.uid: 2 for each in objects}
    away.start()
    router.spool().wait_empty()
    done = act("resend", "--destination", "a")
    assert done.exit_code == Exit.FAILED
    assert "objects to be sent again: 0" in done.stdout
    assert "2 x it was delivered and has left the disk: only the scanner can send it again" in done.stderr
    assert act("receipt").exit_code == Exit.OK


def test_what_an_older_rule_had_quarantined_is_delivered_once_released_and_the_rest_stays(
    tap, make_router, tmp_path, dicomrs
):
    study = "1.2.840.1"
    good = [instance(image(study=study, number=number)) for number in range(1, 4)]
    bad = instance(image(study=study, without=("PixelData",)))
    spool = FilledSpool(tmp_path / "root")
    spool.quarantine(*good)
    spool.receive(bad)
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    done = acting(dicomrs, router)("release", why="the check is mended")
    assert (done.exit_code, done.stdout) == (Exit.OK, "objects released: 3\n")
    assert "1 x it stays in quarantine: CT Image Storage without pixel data" in done.stderr
    tap.wait_stored(3)
    router.spool().wait_empty()
    assert sorted(one.identity for one in tap.stored) == sorted(one.identity for one in good)
    assert [name for name, _ in router.spool().kept_aside(QUARANTINE)] == [f"{bad.uid}.dcm"]


def test_what_is_quarantined_and_parked_can_be_exported_and_then_discarded(tap, make_router, tmp_path, dicomrs):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    study = "1.2.840.2"
    refused = instance(image(study=study))
    bad = instance(image(study=study, without=("PixelData",)))
    tap.answer = lambda _: 0xA900
    send_all(router.port(), [refused, bad])
    router.spool().wait_receipts(1, kind="parked")
    act = acting(dicomrs, router)
    (tmp_path / "copies").mkdir()
    done = act("export", tmp_path / "copies")
    assert done.exit_code == Exit.OK
    assert "objects copied: 2" in done.stdout
    assert "without pixel data" in done.stdout
    whole = pydicom.dcmread(tmp_path / "copies" / f"{refused.uid}.dcm")
    assert whole.SOPInstanceUID == refused.uid
    assert (tmp_path / "copies" / f"{refused.uid}.dcm").read_bytes().endswith(refused.dataset)
    assert "PixelData" not in pydicom.dcmread(tmp_path / "copies" / QUARANTINE / f"{bad.uid}.dcm")

    done = act("discard", "--what", "quarantined", "--yes", why="test images")
    assert (done.exit_code, done.output) == (Exit.OK, "objects discarded: 1\n")
    assert router.spool().kept_aside(QUARANTINE) == []
    assert len(router.spool().waiting()) == 1
    assert act("discard", "--what", "quarantined", "--what", "parked", "--yes").output == "objects discarded: 1\n"
    assert router.spool().waiting() == []
    assert {one["uid"] for one in router.spool().receipts(kind="discarded")} == {refused.uid, bad.uid}
    shown = act("receipt")
    assert shown.exit_code == Exit.FAILED
    assert "test images" in shown.output


def test_what_waits_is_not_discarded_and_nothing_is_without_the_studys_name(
    stopped_tap, make_router, tmp_path, dicomrs, monkeypatch
):
    router = make_router(route(tmp_path / "root", destination("tap", stopped_tap.port)))
    send_all(router.port(), series(1))
    waits(router, "tap", 1)
    act = acting(dicomrs, router)
    for answer in ("yes", "0000000000"):
        monkeypatch.setattr("typer.prompt", lambda *_, answer=answer: answer)
        assert act("discard", "--what", "parked").exit_code == Exit.FAILED
    assert router.events("scu", "audit entry") == []
    assert act("discard", "--what", "held", "--yes").output == "objects discarded: 0\n"
    assert len(router.spool().waiting()) == 1


def test_export_overwrites_nothing_tells_what_is_damaged_and_stays_out_of_the_root(tmp_path, dicomrs, write_manifest):
    spool = FilledSpool(tmp_path / "root")
    objects = series(3)
    arrivals = spool.receive(*objects)
    spool.damage(arrivals[0])
    manifest = write_manifest(route(spool.root, destination("a", 4243)))
    (study,) = json.loads(dicomrs("status", manifest, "--json").stdout)[0]["studies"]
    words = ["--route", "clinic", "--study", study["key"], "--why", "x"]
    copies = tmp_path / "copies"
    copies.mkdir()
    taken = copies / f"{objects[1].uid}.dcm"
    taken.write_bytes(b"mine")
    done = dicomrs("export", manifest, copies, *words)
    assert done.exit_code == Exit.FAILED
    assert "objects copied: 2" in done.stdout
    assert f"{objects[0].uid}.dcm: damaged: its bytes have changed on the disk" in done.stdout
    assert f"not copied: {objects[1].uid}.dcm: there is such a file already" in done.stderr
    assert taken.read_bytes() == b"mine"
    inside = spool.root / arrivals[0].folder
    assert dicomrs("export", manifest, inside, *words).exit_code == Exit.USAGE
    assert dicomrs("export", manifest, copies, "--object", "9.9", *words).output == "objects copied: 0\n"


@pytest.mark.parametrize("why", ["", "  ", "x" * 1001])
def test_an_action_has_a_reason(why, dicomrs, write_manifest, tmp_path):
    manifest = write_manifest(route(tmp_path, destination("a", 4243)))
    done = dicomrs("hold", manifest, "--route", "clinic", "--study", "1", "--why", why)
    assert done.exit_code == Exit.USAGE
    assert "a reason has 1 to 1000 characters" in done.stderr
