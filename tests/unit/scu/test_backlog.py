"""What scu finds in a root, on a real file system: what it queues, holds, settles, releases and removes."""

import errno
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dicomrs.route import ClinicRoute, Park
from dicomrs.spool.control import Release
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.part import Origin
from dicomrs.spool.proof import prepare_root
from dicomrs.spool.receipts import Kind
from dicomrs.spool.record import FORMAT
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.persons import Persons
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.retention import retire_old
from support import objects
from support.objects import Instance

FS = OsFileSystem()
PAIR = (objects.CT, objects.EXPLICIT)


def route_of(root: Path, *names: str, on_conflict: str = "Forward", modality: str = "") -> ClinicRoute:
    match = [{"modalities": [modality]}] if modality else []
    destinations = [
        {"name": name, "host": "127.0.0.1", "port": 4000 + number, "aeTitle": name, "match": match}
        for number, name in enumerate(names)
    ]
    return ClinicRoute.model_validate(
        {
            "apiVersion": "dicomrs.io/v1alpha1",
            "kind": "ClinicRoute",
            "metadata": {"name": "test"},
            "spec": {
                "receiver": {"bindAddress": "127.0.0.1"},
                "storage": {"root": str(root), "onConflict": on_conflict},
                "destinations": destinations,
            },
        }
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    prepare_root(FS, str(tmp_path))
    return tmp_path


@pytest.fixture
def receive(root: Path) -> Callable[[Instance], str]:
    """Receive an object the way scp does; returns its path in the root."""
    inbox = Inbox(FS, str(root), lambda _: 0)

    def arrive(instance: Instance) -> str:
        part = inbox.begin(
            Origin("CT1", "DICOMRS", "127.0.0.1"), instance.sop_class, instance.uid, instance.transfer_syntax
        )
        part.write(instance.dataset)
        arrival = inbox.keep(part)
        inbox.announce(arrival)
        part.drop()
        return f"{arrival.folder}/{arrival.name}"

    return arrive


def backlog_of(root: Path, *names: str, on_conflict: str = "Forward", modality: str = "") -> Backlog:
    route = route_of(root, *names, on_conflict=on_conflict, modality=modality)
    queues = {name: DestinationQueue(Park(), time.monotonic) for name in names}
    return Backlog(Outbox(FS, str(root)), route, queues)


def deliver_next(backlog: Backlog, name: str) -> str:
    """Confirm the next object of a destination, as a sender does."""
    waiting = backlog.queues[name].take([PAIR])
    assert waiting is not None
    stored = backlog.outbox.stored(waiting.folder, waiting.name)
    backlog.settle(waiting.folder, [(stored, stored.event(Kind.DELIVERED, name, status="0000"))])
    backlog.queues[name].confirmed(waiting)
    return waiting.name


def metadata(root: Path) -> dict[str, object]:
    (path,) = root.glob("2*/.metadata.json")
    return json.loads(path.read_text())


def one_image(**fields: object) -> Instance:
    return objects.instance(objects.image(rows=8, **fields))


def test_hints_bring_an_arrival_without_a_rescan(root: Path, receive: Callable[[Instance], str]) -> None:
    backlog = backlog_of(root, "a")
    receive(one_image())
    backlog.follow_hints()
    assert backlog.queues["a"].pairs(1) == [PAIR]


def test_without_hints_a_rescan_finds_everything(root: Path, receive: Callable[[Instance], str]) -> None:
    for instance in objects.series(3, rows=8):
        receive(instance)
    for hint in (root / ".hints").iterdir():
        hint.unlink()
    backlog = backlog_of(root, "a")
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 3


def test_what_arrives_during_a_rescan_is_queued_before_its_end(root: Path, receive: Callable[[Instance], str]) -> None:
    for _ in range(2):
        receive(one_image())
    backlog = backlog_of(root, "a")
    found = []

    def pause() -> None:
        if not found:
            receive(one_image())
        backlog.follow_hints()
        found.append(backlog.queues["a"].figures().waiting)

    backlog.rescan(pause)
    assert found == [3, 3], "after the first of two folders the others are known by their hints"


def test_an_object_leaves_the_disk_with_its_last_destination(root: Path, receive: Callable[[Instance], str]) -> None:
    path = root / receive(one_image())
    backlog = backlog_of(root, "a", "b")
    backlog.rescan()
    deliver_next(backlog, "a")
    assert path.exists()
    deliver_next(backlog, "b")
    assert not path.exists()


def test_an_unlink_that_was_lost_is_made_up_at_start(root: Path, receive: Callable[[Instance], str]) -> None:
    path = root / receive(one_image())
    kept = path.read_bytes()
    backlog = backlog_of(root, "a")
    backlog.rescan()
    deliver_next(backlog, "a")
    path.write_bytes(kept)
    again = backlog_of(root, "a")
    again.rescan()
    assert not path.exists()
    assert again.queues["a"].figures().waiting == 0


def test_a_destination_that_is_added_gets_what_still_waits(root: Path, receive: Callable[[Instance], str]) -> None:
    receive(one_image())
    later = backlog_of(root, "a", "b")
    later.rescan()
    assert later.queues["b"].figures().waiting == 1


def test_without_a_destination_an_object_stays_and_is_counted(root: Path, receive: Callable[[Instance], str]) -> None:
    path = root / receive(one_image())
    backlog = backlog_of(root, "a", modality="MR")
    backlog.rescan()
    backlog.write_progress()
    assert path.exists()
    assert metadata(root)["progress"]["noDestination"] == 1


def test_an_object_whose_remaining_destination_is_gone_leaves_with_one_receipt(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    path = root / receive(one_image())
    backlog = backlog_of(root, "a", "b")
    backlog.rescan()
    deliver_next(backlog, "a")
    backlog_of(root).rescan()
    assert not path.exists()


@pytest.mark.parametrize(("on_conflict", "queued"), [("Forward", 2), ("Park", 1)])
def test_other_content_under_one_uid_flags_the_study(
    root: Path, receive: Callable[[Instance], str], on_conflict: str, queued: int
) -> None:
    first = one_image(number=1, study="1.2.3")
    other = one_image(number=2, study="1.2.3", uid=first.uid)
    receive(first)
    receive(other)
    backlog = backlog_of(root, "a", on_conflict=on_conflict)
    backlog.rescan()
    backlog.write_progress()
    assert backlog.queues["a"].figures().waiting == queued
    assert metadata(root)["conflict"] is True


def test_conflict_is_noticed_when_the_first_has_been_delivered(root: Path, receive: Callable[[Instance], str]) -> None:
    first = one_image(number=1, study="1.2.3")
    receive(first)
    backlog = backlog_of(root, "a", on_conflict="Park")
    backlog.rescan()
    deliver_next(backlog, "a")
    receive(one_image(number=2, study="1.2.3", uid=first.uid))
    backlog.follow_hints()
    assert backlog.queues["a"].figures().waiting == 0


def test_the_same_object_sent_again_after_its_delivery_is_queued_again(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    instance = one_image()
    receive(instance)
    backlog = backlog_of(root, "a", on_conflict="Park")
    backlog.rescan()
    deliver_next(backlog, "a")
    receive(instance)
    backlog.follow_hints()
    assert backlog.queues["a"].figures().waiting == 1


def test_what_is_parked_stays_parked_until_a_person_releases_it(root: Path, receive: Callable[[Instance], str]) -> None:
    receive(one_image())
    backlog = backlog_of(root, "a")
    backlog.rescan()
    waiting = backlog.queues["a"].take([PAIR])
    assert waiting is not None
    backlog.park(waiting, "a", "A900", "A900 no match")
    backlog.queues["a"].discard(waiting)
    restarted = backlog_of(root, "a")
    restarted.rescan()
    assert restarted.queues["a"].figures().waiting == 0
    persons = Persons(restarted)
    assert persons.handle(Release(who="ana", why="target mended", destination="b")).failed
    assert persons.handle(Release(who="ana", why="target mended")).objects == 1
    deliver_next(restarted, "a")
    assert not list(root.glob("2*/*.dcm"))


def test_a_damaged_head_is_moved_away_with_its_reason(root: Path, receive: Callable[[Instance], str]) -> None:
    paths = [root / receive(instance) for instance in objects.series(2, rows=8)]
    data = bytearray(paths[0].read_bytes())
    data[140:144] = b"\xff\xff\xff\xff"
    paths[0].write_bytes(data)
    backlog = backlog_of(root, "a")
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 1
    (moved,) = (root / "_DAMAGED").glob("2*/*.dcm")
    assert moved.read_bytes() == bytes(data)
    assert "meta header" in json.loads(moved.with_name(f"{moved.name}.reason.json").read_text())["reason"]
    (line,) = (paths[0].parent / ".receipts.jsonl").read_text().splitlines()
    receipt = json.loads(line)
    assert (receipt["kind"], receipt["uid"], receipt["arrival"]) == ("damaged", paths[0].stem, "")


def test_lost_metadata_is_made_anew_from_an_object(root: Path, receive: Callable[[Instance], str]) -> None:
    receive(one_image(patient_id="T-77"))
    (path,) = root.glob("2*/.metadata.json")
    before = json.loads(path.read_text())
    path.unlink()
    backlog = backlog_of(root, "a")
    backlog.rescan()
    backlog.write_progress()
    after = metadata(root)
    assert {key: after[key] for key in before} == before


def test_progress_counts_each_destination(root: Path, receive: Callable[[Instance], str]) -> None:
    for instance in objects.series(3, rows=8):
        receive(instance)
    backlog = backlog_of(root, "a", "b")
    backlog.rescan()
    deliver_next(backlog, "a")
    backlog.write_progress()
    assert metadata(root)["progress"] == {
        "onDisk": 3,
        "noDestination": 0,
        "destinations": {
            "a": {"delivered": 1, "waiting": 2, "stored": 0, "parked": 0, "held": 0},
            "b": {"delivered": 0, "waiting": 3, "stored": 0, "parked": 0, "held": 0},
        },
    }


def test_a_study_is_retired_only_when_nothing_is_left_and_its_time_is_up(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    receive(one_image())
    backlog = backlog_of(root, "a")
    backlog.rescan()
    future = datetime.now().astimezone() + timedelta(days=1)
    assert retire_old(backlog.outbox, future) == 0  # something waits
    deliver_next(backlog, "a")
    assert retire_old(backlog.outbox, datetime.now().astimezone() - timedelta(days=30)) == 0  # too young
    assert retire_old(backlog.outbox, future) == 1
    assert not list(root.glob("2*"))


def test_a_late_image_joins_its_study_and_after_retirement_makes_a_new_folder(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    first, second, third = objects.series(3, rows=8)
    receive(first)
    backlog = backlog_of(root, "a")
    backlog.rescan()
    deliver_next(backlog, "a")
    receive(second)
    assert len(list(root.glob("2*"))) == 1
    backlog.follow_hints()
    deliver_next(backlog, "a")
    assert retire_old(backlog.outbox, datetime.now().astimezone() + timedelta(days=1)) == 1
    path = root / receive(third)
    assert path.exists()
    assert (path.parent / ".metadata.json").exists()


class UnreadableFile(OsFileSystem):
    """A disk that fails to read one file."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self, path: str, flags: int) -> int:
        if path.endswith(self.name):
            raise OSError(errno.EIO, "Input/output error", path)
        return super().open(path, flags)


def test_an_unreadable_object_keeps_no_other_of_its_study_back(root: Path, receive: Callable[[Instance], str]) -> None:
    paths = [receive(instance) for instance in objects.series(3, rows=8)]
    backlog = backlog_of(root, "a")
    backlog.outbox = Outbox(UnreadableFile(Path(paths[0]).name), str(root))
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 2
    backlog.outbox = Outbox(FS, str(root))
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 3


def test_a_removed_object_that_comes_again_under_its_name_is_seen(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    instance = one_image()
    path = root / receive(instance)
    backlog = backlog_of(root, "a")
    backlog.rescan()
    waiting = backlog.queues["a"].take([PAIR])
    assert waiting is not None
    path.unlink()
    backlog.forget(waiting)
    receive(instance)
    backlog.follow_hints()
    deliver_next(backlog, "a")
    assert not path.exists()


def test_a_file_of_a_later_version_is_left_alone(root: Path, receive: Callable[[Instance], str]) -> None:
    path = root / receive(one_image())
    ours = path.read_bytes()
    data = ours.replace(b'"format":%d' % FORMAT, b'"format":9')
    assert data != ours
    path.write_bytes(data)
    backlog = backlog_of(root, "a")
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 0
    assert path.read_bytes() == data


def test_a_head_that_names_another_object_than_the_file_is_damage(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    path = root / receive(one_image())
    path.rename(path.with_name("1.2.3.dcm"))
    backlog = backlog_of(root, "a")
    backlog.rescan()
    assert backlog.queues["a"].figures().waiting == 0
    assert len(list((root / "_DAMAGED").glob("2*/1.2.3.dcm"))) == 1


def test_what_is_stored_counts_as_delivered_once_no_commitment_is_asked_for(
    root: Path, receive: Callable[[Instance], str]
) -> None:
    path = root / receive(one_image())
    backlog = backlog_of(root, "a")
    backlog.rescan()
    waiting = backlog.queues["a"].take([PAIR])
    assert waiting is not None
    stored = backlog.outbox.stored(waiting.folder, waiting.name)
    backlog.settle(waiting.folder, [(stored, stored.event(Kind.STORED, "a", status="0000"))])
    assert path.exists(), "an answer alone lets nothing go"
    again = backlog_of(root, "a")
    again.rescan()
    assert not path.exists()
    (line,) = [line for line in (path.parent / ".receipts.jsonl").read_text().splitlines() if "delivered" in line]
    assert json.loads(line)["who"] == "spec.destinations[].commitment"


def test_what_is_stored_at_a_destination_that_is_gone_stays(root: Path, receive: Callable[[Instance], str]) -> None:
    path = root / receive(one_image())
    backlog = backlog_of(root, "a")
    backlog.rescan()
    waiting = backlog.queues["a"].take([PAIR])
    assert waiting is not None
    stored = backlog.outbox.stored(waiting.folder, waiting.name)
    backlog.settle(waiting.folder, [(stored, stored.event(Kind.STORED, "a", status="0000"))])
    backlog_of(root).rescan()
    assert path.exists()
