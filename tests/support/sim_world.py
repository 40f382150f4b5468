"""Two receivers and one scu on a simulated volume, running the real spool.

What they promise is in sim_promises.py; it is looked at before every call that follows a change, and whenever all have
finished.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace, TracebackType
from typing import Self
from unittest.mock import patch

from dicomrs.dataset import Header, Pixels
from dicomrs.route import Commitment, Park
from dicomrs.spool.aside import Aside, objection
from dicomrs.spool.control import Discard, Hold, Release, Request, Resend, What
from dicomrs.spool.fs import READ, FileSystem
from dicomrs.spool.inbox import Inbox, Outcome
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.outlook import outlook
from dicomrs.spool.part import Origin, RefusedError
from dicomrs.spool.proof import VolumeError, prepare_root
from dicomrs.spool.receipts import Event, Kind, Ledger
from dicomrs.spool.record import NotOursError
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.persons import Persons
from dicomrs_scu.queue import DestinationQueue
from support import sim_promises as promises
from support.sim_disk import Choose, Disk, SimFileSystem
from support.sim_schedule import FOREVER, Actor, Process, Scheduler

ROOT = "/spool"
RECEIVERS = ("R1", "R2")
SCU = "scu"
GROUP = 2  # receipts that become durable together
CT_IMAGE, EXPLICIT_LITTLE = "1.2.840.10008.5.1.4.1.1.2", promises.EXPLICIT_LITTLE
SCANNER = Origin("CT1", "DICOMRS", "192.0.2.1")
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)  # it is always noon: names of folders collide where they can


@dataclass(eq=False)
class Reception:
    """One C-STORE, as the scanner sees it. Times are calls since the beginning of the world; -1: not yet."""

    uid: str
    data: bytes
    began: int = -1
    ended: int = -1
    complete: bool = False  # all its bytes have come
    acknowledged: bool = False
    arrival: str = ""
    settled: frozenset[str] = frozenset()  # arrivals with a receipt, or refused, when it began: not to be joined
    judged: bool = False  # what it repeats was still there when it looked for the last time
    excused: bool = False  # a person removed it

    @classmethod
    def of(cls, what: str) -> Self:
        """From a short name: a letter for the study, a digit for the image, then its content; `!`: no pixels."""
        study = f"1.2.{ord(what[0])}"
        uid = f"{study}.{what[1]}"
        return cls(uid, f"{uid}|{study}|{what[2:]}".encode())

    @property
    def has_pixels(self) -> bool:
        return not self.data.endswith(b"!")


@dataclass(frozen=True)
class Delivery:
    """What a target got."""

    uid: str
    data: bytes
    arrival: str


def examine(fs: FileSystem, fd: int, start: int, end: int, _: str) -> Header:
    """Stands in for read_header: reads the simulated dataset. All studies are of one patient."""
    uid, study, content = fs.pread(fd, end - start, start).decode().split("|")
    pixels = None if content == "!" else Pixels("PixelData", declared=2, present=2)
    return Header(sop_class=CT_IMAGE, sop_instance=uid, study=study, patient_id="7", patient_name="N", pixels=pixels)


class World:
    """A with block: ids, time and mutexes are the simulation's in it, and no thread survives it."""

    def __init__(self, *route: str) -> None:
        self.disk = Disk()
        self.scheduler = Scheduler(self._before_call)
        self.route: dict[str, int] = {}  # destination -> named since
        self.refusing: set[str] = set()
        self.targets: dict[str, list[Delivery]] = {}
        self.silent = False  # no target reports on what it has
        self.commitments: set[tuple[str, str]] = set()  # destination and arrival
        self.receptions: list[Reception] = []
        self.left: set[str] = set()  # arrivals that were removed, with their receipts durable
        self.persons = False  # whether any has asked for anything
        self.held: set[str] = set()  # studies and objects of which a person was told that nothing more is sent
        self.lenient = False  # whether the check for pixels has been mended: all that is in quarantine passes it
        self._asked = 0
        self._processes: dict[str, Process] = {}
        self._inboxes: dict[str, Inbox] = {}
        self._outbox: Outbox | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._idle = False
        self._receiving: dict[Actor, Reception] = {}
        self._ids = 0
        self._proved = False
        self._seen: tuple[int, int] = (0, 0)
        self._patches = ExitStack()
        self.change_route(*route)

    def __enter__(self) -> Self:
        self._patches.enter_context(patch("uuid.uuid4", self._new_id))
        self._patches.enter_context(patch("dicomrs.spool.inbox.datetime", SimpleNamespace(now=lambda: NOON)))
        for module in ("folders", "hints"):
            self._patches.enter_context(patch(f"dicomrs.spool.{module}.threading", self.scheduler.threading()))
        silent = SimpleNamespace(**dict.fromkeys(("info", "warning", "error"), lambda *_, **__: None))
        for module in ("backlog", "persons"):
            self._patches.enter_context(patch(f"dicomrs_scu.{module}.logger", silent))
        self._patches.enter_context(patch("dicomrs_scu.actions.objection", self._objection))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.scheduler.close()
        self._patches.close()

    def _new_id(self) -> uuid.UUID:
        self._ids += 1
        new = uuid.UUID(bytes=hashlib.sha256(str(self._ids).encode()).digest()[:16])
        if self.scheduler.current in self._receiving:
            self._receiving[self.scheduler.current].arrival = new.hex
        return new

    # What may happen

    def start(self, name: str) -> Actor:
        """Start a process that does not run. It proves the volume, as the services do."""
        self._proved = False
        return self._start(name)

    def _start(self, name: str) -> Actor:
        process = self._processes[name] = self.scheduler.start(name)
        fs = SimFileSystem(self.disk, self.scheduler.step, self.scheduler.wait)
        process.at_death = fs.die
        return self.scheduler.spawn(f"{name} starts", process, partial(self._come_up, name, fs))

    def _come_up(self, name: str, fs: FileSystem) -> None:
        if not self._proved:
            prepare_root(fs, ROOT)
            self._proved = True
        if name == SCU:
            self._outbox = Outbox(fs, ROOT)
        else:
            self._inboxes[name] = Inbox(fs, ROOT, lambda total: 0, partial(examine, fs))

    def receive(self, receiver: str, reception: Reception) -> Actor:
        """A scanner begins to send."""
        actor = self.scheduler.spawn(
            f"{receiver} {reception.data.decode()}",
            self._processes[receiver],
            partial(self._receive, receiver, reception),
        )
        self._receiving[actor] = reception
        self.receptions.append(reception)
        return actor

    def _receive(self, receiver: str, reception: Reception) -> None:
        self.scheduler.wait(lambda: receiver in self._inboxes)
        inbox = self._inboxes[receiver]
        try:
            self.scheduler.step("begins")
            reception.began = self.scheduler.time
            reception.settled = promises.settled(self)
            part = inbox.begin(SCANNER, CT_IMAGE, reception.uid, EXPLICIT_LITTLE)
            part.write(reception.data[:5])
            part.write(reception.data[5:])
            reception.complete = True
            arrival = inbox.keep(part)
            self.scheduler.step("answers")
            assert (arrival.outcome is Outcome.QUARANTINED) != reception.has_pixels
            reception.acknowledged = True
            inbox.announce(arrival)
            part.drop()
            inbox.prepare()
        finally:
            reception.ended = self.scheduler.time

    def deliver(self, *, retire: bool = False) -> Actor:
        """The scu goes once through all that waits."""
        return self.scheduler.spawn("scu delivers", self._processes[SCU], partial(self._deliver, retire=retire))

    def _deliver(self, *, retire: bool) -> None:
        self.scheduler.wait(lambda: self._outbox is not None)
        outbox = self._outbox
        assert outbox is not None
        self._idle = True
        for folder in outbox.folders():
            if folder not in self._ledgers:
                self._ledgers[folder] = outbox.ledger(folder)
            self._deliver_study(outbox, folder, self._ledgers[folder])
            if retire and not outbox.names(folder) and outbox.retire(folder):
                del self._ledgers[folder]

    def _deliver_study(self, outbox: Outbox, folder: str, ledger: Ledger) -> None:
        behind: set[tuple[str, str]] = set()
        group: list[Stored] = []
        events: list[Event] = []
        for name in outbox.names(folder):
            try:
                stored = outbox.stored(folder, name)
                events += self._send(outbox, stored, ledger, behind)
            except FileNotFoundError:
                continue  # a person removed it
            group.append(stored)
            if len(events) >= GROUP:
                self._settle(outbox, ledger, events, group)
                group, events = [], []
        self._settle(outbox, ledger, events, group)

    def _send(self, outbox: Outbox, stored: Stored, ledger: Ledger, behind: set[tuple[str, str]]) -> Iterator[Event]:
        """Send to every destination that waits; behind: (UID, destination) where an earlier arrival is parked."""
        view = outlook(stored.arrival, self.route, ledger)
        yield from self._report(stored, view.stored, behind)
        for destination in view.parked:
            behind.add((stored.head.sop_instance, destination))
            if destination not in self.refusing:
                yield stored.event(Kind.RELEASED, destination, who="somebody")
        for destination in view.waiting:
            if (stored.head.sop_instance, destination) in behind:
                continue
            if destination in self.refusing:
                behind.add((stored.head.sop_instance, destination))
                yield stored.event(Kind.PARKED, destination, status="A900")
                continue
            fd = outbox.fs.open(outbox.path(stored), READ)
            data = outbox.fs.pread(fd, 1 << 20, stored.head.start)
            outbox.fs.close(fd)
            self.scheduler.step("delivers", f"{data.decode(errors='replace')} to {destination}")
            delivery = Delivery(stored.head.sop_instance, data, stored.arrival)
            promises.may_be_delivered(self, delivery)
            self.targets.setdefault(destination, []).append(delivery)
            if self.commits(destination):
                behind.add((stored.head.sop_instance, destination))
                self.commitments.discard((destination, stored.arrival))  # it was sent again
                yield stored.event(Kind.STORED, destination, status="0000")
            else:
                yield stored.event(Kind.DELIVERED, destination, status="0000")

    def _report(self, stored: Stored, destinations: Iterable[str], behind: set[tuple[str, str]]) -> Iterator[Event]:
        """What destinations report of an object that they had. Later arrivals wait until that is written down."""
        for destination in destinations:
            behind.add((stored.head.sop_instance, destination))
            if self.silent:
                continue
            self.scheduler.step("reports", destination)
            if any(delivery.arrival == stored.arrival for delivery in self.targets[destination]):
                self.commitments.add((destination, stored.arrival))
                yield stored.event(Kind.DELIVERED, destination, status="0000")
            else:
                yield stored.event(Kind.UNCOMMITTED, destination, status="0112")

    def _settle(self, outbox: Outbox, ledger: Ledger, events: list[Event], group: list[Stored]) -> None:
        """Without events: an unlink was lost with the power, or the scu died before it."""
        done = outbox.confirm(ledger, events, group, lambda _: self.route)
        self._idle &= not (events or done)
        for stored in done:
            outbox.remove(stored)

    def ask(self, what: str, about: str = "") -> Actor:
        """A person asks the scu to hold, release, discard or resend all that can be, and gets an answer.

        about: the destination of what is to be sent again; the SOP Instance UID of the only object to be held.
        """
        self.persons = True
        if what == "releases":
            self.held = set()
        work = partial(self._ask, what, about)
        return self.scheduler.spawn(f"scu {what}", self._processes[SCU], work)

    def _ask(self, what: str, about: str) -> None:
        self.scheduler.wait(lambda: self._outbox is not None)
        outbox = self._outbox
        assert outbox is not None
        queues = {name: DestinationQueue(Park(), time.monotonic, commits=self.commits(name)) for name in self.route}
        backlog = Backlog(outbox, self._as_route(), queues)
        self._ledgers = {}
        studies = set()
        for folder in outbox.folders():
            answer = Persons(backlog).handle(self._request(what, folder, about))
            assert not answer.failed or about not in ("", *backlog.queues), answer.failed
            study = outbox.study(folder)
            studies |= {study.study} if study else set()
        if what == "holds":
            self.held |= {about} if about else studies

    def _request(self, what: str, folder: str, about: str) -> Request:
        self._asked += 1
        fields = {"who": promises.PERSON, "why": f"wish {self._asked}.", "folder": folder}
        match what:
            case "holds":
                return Hold(**fields, instance=about)
            case "releases":
                return Release(**fields)
            case "discards":
                return Discard(**fields, what=tuple(What))
            case "resends":
                return Resend(**fields, destination=about)
        raise ValueError(what)

    def _as_route(self) -> SimpleNamespace:
        destinations = [
            SimpleNamespace(name=name, match=[], commitment=Commitment() if self.commits(name) else None)
            for name in self.route
        ]
        storage = SimpleNamespace(on_conflict="Forward")
        return SimpleNamespace(spec=SimpleNamespace(storage=storage, destinations=destinations))

    def _objection(self, fs: FileSystem, root: str, one: Aside, *, pause: Callable[[], None]) -> str:
        look = partial(examine, fs)
        mended = lambda *place: replace(look(*place), pixels=Pixels("PixelData", 2, 2))  # noqa: E731
        return objection(fs, root, one, mended if self.lenient else look, pause)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        if name in self._processes:
            self.scheduler.kill(self._processes.pop(name))
        self._inboxes.pop(name, None)
        if name == SCU:
            self._outbox = None
            self._ledgers = {}

    def power_cut(self, choose: Choose) -> None:
        """Everybody dies, and the disk keeps what `choose` keeps of what was not synced."""
        for name in (*RECEIVERS, SCU):
            self.kill(name)
        self._proved = False
        self.disk.power_cut(choose)
        promises.check_durable(self)

    @staticmethod
    def commits(destination: str) -> bool:
        """Whether it is asked for storage commitment: those are whose names begin with C."""
        return destination.startswith("C")

    def lose(self, destination: str) -> None:
        """A destination loses all that it has not committed to."""
        kept = [one for one in self.targets.get(destination, []) if (destination, one.arrival) in self.commitments]
        self.targets[destination] = kept

    def change_route(self, *destinations: str) -> None:
        """From now on these are named."""
        self.route = {name: self.route.get(name, self.scheduler.time) for name in destinations}

    def remove_by_hand(self, name: str) -> None:
        """A person removes a file from the study folders: what it held is nobody's promise any more."""
        for folder in promises.study_folders(self.disk.folder(ROOT).entries):
            if name in folder.entries:
                promises.excuse(self, folder.entries[name])
                self.disk.change((folder, name, None))

    # Getting on

    def run(self, actor: Actor, calls: int = FOREVER) -> int:
        """Let an actor get on; return the calls that it made.

        Raises:
            BrokenPromiseError: a promise is broken, or somebody failed for no reason.
        """
        try:
            return self.scheduler.run(actor, calls)
        except (promises.BrokenPromiseError, OSError, RefusedError, VolumeError, NotOursError) as error:
            trace = "\n".join(self.scheduler.trace)
            raise promises.BrokenPromiseError(f"{type(error).__name__}: {error}\n{trace}") from error

    def start_missing(self) -> list[Actor]:
        """Start whoever does not run. Only the first proves the volume: that saves time and changes nothing."""
        return [self._start(name) for name in (*RECEIVERS, SCU) if name not in self._processes]

    def is_up(self, name: str) -> bool:
        return name in self._processes

    def finish(self) -> None:
        """Let everybody finish what they are at."""
        while actors := self.scheduler.runnable():
            for actor in actors:
                self.run(actor)
        if stuck := self.scheduler.unfinished():
            raise promises.BrokenPromiseError(f"{[actor.name for actor in stuck]} wait for each other")

    def come_to_rest(self) -> None:
        """Start whoever does not run, let all finish and the scu deliver until nothing is left to do; then look."""
        self.refusing = set()
        self.silent = False
        self.start_missing()
        self.finish()
        if self.persons:
            self.ask("releases")
            self.finish()
        for _ in range(30):
            self.deliver()
            self.finish()
            if self._idle:
                break
        else:
            raise promises.BrokenPromiseError("the scu never comes to rest")
        promises.check_durable(self)
        promises.check_delivered(self)
        promises.check_record(self)

    def _before_call(self, call: str, path: str) -> None:
        acknowledged = sum(reception.acknowledged for reception in self.receptions)
        if self._seen != (self.disk.changes, acknowledged):
            self._seen = (self.disk.changes, acknowledged)
            promises.check_durable(self)
        if call == "unlink":
            promises.may_be_removed(self, path)
        elif call == "exists" and self.scheduler.current in self._receiving and path.endswith(".dcm"):
            self._receiving[self.scheduler.current].judged = True
