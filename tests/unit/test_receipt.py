"""The receipt of a study: complete only when every object of it was confirmed wherever it had to go."""

from pathlib import Path

import pytest

from dicomrs.receipt import State, StudyReceipt, receipt
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Arrival
from dicomrs.spool.receipts import Kind, event_now, read_events
from support.filled_spool import ORIGIN, FilledSpool
from support.objects import image, instance, series
from support.router import destination, route

FS = OsFileSystem()


@pytest.fixture
def spool(tmp_path: Path) -> FilledSpool:
    return FilledSpool(tmp_path / "root")


def made(spool: FilledSpool, folder: str, *names: str) -> StudyReceipt:
    """names: the route's destinations; none: as `--root` has it."""
    document = route(spool.root, *(destination(name, 4000 + number) for number, name in enumerate(names)))
    return receipt(FS, str(spool.root), folder, ClinicRoute.model_validate(document) if names else None)


def deliver(spool: FilledSpool, arrival: Arrival, *names: str, named: str = "", leaves: bool = True) -> None:
    """Destinations confirm an object, as scu writes it down; named: those that the route names for it."""
    stored = spool.outbox.stored(arrival.folder, arrival.name)
    ledger = spool.outbox.ledger(arrival.folder)
    for name in names:
        told = {"status": "0000", "association": "abcd", "named": named or ",".join(names)}
        ledger.commit([stored.event(Kind.DELIVERED, name, **told)])
    if leaves:
        spool.outbox.remove(stored)


def discard(spool: FilledSpool, arrival: Arrival) -> None:
    stored = spool.outbox.stored(arrival.folder, arrival.name)
    spool.outbox.ledger(arrival.folder).commit([stored.event(Kind.DISCARDED, "", who="ana", why="a test")])
    spool.outbox.remove(stored)


def states(found: StudyReceipt) -> list[str]:
    return sorted(one.state for one in found.objects)


def test_all_is_known_of_an_object_that_has_left(spool):
    (arrival,) = spool.receive(*series(1, series="1.2.3.4", modality="MR"))
    record = spool.outbox.stored(arrival.folder, arrival.name).head.record
    deliver(spool, arrival, "a", "b")
    for names in ((), ("a", "b")):
        found = made(spool, arrival.folder, *names)
        assert found.complete
        (one,) = found.objects
        assert (one.instance, one.arrival, one.digest) == (
            arrival.name.removesuffix(".dcm"),
            record.arrival,
            record.digest,
        )
        assert (one.received, one.calling, one.state) == (record.received, ORIGIN.calling, State.CONFIRMED)
        assert (one.modality, one.series) == ("MR", "1.2.3.4")
        assert [(to.destination, to.status, to.association) for to in one.deliveries] == [
            ("a", "0000", "abcd"),
            ("b", "0000", "abcd"),
        ]


@pytest.mark.parametrize("names", [("a", "b"), ()])
def test_it_is_not_complete_while_one_destination_lacks_one_object(spool, names):
    first, second = spool.receive(*series(2))
    deliver(spool, first, "a", "b")
    deliver(spool, second, "a", named="a,b", leaves=False)
    found = made(spool, first.folder, *names)
    assert not found.complete
    assert found.missing() == {"waiting to be sent to b": 1}


def test_a_destination_that_was_named_when_it_left_is_required(spool):
    (arrival,) = spool.receive(*series(1))
    deliver(spool, arrival, "a", named="a,b")
    assert made(spool, arrival.folder, "a", "b").missing() == {"not on the disk any more, and not confirmed by b": 1}
    assert made(spool, arrival.folder, "a").complete, "the route names b no more"


def test_what_was_removed_by_hand_is_missed(spool):
    first, second = spool.receive(*series(2))
    deliver(spool, first, "a")
    spool.note(second, Kind.PARKED, "a", why="no")
    (spool.root / second.folder / second.name).unlink()
    assert made(spool, first.folder, "a").missing() == {
        "not on the disk any more, and not confirmed by any destination": 1
    }


def test_what_is_parked_held_or_wanted_by_nobody_is_named_with_its_reason(spool):
    parked, held = spool.receive(*series(2))
    spool.note(parked, Kind.PARKED, "a", why="A900 no match")
    spool.note(held, Kind.HELD, "a", why="wrong patient")
    assert made(spool, parked.folder, "a").missing() == {
        "parked, not confirmed by a: A900 no match": 1,
        "held, not confirmed by a: wrong patient": 1,
    }
    document = route(spool.root, destination("a", 4000, match=[{"modalities": ["MR"]}]))
    (other,) = spool.receive(*series(1))
    found = receipt(FS, str(spool.root), other.folder, ClinicRoute.model_validate(document))
    assert found.missing() == {"no destination of the route wants it": 1}


def test_a_delivery_that_a_person_wants_again_does_not_count_until_then(spool):
    (arrival,) = spool.receive(*series(1))
    deliver(spool, arrival, "a", named="a,b", leaves=False)
    spool.note(arrival, Kind.RESENT, "a")
    found = made(spool, arrival.folder, "a", "b")
    assert found.missing() == {"waiting to be sent to a, b": 1}
    assert [one.stands for one in found.objects[0].deliveries] == [False]
    deliver(spool, arrival, "a", "b")
    assert made(spool, arrival.folder, "a", "b").complete
    assert len(found.objects[0].deliveries) == 1


