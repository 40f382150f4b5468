"""What a survey remembers makes it cheap and never wrong: whatever has happened, it sees what a first look sees."""

import errno
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dicomrs.memory import Memory
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem, Stamp
from dicomrs.spool.receipts import EVERYWHERE, Kind, event_now
from dicomrs.survey import SurveyMemory, survey
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.router import destination, route

LONG_AGO = Stamp(1, 1, 0, 0)


class Counting(OsFileSystem):
    """How many files were opened."""

    def __init__(self) -> None:
        self.opened = 0

    def open(self, path: str, flags: int) -> int:
        self.opened += 1
        return super().open(path, flags)


def settle(memory: SurveyMemory) -> None:
    """What is remembered counts as settled, not after two seconds but after a tick of this kernel's clock."""
    time.sleep(0.02)
    for part in (memory.studies, memory.aside):
        for entry in part._entries.values():
            entry.sure = True


class Spool(RuleBasedStateMachine):
    """Anything that services and persons do to a root, in any order, with looks in between; the disk is a real one."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.spool = FilledSpool(self.folder / "root")
        self.memory = SurveyMemory()
        self.routes = [
            ClinicRoute.model_validate(route(self.spool.root, *to))
            for to in (
                (destination("one", 1), destination("two", 2)),
                (destination("two", 2), destination("mr", 3, match=[{"modalities": ["MR"]}])),
            )
        ]
        self.route: ClinicRoute | None = self.routes[0]
        self.studies: list[str] = []
        self.looks = 0

    def objects(self):
        names = [(folder, name) for folder in self.spool.outbox.folders() for name in self.spool.outbox.names(folder)]
        return [self.spool.outbox.stored(*one) for one in names]

    @rule(old=st.integers(0, 3), modality=st.sampled_from(["CT", "MR"]))
    def arrive(self, old, modality):
        if old >= len(self.studies):
            self.studies.append(instance(image()).uid)
        self.spool.receive(instance(image(study=self.studies[min(old, len(self.studies) - 1)], modality=modality)))

    @rule()
    def arrive_without_pixels(self):
        self.studies.append(instance(image()).uid)
        self.spool.receive(instance(image(study=self.studies[-1], without=("PixelData",))))

    @rule(
        which=st.integers(0, 5),
        kind=st.sampled_from([Kind.DELIVERED, Kind.PARKED, Kind.HELD, Kind.RELEASED, Kind.STORED, Kind.DISCARDED]),
        to=st.sampled_from(["one", "two"]),
        leaves=st.booleans(),
    )
    def note(self, which, kind, to, leaves):
        if found := self.objects():
            stored = found[which % len(found)]
            ledger = self.spool.outbox.ledger(stored.folder)
            ledger.commit([stored.event(kind, "" if kind is Kind.DISCARDED else to, why="because")])
            if leaves and kind in (Kind.DELIVERED, Kind.DISCARDED):
                self.spool.outbox.remove(stored)

    @rule(which=st.integers(0, 5))
    def hold_all(self, which):
        if folders := self.spool.outbox.folders():
            ledger = self.spool.outbox.ledger(folders[which % len(folders)])
            ledger.commit([event_now(Kind.HELD, "", EVERYWHERE, who="ana", why="wrong patient")])

    @rule(which=st.integers(0, 5))
    def damage(self, which):
        if found := self.objects():
            stored = found[which % len(found)]
            self.spool.outbox.move_damaged(stored.folder, stored.name, "its bytes have changed")

    @rule(which=st.integers(0, 5), conflict=st.booleans())
    def progress(self, which, conflict):
        if folders := self.spool.outbox.folders():
            path = self.spool.root / folders[which % len(folders)] / ".metadata.json"
            text = json.dumps({**json.loads(path.read_text()), "conflict": conflict})
            path.with_suffix(".new").write_text(text)
            path.with_suffix(".new").replace(path)

    @rule(which=st.integers(0, 5))
    def torn_receipt(self, which):
        if folders := self.spool.outbox.folders():
            with (self.spool.root / folders[which % len(folders)] / ".receipts.jsonl").open("a") as file:
                file.write('{"at": "20')

    @rule(which=st.integers(0, 5))
    def retire(self, which):
        if folders := self.spool.outbox.folders():
            self.spool.outbox.retire(folders[which % len(folders)])

    @rule(which=st.integers(0, 5), where=st.sampled_from(["", "_INVALID_NO_PIXELS", "_DAMAGED"]))
    def a_person_removes(self, which, where):
        folder = self.spool.root / where
        if found := sorted(one for one in folder.glob("2*") if one.is_dir()):
            shutil.rmtree(found[which % len(found)])

    @rule(which=st.sampled_from([0, 1, None]))
    def the_route_changes(self, which):
        self.route = None if which is None else self.routes[which]

    @invariant()
    def what_is_seen_is_what_a_first_look_sees(self):
        fs, root = self.spool.fs, str(self.spool.root)
        seen = survey(fs, root, self.route, memory=self.memory)
        first = survey(fs, root, self.route, now=seen.at)
        assert seen == first
        self.looks += 1
        if self.looks % 3:
            settle(self.memory)

    def teardown(self):
        shutil.rmtree(self.folder)


TestSpool = Spool.TestCase
TestSpool.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def spool(tmp_path):
    return FilledSpool(tmp_path / "root")


def test_what_has_not_changed_is_not_read_again_and_what_has_is(spool):
    kept = [spool.receive(*series(2, patient_id=f"P{number}"))[0] for number in range(5)]
    fs, memory = Counting(), SurveyMemory()
    model = ClinicRoute.model_validate(route(spool.root, destination("one", 1)))
    first = survey(fs, str(spool.root), model, memory=memory)
    settle(memory)
    fs.opened = 0
    again = survey(fs, str(spool.root), model, memory=memory)
    assert fs.opened == 0
    assert [id(study) for study in again.studies] == [id(study) for study in first.studies]
    assert again.totals is first.totals
    spool.note(kept[3], Kind.DELIVERED, "one", leaves=True)
    changed = survey(fs, str(spool.root), model, memory=memory)
    assert 0 < fs.opened < 10
    different = [new.folder for old, new in zip(again.studies, changed.studies, strict=True) if new is not old]
    assert different == [kept[3].folder]
    assert changed.totals.on_disk == 9


class Failing(OsFileSystem):
    """A volume that gives no file of some name, as long as it fails."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def exists(self, path: str) -> bool:
        """As os.path.lexists: what cannot be asked about is not there."""
        return not path.endswith(self.names) and super().exists(path)

    def open(self, path: str, flags: int) -> int:
        if path.endswith(self.names):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return super().open(path, flags)


