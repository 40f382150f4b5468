"""What a report does to the objects that it is about, on a real file system; and what nobody may do by one."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dicomrs.route import ClinicRoute, Park
from dicomrs.spool.control import Discard, Hold, Release, Resend, What
from dicomrs.spool.mailbox import Answer
from dicomrs.spool.receipts import Kind, read_events
from dicomrs.spool.transactions import Asked, Transactions
from dicomrs_scu.asker import Asker
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.failures import Remedy, remedy
from dicomrs_scu.persons import Persons
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.reports import Reports
from dicomrs_scu.uncommitted import Uncommitted
from dicomrs_scu.waiting import Waiting
from dicomrs_wire.commitment import (
    COMMITMENT,
    EXPLICIT_LITTLE_ENDIAN,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.dimse import N_ACTION_RQ, N_EVENT_REPORT_RQ, CommandSet
from support.filled_spool import FilledSpool
from support.objects import CT, EXPLICIT, Instance, image, instance

ANA = {"who": "ana", "why": "told so", "identified": "a test"}
TRANSACTION = "2.25.1"
REFUSED = 0x0115
THERE = "1 x it is there already: it is not sent again, should it get lost there"


class Scene:
    """One object at each of two destinations, of which "a" has it and has been asked about it."""

    def __init__(self, root: Path) -> None:
        self.spool = FilledSpool(root)
        self.one: Instance = instance(image(rows=8))
        self.backlog = self._backlog(root)
        self.transactions = Transactions(self.spool.fs, str(root))
        self.reports = Reports(self.backlog, self.transactions)
        (arrival,) = self.spool.receive(self.one)
        self.path = root / arrival.folder / arrival.name
        self.folder, self.name = arrival.folder, arrival.name
        self.backlog.rescan()
        for name in ("a", "b"):
            self.send(name)
        self.ask(TRANSACTION)

    def _backlog(self, root: Path) -> Backlog:
        destinations = [
            {"name": name, "host": "127.0.0.1", "port": 104, "aeTitle": "X", "commitment": {}} for name in ("a", "b")
        ]
        spec = {
            "receiver": {"bindAddress": "127.0.0.1"},
            "storage": {"root": str(root)},
            "destinations": destinations,
        }
        head = {"apiVersion": "dicomrs.io/v1alpha1", "kind": "ClinicRoute", "metadata": {"name": "test"}}
        route = ClinicRoute.model_validate({**head, "spec": spec})
        queues = {name: DestinationQueue(Park(), time.monotonic, commits=True) for name in ("a", "b")}
        return Backlog(self.spool.outbox, route, queues)

    def send(self, name: str) -> None:
        """As a sender and its settler do."""
        queue = self.backlog.queues[name]
        waiting = queue.take([(CT, EXPLICIT)])
        assert waiting is not None
        stored = self.spool.outbox.stored(waiting.folder, waiting.name)
        self.backlog.settle(waiting.folder, [(stored, stored.event(Kind.STORED, name, status="0000"))])
        queue.stored(waiting)

    def ask(self, uid: str, name: str = "a") -> None:
        self.transactions.open(uid, name, [self.asked()])

    def report(self, what: Commitments, event_type: int = 1, field: int = N_EVENT_REPORT_RQ) -> int:
        command = CommandSet(field, has_dataset=True, message_id=1, sop_class=COMMITMENT, event_type=event_type)
        dataset = encode_commitments(what, EXPLICIT_LITTLE_ENDIAN)
        return self.reports.take(command, dataset, EXPLICIT_LITTLE_ENDIAN, "192.0.2.1")

    def success(self, transaction: str = TRANSACTION) -> int:
        return self.report(Commitments(transaction, (Reference(CT, self.one.uid),)))

    def failure(self, reason: int, transaction: str = TRANSACTION) -> int:
        return self.report(Commitments(transaction, (), ((Reference(CT, self.one.uid), reason),)), 2)

    def another(self) -> Asked:
        """One more object, of another study, that "a" has."""
        one = instance(image(rows=8))
        (arrival,) = self.spool.receive(one)
        self.backlog.rescan()
        self.send("a")
        stored = self.spool.outbox.stored(arrival.folder, arrival.name)
        return Asked(arrival.folder, arrival.name, stored.arrival, CT, one.uid)

    def asked(self) -> Asked:
        """The object, as it is asked about."""
        arrival = self.spool.outbox.stored(self.folder, self.name).arrival
        return Asked(self.folder, self.name, arrival, CT, self.one.uid)

    def ask_about(self, uid: str, *objects: Asked) -> None:
        self.transactions.open(uid, "a", objects)

    def waiting(self) -> Waiting:
        study = self.backlog.look(self.folder)
        assert study is not None
        return study.present[self.name]

    def send_again(self, name: str) -> None:
        """Without its back-off."""
        queue = self.backlog.queues[name]
        queue.discard(self.waiting())
        queue.add(self.waiting())
        self.send(name)

    def queue(self, name: str) -> Uncommitted:
        return self.backlog.queues[name].uncommitted

    def asker(self) -> Asker:
        return Asker(self.backlog, self.backlog.route.spec.destinations[0], self.transactions, self.reports)

    def kinds(self, name: str = "a") -> list[str]:
        events = self.spool.outbox.ledger(self.folder)
        found = events.last(self.spool.outbox.stored(self.folder, self.name).arrival, name)
        return [found.kind] if found else []


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_object_leaves_when_all_have_committed_to_it(scene: Scene) -> None:
    assert scene.success() == 0
    assert scene.path.exists(), "b has not committed to it"
    assert scene.kinds("a") == ["delivered"]
    scene.ask("2.25.2", "b")
    assert scene.success("2.25.2") == 0
    assert not scene.path.exists()
    assert [len(queue.uncommitted) for queue in scene.backlog.queues.values()] == [0, 0]


def test_a_report_of_both_kinds_at_once_is_a_failure(scene: Scene) -> None:
    reference = Reference(CT, scene.one.uid)
    assert scene.report(Commitments(TRANSACTION, (reference,), ((reference, 0x0119),))) == 0
    assert scene.kinds() == ["parked"]


@pytest.mark.parametrize(
    ("reason", "kind"), [(0x0112, "uncommitted"), (0x0119, "parked"), (0x0122, "parked"), (0x0110, "stored")]
)
def test_a_failure_never_lets_an_object_go(scene: Scene, reason: int, kind: str) -> None:
    assert scene.failure(reason) == 0
    assert scene.path.exists()
    assert scene.kinds() == [kind]


def test_what_was_reported_lost_is_no_more_committed_to_by_an_older_report(scene: Scene) -> None:
    scene.ask("2.25.2")
    assert scene.failure(0x0112, "2.25.2") == 0
    assert scene.success(TRANSACTION) == 0, "known, and of no effect"
    assert scene.kinds() == ["uncommitted"]


def test_a_repeated_report_is_answered_and_changes_nothing(scene: Scene) -> None:
    assert scene.failure(0x0119) == 0
    assert scene.failure(0x0119) == 0
    assert scene.success() == 0
    assert scene.kinds() == ["parked"]


@pytest.mark.parametrize(
    "what",
    [
        Commitments("2.25.99", (Reference(CT, "1.2.3"),)),
        Commitments(TRANSACTION, (Reference(CT, "1.2.3"),)),
        Commitments(TRANSACTION, (), ((Reference(CT, "1.2.3"), 0x0112),)),
    ],
)
def test_what_was_not_asked_is_refused(scene: Scene, what: Commitments) -> None:
    assert scene.report(what) == REFUSED
    assert scene.kinds() == ["stored"]


@pytest.mark.parametrize("event_type", [1, 2])
def test_a_report_that_names_no_objects_is_refused_and_the_log_says_so(scene: Scene, event_type: int) -> None:
    with capture_logs() as lines:
        assert scene.report(Commitments(TRANSACTION, ()), event_type) == REFUSED
    ((event, reason),) = [(line["event"], line["reason"]) for line in lines]
    assert event == "report refused"
    assert "it names no objects" in reason
    assert scene.kinds() == ["stored"]
    assert scene.success() == 0, "the transaction is still open"


def test_another_class_than_asked_about_is_refused(scene: Scene) -> None:
    assert scene.report(Commitments(TRANSACTION, (Reference("1.2.3", scene.one.uid),))) == REFUSED
    assert scene.kinds() == ["stored"]


def test_what_is_no_report_is_refused(scene: Scene) -> None:
    what = Commitments(TRANSACTION, (Reference(CT, scene.one.uid),))
    assert scene.report(what, event_type=3) == 0x0113
    assert scene.report(what, field=N_ACTION_RQ) == 0x0211
    assert scene.kinds() == ["stored"]


def test_a_report_that_cannot_be_written_down_may_come_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(scene.backlog, "settle", full)
        assert scene.success() == 0x0110
    assert scene.kinds() == ["stored"]
    assert scene.success() == 0
    assert scene.kinds() == ["delivered"]


def test_a_report_that_comes_before_the_first_rescan_counts(scene: Scene, tmp_path: Path) -> None:
    again = Reports(scene._backlog(tmp_path), Transactions(scene.spool.fs, str(tmp_path)))
    scene.reports = again
    assert scene.success() == 0
    assert scene.kinds() == ["delivered"]


def test_what_a_person_removed_meanwhile_is_no_trouble(scene: Scene) -> None:
    scene.path.unlink()
    assert scene.success() == 0


def test_a_study_that_is_gone_is_no_trouble(scene: Scene, tmp_path: Path) -> None:
    shutil.rmtree(scene.path.parent)
    scene.reports = Reports(scene._backlog(tmp_path), Transactions(scene.spool.fs, str(tmp_path)))
    assert scene.success() == 0
    assert not scene.path.parent.exists()


def test_a_report_of_an_earlier_sending_says_nothing_of_a_later_one(scene: Scene) -> None:
    other = scene.another()
    both = [Reference(CT, scene.one.uid), Reference(CT, other.sop_instance)]
    scene.ask_about("2.25.2", scene.asked(), other)
    scene.ask("2.25.3")
    assert scene.failure(0x0112, "2.25.3") == 0
    scene.send_again("a")
    assert scene.report(Commitments("2.25.2", tuple(both))) == 0
    assert scene.kinds() == ["stored"], "what has been sent since is not what was committed to"
    assert scene.queue("a").arrivals() == {scene.asked().arrival}


def test_one_study_that_cannot_be_written_to_keeps_no_other_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [scene.another(), scene.another()]
    scene.ask_about("2.25.2", scene.asked(), *others)
    settle = scene.backlog.settle

    def settled(folder: str, results: list) -> None:
        if folder == scene.folder:
            raise OSError(5, "Input/output error")
        settle(folder, results)

    references = tuple(Reference(CT, one.sop_instance) for one in (scene.asked(), *others))
    with monkeypatch.context() as broken:
        broken.setattr(scene.backlog, "settle", settled)
        assert scene.report(Commitments("2.25.2", references)) == 0x0110
    assert scene.queue("a").arrivals() == {scene.asked().arrival}
    assert "receipts cannot be written" in scene.queue("a").trouble()
    assert scene.report(Commitments("2.25.2", references)) == 0, "once more"
    assert scene.kinds() == ["delivered"]


def test_one_object_that_cannot_be_read_keeps_no_other_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    other = scene.another()
    scene.ask_about("2.25.2", scene.asked(), other)
    readable = scene.backlog.outbox.stored

    def stored(folder: str, name: str) -> object:
        if name == scene.name:
            raise OSError(5, "Input/output error")
        return readable(folder, name)

    references = tuple(Reference(CT, one.sop_instance) for one in (scene.asked(), other))
    arrival = scene.asked().arrival
    with monkeypatch.context() as broken:
        broken.setattr(scene.backlog.outbox, "stored", stored)
        assert scene.report(Commitments("2.25.2", references)) == 0
    assert scene.queue("a").arrivals() == {arrival}
    assert "cannot be read from the disk" in scene.queue("a").trouble()


def test_an_object_whose_head_was_damaged_while_its_commitment_was_awaited_is_moved_away(scene: Scene) -> None:
    data = scene.path.read_bytes()
    scene.path.write_bytes(data[:140] + bytes([data[140] ^ 1]) + data[141:])
    assert scene.success() == 0
    assert not scene.path.exists()
    assert [path.name for path in (scene.path.parent.parent / "_DAMAGED").glob("*/*.dcm")] == [scene.name]
    assert scene.queue("a").arrivals() == frozenset()


def test_a_report_that_was_carried_out_by_half_leaves_nothing_behind_that_is_neither_sent_nor_asked_about(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(scene.backlog.queues["a"], "refused", full)
        assert scene.failure(0x0112) == 0x0110
    assert scene.kinds() == ["uncommitted"]
    scene.asker()._asked([scene.waiting()])
    assert scene.queue("a").arrivals() == frozenset()
    assert scene.backlog.queues["a"].take([(CT, EXPLICIT)]) is scene.waiting()


def test_a_target_that_is_believed_without_commitment_and_reports_a_loss_is_heard_one_after_the_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who waives has looked at the object when the report comes."""
    settle, reporting = scene.backlog.settle, threading.Thread(target=scene.failure, args=(0x0112,))

    def settled(folder: str, results: list) -> None:
        reporting.start()
        reporting.join(0.3)
        settle(folder, results)

    monkeypatch.setattr(scene.backlog, "settle", settled)
    scene.reports.deliver("a", [scene.asked()], "not offered")
    reporting.join()
    events = read_events(scene.spool.fs, str(scene.path.parent))
    assert [event.kind for event in events if event.destination == "a"] == ["stored", "delivered"]


