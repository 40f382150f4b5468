"""Departure: what waits in a root, and how it leaves the disk. Used by scu alone.

The order is the promise: a destination's answer becomes a receipt, the receipt becomes durable, and only when no
destination that the route names is missing is the object unlinked. An unlink that a power cut undid is made up at the
next start.
"""

import errno
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dicomrs.dataset import read_header
from dicomrs.log import get_logger
from dicomrs.route import Facts
from dicomrs.spool.folders import StudyFolder, first_metadata, read_study_folder, study_folder_names
from dicomrs.spool.fs import READ, FileSystem, locked, make_folder, put_file, sync_folder
from dicomrs.spool.layout import (
    CONFLICTS,
    DAMAGED,
    LOCKS,
    METADATA,
    QUARANTINE,
    RECEIPTS,
    file_stem,
    object_name,
    parse_object_name,
    reason_name,
    study_key,
)
from dicomrs.spool.outlook import outlook
from dicomrs.spool.placing import newest_number
from dicomrs.spool.receipts import Event, Kind, Ledger, event_now
from dicomrs.spool.record import Head, NotOursError, read_head_of, read_start
from dicomrs.spool.space import drop_ballast, is_full
from dicomrs.spool.workspace import throw_away

logger = get_logger()

_REMOVABLE: Final = (METADATA, RECEIPTS, CONFLICTS)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object in a study folder. number: its place among the arrivals of its SOP Instance that are there."""

    folder: str
    name: str
    number: int
    head: Head

    @property
    def arrival(self) -> str:
        """The id that receipts refer to."""
        return self.head.record.arrival

    @property
    def facts(self) -> Facts:
        """What a route's rules look at."""
        record = self.head.record
        return Facts(record.modality, record.calling, record.called, record.station, self.head.sop_class)

    def event(self, kind: Kind, destination: str, **details: str) -> Event:
        """A line for the receipts about this arrival, as of now."""
        told = self.head.record.told()
        return event_now(kind, self.arrival, destination, uid=self.head.sop_instance, **told, **details)


