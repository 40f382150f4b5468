"""SIGKILL before and after each system call of an arrival and of a departure that touches the spool or the wire.

Each scene is played once without a kill, and its calls are written down (shim.py). Then, for each of them and both
moments, it is played with other objects, the service is killed there and started again, and the scanner sends again
what was not acknowledged. Nothing is left to chance but which threads are quicker: a step is the number-th call of a
kind on a path, so that a heartbeat in between moves nothing, and one that a run does not come to fails the test.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from dicomrs.spool.control import Release, ask
from dicomrs.spool.fs import OsFileSystem
from dicomrs_wire.errors import AssociationError
from support import planted
from support.objects import Instance, image, instance
from support.polling import eventually
from support.proof import Proof, Row, trials
from support.router import Router, destination, route
from support.sender import association, send_all, store
from support.shim import Shim, Step, died, some, steps
from support.spool_view import DAMAGED, QUARANTINE
from support.tap import Tap, take_all

pytestmark = pytest.mark.peer("cc")
STEPS = trials(1, 1_000)  # of each scene
SMALL = 16  # rows: a dataset that travels in one segment, so that the number of calls is always the same


@dataclass
class Scene:
    """then: sent while the service may be killed; before: sent earlier, in peace.

    no_pixels: all of them belong into quarantine; cold: then is the first that the process receives; refused: the UIDs
    of those that the targets will not take; row: where it counts.
    """

    then: list[Instance]
    before: list[Instance] = field(default_factory=list)
    no_pixels: bool = False
    cold: bool = False
    refused: set[str] = field(default_factory=set)
    row: Row | None = None

    @property
    def objects(self) -> list[Instance]:
        return [*self.before, *self.then]

    def versions(self) -> dict[str, list[Instance]]:
        """Of each SOP Instance UID what must travel, in order; what is the same again travels once."""
        found: dict[str, list[Instance]] = {}
        for one in self.objects:
            known = found.setdefault(one.uid, [])
            if one not in known:
                known.append(one)
        return found


def study(*images: dict) -> list[Instance]:
    """Images of one study; of each, the fields of its own."""
    shared = {"study": image().StudyInstanceUID, "rows": SMALL}
    return [instance(image(**{**shared, **own})) for own in images]


def two_versions() -> list[Instance]:
    uid = image().SOPInstanceUID
    return study({"uid": uid}, {"uid": uid, "patient_name": "Corrected^Name"})


def later(objects: list[Instance], **fields: bool) -> Scene:
    """The last of these comes when the others are there."""
    return Scene(objects[-1:], before=objects[:-1], **fields)


def one_refused() -> Scene:
    objects = study({}, {})
    return Scene(objects, refused={objects[0].uid})


ARRIVALS: dict[str, Callable[[], Scene]] = {
    "the first object that a process receives": lambda: Scene(study({}), cold=True),
    "the first object of a study": lambda: Scene(study({})),
    "another object of a study": lambda: later(study({}, {})),
    "an object that waits already": lambda: later(study({}) * 2),
    "other bytes under a UID that waits": lambda: later(two_versions()),
    "an object without its pixels": lambda: Scene(study({"pixels": b""}), no_pixels=True),
    "the same object without its pixels": lambda: later(study({"pixels": b""}) * 2, no_pixels=True),
}
DEPARTURES: dict[str, Callable[[], Scene]] = {
    "one object": lambda: Scene(study({})),
    "two objects": lambda: Scene(study({}, {})),
    "two versions under one UID": lambda: Scene(two_versions()),
    "one object is refused for good, one is not": one_refused,
}
DESTINATIONS = {"one destination": 1, "two destinations": 2}
STARTS = {"scp": "the receiving service", "scu": "the sending service, on what waits"}


class Stage:
    """A router of which one service is killed again and again, and what its scanner and its targets know."""

    def __init__(self, router: Router, victim: str, library: Path, taps: list[Tap], *planted: str) -> None:
        """planted: words before the victim's command that put a fault of its own into it."""
        self.router, self.victim, self.taps = router, victim, taps
        self.spool = router.spool()
        self.shim = Shim(library, router.folder, self.spool.root)
        self.wrap = [*self.shim.wrap, *planted]
        self.played: list[Scene] = []
        self.row = Row("steps", "warming up")
        self.broken: list[str] = []
        """Promises that did not hold, and where."""
        self.missed: list[str] = []
        """Steps that a run did not come to."""
        self.step: Step | None = None

    def play(self, scene: Scene, step: Step | None) -> None:
        """One scene; with a kill, or to write down its calls."""
        raise NotImplementedError

    def finish(self) -> None:
        """Let everything depart, and compare."""
        raise NotImplementedError

    def start(self) -> None:
        self.launch()
        self.router.wait_ready(self.victim)

    def launch(self) -> None:
        self.router.wrap = self.wrap
        self.router.launch(self.victim)
        self.router.wrap = []

    def arm(self, scene: Scene, step: Step | None) -> None:
        """From here its calls are counted; once in the life of a process."""
        self.step, scene.row = step, self.row
        self.played.append(scene)
        if step is None:
            self.shim.list_calls()
        else:
            self.shim.kill_at(step, scene.objects)

    def wait_dead(self) -> None:
        if self.step is not None and not died(self.router.children[self.victim]):
            self.missed.append(str(self.step))
        self.shim.clear()

    def again(self) -> None:
        """Another process: with nothing open, and nothing counted."""
        self.router.kill(self.victim)
        self.start()

    def send(self, objects: list[Instance]) -> list[Instance]:
        """As a scanner that may be cut off; what was acknowledged."""
        acknowledged = []
        try:
            with association(self.router.port(), objects) as requestor:
                for one in objects:
                    assert store(requestor, one).status == 0
                    acknowledged.append(one)
        except AssociationError:
            pass
        self.row.acknowledged += len(acknowledged)
        return acknowledged

    def must(self, holds: bool, promise: str) -> None:
        if not holds:
            self.row.losses += 1
            self.broken.append(f"{self.row.fault}, {self.step or 'without a kill'}: {promise}")

    def compare(self, scenes: list[Scene], *, once: bool) -> None:
        """Scanner and targets agree: all versions, unchanged, in their order; the receipts say so. once: none twice."""
        for number, tap in enumerate(self.taps):
            got = tap.by_uid()
            self.must(got.keys() <= {one.uid for scene in self.played for one in scene.objects}, "nothing else arrived")
            for scene in scenes:
                self.row = scene.row or self.row
                for uid, versions in scene.versions().items():
                    copies = [copy.identity for copy in got.get(uid, [])]
                    runs = copies if once else [identity for identity, _ in groupby(copies)]
                    travels = [] if scene.no_pixels or uid in scene.refused else [one.identity for one in versions]
                    self.must(runs == travels, f"the target has what was sent: {len(copies)} for {len(travels)}")
                    receipts = self.spool.receipts(kind="delivered", destination=f"tap-{number}", uid=uid)
                    arrivals = {receipt["arrival"] for receipt in receipts}
                    self.must(len(arrivals) == len(travels), f"{len(travels)} arrivals have receipts: {len(arrivals)}")
        self.must(not self.spool.kept_aside(DAMAGED), "nothing is damaged")


