"""A spool filled as scp and scu fill it, without running them."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Arrival, Inbox
from dicomrs.spool.layout import RECEIPTS
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.part import Origin
from dicomrs.spool.proof import prepare_root
from dicomrs.spool.receipts import Kind
from support.objects import Instance

ORIGIN = Origin("CT_ROOM_1", "DICOMRS", "127.0.0.1")


class FilledSpool:
    """One root; every step is done by the product's own code."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fs = OsFileSystem()
        prepare_root(self.fs, str(root))
        self.outbox = Outbox(self.fs, str(root))

    @contextmanager
    def _inbox(self) -> Iterator[Inbox]:
        inbox = Inbox(self.fs, str(self.root), lambda _: 0)
        try:
            yield inbox
        finally:
            inbox.close()

    def receive(self, *instances: Instance) -> list[Arrival]:
        """Objects arrive."""
        arrivals = []
        with self._inbox() as inbox:
            for one in instances:
                part = inbox.begin(ORIGIN, one.sop_class, one.uid, one.transfer_syntax)
                part.write(one.dataset)
                arrivals.append(inbox.keep(part))
                inbox.announce(arrivals[-1])
                part.drop()
        return arrivals

    def quarantine(self, *instances: Instance) -> list[Arrival]:
        """Sound objects arrive under an earlier version's check, which took them for ones without pixels."""
        with patch("dicomrs.spool.inbox.missing_pixels", lambda *_: "an older rule"):
            return self.receive(*instances)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Whoever looks at the studies waits, as on a network volume whose server is away: an object's is a pipe."""
        folder = self.root / "20260101T000000_HANGS"
        folder.mkdir()
        (folder / RECEIPTS).touch()
        pipe = folder / "1.dcm"
        os.mkfifo(pipe)
        try:
            yield
        finally:
            gone = self.root / "gone"
            folder.rename(gone)
            os.close(os.open(gone / pipe.name, os.O_RDWR | os.O_NONBLOCK))  # whoever waits is refused now
            shutil.rmtree(gone)

    def damage(self, arrival: Arrival) -> None:
        """The disk changes the last byte of an object."""
        path = self.root / arrival.folder / arrival.name
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    def note(self, arrival: Arrival, kind: Kind, destination: str, *, leaves: bool = False, why: str = "") -> None:
        """A receipt is written about an object; leaves: it completes the object, which leaves the disk."""
        stored = self.outbox.stored(arrival.folder, arrival.name)
        self.outbox.ledger(arrival.folder).commit([stored.event(kind, destination, why=why)])
        if leaves:
            self.outbox.remove(stored)

    def heartbeat(self, service: str, at: str, **figures: object) -> None:
        """A service says how it is, at a moment in ISO 8601."""
        path = self.root / ".status" / f"{service}.json"
        path.write_text(json.dumps({"service": service, "at": at, **figures}))
