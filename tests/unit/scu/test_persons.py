"""What persons ask of scu, on a real file system: what is done, what is not and why, and that it is on record first."""

import errno
import json
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomrs.audit import AuditLog, outcomes
from dicomrs.receipt import receipt
from dicomrs.route import ClinicRoute, Park
from dicomrs.spool import aside, control
from dicomrs.spool.control import Discard, Hold, Release, Resend, What
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Arrival
from dicomrs.spool.layout import STATE
from dicomrs.spool.mailbox import Answer
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.receipts import Kind
from dicomrs.survey import survey
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.persons import Persons
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.sender import Sender
from dicomrs_scu.waiting import Waiting
from support.filled_spool import FilledSpool
from support.objects import CT, EXPLICIT, image, instance, series
from support.router import destination, route
from support.spool_view import QUARANTINE, SpoolView

FS = OsFileSystem()
PAIR = (CT, EXPLICIT)
ANA = {"who": "ana", "why": "told so", "identified": "a test"}


class Desk:
    """scu without its threads: what it knows, its queues, and the person's way to it."""

    def __init__(self, root: Path, *names: str, fs: OsFileSystem = FS) -> None:
        document = route(root, *(destination(name, 4000 + number) for number, name in enumerate(names or ("a",))))
        self.route = ClinicRoute.model_validate(document)
        self.queues = {to.name: DestinationQueue(Park(), time.monotonic) for to in self.route.spec.destinations}
        self.backlog = Backlog(Outbox(fs, str(root)), self.route, self.queues)
        self.backlog.rescan()
        self.ask = Persons(self.backlog).handle
        self.view = SpoolView(root)

    def take(self, name: str) -> Waiting | None:
        return self.queues[name].take([PAIR])

    def deliver(self, name: str, waiting: Waiting | None = None) -> str:
        """Confirm an object, as a sender does; its file name."""
        waiting = waiting or self.take(name)
        assert waiting is not None
        stored = self.backlog.outbox.stored(waiting.folder, waiting.name)
        event = stored.event(Kind.DELIVERED, name, status="0000", named=",".join(waiting.named))
        self.backlog.settle(waiting.folder, [(stored, event)])
        self.queues[name].confirmed(waiting)
        return waiting.name

    def park(self, name: str) -> None:
        waiting = self.take(name)
        assert waiting is not None
        self.queues[name].discard(waiting)
        self.backlog.park(waiting, name, "A900", "A900 no match")

    def waiting(self, name: str = "a") -> int:
        return self.queues[name].figures().waiting

    def actions(self) -> list[tuple[str, object]]:
        found = AuditLog(FS, str(self.view.root)).read()
        assert found.broken is None
        return [(begun.fields["action"], ended and ended.fields["objects"]) for begun, ended in outcomes(found.entries)]


@pytest.fixture
def spool(tmp_path: Path) -> FilledSpool:
    return FilledSpool(tmp_path / "root")


def three(spool: FilledSpool) -> list[Arrival]:
    return spool.receive(*series(3))


def test_a_release_of_all_studies_lets_the_service_breathe_between_them(spool):
    for _ in range(3):
        spool.receive(instance(image(rows=8)))
    desk, breaths = Desk(spool.root), []
    Persons(desk.backlog, lambda: breaths.append(1)).handle(Release(**ANA))
    assert len(breaths) >= 3


# Hold


def test_what_was_made_ready_while_another_is_being_sent_is_not_sent_after_a_hold(spool):
    (folder,) = {arrival.folder for arrival in three(spool)}
    desk = Desk(spool.root)
    sender = Sender(desk.backlog, desk.route.spec.destinations[0], desk.queues["a"], 0)
    try:
        sender._make_ready({PAIR})
        assert desk.ask(Hold(**ANA, folder=folder)) == Answer(3), "none of them is being sent"
        assert sender._next({PAIR}) is None
        desk.ask(Release(**ANA, folder=folder))
        sender._make_ready({PAIR})
        assert sender._next({PAIR}) is not None
    finally:
        sender._settler.end()


def test_a_held_study_is_not_sent_nor_what_comes_later_until_it_is_released(spool):
    objects = series(4)
    arrivals = spool.receive(*objects[:3])
    desk = Desk(spool.root)
    assert desk.ask(Hold(**ANA, folder=arrivals[0].folder)) == Answer(3)
    spool.receive(objects[3])
    for fresh in (desk, Desk(spool.root)):
        fresh.backlog.rescan()
        assert fresh.waiting() == 0
    assert desk.ask(Release(**ANA, folder=arrivals[0].folder)) == Answer(4)
    assert desk.waiting() == 4
    assert Desk(spool.root).waiting() == 4
    assert desk.actions() == [("hold", 3), ("release", 4)]