class Arriving(Stage):
    """The receiving service is killed; what it kept departs at the end."""

    def start(self) -> None:
        """Its second object is like any later one: a file is ready for it."""
        super().start()
        warm_up = Scene(study({}))
        self.played.append(warm_up)
        send_all(self.router.port(), warm_up.then)

    def play(self, scene: Scene, step: Step | None) -> None:
        send_all(self.router.port(), scene.before)
        if scene.cold:
            self.router.kill("scp")
            super().start()
        self.arm(scene, step)
        acknowledged = self.send(scene.then)
        self.wait_dead()
        for one in acknowledged:
            kept = [path.read_bytes() for path in self.spool.root.glob(f"**/{one.uid}*.dcm")]
            self.must(any(data.endswith(one.dataset) for data in kept), "what was acknowledged is on the disk")
        self.again()
        left = [one for one in scene.then if one not in acknowledged]
        self.must(self.send(left) == left, "it is taken when it is sent again")
        self.must(len(list(self.spool.root.glob(".incoming/*"))) == 1, "nothing of the dead process is left over")
        self.must(not self.spool.parts(), "no part is left over")
        for uid, versions in scene.versions().items():
            where = QUARANTINE if scene.no_pixels else "[!._]*"
            kept = {path.name: path.read_bytes() for path in self.spool.root.glob(f"{where}/**/{uid}*.dcm")}
            names = [f"{uid}.dcm", f"{uid}_2.dcm"][: len(versions)]
            self.must(sorted(kept) == names, f"each version is there once: {len(kept)} for {len(names)}")
            for name, one in zip(names, versions, strict=True):
                self.must(kept.get(name, b"").endswith(one.dataset), "it is what was sent")

    def finish(self) -> None:
        self.step = None
        quarantined = {f"{uid}.dcm" for scene in self.played if scene.no_pixels for uid in scene.versions()}
        kept = self.spool.kept_aside(QUARANTINE)
        self.must(sorted(name for name, _ in kept) == sorted(quarantined), "what has no pixels is kept aside")
        self.must(all(reason for _, reason in kept), "and says why")
        self.router.start("scu")
        self.spool.wait_empty()
        self.router.kill("scu")
        self.compare(self.played, once=True)


