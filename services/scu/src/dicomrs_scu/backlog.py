"""What waits in one root, for all destinations of its route: found on disk, queued, settled.

The file system is the truth: hints only say where to look sooner, and everything here is made anew by a rescan.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dicomrs.log import get_logger
from dicomrs.route import ClinicRoute, destinations_for
from dicomrs.spool.hints import HintReader
from dicomrs.spool.layout import parse_object_name, study_key
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.outlook import Outlook, outlook
from dicomrs.spool.receipts import Event, Kind, Ledger, event_now
from dicomrs.spool.record import NewerFormatError, NotOursError
from dicomrs_scu.progress import write_progress
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.waiting import Waiting, waiting_of

logger = get_logger()


@dataclass(slots=True)
class OpenStudy:
    """A study folder with something in it, or that had until lately."""

    folder: str
    key: str
    metadata: dict[str, Any]
    ledger: Ledger
    present: dict[str, Waiting] = field(default_factory=dict)  # by file name
    mutex: threading.Lock = field(default_factory=threading.Lock)
    changed: bool = True


class Backlog:
    """Looking (rescan, follow_hints) is for one thread; settle and park may be called from any."""

    def __init__(self, outbox: Outbox, route: ClinicRoute, queues: dict[str, DestinationQueue]) -> None:
        """queues: by destination name; those of the route's destinations, no others."""
        self.outbox = outbox
        self.route = route
        self.queues = queues
        self._committing = {one.name for one in route.spec.destinations if one.commitment is not None}
        self._hints = HintReader(outbox.fs, outbox.root)
        self._studies: dict[str, OpenStudy] = {}
        self._mutex = threading.Lock()

    def rescan(self, pause: Callable[[], None] = lambda: None) -> None:
        """Look into every study folder, oldest first. What is found is queued at once, so that sending can begin.

        pause: called after each folder.
        """
        with contextlib.suppress(FileNotFoundError):
            self._hints.tidy()
        for folder in self.outbox.folders():
            self._look_safely(folder)
            pause()

    def follow_hints(self) -> None:
        """Look at what receivers say has arrived since the last call.

        Hints of two receivers can be read in the wrong order: where a later arrival of a UID is among them, its folder
        is listed, so that the earlier ones go before it.
        """
        try:
            paths = self._hints.poll()
        except OverflowError:
            self.rescan()
            return
        fresh: dict[str, list[str]] = {}
        for path in paths:
            folder, _, name = path.partition("/")
            fresh.setdefault(folder, []).append(name)
        for folder, names in fresh.items():
            several = any(parsed[1] > 1 for name in names if (parsed := parse_object_name(name)))
            self._look_safely(folder, None if several else names)

    def _look_safely(self, folder: str, names: list[str] | None = None) -> None:
        """One folder that cannot be read must not keep the others from being looked at."""
        try:
            self._look(folder, names)
        except FileNotFoundError:
            with self._mutex:
                self._studies.pop(folder, None)
        except OSError as error:
            logger.error("study not readable", study=self.key_of(folder), reason=f"{error.strerror}; check the disk")

    def _look(self, folder: str, names: list[str] | None) -> None:
        """Take in what is new in a folder; names: only these, as hints say."""
        found = self.outbox.names(folder) if names is None else names
        study = self._studies.get(folder)
        if study is None:
            if not found:
                return
            study = self._open(folder)
        if names is None:
            self._forget_gone(study, set(found))
        for name in found:
            waiting = study.present.get(name)
            try:
                if waiting is None:
                    self._take_in(study, folder, name)
                else:
                    self._queue_up(study, waiting)  # the queues are mended, should they ever lose one
            except OSError as error:
                # One object that cannot be read must not keep the others of its study back.
                logger.error("object not readable", study=study.key, reason=f"{error.strerror}; check the disk")

    def _open(self, folder: str) -> OpenStudy:
        """The study of a folder, opened once however many threads ask for it."""
        with self._mutex:
            study = self._studies.get(folder)
            if study is None:
                metadata = self.outbox.metadata(folder)
                key = study_key(metadata.get("studyInstanceUID", folder))
                study = self._studies[folder] = OpenStudy(folder, key, metadata, self.outbox.ledger(folder))
            return study

    def _forget_gone(self, study: OpenStudy, found: set[str]) -> None:
        for name, waiting in list(study.present.items()):
            if name not in found:
                study.present.pop(name, None)
                self._dequeue(waiting)

    def _take_in(self, study: OpenStudy, folder: str, name: str) -> None:
        try:
            with study.mutex:
                waiting = self._admit(study, folder, name)
        except FileNotFoundError:
            return
        except NewerFormatError as error:
            logger.error("object left alone", study=study.key, reason=str(error))
            return
        except NotOursError as error:
            self._damaged(study, folder, name, str(error))
            return
        if waiting is not None:
            self._queue_up(study, waiting)

    def _admit(self, study: OpenStudy, folder: str, name: str) -> Waiting | None:
        """The entry for an object, None if it was complete: then its unlink was lost with the power, and is made up."""
        stored = self.outbox.stored(folder, name)
        waiting = waiting_of(self.route, stored)
        self._flag_conflict(study, stored, waiting)
        self._waive(study, stored, waiting)
        study.changed = True
        if outlook(waiting.arrival, waiting.named, study.ledger).complete:
            self.outbox.remove(stored)
            return None
        study.present[name] = waiting
        return waiting

    def _queue_up(self, study: OpenStudy, waiting: Waiting) -> None:
        self._put_in_queues(waiting, outlook(waiting.arrival, waiting.named, study.ledger))

    def _put_in_queues(self, waiting: Waiting, view: Outlook) -> None:
        for destination in view.waiting:
            self.queues[destination].add(waiting)
        for destination in view.stored:
            self.queues[destination].add_stored(waiting)

    def _waive(self, study: OpenStudy, stored: Stored, waiting: Waiting) -> None:
        """What a destination has counts as delivered once the route asks it for no storage commitment any more."""
        view = outlook(waiting.arrival, waiting.named, study.ledger)
        details = {
            "who": "spec.destinations[].commitment",
            "why": "the route asks for no storage commitment any more",
            "named": ",".join(waiting.named),
        }
        waived = [
            stored.event(Kind.DELIVERED, name, status=event.status, association=event.association, **details)
            for name, event in view.stored.items()
            if name not in self._committing
        ]
        if waived:
            self._commit(study, waived)

    def forget(self, waiting: Waiting) -> None:
        """The object is not on the disk any more: somebody removed it."""
        study = self._study(waiting.folder)
        with study.mutex:
            if study.present.get(waiting.name) is waiting:
                del study.present[waiting.name]
                study.changed = True
        self._dequeue(waiting)

    def _flag_conflict(self, study: OpenStudy, stored: Stored, waiting: Waiting) -> None:
        """Other bytes under one SOP Instance UID: say so, and hold the later arrival if the route wants that."""
        earlier = study.ledger.digest_of(stored.head.sop_instance, stored.arrival)
        for name in waiting.earlier_names():
            with contextlib.suppress(OSError, NotOursError):
                earlier = self.outbox.stored(stored.folder, name).head.record.digest
        if earlier in ("", stored.head.record.digest):
            return
        if not study.metadata.get("conflict"):
            study.metadata["conflict"] = True
            logger.warning("the same SOP Instance UID came with other content", study=study.key)
        if self.route.spec.storage.on_conflict == "Park":
            why = "another object with this SOP Instance UID came before"
            fresh = [name for name in waiting.named if study.ledger.last(stored.arrival, name) is None]
            self._commit(
                study, [stored.event(Kind.HELD, name, who="spec.storage.onConflict", why=why) for name in fresh]
            )

    def settle(self, folder: str, results: list[tuple[Stored, Event]]) -> None:
        """Make receipts durable, and remove the objects that they complete.

        Raises:
            OSError: the volume refuses; nothing was removed, nothing counts.
        """
        study = self._study(folder)
        with study.mutex:
            study.changed = True
            for stored in self.outbox.confirm(
                study.ledger, [event for _, event in results], [stored for stored, _ in results], self._named
            ):
                # Before the name is free: a new arrival may take it at once, and must be seen as new.
                study.present.pop(stored.name, None)
                try:
                    self.outbox.remove(stored)
                except OSError as error:  # the next rescan makes it up
                    logger.error("object not removed", study=study.key, reason=error.strerror)
                else:
                    study.ledger.forget(stored.arrival)

    def _named(self, stored: Stored) -> tuple[str, ...]:
        return destinations_for(self.route, stored.facts)

    def _commit(self, study: OpenStudy, events: list[Event]) -> None:
        study.changed = True
        self.outbox.commit(study.ledger, events)

    def park(self, waiting: Waiting, destination: str, why: str, told: str) -> None:
        """A destination will not take an object: it waits for a person. why: for the log; told: for the receipt.

        Raises:
            OSError: that could not be written down.
        """
        try:
            event = self.outbox.stored(waiting.folder, waiting.name).event(Kind.PARKED, destination, why=told)
        except NotOursError:  # its head is damaged; the receipt need not wait for the rescan that finds out
            event = event_now(Kind.PARKED, waiting.arrival, destination, why=told)
        self.note(waiting, [event])
        logger.warning("object parked", destination=destination, study=self.key_of(waiting.folder), reason=why)

    def look(self, folder: str) -> OpenStudy | None:
        """Look into one study folder now: the study as it is on the disk; None if there is none that can be read."""
        with contextlib.suppress(OSError):
            if self.outbox.is_ours(folder):
                self._open(folder)
                self._look_safely(folder)
        return self._studies.get(folder)

    def decide(self, folder: str, decision: Callable[[], list[Event]]) -> None:
        """Write down what a person decides of a study; its ledger stays as it is meanwhile. Then `requeue`.

        Raises:
            OSError: it is not durable; it does not count.
        """
        study = self._study(folder)
        with study.mutex:
            events = decision()
            if events:
                self._commit(study, events)

    def requeue(self, waiting: Waiting) -> bool:
        """Queue an object where it waits, and nowhere else; whether it is being sent where it waits no more."""
        view = outlook(waiting.arrival, waiting.named, self._study(waiting.folder).ledger)
        self._put_in_queues(waiting, view)
        others = [name for name in waiting.named if name not in view.waiting and name not in view.stored]
        in_flight = [self.queues[name].discard(waiting) for name in others]
        return any(in_flight)

    def note(self, waiting: Waiting, events: list[Event]) -> None:
        """Write events of an object down; OSError if they are not durable."""
        if not events:
            return
        study = self._study(waiting.folder)
        with study.mutex:
            self._commit(study, events)

    def last(self, folder: str, arrival: str, destination: str) -> Event | None:
        """How an arrival stands at a destination; OSError if its study cannot be read."""
        return self._study(folder).ledger.last(arrival, destination)

    def damaged(self, folder: str, name: str, reason: str, arrival: str) -> None:
        """An object is not what was received: move it away, and say so in the receipts."""
        self._damaged(self._study(folder), folder, name, reason, arrival)

    def _damaged(self, study: OpenStudy, folder: str, name: str, reason: str, arrival: str = "") -> None:
        """arrival: "" where the head is too damaged to tell; the file's name still says which SOP Instance it was."""
        with study.mutex:
            waiting = study.present.pop(name, None)
            self.outbox.move_damaged(folder, name, reason)
        if waiting is not None:
            self._dequeue(waiting)
        logger.error("object damaged on disk, moved to _DAMAGED", study=study.key, reason=reason)
        stem, _ = parse_object_name(name) or (name, 1)
        with study.mutex:
            self._commit(study, [event_now(Kind.DAMAGED, arrival, "", uid=stem, why=reason)])

    def _dequeue(self, waiting: Waiting) -> None:
        for queue in self.queues.values():
            queue.discard(waiting)

    def _study(self, folder: str) -> OpenStudy:
        return self._studies.get(folder) or self._open(folder)

    def key_of(self, folder: str) -> str:
        """The study's name for logs."""
        study = self._studies.get(folder)
        return study.key if study else study_key(folder)

    def write_progress(self) -> None:
        """Bring .metadata.json of every changed study up to date, and let go of studies with nothing left."""
        for folder, study in list(self._studies.items()):
            if study.changed:
                with study.mutex:
                    study.changed = False
                    try:
                        write_progress(self.outbox, folder, study.metadata, study.ledger, list(study.present.values()))
                    except OSError as error:
                        study.changed = not isinstance(error, FileNotFoundError)
            elif not study.present:
                with self._mutex:
                    self._studies.pop(folder, None)
