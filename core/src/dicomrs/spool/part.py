"""One object while it is being received: a file under .incoming that nobody has been promised yet."""

import contextlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dicomrs.dataset import Header
from dicomrs.spool.digest import Digest
from dicomrs.spool.fs import Data, FileSystem, write_all
from dicomrs.spool.record import Identity, Record, blank_head

_UID: Final = re.compile(r"[0-9.]{1,64}")
_UID_TEXT: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,64}")  # old devices name objects with letters, too
_INVALID_INSTANCE: Final = 0x0117
_OUT_OF_RESOURCES: Final = 0xA700
_CHECK_EVERY: Final = 32 * 1024 * 1024


class RefusedError(Exception):
    """An object that cannot be kept: the DIMSE status that says so, and the reason for the log (no patient data)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an association comes from: AE titles and the peer's address."""

    calling: str
    called: str
    address: str


def check_identity(identity: Identity) -> None:
    """Raise RefusedError (0117) if one of the UIDs is none."""
    sop_class, sop_instance, transfer_syntax = identity
    known = _UID.fullmatch(sop_class) and _UID.fullmatch(transfer_syntax)
    if not (known and _UID_TEXT.fullmatch(sop_instance)):
        raise RefusedError(_INVALID_INSTANCE, "a UID is empty, longer than 64 characters or has signs no UID has")


PartFile = tuple[str, int]
"""Path and descriptor of a file under .incoming."""


class Part:
    """Write the dataset's bytes in order, then hand it to Inbox.keep; or drop it."""

    def __init__(
        self, fs: FileSystem, file: PartFile, origin: Origin, identity: Identity, no_room: Callable[[], str]
    ) -> None:
        """file: empty, and this part's from now on; no_room: asked again as a large object arrives."""
        self.path, self.fd = file
        self.origin = origin
        self.sop_class, self.sop_instance, self.transfer_syntax = identity
        self.length = 0
        self._fs = fs
        self._no_room = no_room
        self._next_check = _CHECK_EVERY
        self._digest = Digest(self.transfer_syntax)
        self._head, self._record_at = blank_head(self.sop_class, self.sop_instance, self.transfer_syntax)
        self.start = len(self._head)

    def write(self, *pieces: Data) -> None:
        """Append bytes of the dataset, in at most 1000 pieces.

        Raises:
            OSError: the volume refuses.
            RefusedError: A700, the reserve would be touched.
        """
        head, self._head = self._head, b""
        write_all(self._fs, self.fd, *((head, *pieces) if head else pieces))
        for piece in pieces:
            self._digest.update(piece)
            self.length += len(piece)
        if self.length >= self._next_check:
            self._next_check = self.length + _CHECK_EVERY
            if reason := self._no_room():
                raise RefusedError(_OUT_OF_RESOURCES, reason)

    def seal(self, header: Header, received: datetime) -> None:
        """Fill in the record of the arrival and make the content durable; OSError if it cannot be."""
        if self._head:
            self.write()  # a dataset of no bytes at all
        record = Record(
            arrival=uuid.uuid4().hex,
            digest=self._digest.text,
            length=self.length,
            received=received.isoformat(timespec="milliseconds"),
            calling=self.origin.calling[:16],
            called=self.origin.called[:16],
            address=self.origin.address[:64],
            modality=header.modality[:16],
            station=header.station[:16],
            series=header.series if _UID_TEXT.fullmatch(header.series) else "",
        )
        self._fs.pwrite(
            self.fd, record.pack((self.sop_class, self.sop_instance, self.transfer_syntax)), self._record_at
        )
        self._fs.fsync(self.fd)

    def drop(self) -> None:
        """Close the file and remove its name under .incoming; an arrival keeps its own name in the study folder.

        A name that cannot be removed is no failure: the next process to start removes it.
        """
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            self._fs.close(fd)
            with contextlib.suppress(OSError):
                self._fs.unlink(self.path)
