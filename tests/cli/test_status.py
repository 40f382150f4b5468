"""status: what has come, what waits and why, read from a spool that no service touches."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dicomrs.exits import Exit
from dicomrs.spool.receipts import Kind
from dicomrs_cli.output import plain
from dicomrs_cli.status_tables import age
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.router import destination, route


@pytest.fixture
def spool(tmp_path):
    return FilledSpool(tmp_path / "root")


@pytest.fixture
def manifest(spool, write_manifest):
    return write_manifest(route(spool.root, destination("zeroclick", 4243)))


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def test_it_tells_what_waits_and_that_nothing_runs(spool, manifest, dicomrs):
    spool.receive(*series(3))
    shown = dicomrs("status", manifest)
    assert shown.exit_code == Exit.OK
    assert shown.output.count("NOT RUNNING, and it never has on this root") == 2
    (study,) = [line for line in shown.output.splitlines() if "Tester^Test" in line]
    assert study.split()[:6] == ["Tester^Test", "T-1", "CT", "3", "0", study.split()[5]]
    assert "waiting" in study
    (to,) = [line for line in shown.output.splitlines() if line.lstrip().startswith("zeroclick")]
    assert to.split()[1:5] == ["3", "0", "0", "0"]
    assert "the sending service does not run" in to


def test_it_tells_why_a_destination_gets_nothing(spool, manifest, dicomrs):
    parked, _ = spool.receive(*series(2))
    spool.note(parked, Kind.PARKED, "zeroclick", why="A900 failure: no match")
    told = {"zeroclick": {"trouble": "connection refused", "retry_in": 7.0, "refused": 1, "suspended": False}}
    spool.heartbeat("scu", now(), destinations=told)
    spool.heartbeat("scp", now(), trouble="")
    shown = dicomrs("status", manifest).output
    assert "receiving (scp): running" in shown
    for text in (
        "connection refused (next try in 7 s)",
        "1 objects refused before",
        "1 parked: A900 failure: no match",
    ):
        assert text in shown


def test_a_service_that_has_fallen_silent_is_not_running(spool, manifest, dicomrs):
    spool.heartbeat("scu", "2026-01-22T10:15:30-03:00")
    assert (
        "sending (scu): NOT RUNNING, last sign of life 2026-01-22T10:15:30-03:00" in dicomrs("status", manifest).output
    )


def test_quarantine_and_what_no_destination_wants_are_shown(spool, dicomrs, write_manifest):
    spool.receive(*series(2), instance(image(without=("PixelData",))))
    only_mr = destination("mr-only", 1, match=[{"modalities": ["MR"]}])
    shown = dicomrs("status", write_manifest(route(spool.root, only_mr))).output
    assert "1 objects in _INVALID_NO_PIXELS" in shown
    assert "1 x CT Image Storage without pixel data" in shown
    assert "2 objects that no destination wants" in shown


def test_a_hostile_name_moves_no_cursor_and_is_no_markup(spool, manifest, dicomrs):
    name, identity = b"[red]Evil^\x1b[2J\x07\x9b31m\nName[/]", b"\x1b]0;title\x07"
    (harmless,) = series(1, patient_name=b"N" * len(name), patient_id="I" * len(identity))
    dataset = harmless.dataset.replace(b"N" * len(name), name).replace(b"I" * len(identity), identity)
    spool.receive(replace(harmless, dataset=dataset))
    shown = dicomrs("status", manifest).output
    assert "[red]Evil^�[2J�" in shown
    assert not any(sign in shown for sign in "\x1b\x07\x9b")
    assert "\x1b" not in dicomrs("status", manifest, "--json").output


def test_json_has_everything(spool, manifest, dicomrs):
    kept, _ = spool.receive(*series(2))
    spool.note(kept, Kind.DELIVERED, "zeroclick", leaves=True)
    (found,) = json.loads(dicomrs("status", manifest, "--json").stdout)
    (study,) = found["studies"]
    assert (found["route"], found["root"]) == ("clinic", str(spool.root))
    assert (study["state"], study["on_disk"], study["gone"]) == ("waiting", 1, 1)
    assert study["standings"][0] | {"stuck": []} == {
        "destination": "zeroclick",
        "delivered": 1,
        "waiting": 1,
        "parked": 0,
        "held": 0,
        "stored": 0,
        "stuck": [],
    }


def test_what_waits_for_its_storage_commitment_is_shown(spool, manifest, dicomrs):
    for arrival in spool.receive(*series(2)):
        spool.note(arrival, Kind.STORED, "zeroclick")
    shown = dicomrs("status", manifest).output
    assert "2 objects are there; its storage commitment is awaited" in shown
    assert "uncommitted" in shown
    (found,) = json.loads(dicomrs("status", manifest, "--json").stdout)
    assert found["studies"][0]["state"] == "uncommitted"
    assert (found["destinations"][0]["stored"], found["destinations"][0]["waiting"]) == (2, 0)


def test_a_root_can_be_named_in_place_of_manifests(spool, dicomrs):
    spool.receive(*series(1))
    shown = dicomrs("status", "--root", spool.root)
    assert shown.exit_code == Exit.OK
    assert "Tester^Test" in shown.output


def test_of_many_delivered_studies_only_the_latest_are_shown_unless_all_are_asked_for(spool, manifest, dicomrs):
    for number in range(22):
        (arrival,) = spool.receive(*series(1, patient_id=f"P{number:02}"))
        if number:
            spool.note(arrival, Kind.DELIVERED, "zeroclick", leaves=True)
    shown = dicomrs("status", manifest).output
    assert "P00" in shown  # it waits
    assert "P01" not in shown
    assert "P02" in shown
    assert "and 1 earlier studies that are done" in shown
    assert "P01" in dicomrs("status", manifest, "--all").output


def test_a_root_that_is_not_there_is_named(tmp_path, dicomrs, write_manifest):
    shown = dicomrs("status", write_manifest(route(tmp_path / "none")))
    assert shown.exit_code == Exit.ROOT
    assert f"{tmp_path / 'none'}: there is no such folder" in shown.stderr


@pytest.mark.parametrize("words", [[], ["--root", "/tmp", "a.yaml"]])
def test_either_manifests_or_a_root_must_be_named(words, dicomrs):
    assert dicomrs("status", *words).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("ago", "text"), [(0, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (200_000, "2d"), (-5, "0s")]
)
def test_age_is_told_in_its_largest_unit(ago, text):
    at = datetime.fromisoformat("2026-01-22T10:15:30-03:00")
    assert age((at - timedelta(seconds=ago)).isoformat(), at) == text


def test_no_moment_has_no_age():
    assert age("", datetime.now().astimezone()) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller^Jürgen", "Müller^Jürgen"),
        ("山田^太郎", "山田^太郎"),
        ("a\u202eb\x00\ud800", "a\ufffdb\ufffd\ufffd"),
        ("x" * 70, "x" * 63 + "…"),
    ],
)
def test_text_is_shown_as_it_is_but_for_what_steers_and_what_is_too_much(text, shown):
    assert plain(text) == shown