def test_a_hold_for_one_destination_leaves_the_other_alone(spool):
    arrivals = three(spool)
    desk = Desk(spool.root, "a", "b")
    assert desk.ask(Hold(**ANA, folder=arrivals[0].folder, destination="b")) == Answer(3)
    assert (desk.waiting("a"), desk.waiting("b")) == (3, 0)
    for _ in arrivals:
        desk.deliver("a")
    assert len(desk.view.waiting()) == 3, "b lacks them still"


def test_a_hold_is_for_a_destination_that_the_route_names_later_too(spool):
    arrivals = three(spool)
    Desk(spool.root).ask(Hold(**ANA, folder=arrivals[0].folder))
    desk = Desk(spool.root, "a", "b")
    assert desk.waiting("b") == 0
    assert desk.ask(Release(**ANA, folder=arrivals[0].folder, destination="b")) == Answer(3)
    assert (desk.waiting("a"), desk.waiting("b")) == (0, 3)
    assert desk.ask(Hold(**ANA, folder=arrivals[0].folder)) == Answer(3)
    assert Desk(spool.root, "a", "b", "c").ask(Release(**ANA)) == Answer(3)
    again = Desk(spool.root, "a", "b", "c")
    assert [again.waiting(name) for name in "abc"] == [3, 3, 3]


def test_one_object_of_a_study_can_be_held(spool):
    objects = series(2)
    arrivals = spool.receive(*objects)
    desk = Desk(spool.root)
    assert desk.ask(Hold(**ANA, folder=arrivals[0].folder, instance=objects[0].uid)) == Answer(1)
    assert desk.deliver("a") == arrivals[1].name
    assert desk.take("a") is None
    later = spool.receive(*series(1))
    desk.backlog.rescan()
    assert desk.deliver("a") == later[0].name


def test_what_is_being_sent_when_it_is_held_is_finished(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root)
    taken = desk.take("a")
    assert taken is not None
    assert desk.queues["a"].begin(taken)
    answer = desk.ask(Hold(**ANA, folder=arrival.folder))
    assert answer == Answer(1, ("1 x it is being sent at this moment, which is finished",))
    desk.deliver("a", taken)
    assert desk.view.waiting() == []


def test_what_was_refused_while_it_was_held_stays_held(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root)
    taken = desk.take("a")
    assert taken is not None
    desk.ask(Hold(**ANA, folder=arrival.folder))
    assert not desk.queues["a"].refused(taken, "A700")
    desk.backlog.rescan()
    assert desk.take("a") is None


def test_a_conflict_that_came_to_a_held_study_is_held_for_itself(spool):
    first = instance(image(study="1.2.3", number=1))
    other = instance(image(study="1.2.3", number=2, uid=first.uid))
    (arrival,) = spool.receive(first)
    document = route(spool.root, destination("a", 4000), storage={"onConflict": "Park"})
    desk = Desk(spool.root)
    desk.backlog.route = ClinicRoute.model_validate(document)
    desk.ask(Hold(**ANA, folder=arrival.folder))
    spool.receive(other)
    desk.backlog.rescan()
    held = desk.view.receipts(kind="held", who="spec.storage.onConflict")
    assert len(held) == 1


# Resend


def test_what_one_destination_lacks_can_be_sent_again_to_the_other(spool):
    arrivals = three(spool)
    desk = Desk(spool.root, "a", "b")
    for _ in arrivals:
        desk.deliver("a")
    assert desk.waiting("a") == 0
    assert desk.ask(Resend(**ANA, folder=arrivals[0].folder, destination="a")) == Answer(3)
    assert Desk(spool.root, "a", "b").waiting("a") == 3
    for _ in arrivals:
        desk.deliver("b")
    assert len(desk.view.waiting()) == 3, "the confirmation before the resend does not count any more"
    for _ in arrivals:
        desk.deliver("a")
    assert desk.view.waiting() == []
    assert len(desk.view.receipts(kind="delivered", destination="a")) == 6


