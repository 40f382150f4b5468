"""Arrival: how an object gets from a scanner's association into a study folder, durable before it is acknowledged.

The order is the promise: write the part, fsync it, link it under its name without replacing anything, fsync the folder,
and only then answer 0000. One Inbox serves all associations of a process that receive into one root.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Final

from dicomrs.dataset import Header, missing_pixels, read_header
from dicomrs.spool.folders import StudyFolders
from dicomrs.spool.fs import CREATE, FileSystem, FolderSyncError, locked, make_folder, put_file, sync_folder
from dicomrs.spool.hints import HintWriter
from dicomrs.spool.layout import LOCKS, QUARANTINE, file_stem, reason_name, study_key
from dicomrs.spool.part import Origin, Part, PartFile, RefusedError, check_identity
from dicomrs.spool.placing import place, same_dataset
from dicomrs.spool.receipts import Kind, read_events
from dicomrs.spool.space import is_full, shortage
from dicomrs.spool.workspace import Workspace

OUT_OF_RESOURCES: Final = 0xA700
_ATTEMPTS: Final = 5
_SPARE_FILES: Final = 8

Examine = Callable[[int, int, int, str], Header]


class Outcome(StrEnum):
    """What became of an object that may be acknowledged."""

    KEPT = "kept"
    REPEATED = "repeated"  # the same bytes are waiting already
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that is durable.

    study: its key for logs; number: above 1 where its UID was waiting already; length: bytes of the dataset;
    reason: of the quarantine.
    """

    outcome: Outcome
    study: str
    folder: str
    name: str
    number: int
    length: int
    reason: str = ""


