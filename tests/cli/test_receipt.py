"""receipt: what came of a study and who has confirmed it, from real deliveries, and from the disk alone."""

import json
from dataclasses import replace
from datetime import datetime

import pytest
import xxhash

from dicomrs.exits import Exit
from dicomrs.spool.layout import study_key
from dicomrs.survey import survey
from support.acting import acting, key_of
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.router import destination, route
from support.sender import send_all
from support.tap import take_all


def digest_of(one) -> str:
    """As docs/receipts-and-audit.md says it."""
    return "xxh3-128:" + xxhash.xxh3_128_hexdigest(one.transfer_syntax.encode() + b"\0" + one.dataset)


def test_a_study_that_two_targets_have_confirmed_is_complete_and_every_figure_is_told(
    two_taps, make_router, tmp_path, dicomrs
):
    router = make_router(
        route(tmp_path / "root", destination("a", two_taps[0].port), destination("b", two_taps[1].port))
    )
    objects = series(3)
    began = datetime.now().astimezone()
    send_all(router.port(), objects)
    router.spool().wait_empty()
    router.kill("scp", "scu")  # it is read from the disk alone
    act = acting(dicomrs, router)
    shown = act("receipt")
    assert shown.exit_code == Exit.OK
    assert "COMPLETE: each of 3 objects is confirmed by every destination" in shown.output
    assert all(one.uid in shown.output and digest_of(one) in shown.output for one in objects)
    found = json.loads(act("receipt", "--json").stdout)
    assert (found["format"], found["complete"], found["route"], found["missing"]) == (1, True, "clinic", {})
    assert found["study"] == key_of(router)
    assert {one["instance"]: one["digest"] for one in found["objects"]} == {one.uid: digest_of(one) for one in objects}
    for one in found["objects"]:
        received = datetime.fromisoformat(one["received"])
        assert one["calling"] == "SCANNER_1"
        assert began.replace(microsecond=0) <= received
        assert [to["destination"] for to in sorted(one["deliveries"], key=lambda to: to["destination"])] == ["a", "b"]
        for to in one["deliveries"]:
            assert received <= datetime.fromisoformat(to["at"])
            assert (to["status"], to["stands"], len(to["association"])) == ("0000", True, 8)


def test_it_is_not_complete_while_one_target_lacks_an_object(two_taps, make_router, tmp_path, dicomrs):
    one, other = two_taps
    router = make_router(route(tmp_path / "root", destination("a", one.port), destination("b", other.port)))
    good, bad = series(2)
    other.answer = lambda received: 0xA900 if received.uid == bad.uid else 0x0000
    send_all(router.port(), [good, bad])
    router.spool().wait_receipts(3, kind="delivered")
    router.spool().wait_receipts(1, kind="parked")
    act = acting(dicomrs, router)
    shown = act("receipt")
    assert shown.exit_code == Exit.FAILED
    assert "NOT COMPLETE" in shown.output
    assert "1 x parked, not confirmed by b: A900" in shown.output
    other.answer = take_all
    act("release")
    router.spool().wait_empty()
    assert act("receipt").exit_code == Exit.OK


def test_an_image_without_pixels_is_missed_until_it_comes_with_them(tap, make_router, tmp_path, dicomrs):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    whole = image()
    bad = image(uid=str(whole.SOPInstanceUID), study=str(whole.StudyInstanceUID), without=("PixelData",))
    send_all(router.port(), [instance(bad)])
    act = acting(dicomrs, router)
    shown = act("receipt")
    assert shown.exit_code == Exit.FAILED
    assert "1 x quarantined: CT Image Storage without pixel data" in shown.output
    send_all(router.port(), [instance(whole)])
    router.spool().wait_receipts(1, kind="delivered")
    router.spool().wait_empty()
    assert act("receipt").exit_code == Exit.OK
    assert "quarantined, made good" in act("receipt").output


def test_it_needs_no_manifest_and_escapes_what_a_scanner_sent(tmp_path, dicomrs):
    spool = FilledSpool(tmp_path / "root")
    (harmless,) = series(1, patient_name="N" * 8)
    (arrival,) = spool.receive(replace(harmless, dataset=harmless.dataset.replace(b"N" * 8, b"[b]\x1b[2J^")))
    key = study_key(spool.outbox.study(arrival.folder).study)
    shown = dicomrs("receipt", "--root", spool.root, "--study", key)
    assert shown.exit_code == Exit.FAILED
    assert "[b]" in shown.output
    assert "\x1b" not in shown.output
    unknown = dicomrs("receipt", "--root", spool.root, "--study", "0000000000")
    assert unknown.exit_code == Exit.USAGE


def test_a_study_whose_metadata_got_lost_goes_by_the_name_that_the_status_says(tmp_path, dicomrs):
    spool = FilledSpool(tmp_path / "root")
    (arrival,) = spool.receive(*series(1))
    (tmp_path / "root" / arrival.folder / ".metadata.json").unlink()
    (study,) = survey(spool.fs, str(spool.root), None).studies
    shown = dicomrs("receipt", "--root", spool.root, "--study", study.key)
    assert shown.exit_code == Exit.FAILED
    assert f"receipt of study {study.key}" in shown.output


@pytest.mark.parametrize("words", [[], ["--root", "/tmp", "a.yaml"], ["a.yaml"], ["--route", "clinic"]])
def test_a_root_or_a_route_must_be_named(words, dicomrs):
    assert dicomrs("receipt", *words, "--study", "0").exit_code == Exit.USAGE