def test_a_parked_object_can_be_sent_again(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root)
    desk.park("a")
    assert desk.ask(Resend(**ANA, folder=arrival.folder, destination="a")) == Answer(1)
    desk.deliver("a")
    assert desk.view.waiting() == []


def test_what_has_left_the_disk_is_the_scanners_to_send(spool):
    arrivals = three(spool)
    desk = Desk(spool.root)
    desk.deliver("a")
    desk.deliver("a")
    answer = desk.ask(Resend(**ANA, folder=arrivals[0].folder, destination="a"))
    assert answer.objects == 0
    assert sorted(answer.notes) == [
        "1 x it waits there already",
        "2 x it was delivered and has left the disk: only the scanner can send it again",
    ]


def test_a_progress_that_was_counted_is_not_counted_twice(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root, "a", "b")
    desk.deliver("a")
    desk.ask(Resend(**ANA, folder=arrival.folder, destination="a"))
    desk.backlog.write_progress()
    (metadata,) = desk.view.metadata()
    assert metadata["progress"]["destinations"]["a"] == {
        "delivered": 0,
        "waiting": 1,
        "stored": 0,
        "parked": 0,
        "held": 0,
    }
    desk.deliver("a")
    desk.backlog.write_progress()
    (metadata,) = desk.view.metadata()
    assert metadata["progress"]["destinations"]["a"]["delivered"] == 1


# Release of what is quarantined


def test_what_passes_its_checks_now_joins_its_study_and_is_sent(spool):
    arrivals = spool.quarantine(*series(2))
    data = {(spool.root / QUARANTINE / one.folder / one.name).read_bytes() for one in arrivals}
    desk = Desk(spool.root)
    assert desk.ask(Release(**ANA, folder=arrivals[0].folder)) == Answer(2)
    assert {path.read_bytes() for path in desk.view.waiting()} == data
    assert not (spool.root / QUARANTINE / arrivals[0].folder).exists()
    assert desk.waiting() == 2
    released = desk.view.receipts(kind="released")
    assert [(one["destination"], one["who"], bool(one["digest"])) for one in released] == [("", "ana", True)] * 2


def test_what_has_no_pixels_stays_whoever_wants_it_released(spool):
    (arrival,) = spool.receive(instance(image(without=("PixelData",))))
    desk = Desk(spool.root)
    answer = desk.ask(Release(**ANA))
    assert answer.objects == 0
    (note,) = answer.notes
    assert note.startswith("1 x it stays in quarantine: CT Image Storage without pixel data")
    assert desk.view.waiting() == []
    assert desk.view.kept_aside(QUARANTINE)
    assert arrival.folder


@pytest.mark.parametrize("at", [-1, 140, 900])
def test_what_changed_in_quarantine_stays(spool, at):
    (arrival,) = spool.quarantine(*series(1))
    path = spool.root / QUARANTINE / arrival.folder / arrival.name
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    answer = Desk(spool.root).ask(Release(**ANA, folder=arrival.folder))
    assert answer.objects == 0
    assert "its bytes have changed on the disk" in answer.notes[0]
    assert path.read_bytes() == data


def test_it_goes_behind_a_later_arrival_of_its_uid(spool):
    first = instance(image(study="1.2.3", number=1))
    (kept,) = spool.quarantine(first)
    spool.receive(instance(image(study="1.2.3", number=2, uid=first.uid)))
    desk = Desk(spool.root)
    assert desk.ask(Release(**ANA, folder=kept.folder)) == Answer(1)
    assert [path.name for path in desk.view.waiting()] == [f"{first.uid}.dcm", f"{first.uid}_2.dcm"]
    assert spool.outbox.stored(kept.folder, f"{first.uid}_2.dcm").head.record.digest


def test_without_its_study_folder_it_stays(spool):
    (arrival,) = spool.quarantine(*series(1))
    for path in (spool.root / arrival.folder).iterdir():
        path.unlink()
    (spool.root / arrival.folder).rmdir()
    answer = Desk(spool.root).ask(Release(**ANA, folder=arrival.folder))
    assert answer.objects == 0
    assert "the folder of its study is gone" in answer.notes[0]


def test_a_name_that_a_crash_left_in_quarantine_is_taken_away_and_nothing_sent_twice(spool):
    (arrival,) = spool.quarantine(*series(1))
    path = spool.root / QUARANTINE / arrival.folder / arrival.name
    data = path.read_bytes()
    desk = Desk(spool.root)
    desk.ask(Release(**ANA, folder=arrival.folder))
    desk.deliver("a")
    path.parent.mkdir()
    path.write_bytes(data)  # a power cut brought the name back
    assert desk.ask(Release(**ANA, folder=arrival.folder)).objects == 1
    assert not path.exists()
    assert desk.waiting() == 0