def test_a_discarded_object_keeps_it_from_being_complete_until_the_scanner_sends_it_again(spool):
    one, other = series(2)
    first, second = spool.receive(one, other)
    deliver(spool, first, "a")
    discard(spool, second)
    assert made(spool, first.folder, "a").missing() == {"discarded by ana: a test": 1}
    (again,) = spool.receive(other)
    assert not made(spool, first.folder, "a").complete
    deliver(spool, again, "a")
    found = made(spool, first.folder, "a")
    assert found.complete
    assert states(found) == ["confirmed", "confirmed", "discarded"]


def test_an_image_without_pixels_is_made_good_by_one_with_them_that_comes_later(spool):
    whole = image(study="1.2.3")
    (bad,) = spool.receive(instance(image(study="1.2.3", uid=str(whole.SOPInstanceUID), without=("PixelData",))))
    found = made(spool, bad.folder, "a")
    assert not found.complete
    assert found.objects[0].state is State.QUARANTINED
    assert "without pixel data" in found.objects[0].reason
    (good,) = spool.receive(instance(whole))
    deliver(spool, good, "a")
    assert made(spool, bad.folder, "a").complete


def test_a_later_version_is_not_made_good_by_an_earlier_one(spool):
    first = instance(image(study="1.2.3", number=1))
    (old,) = spool.receive(first)
    deliver(spool, old, "a")
    (new,) = spool.receive(instance(image(study="1.2.3", number=2, uid=first.uid)))
    discard(spool, new)
    found = made(spool, old.folder, "a")
    assert not found.complete
    assert states(found) == ["confirmed", "discarded"]


@pytest.mark.parametrize("head", [False, True])
def test_a_damaged_object_is_missed_whether_or_not_its_head_can_be_read(spool, head):
    one = instance(image(study="1.2.3"))
    (arrival,) = spool.receive(one)
    path = spool.root / arrival.folder / arrival.name
    data = bytearray(path.read_bytes())
    data[140 if head else -1] ^= 0xFF
    path.write_bytes(data)
    known = "" if head else spool.outbox.stored(arrival.folder, arrival.name).arrival
    spool.outbox.move_damaged(arrival.folder, arrival.name, "rot")
    ledger = spool.outbox.ledger(arrival.folder)
    ledger.commit([event_now(Kind.DAMAGED, known, "", uid=one.uid, why="rot")])
    assert made(spool, arrival.folder, "a").missing() == {"damaged: rot": 1}
    (again,) = spool.receive(one)
    deliver(spool, again, "a")
    assert made(spool, arrival.folder, "a").complete
    for gone in (spool.root / "_DAMAGED").rglob("*.dcm*"):
        gone.unlink()
    ledger.commit([event_now(Kind.DISCARDED, known, "", uid=one.uid, who="ana", why="rot")])
    found = made(spool, arrival.folder, "a")
    assert states(found) == ["confirmed", "discarded"]


def test_old_lines_without_the_new_fields_count(spool):
    (arrival,) = spool.receive(*series(1))
    receipts = spool.root / arrival.folder / ".receipts.jsonl"
    stored = spool.outbox.stored(arrival.folder, arrival.name)
    receipts.write_text(
        '{"at": "2026-01-22T10:00:00.000-03:00", "kind": "delivered", "destination": "a", '
        f'"arrival": "{stored.arrival}", "uid": "{stored.head.sop_instance}"}}\n'
    )
    spool.outbox.remove(stored)
    found = made(spool, arrival.folder, "a")
    assert found.complete
    assert found.objects[0].received == ""


def test_of_nothing_nothing_is_complete(spool):
    (arrival,) = spool.receive(*series(1))
    (spool.root / arrival.folder / arrival.name).unlink()
    assert not made(spool, arrival.folder, "a").complete


def test_a_study_is_not_complete_before_the_storage_commitment(spool):
    (arrival,) = spool.receive(*series(1))
    spool.note(arrival, Kind.STORED, "a")
    found = made(spool, arrival.folder, "a")
    assert not found.complete
    assert states(found) == ["uncommitted"]
    assert dict(found.missing()) == {"sent to a, whose storage commitment is awaited": 1}
    deliver(spool, arrival, "a")
    assert made(spool, arrival.folder, "a").complete


def test_what_leaves_while_the_receipt_is_made_is_on_it(spool, monkeypatch):
    delivered, leaving = spool.receive(*series(2))
    deliver(spool, delivered, "a")

    def read_then_leave(fs, folder):
        events = read_events(fs, folder)
        (spool.root / leaving.folder / leaving.name).unlink(missing_ok=True)
        return events

    monkeypatch.setattr("dicomrs.receipt.read_events", read_then_leave)
    found = made(spool, leaving.folder, "a")
    assert states(found) == ["confirmed", "waiting"]
    assert not found.complete


def test_what_was_to_be_sent_again_and_was_removed_is_missing(spool):
    (arrival,) = spool.receive(*series(1))
    deliver(spool, arrival, "a", leaves=False)
    spool.note(arrival, Kind.RESENT, "a")
    (spool.root / arrival.folder / arrival.name).unlink()
    found = made(spool, arrival.folder, "a")
    assert states(found) == ["missing"]
    assert found.objects[0].lacking == ("a",)
    assert not found.objects[0].deliveries[0].stands