@given(st.integers(0, 0xFFFF))
def test_every_reason_has_a_remedy_and_only_the_standards_park(reason: int) -> None:
    expected = {0x0112: Remedy.SEND_AGAIN, 0x0119: Remedy.PARK, 0x0122: Remedy.PARK}
    assert remedy(reason) is expected.get(reason, Remedy.ASK_AGAIN)


def test_a_study_that_cannot_be_read_keeps_no_other_from_being_asked_about(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = instance(image(rows=8))
    scene.spool.receive(other)
    scene.backlog.rescan()
    scene.send("a")
    readable = scene.backlog.last

    def last(folder: str, arrival: str, destination: str) -> object:
        if folder == scene.folder:
            raise OSError(5, "Input/output error")
        return readable(folder, arrival, destination)

    monkeypatch.setattr(scene.backlog, "last", last)
    queue = scene.backlog.queues["a"].uncommitted
    assert queue.wait(5.0)
    batch = queue.batch(10, 60.0)
    assert len(batch) == 2
    assert [one.sop_instance for one in scene.asker()._asked(batch)] == [other.uid]
    assert "its study cannot be read" in queue.trouble()


# What persons do meanwhile


def test_what_is_lost_of_a_held_study_waits_for_its_release(scene: Scene) -> None:
    ask = Persons(scene.backlog).handle
    assert ask(Hold(**ANA, folder=scene.folder)) == Answer(1, (THERE,))
    assert scene.failure(0x0112) == 0
    queue = scene.backlog.queues["a"]
    assert queue.figures().waiting == 0
    scene.backlog.rescan()
    assert queue.figures().waiting == 0
    ask(Release(**ANA, folder=scene.folder))
    assert queue.figures().waiting == 1


@pytest.mark.parametrize("released", ["", "object", "study"])
def test_an_object_that_was_held_when_it_was_stored_is_not_sent_again_until_it_is_released(
    scene: Scene, released: str
) -> None:
    ask = Persons(scene.backlog).handle
    assert ask(Hold(**ANA, folder=scene.folder, instance=scene.one.uid)) == Answer(1, (THERE,))
    assert scene.kinds() == ["stored"], "its commitment is still awaited"
    if released:
        instance = scene.one.uid if released == "object" else ""
        assert ask(Release(**ANA, folder=scene.folder, instance=instance)).objects == 1
    assert scene.failure(0x0112) == 0
    queue = scene.backlog.queues["a"]
    scene.backlog.rescan()
    assert queue.figures().waiting == bool(released)
    ask(Release(**ANA, folder=scene.folder, instance=scene.one.uid))
    assert queue.figures().waiting == 1


def test_a_hold_leaves_what_is_stored_to_its_report(scene: Scene) -> None:
    Persons(scene.backlog).handle(Hold(**ANA, folder=scene.folder))
    assert [queue.figures().uncommitted for queue in scene.backlog.queues.values()] == [1, 1]
    assert scene.success() == 0
    assert scene.kinds() == ["delivered"]


def test_what_is_stored_is_not_sent_again_before_its_report(scene: Scene) -> None:
    answer = Persons(scene.backlog).handle(Resend(**ANA, folder=scene.folder, destination="a"))
    assert answer.objects == 0
    assert answer.notes == ("1 x it is there already, and its storage commitment is awaited",)
    assert scene.kinds() == ["stored"]


def test_what_another_destination_has_not_committed_to_is_not_discarded(scene: Scene) -> None:
    assert scene.failure(0x0119) == 0
    answer = Persons(scene.backlog).handle(Discard(**ANA, folder=scene.folder, what=(What.PARKED,)))
    assert answer.objects == 0
    assert "has not committed to it yet" in answer.notes[0]
    assert scene.path.exists()


def test_a_parked_object_is_released_to_be_sent_and_asked_about_again(scene: Scene) -> None:
    assert scene.failure(0x0119) == 0
    Persons(scene.backlog).handle(Release(**ANA, folder=scene.folder))
    scene.send("a")
    scene.ask("2.25.7")
    assert scene.success("2.25.7") == 0
    assert scene.kinds() == ["delivered"]