def test_what_is_in_quarantine_by_a_crash_and_in_its_study_is_not_discarded_from_the_study(spool):
    (arrival,) = spool.quarantine(*series(1))
    path = spool.root / QUARANTINE / arrival.folder / arrival.name
    data = path.read_bytes()
    desk = Desk(spool.root)
    desk.ask(Release(**ANA, folder=arrival.folder))
    path.parent.mkdir()
    path.write_bytes(data)
    desk.ask(Discard(**ANA, folder=arrival.folder, what=(What.QUARANTINED,)))
    assert not path.exists()
    assert Desk(spool.root).waiting() == 1


def test_what_was_delivered_stays_so_when_its_name_that_a_crash_left_in_quarantine_is_discarded(spool):
    (arrival,) = spool.quarantine(*series(1))
    path = spool.root / QUARANTINE / arrival.folder / arrival.name
    data = path.read_bytes()
    desk = Desk(spool.root)
    desk.ask(Release(**ANA, folder=arrival.folder))
    desk.deliver("a")
    path.parent.mkdir()
    path.write_bytes(data)
    assert desk.ask(Discard(**ANA, folder=arrival.folder, what=(What.QUARANTINED,))) == Answer(1)
    assert not path.exists()
    found = receipt(FS, str(spool.root), arrival.folder, desk.route)
    assert [one.state for one in found.objects] == ["confirmed"]
    assert found.complete


# Discard


def test_what_waits_is_never_discarded_until_it_is_held(spool):
    arrivals = three(spool)
    desk = Desk(spool.root, "a", "b")
    desk.park("a")
    everything = tuple(What)
    answer = desk.ask(Discard(**ANA, folder=arrivals[0].folder, what=everything))
    assert answer == Answer(0, ("1 x it waits to be sent to another destination: hold it first",))
    assert len(desk.view.waiting()) == 3
    desk.ask(Hold(**ANA, folder=arrivals[0].folder))
    assert desk.ask(Discard(**ANA, folder=arrivals[0].folder, what=everything)) == Answer(3)
    assert desk.view.waiting() == []
    discarded = desk.view.receipts(kind="discarded")
    assert {one["uid"] for one in discarded} == {one.name.removesuffix(".dcm") for one in arrivals}
    assert all(one["digest"] and one["who"] == "ana" for one in discarded)


def test_nothing_is_discarded_for_one_destination(spool):
    (folder,) = {arrival.folder for arrival in three(spool)}
    desk = Desk(spool.root, "a", "b")
    desk.ask(Hold(**ANA, folder=folder))
    answer = desk.ask(Discard(**ANA, folder=folder, destination="a", what=(What.HELD,)))
    assert (answer.objects, answer.failed != "") == (0, True)
    assert len(desk.view.waiting()) == 3


def test_only_the_kinds_that_were_named_are_discarded(spool):
    objects = series(3)
    good, bad = spool.receive(objects[0]), spool.quarantine(objects[1])
    damaged = spool.receive(objects[2])
    spool.damage(damaged[0])
    desk = Desk(spool.root)
    rotten = next(one for one in (desk.take("a"), desk.take("a")) if one and one.name == damaged[0].name)
    desk.backlog.damaged(rotten.folder, rotten.name, "rot", rotten.arrival)
    folder = good[0].folder
    assert desk.ask(Discard(**ANA, folder=folder, what=(What.PARKED, What.HELD, What.NO_DESTINATION))) == Answer(0)
    assert desk.ask(Discard(**ANA, folder=folder, what=(What.QUARANTINED,))) == Answer(1)
    assert [one["uid"] for one in desk.view.receipts(kind="discarded")] == [bad[0].name.removesuffix(".dcm")]
    assert desk.ask(Discard(**ANA, folder=folder, what=(What.DAMAGED,))) == Answer(1)
    assert not list(spool.root.glob("_*/*/*"))
    assert len(desk.view.waiting()) == 1