@pytest.mark.parametrize("names", [(".metadata.json",), (".metadata.json", ".receipts.jsonl")])
def test_what_a_failing_volume_kept_back_is_not_remembered(spool, names):
    (stored, _) = spool.receive(*series(2))
    metadata = spool.root / stored.folder / ".metadata.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "conflict": True}))
    clock = Clock()
    memory, root = SurveyMemory(studies=Memory(clock)), str(spool.root)
    for _ in range(2):
        survey(Failing(*names), root, None, memory=memory)
        clock.now += 3600
    seen = survey(spool.fs, root, None, memory=memory)
    assert seen == survey(spool.fs, root, None, now=seen.at)
    assert seen.studies[0].conflict


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def recall(memory: Memory[str], reads: Counter, stamp: Stamp, value: str, *, complete: bool = True) -> str:
    def read() -> tuple[str, bool]:
        reads[value] += 1
        return value, complete

    memory.begin()
    return memory.recall("a", (stamp,), None, read)


def now_stamp(path: Path) -> Stamp:
    path.touch()
    found = os.stat(path)
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def test_a_second_change_within_a_tick_of_the_clock_is_seen(tmp_path):
    clock, reads = Clock(), Counter()
    memory: Memory[str] = Memory(clock)
    stamp = now_stamp(tmp_path / "a")
    assert recall(memory, reads, stamp, "first change") == "first change"
    clock.now += 1.9
    assert recall(memory, reads, stamp, "second change, same stamp") == "second change, same stamp"
    clock.now += 0.2  # 2.1 s after the stamp was first seen
    assert recall(memory, reads, stamp, "third") == "third"
    assert recall(memory, reads, stamp, "not read any more") == "third"


def test_what_could_not_be_read_whole_is_read_again_and_what_is_old_is_believed_at_once():
    reads: Counter = Counter()
    memory: Memory[str] = Memory(Clock())
    assert recall(memory, reads, LONG_AGO, "half", complete=False) == "half"
    assert recall(memory, reads, LONG_AGO, "whole") == "whole"
    assert recall(memory, reads, LONG_AGO, "not read") == "whole"


def test_everything_is_read_anew_now_and_then():
    reads: Counter = Counter()
    memory: Memory[str] = Memory(Clock())
    assert recall(memory, reads, LONG_AGO, "sound") == "sound"
    seen = [recall(memory, reads, LONG_AGO, "rotten in its place") for _ in range(600)]
    assert "rotten in its place" in seen
    assert reads["rotten in its place"] == 1