class Inbox:
    """The receiving side of one root."""

    def __init__(
        self, fs: FileSystem, root: str, reserve: Callable[[int], int], examine: Examine = read_header
    ) -> None:
        """reserve: bytes to keep free, given the volume's size in bytes. The root must have been proved (proof.py)."""
        self.fs = fs
        self.root = root
        self.reserve = reserve
        self._examine = examine
        self._workspace = Workspace(fs, root)
        self._folders = StudyFolders(fs, root, self._workspace.path)
        self._hints = HintWriter(fs, root, self._workspace.name)
        self._numbers = count(1)
        self._spare: list[PartFile] = []
        self._broken = ""

    def close(self) -> None:
        """Give up the process's folder of parts."""
        while self._spare:
            self.fs.close(self._spare.pop()[1])
        self._workspace.close()
        self._hints.close()

    def no_room(self) -> str:
        """Why nothing can be accepted now, "" if it can: the reserve is reached, or the volume failed."""
        if self._broken:
            return self._broken
        try:
            return self.shortage()
        except OSError as error:
            return f"{self.root} cannot be read: {error.strerror}"

    def shortage(self) -> str:
        """Why the volume has no room, "" if it has.

        Raises:
            OSError: it does not answer.
        """
        free, total, files = self.fs.free(self.root)
        return shortage(self.root, free, files, self.reserve(total))

    def begin(self, origin: Origin, sop_class: str, sop_instance: str, transfer_syntax: str) -> Part:
        """Start receiving one object.

        Raises:
            RefusedError: A700, there is no room or the volume fails; 0117, the UID is none.
        """
        if reason := self.no_room():
            raise RefusedError(OUT_OF_RESOURCES, reason)
        identity = (sop_class, sop_instance, transfer_syntax)
        check_identity(identity)
        try:
            file = self._ready_file()
        except OSError as error:
            raise refusal(error, self.root) from error
        return Part(self.fs, file, origin, identity, self.no_room)

    def prepare(self) -> None:
        """Have a file ready for the next object, while the peer is busy: making one takes longer than filling it."""
        if len(self._spare) < _SPARE_FILES:
            with suppress(OSError):
                self._spare.append(self._new_file())

    def _ready_file(self) -> PartFile:
        try:
            return self._spare.pop()
        except IndexError:
            return self._new_file()

    def _new_file(self) -> PartFile:
        path = f"{self._workspace.path}/part-{next(self._numbers)}"
        return path, self.fs.open(path, CREATE)

    def keep(self, part: Part) -> Arrival:
        """Make a completely received part an arrival. When this returns, the object may be acknowledged.

        Then it is to be announced, and the part to be dropped, whatever came of it.

        Raises:
            RefusedError: with the status to answer and the reason for the log.
        """
        try:
            header = self._examine(part.fd, part.start, part.start + part.length, part.transfer_syntax)
            _check_identity(part, header)
            reason = missing_pixels(header, part.sop_class, part.transfer_syntax)
            received = datetime.now().astimezone()
            part.seal(header, received)
            with locked(self.fs, f"{self.root}/{LOCKS}/retire", shared=True) as retired:
                self._folders.renew(self.fs.size(retired))
                arrival = self._arrive(part, header, received, reason)
            if self._broken:
                # Another association's fsync failed meanwhile: the system reports such an error once, and not to us.
                raise RefusedError(OUT_OF_RESOURCES, self._broken)
            return arrival  # noqa: TRY300
        except FolderSyncError as error:
            self._broken = (
                f"a folder in {self.root} could not be made durable ({error.strerror}): "
                "check the disk, then restart the receiving service"
            )
            raise RefusedError(OUT_OF_RESOURCES, self._broken) from error
        except OSError as error:
            raise refusal(error, self.root) from error

    def announce(self, arrival: Arrival) -> None:
        """Tell scu, which would find it at its next rescan otherwise; again, if it comes again.

        Whoever kept it may have died before saying so.
        """
        if arrival.outcome is not Outcome.QUARANTINED:
            self._hints.write(f"{arrival.folder}/{arrival.name}")

    def _arrive(self, part: Part, header: Header, received: datetime, reason: str | None) -> Arrival:
        """Place a sealed part. The retire lock keeps study folders from being removed meanwhile."""
        stem = file_stem(part.sop_instance)
        key = study_key(header.study)
        for _ in range(_ATTEMPTS):
            study = self._folders.folder_for(header, received, part.origin.calling, part.origin.address)
            try:
                if reason is not None:
                    name, number = self._quarantine(part, study, stem, reason, received)
                    outcome = Outcome.QUARANTINED
                else:
                    folder = f"{self.root}/{study}"
                    name, number, new = place(self.fs, part.path, folder, stem, partial(self._waits, part, folder))
                    outcome = Outcome.KEPT if new else Outcome.REPEATED
            except FileNotFoundError:
                self._folders.forget(header.study)  # somebody removed the folder by hand
                continue
            return Arrival(outcome, key, study, name, number, part.length, reason or "")
        raise RefusedError(OUT_OF_RESOURCES, f"the folder of study {key} keeps vanishing from {self.root}")

    def _waits(self, part: Part, folder: str, name: str) -> bool:
        """Whether the newest waiting arrival is this very object, with no receipt and not refused anywhere."""
        waiting = same_dataset(self.fs, part.fd, f"{folder}/{name}")
        if waiting is None:
            return False
        final = (Kind.DELIVERED, Kind.STORED, Kind.PARKED, Kind.DISCARDED)
        settled = {event.arrival for event in read_events(self.fs, folder) if event.kind in final}
        return waiting.record.arrival not in settled

    def _quarantine(self, part: Part, study: str, stem: str, reason: str, received: datetime) -> tuple[str, int]:
        parent = make_folder(self.fs, self.root, QUARANTINE)
        folder = make_folder(self.fs, parent, study)

        def is_repeat(name: str) -> bool:
            kept = same_dataset(self.fs, part.fd, f"{folder}/{name}")
            # What a person has released or discarded is about to go: only a crash can have left its name here.
            return kept is not None and all(
                event.arrival != kept.record.arrival for event in read_events(self.fs, f"{self.root}/{study}")
            )

        name, number, _ = place(self.fs, part.path, folder, stem, is_repeat)
        note = {
            "reason": reason,
            "since": received.isoformat(timespec="milliseconds"),
            "sopInstanceUID": part.sop_instance,
            "sopClassUID": part.sop_class,
            "transferSyntaxUID": part.transfer_syntax,
            "callingAeTitle": part.origin.calling,
            "address": part.origin.address,
        }
        self._explain(f"{folder}/{reason_name(name)}", f"{part.path}.reason", json.dumps(note, indent=1).encode())
        sync_folder(self.fs, folder)
        return name, number

    def _explain(self, path: str, draft: str, note: bytes) -> None:
        """Put the reason beside an object if it has none: whoever placed it may have died before doing so."""
        if not self.fs.exists(path):
            put_file(self.fs, draft, note)
            try:
                with suppress(FileExistsError):
                    self.fs.link(draft, path)
            finally:  # a person may have discarded the object, and the folder with it: then all of this is done again
                self.fs.unlink(draft)


def _check_identity(part: Part, header: Header) -> None:
    """The dataset must be what the command says (PS3.7 9.3.1.1), and belong to a study."""
    for what, told, found in (
        ("SOP Instance UID", part.sop_instance, header.sop_instance),
        ("SOP Class UID", part.sop_class, header.sop_class),
    ):
        if found and found != told:
            raise RefusedError(0xA900, f"the dataset's {what} is not the one that the C-STORE request names")
    if not header.study:
        cause = header.problem or "it has no Study Instance UID (0020,000D)"
        raise RefusedError(0xC000, f"the dataset cannot be understood: {cause}")


def refusal(error: OSError, root: str) -> RefusedError:
    """A700 for whatever the volume said."""
    advice = "free some space" if is_full(error) else "check the disk"
    return RefusedError(OUT_OF_RESOURCES, f"the object could not be kept in {root} ({error.strerror}): {advice}")