class Departing(Stage):
    """The sending service is killed; the targets answer once all objects of a scene are on the disk."""

    def play(self, scene: Scene, step: Step | None) -> None:
        all_are_there = threading.Event()
        for tap in self.taps:
            tap.answer = lambda one: 0xA900 if all_are_there.wait(30) and one.uid in scene.refused else 0x0000
        self.arm(scene, step)
        send_all(self.router.port(), scene.then)
        all_are_there.set()
        self.row.acknowledged += len(scene.then)
        if step is None:
            self.settled(scene)
            for tap in self.taps:
                tap.wait_idle()
        self.wait_dead()
        self.again()
        self.settled(scene)
        self.compare([scene], once=False)
        self.again()

    def settled(self, scene: Scene) -> None:
        """Until only what is refused is left of the scene, and parked."""
        there = lambda: {p.stem for uid in scene.versions() for p in self.spool.root.glob(f"[!._]*/{uid}*.dcm")}  # noqa: E731
        eventually(lambda: there() == scene.refused, "it has departed")
        for uid in scene.refused:
            eventually(lambda u=uid: self.spool.receipts(kind="parked", uid=u), "it is parked")

    def finish(self) -> None:
        self.step = None
        for tap in self.taps:
            tap.answer = take_all
        ask(OsFileSystem(), str(self.spool.root), Release(who="a person", why="it will be taken now"), 30)
        self.spool.wait_empty()
        for scene in self.played:
            scene.refused.clear()
        self.must(not self.spool.kept_aside(QUARANTINE), "nothing is in quarantine")
        self.compare(self.played, once=False)


class Starting(Departing):
    """A service is killed while it starts, on what another process left behind."""

    def play(self, scene: Scene, step: Step | None) -> None:
        self.router.kill(self.victim)
        if self.victim == "scu":
            send_all(self.router.port(), scene.then)
        self.arm(scene, step)
        self.launch()
        if step is None:
            self.router.wait_ready(self.victim)
        self.wait_dead()
        self.again()
        if self.victim == "scp":
            send_all(self.router.port(), scene.then)
        self.row.acknowledged += len(scene.then)
        self.settled(scene)
        self.compare([scene], once=False)


def every_step(stage: Stage, scenes: dict[str, Callable[[], Scene]], proof: Proof, fault: str) -> None:
    """Play each scene as often as it has steps, or as the short run has time for; each has its row."""
    stage.start()
    for what, make in scenes.items():
        with proof.row("steps", fault.format(what)) as row:
            stage.row = row
            first = make()
            stage.play(first, None)
            found = steps(stage.shim.listed(), first.objects)
            chosen = some(found, STEPS)
            row.note = f"{len(chosen)} of {len(found)} moments: before and after each of {len(found) // 2} calls"
            for step in chosen:
                stage.play(make(), step)
                row.trials += 1
    stage.finish()
    assert not stage.broken
    assert not stage.missed, "every kill was really done"


@pytest.fixture
def stage(tmp_path, make_router, shim_library):
    """Make a stage with so many of the targets."""

    def make(kind: type[Stage], victim: str, taps: list[Tap], *planted: str) -> Stage:
        to = [destination(f"tap-{number}", tap.port) for number, tap in enumerate(taps)]
        router = make_router(route(tmp_path / "root", *to), start=False)
        if kind is not Arriving:
            router.start(*{"scp", "scu"} - {victim})
        return kind(router, victim, shim_library, taps, *planted)

    return make


def test_the_receiving_service_is_killed_at_every_step(stage, tap, proof):
    every_step(stage(Arriving, "scp", [tap]), ARRIVALS, proof, "arrival: {}")


@pytest.mark.parametrize("to", DESTINATIONS)
def test_the_sending_service_is_killed_at_every_step(to, stage, two_taps, proof):
    sending = stage(Departing, "scu", two_taps[: DESTINATIONS[to]])
    every_step(sending, DEPARTURES, proof, f"departure to {to}: {{}}")


@pytest.mark.parametrize("victim", STARTS)
def test_a_service_is_killed_at_every_step_of_its_start(victim, stage, tap, proof):
    every_step(stage(Starting, victim, [tap]), {STARTS[victim]: lambda: Scene(study({}, {}))}, proof, "start of {}")


PLANTED = {
    "answers first": (Arriving, "scp", Step("send", "tcp", 2, "after"), "what was acknowledged is on the disk"),
    "removes first": (Departing, "scu", Step("unlink", "[0-9]*T*/{0}.dcm", 1, "after"), "1 arrivals have receipts: 0"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_campaign_finds_a_planted_fault(fault, stage, tap):
    kind, victim, step, promise = PLANTED[fault]
    played = stage(kind, victim, [tap], *planted.words(fault))
    played.start()
    played.play(Scene(study({})), step)
    assert not played.missed
    assert any(f"{step}: {promise}" in line for line in played.broken)
