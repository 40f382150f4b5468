"""A survey tells how a spool stands, from the disk alone, and leaves no trace on it."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.receipts import EVERYWHERE, Kind, event_now, read_events
from dicomrs.study_view import Stuck, StudyState, Waiting
from dicomrs.survey import survey
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.router import destination, route

NOW = datetime.fromisoformat("2026-01-22T10:15:30-03:00")
ONLY_MR = [{"modalities": ["MR"]}]


@pytest.fixture
def spool(tmp_path):
    return FilledSpool(tmp_path / "root")


def look(spool: FilledSpool, *destinations: dict, now: datetime | None = None):
    model = ClinicRoute.model_validate(route(spool.root, *destinations)) if destinations else None
    return survey(OsFileSystem(), str(spool.root), model, now)


def tree(root: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in [root, *root.rglob("*")]}


def test_objects_that_nobody_has_sent_wait_for_every_destination_that_wants_them(spool):
    spool.receive(*series(3))
    found = look(spool, destination("one", 1), destination("two", 2), destination("mr-only", 3, match=ONLY_MR))
    (study,) = found.studies
    assert (study.state, study.on_disk, study.gone) == (StudyState.WAITING, 3, 0)
    assert {one.destination: one.waiting for one in study.standings} == {"one": 3, "two": 3}
    assert {one.name: one.waiting for one in found.destinations} == {"one": 3, "two": 3, "mr-only": 0}
    assert (study.patient_id, study.modality) == ("T-1", "CT")
    assert study.oldest
    assert study.oldest == min(study.oldest, study.first_arrival)


def test_what_has_left_counts_as_delivered_and_the_rest_still_waits(spool):
    first, second, _ = spool.receive(*series(3))
    spool.note(first, Kind.DELIVERED, "one", leaves=True)
    spool.note(second, Kind.DELIVERED, "one")
    (study,) = look(spool, destination("one", 1), destination("two", 2)).studies
    assert (study.on_disk, study.gone) == (2, 1)
    assert {one.destination: (one.delivered, one.waiting) for one in study.standings} == {"one": (2, 1), "two": (0, 2)}


def test_a_study_all_of_which_has_left_is_delivered(spool):
    for arrival in spool.receive(*series(2)):
        spool.note(arrival, Kind.DELIVERED, "one", leaves=True)
    (study,) = look(spool, destination("one", 1)).studies
    assert (study.state, study.on_disk, study.gone, study.oldest) == (StudyState.DELIVERED, 0, 2, "")


def test_parked_and_held_objects_say_why_and_come_before_waiting_ones(spool):
    first, second, third, _ = spool.receive(*series(4))
    spool.note(first, Kind.PARKED, "one", why="A900 failure")
    spool.note(second, Kind.PARKED, "one", why="A900 failure")
    spool.note(third, Kind.HELD, "one", why="by hand")
    found = look(spool, destination("one", 1))
    (study,), (to,) = found.studies, found.destinations
    assert study.state is StudyState.PARKED
    assert (to.waiting, to.parked, to.held) == (1, 2, 1)
    assert set(to.stuck) == {Stuck(Kind.PARKED, "A900 failure", 2), Stuck(Kind.HELD, "by hand", 1)}


def test_a_released_object_waits_again(spool):
    (arrival,) = spool.receive(*series(1))
    spool.note(arrival, Kind.PARKED, "one", why="A900 failure")
    spool.note(arrival, Kind.RELEASED, "one")
    (to,) = look(spool, destination("one", 1)).destinations
    assert (to.waiting, to.parked, to.stuck) == (1, 0, ())


def test_an_object_waits_as_long_as_some_destination_is_to_get_it_and_is_parked_where_it_is(spool):
    first, second, third, fourth = spool.receive(*series(4))
    for arrival, kind in ((first, Kind.PARKED), (second, Kind.HELD), (third, Kind.STORED)):
        spool.note(arrival, kind, "one")
    found = look(spool, destination("one", 1), destination("two", 2))
    (study,) = found.studies
    assert (study.parked, study.held, study.uncommitted, found.totals.waiting.objects) == (1, 1, 1, 4)
    for arrival in (first, second, third):
        spool.note(arrival, Kind.DELIVERED, "two")
    found = look(spool, destination("one", 1), destination("two", 2))
    (study,) = found.studies
    assert (study.parked, study.held, study.uncommitted) == (1, 1, 1)
    record = spool.outbox.stored(fourth.folder, fourth.name).head.record
    assert found.totals.waiting == study.waiting == Waiting(1, record.length, record.received)


def test_the_last_arrival_and_the_last_delivery_outlive_the_objects(spool):
    first, second = spool.receive(*series(2))
    received = spool.outbox.stored(second.folder, second.name).head.record.received
    assert look(spool, destination("one", 1)).totals.last_delivery == ""
    for arrival in (first, second):
        spool.note(arrival, Kind.DELIVERED, "one", leaves=True)
    found = look(spool, destination("one", 1))
    last = read_events(spool.fs, str(spool.root / second.folder))[-1]
    assert (found.totals.last_arrival, found.totals.last_delivery, found.totals.waiting) == (
        received,
        last.at,
        Waiting(),
    )


def test_a_root_has_received_once_there_is_anything_of_a_study(spool):
    assert not look(spool, destination("one", 1)).received
    (arrival,) = spool.receive(instance(image(without=("PixelData",))))
    assert look(spool, destination("one", 1)).received
    shutil.rmtree(spool.root / arrival.folder)
    assert look(spool, destination("one", 1)).received


def test_of_studies_whose_clocks_had_another_zone_the_later_moment_counts(spool):
    for number, at in enumerate(("2026-01-22T10:00:00+00:00", "2026-01-22T09:00:00-03:00", "no moment")):
        (arrival,) = spool.receive(*series(1, patient_id=f"P{number}"))
        stored = spool.outbox.stored(arrival.folder, arrival.name)
        spool.outbox.ledger(arrival.folder).commit([replace(stored.event(Kind.DELIVERED, "one"), at=at)])
    assert look(spool, destination("one", 1)).totals.last_delivery == "2026-01-22T09:00:00-03:00"


def test_what_cannot_be_read_and_what_was_moved_are_both_damaged(spool):
    first, second, _ = spool.receive(*series(3))
    spool.outbox.move_damaged(first.folder, first.name, "its bytes have changed")
    (spool.root / second.folder / second.name).write_bytes(b"rot")
    assert look(spool, destination("one", 1)).damaged_objects == 2
    shutil.rmtree(spool.root / second.folder)
    assert look(spool, destination("one", 1)).damaged_objects == 1


def test_objects_that_no_destination_wants_are_counted(spool):
    spool.receive(*series(2))
    found = look(spool, destination("mr-only", 1, match=ONLY_MR))
    assert found.totals.no_destination == 2
    assert found.studies[0].state is StudyState.NO_DESTINATION


def test_a_quarantined_object_is_counted_with_its_reason(spool):
    spool.receive(instance(image(without=("PixelData",))))
    found = look(spool, destination("one", 1))
    (aside,), (study,) = found.quarantined, found.studies
    assert "without pixel data" in aside.reason
    assert (study.state, study.quarantined, study.on_disk) == (StudyState.QUARANTINED, 1, 0)


def test_what_a_person_discarded_is_counted_and_is_not_delivered(spool):
    first, second = spool.receive(*series(2))
    spool.note(first, Kind.DELIVERED, "one")
    spool.note(first, Kind.PARKED, "two", why="no")
    spool.note(first, Kind.DISCARDED, "", leaves=True)
    (study,) = look(spool, destination("one", 1), destination("two", 2)).studies
    assert (study.state, study.gone, study.discarded) == (StudyState.WAITING, 0, 1)
    spool.note(second, Kind.DISCARDED, "", leaves=True)
    (study,) = look(spool, destination("one", 1), destination("two", 2)).studies
    assert (study.state, study.discarded) == (StudyState.DISCARDED, 2)


def test_a_study_that_is_held_as_a_whole_holds_what_is_still_to_come(spool):
    (arrival,) = spool.receive(*series(1))
    ledger = spool.outbox.ledger(arrival.folder)
    ledger.commit([event_now(Kind.HELD, "", EVERYWHERE, who="ana", why="wrong patient")])
    for destinations in ((destination("one", 1),), (destination("one", 1), destination("two", 2))):
        (study,) = look(spool, *destinations).studies
        assert study.state is StudyState.HELD
        assert {one.stuck for one in study.standings} == {(Stuck(Kind.HELD, "wrong patient", 1),)}
    assert [one.name for one in look(spool).destinations] == []


def test_an_object_that_is_no_longer_ours_to_read_counts_as_damaged(spool):
    kept, _ = spool.receive(*series(2))
    (spool.root / kept.folder / kept.name).write_bytes(b"rot")
    (study,) = look(spool, destination("one", 1)).studies
    assert (study.on_disk, study.damaged) == (1, 1)


def test_what_was_moved_to_the_damaged_is_counted_with_its_reason(spool):
    kept, _ = spool.receive(*series(2))
    spool.outbox.move_damaged(kept.folder, kept.name, "its bytes have changed")
    found = look(spool, destination("one", 1))
    assert [one.reason for one in found.damaged] == ["its bytes have changed"]
    assert found.studies[0].damaged == 1


def test_a_folder_of_an_older_version_is_no_study(spool):
    old = spool.root / "20250101T080000_1_Old"
    old.mkdir()
    (old / ".metadata.json").write_text('{"PatientName": "Old"}')
    assert look(spool, destination("one", 1)).studies == ()


def test_without_the_route_destinations_are_those_of_the_receipts(spool):
    first, _ = spool.receive(*series(2))
    spool.receive(*series(1))
    spool.note(first, Kind.PARKED, "one", why="no")
    found = look(spool)
    assert [study.state for study in found.studies] == [StudyState.PARKED, StudyState.WAITING]
    assert [(to.name, to.waiting, to.parked) for to in found.destinations] == [("one", 1, 1)]
    assert found.totals.no_destination == 0


@pytest.mark.parametrize(("seconds", "alive"), [(0, True), (10, True), (11, False), (-10, True), (-11, False)])
def test_a_service_is_alive_as_long_as_its_heartbeat_is_fresh(seconds, alive, spool):
    spool.heartbeat("scp", NOW.isoformat(), trouble="suspended")
    scp, scu = look(spool, now=NOW + timedelta(seconds=seconds)).services
    assert (scp.name, scp.alive, scp.trouble) == ("scp", alive, "suspended")
    assert (scu.name, scu.alive, scu.at) == ("scu", False, "")


def test_what_scu_says_of_a_destination_counts_only_while_it_lives(spool):
    told = {"one": {"trouble": "connection refused", "retry_in": 3.5, "refused": 2, "suspended": True}}
    spool.heartbeat("scu", NOW.isoformat(), destinations=told)
    (alive,) = look(spool, destination("one", 1), now=NOW).destinations
    assert (alive.trouble, alive.retry_in, alive.refused, alive.suspended) == ("connection refused", 3.5, 2, True)
    (dead,) = look(spool, destination("one", 1), now=NOW + timedelta(minutes=1)).destinations
    assert (dead.trouble, dead.retry_in, dead.refused, dead.suspended) == ("", 0.0, 0, False)


@pytest.mark.parametrize(
    "beat", ["", "[]", '{"at": 5, "destinations": 7}', '{"at": "soon", "destinations": {"one": 1}}']
)
def test_a_heartbeat_that_makes_no_sense_is_no_sign_of_life(beat, spool):
    (spool.root / ".status" / "scu.json").write_text(beat)
    assert not any(service.alive for service in look(spool, destination("one", 1), now=NOW).services)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_heartbeat_with_numbers_that_are_none_is_read_all_the_same(number, spool):
    spool.heartbeat("scu", NOW.isoformat(), destinations={"one": {"retry_in": number, "refused": number}})
    (to,) = look(spool, destination("one", 1), now=NOW).destinations
    assert (to.retry_in, to.refused) == (0.0, 0)


def test_looking_changes_nothing(spool):
    kept, refused, _ = spool.receive(*series(3))
    spool.receive(instance(image(without=("PixelData",))))
    spool.note(kept, Kind.DELIVERED, "one", leaves=True)
    spool.note(refused, Kind.PARKED, "one", why="no")
    before = tree(spool.root)
    look(spool, destination("one", 1))
    assert tree(spool.root) == before


def test_a_root_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        survey(OsFileSystem(), str(tmp_path / "none"), None)