class Outbox:
    """The departing side of one root."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self.fs = fs
        self.root = root

    def folders(self) -> list[str]:
        """Names of the study folders, oldest study first, whether or not anything waits in them."""
        return [name for name in study_folder_names(self.fs, self.root) if self.is_ours(name)]

    def is_ours(self, folder: str) -> bool:
        """Whether a folder is a study's.

        Either file will do: a power cut while the folder was being retired may have taken one of them only.
        """
        return self.fs.exists(f"{self.root}/{folder}/{RECEIPTS}") or self.study(folder) is not None

    def names(self, folder: str) -> list[str]:
        """Names of the objects in a study folder, in the order in which they are to travel."""
        found = self._listed(folder)
        newest = {stem: number for stem, number in sorted(found) if number > 1}
        if newest:
            # Reading a folder takes time, and an arrival of that time may be listed without the one before it. Whatever
            # came before a listed one is there by now.
            found |= {(stem, number) for stem, number in self._listed(folder) if number < newest.get(stem, 0)}
        return [object_name(stem, number) for stem, number in sorted(found)]

    def _listed(self, folder: str) -> set[tuple[str, int]]:
        parsed = (parse_object_name(name) for name in self.fs.listdir(f"{self.root}/{folder}"))
        return {item for item in parsed if item is not None}

    def study(self, folder: str) -> StudyFolder | None:
        """What the folder's metadata says, None if it cannot be read."""
        return read_study_folder(self.fs, self.root, folder)

    def metadata(self, folder: str) -> dict[str, Any]:
        """What the folder's metadata says, or must have said; nothing if no object is left to tell."""
        described = self.study(folder)
        return dict(described.metadata) if described else self._rebuilt_metadata(folder) or {}

    def key(self, folder: str) -> str:
        """The study's name for logs and commands."""
        uid = self.metadata(folder).get("studyInstanceUID")
        return study_key(uid if isinstance(uid, str) and uid else folder)

    def _rebuilt_metadata(self, folder: str) -> dict[str, Any] | None:
        for name in self.names(folder):
            try:
                stored = self.stored(folder, name)
                fd = self.fs.open(self.path(stored), READ)
            except (FileNotFoundError, NotOursError):
                continue
            try:
                header = read_header(fd, stored.head.start, self.fs.size(fd), stored.head.transfer_syntax)
            finally:
                self.fs.close(fd)
            record = stored.head.record
            return first_metadata(header, datetime.fromisoformat(record.received), record.calling, record.address)
        return None

    def ledger(self, folder: str) -> Ledger:
        """The study's receipts, made durable before they are believed."""
        return Ledger(self.fs, f"{self.root}/{folder}")

    def stored(self, folder: str, name: str) -> Stored:
        """The object of a name.

        Raises:
            FileNotFoundError: it has left.
            NotOursError: the spool did not write it, or its head is damaged.
        """
        parsed = parse_object_name(name)
        if parsed is None:
            raise NotOursError("its name is not an object's name")
        head = read_head_of(self.fs, f"{self.root}/{folder}/{name}")
        if file_stem(head.sop_instance) != parsed[0]:
            raise NotOursError("its file meta header names another SOP Instance than its file name")
        return Stored(folder, name, parsed[1], head)

    def path(self, stored: Stored) -> str:
        """Where the object is."""
        return f"{self.root}/{stored.folder}/{stored.name}"

    def commit(self, ledger: Ledger, events: list[Event]) -> None:
        """Make receipts durable. On a full disk the ballast makes room: without receipts nothing could ever leave.

        Raises:
            OSError: the volume refuses; they do not count.
        """
        try:
            ledger.commit(events)
        except OSError as error:
            if not is_full(error) or not drop_ballast(self.fs, self.root):
                raise
            logger.warning("disk full: the ballast was freed so that it can drain")
            ledger.commit(events)

    def confirm(
        self,
        ledger: Ledger,
        events: list[Event],
        candidates: Iterable[Stored],
        named: Callable[[Stored], Iterable[str]],
    ) -> list[Stored]:
        """Make receipts durable, and only then say which of these objects may be removed by them.

        named: the destinations that the route names for an object; asked after the receipts count, so that a changed
        route is not missed.

        Raises:
            OSError: the volume refuses; nothing may be removed.
        """
        if events:
            self.commit(ledger, events)
        return [stored for stored in candidates if outlook(stored.arrival, named(stored), ledger).complete]

    def remove(self, stored: Stored) -> None:
        """Unlink an object whose receipts are durable, after checking that the name still holds that arrival."""
        path = self.path(stored)
        try:
            if stored.arrival.encode("ascii") in read_start(self.fs, path):
                self.fs.unlink(path)
        except FileNotFoundError:
            return  # a person was faster: the next look at the folder tells

    def move_damaged(self, folder: str, name: str, reason: str) -> str:
        """Move an object that is no longer what was received to _DAMAGED; return its path there.

        It is durable there, with its reason, before it leaves the study folder.
        """
        source = f"{self.root}/{folder}/{name}"
        target = make_folder(self.fs, make_folder(self.fs, self.root, DAMAGED), folder)
        stem, _ = parse_object_name(name) or (name, 1)
        since = datetime.now().astimezone().isoformat(timespec="milliseconds")
        note = json.dumps({"reason": reason, "since": since, "was": f"{folder}/{name}"}, indent=1).encode()
        new = object_name(stem, newest_number(self.fs, target, stem) + 1)
        # The reason first: it is what needs room on the disk. One that a crash left without its object is replaced.
        with suppress(FileNotFoundError):
            self.fs.unlink(f"{target}/{reason_name(new)}")
        put_file(self.fs, f"{target}/{reason_name(new)}", note)
        self.fs.link(source, f"{target}/{new}")
        sync_folder(self.fs, target)
        self.fs.unlink(source)
        return f"{target}/{new}"

    def retire(self, folder: str) -> bool:
        """Remove a study folder in which nothing waits; False if there is anything in it that must stay.

        Holds off every arrival meanwhile, so that none can land in a folder that is going. The folder goes whole: an
        object that a power cut brings back comes back with its receipts, or not at all.
        """
        path = f"{self.root}/{folder}"
        with suppress(BlockingIOError), locked(self.fs, f"{self.root}/{LOCKS}/retire", wait=False) as retired:
            names = self.fs.listdir(path)
            if any(name not in _REMOVABLE and not name.startswith(f"{METADATA}.") for name in names):
                return False
            if any(self._holds(kept, folder) for kept in (QUARANTINE, DAMAGED)):
                return False
            self.fs.pwrite(retired, b".", self.fs.size(retired))  # one for each: receivers see that there was another
            throw_away(self.fs, self.root, path)
            return True
        return False  # something is arriving: another time

    def _holds(self, kept: str, folder: str) -> bool:
        try:
            return bool(self.fs.listdir(f"{self.root}/{kept}/{folder}"))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