def test_an_object_that_no_destination_wants_can_be_discarded(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root)
    desk.backlog.route = ClinicRoute.model_validate(
        route(spool.root, destination("a", 4000, match=[{"modalities": ["MR"]}]))
    )
    fresh = Backlog(Outbox(FS, str(spool.root)), desk.backlog.route, desk.queues)
    fresh.rescan()
    request = Discard(**ANA, folder=arrival.folder, what=(What.NO_DESTINATION,))
    assert Persons(fresh).handle(request) == Answer(1)
    assert desk.view.waiting() == []


def test_an_unlink_that_was_lost_is_made_up_and_what_was_discarded_never_sent(spool):
    (arrival,) = spool.receive(*series(1))
    path = spool.root / arrival.folder / arrival.name
    data = path.read_bytes()
    desk = Desk(spool.root)
    desk.park("a")
    desk.ask(Discard(**ANA, folder=arrival.folder, what=(What.PARKED,)))
    path.write_bytes(data)
    again = Desk(spool.root, "a", "b")
    assert not path.exists()
    assert (again.waiting("a"), again.waiting("b")) == (0, 0)


class StuckFileSystem(OsFileSystem):
    """A disk that lets no object go."""

    def unlink(self, path):
        if path.endswith(".dcm"):
            raise OSError(errno.EIO, "Input/output error", path)
        OsFileSystem.unlink(path)


def test_what_cannot_be_removed_at_once_is_not_sent_either(spool):
    (arrival,) = spool.receive(*series(1))
    desk = Desk(spool.root, "a", fs=StuckFileSystem())
    desk.park("a")
    desk.ask(Discard(**ANA, folder=arrival.folder, what=(What.PARKED,)))
    assert (spool.root / arrival.folder / arrival.name).exists()
    desk.backlog.rescan()
    assert desk.waiting() == 0
    assert Desk(spool.root).view.waiting() == []


def test_what_comes_again_while_its_twin_is_discarded_is_kept(spool):
    (one,) = series(1)
    (arrival,) = spool.receive(one)
    desk = Desk(spool.root, "a", fs=StuckFileSystem())
    desk.park("a")
    desk.ask(Discard(**ANA, folder=arrival.folder, what=(What.PARKED,)))
    (again,) = spool.receive(one)
    assert again.number == 2
    assert Desk(spool.root).waiting() == 1


# The record


class NoAuditFileSystem(OsFileSystem):
    """A disk on which the audit log cannot be made durable."""

    def fsync_dir(self, path):
        if path.endswith(STATE):
            raise OSError(errno.EIO, "Input/output error", path)
        super().fsync_dir(path)


@pytest.mark.parametrize("kind", ["hold", "release", "discard"])
def test_without_a_record_nothing_is_done(spool, kind):
    arrivals = three(spool)
    kept = spool.quarantine(*series(1))
    desk = Desk(spool.root, fs=NoAuditFileSystem())
    desk.park("a")
    folder = arrivals[0].folder
    requests = {
        "hold": Hold(**ANA, folder=folder),
        "release": Release(**ANA),
        "discard": Discard(**ANA, folder=folder, what=tuple(What)),
    }
    before = (desk.view.receipts(), desk.view.waiting(), desk.view.kept_aside(QUARANTINE))
    answer = desk.ask(requests[kind])
    assert answer.objects == 0
    assert answer.failed.startswith("nothing was done, for it cannot be put on record")
    assert (desk.view.receipts(), desk.view.waiting(), desk.view.kept_aside(QUARANTINE)) == before
    assert kept


def test_the_record_of_a_discard_says_what_it_was(spool):
    (arrival,) = spool.receive(instance(image(without=("PixelData",))))
    Desk(spool.root).ask(Discard(**ANA, folder=arrival.folder, what=(What.QUARANTINED,)))
    begun, ended = AuditLog(FS, str(spool.root)).read().entries
    (one,) = begun.fields["objects"]
    assert one["instance"] == arrival.name.removesuffix(".dcm")
    assert one["digest"].startswith("xxh3-128:")
    assert (begun.fields["who"], begun.fields["why"], begun.fields["identified"]) == ("ana", "told so", "a test")
    assert ended.fields["of"] == begun.number


def test_a_disk_that_fails_in_between_is_on_record_too(spool):
    arrivals = spool.quarantine(*series(2))
    desk = Desk(spool.root)
    with patch("dicomrs_scu.actions.let_back", side_effect=OSError(errno.EIO, "Input/output error", "x")):
        answer = desk.ask(Release(**ANA, folder=arrivals[0].folder))
    assert "Input/output error" in answer.failed
    assert len(desk.view.kept_aside(QUARANTINE)) == 2
    entries = AuditLog(FS, str(spool.root)).read().entries
    assert "Input/output error" in entries[-1].fields["failed"]


