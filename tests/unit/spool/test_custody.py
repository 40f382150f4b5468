"""What the router answers for, by what lies in its root."""

from pathlib import Path

import pytest

from dicomrs.spool.custody import Custody, custody
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.receipts import Kind
from support.filled_spool import FilledSpool
from support.objects import CT, MR, Instance, image, instance


@pytest.fixture
def spool(tmp_path: Path) -> FilledSpool:
    return FilledSpool(tmp_path)


def one_image(**fields: object) -> Instance:
    return instance(image(rows=8, **fields))


def look(spool: FilledSpool, uid: str, sop_class: str = CT) -> Custody:
    return custody(spool.fs, str(spool.root), {uid: sop_class})[uid]


def test_what_waits_is_answered_for(spool: FilledSpool) -> None:
    one = one_image()
    spool.receive(one)
    assert look(spool, one.uid) is Custody.ANSWERED_FOR
    assert look(spool, one.uid, MR) is Custody.OTHER_CLASS
    assert look(spool, "1.2.3") is Custody.UNKNOWN


@pytest.mark.parametrize("kind", [Kind.PARKED, Kind.HELD, Kind.RELEASED])
def test_what_is_kept_for_a_person_is_answered_for(spool: FilledSpool, kind: Kind) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)
    spool.note(arrival, kind, "a")
    assert look(spool, one.uid) is Custody.ANSWERED_FOR


def test_what_was_delivered_is_answered_for_as_long_as_its_receipts_are_kept(spool: FilledSpool) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)
    spool.note(arrival, Kind.DELIVERED, "a", leaves=True)
    assert look(spool, one.uid) is Custody.ANSWERED_FOR
    assert spool.outbox.retire(arrival.folder)
    assert look(spool, one.uid) is Custody.UNKNOWN


def test_what_is_delivered_while_it_is_looked_for_is_answered_for(
    spool: FilledSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)

    def leave_then_sync(path: str) -> None:
        if path.endswith(arrival.folder) and (spool.root / arrival.folder / arrival.name).exists():
            spool.note(arrival, Kind.DELIVERED, "a", leaves=True)

    fs = OsFileSystem()
    monkeypatch.setattr(fs, "fsync_dir", leave_then_sync)
    assert custody(fs, str(spool.root), {one.uid: CT}) == {one.uid: Custody.ANSWERED_FOR}


def test_what_a_person_discarded_is_not_answered_for_though_one_of_two_destinations_has_it(spool: FilledSpool) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)
    spool.note(arrival, Kind.DELIVERED, "a")
    spool.note(arrival, Kind.PARKED, "b")
    spool.note(arrival, Kind.DISCARDED, "", leaves=True)
    assert look(spool, one.uid) is Custody.UNKNOWN


def test_another_class_is_none_of_ours_though_it_was_delivered_somewhere(spool: FilledSpool) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)
    spool.note(arrival, Kind.DELIVERED, "a")
    assert look(spool, one.uid, MR) is Custody.OTHER_CLASS


def test_what_left_without_a_delivery_is_not_answered_for(spool: FilledSpool) -> None:
    one = one_image()
    (arrival,) = spool.receive(one)
    spool.note(arrival, Kind.PARKED, "a", leaves=True)  # a person removed it
    assert look(spool, one.uid) is Custody.UNKNOWN


def test_what_has_no_pixels_or_was_damaged_is_not_answered_for(spool: FilledSpool) -> None:
    bare, damaged = instance(image(without=("PixelData",))), one_image()
    spool.receive(bare)
    (arrival,) = spool.receive(damaged)
    spool.note(arrival, Kind.DELIVERED, "a")
    stored = spool.outbox.stored(arrival.folder, arrival.name)
    spool.outbox.ledger(arrival.folder).commit([stored.event(Kind.DAMAGED, "")])
    spool.outbox.move_damaged(arrival.folder, arrival.name, "bit rot")
    assert look(spool, bare.uid) is Custody.SET_ASIDE
    assert look(spool, damaged.uid) is Custody.SET_ASIDE


def test_a_good_one_that_follows_a_bad_one_counts(spool: FilledSpool) -> None:
    bare = instance(image(without=("PixelData",)))
    good = one_image(uid=bare.uid)
    spool.receive(bare)
    (arrival,) = spool.receive(good)
    assert look(spool, good.uid) is Custody.ANSWERED_FOR
    spool.note(arrival, Kind.DELIVERED, "a", leaves=True)
    assert look(spool, good.uid) is Custody.ANSWERED_FOR


def test_many_are_looked_up_together(spool: FilledSpool) -> None:
    objects = [one_image() for _ in range(20)]
    arrivals = spool.receive(*objects)
    for arrival in arrivals[::2]:
        spool.note(arrival, Kind.DELIVERED, "a", leaves=True)
    wanted = {one.uid: CT for one in objects} | {"1.2.3": CT}
    found = custody(spool.fs, str(spool.root), wanted)
    assert found.pop("1.2.3") is Custody.UNKNOWN
    assert found == {one.uid: Custody.ANSWERED_FOR for one in objects}