def how_many_are_stuck(desk: Desk, name: str) -> int:
    (standing,) = [one for one in survey(FS, str(desk.view.root), desk.route).destinations if one.name == name]
    return standing.parked + standing.held


WISHES = [(kind, name) for kind in (Hold, Release, Resend) for name in ("", "a", "b") if kind is not Resend or name]
EVENTS = [*WISHES, *WISHES, "receive", "deliver a", "deliver b", "park a"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(EVENTS), min_size=2, max_size=12))
def test_whatever_persons_wish_the_queues_are_what_the_receipts_say(tmp_path, events):
    """A service that starts anew finds on the disk exactly what the running one has in its queues."""
    spool = FilledSpool(tmp_path / str(len(list(tmp_path.iterdir()))))
    more = iter(series(15, rows=8))
    (arrival,) = spool.receive(next(more))
    desk = Desk(spool.root, "a", "b")
    for event in events:
        match event:
            case "receive":
                spool.receive(next(more))
                desk.backlog.rescan()
            case "park a":
                if desk.waiting("a"):
                    desk.park("a")
            case "deliver a" | "deliver b":
                if desk.waiting(event[-1]):
                    desk.deliver(event[-1])
            case kind, name:
                assert not desk.ask(kind(**ANA, folder=arrival.folder, destination=name)).failed
                for meant in [name] if name else ["a", "b"]:
                    stuck = how_many_are_stuck(desk, meant)
                    assert (desk.waiting(meant) == 0) if kind is Hold else (stuck == 0) or kind is Resend
        fresh = Desk(spool.root, "a", "b")
        assert [desk.waiting(name) for name in "ab"] == [fresh.waiting(name) for name in "ab"]
    held = [name for name in "ab" if spool.outbox.ledger(arrival.folder).is_held(name)]
    before = {name: desk.waiting(name) for name in held}
    spool.receive(next(more))
    desk.backlog.rescan()
    assert {name: desk.waiting(name) for name in held} == before, "nothing of a held study is queued"


def test_a_service_that_is_busy_with_many_objects_goes_on_breathing(spool):
    (folder,) = {arrival.folder for arrival in spool.quarantine(*series(3))}
    desk, breaths = Desk(spool.root), []
    ask = Persons(desk.backlog, lambda: breaths.append(desk.backlog.follow_hints())).handle
    assert ask(Release(**ANA, folder=folder)).objects == 3
    assert len(breaths) >= 3


def test_a_service_that_releases_a_very_large_object_goes_on_breathing(spool, monkeypatch):
    monkeypatch.setattr(aside, "_CHUNK", 1024)
    (arrival,) = spool.quarantine(instance(image(rows=64)))
    desk, breaths = Desk(spool.root), []
    ask = Persons(desk.backlog, lambda: breaths.append(1)).handle
    assert ask(Release(**ANA, folder=arrival.folder)).objects == 1
    assert len(breaths) >= 8, "between the kilobytes of its 64 rows"


@pytest.mark.parametrize(
    "document",
    [
        {"action": "discard", "folder": "20260101T000000_A_B", "what": ["waiting"]},
        {"action": "discard", "folder": "../../etc", "what": ["parked"]},
        {"action": "format", "folder": "20260101T000000_A_B"},
        {"action": "hold", "folder": "20260101T000000_A_B", "who": " "},
        {"action": "hold", "folder": "20260101T000000_A/../../B"},
        {"action": "hold", "folder": "20260101T000000_A_B", "instance": "a/b c"},
        {"action": "hold", "folder": ["x"]},
        {"action": "hold", "surprise": 1},
        [],
    ],
)
def test_a_request_that_no_command_makes_is_refused(spool, document):
    if isinstance(document, dict):
        document = {"who": "ana", "why": "x", **document}
    path = spool.root / ".control" / "x.request.json"
    path.write_text(json.dumps(document))
    control.serve(FS, str(spool.root), Desk(spool.root).ask)
    answer = json.loads((spool.root / ".control" / "x.answer.json").read_text())
    assert answer["failed"].startswith("the request cannot be understood")
    assert not path.exists()
    assert AuditLog(FS, str(spool.root)).read().entries == ()
