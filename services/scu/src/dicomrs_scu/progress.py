"""How far a study is, in its .metadata.json, which scu alone replaces. For people and the dashboard; no truth."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from dicomrs.spool.fs import CREATE, write_all
from dicomrs.spool.layout import METADATA
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.outlook import outlook
from dicomrs.spool.receipts import Kind, Ledger
from dicomrs_scu.waiting import Waiting

_STANDINGS: Final = ("delivered", "waiting", "stored", "parked", "held")


def progress(ledger: Ledger, present: list[Waiting]) -> dict[str, Any]:
    """Per destination how many objects are delivered, waiting and so on; and how many are still on disk."""
    destinations: dict[str, dict[str, int]] = {}

    def count(destination: str, what: str, number: int = 1) -> None:
        figures = destinations.setdefault(destination, dict.fromkeys(_STANDINGS, 0))
        figures[what] += number

    for (destination, kind), number in ledger.counts().items():
        if kind is Kind.DELIVERED:
            count(destination, "delivered", number)
    undestined = 0
    for waiting in present:
        view = outlook(waiting.arrival, waiting.named, ledger)
        for what, names in zip(_STANDINGS[1:], (view.waiting, view.stored, view.parked, view.held), strict=True):
            for name in names:
                count(name, what)
        undestined += view.no_destination
    return {"onDisk": len(present), "noDestination": undestined, "destinations": destinations}


def write_progress(
    outbox: Outbox, folder: str, metadata: dict[str, Any], ledger: Ledger, present: list[Waiting]
) -> None:
    """Replace the study's metadata.

    Raises:
        OSError: the volume refuses; the old file stays.
    """
    metadata["progress"] = progress(ledger, present)
    metadata["updated"] = datetime.now().astimezone().isoformat(timespec="seconds")
    path = f"{outbox.root}/{folder}/{METADATA}"
    draft = f"{path}.new"
    with suppress(FileNotFoundError):
        outbox.fs.unlink(draft)
    fd = outbox.fs.open(draft, CREATE)
    try:
        write_all(outbox.fs, fd, json.dumps(metadata, indent=1).encode())
        outbox.fs.fsync(fd)
    finally:
        outbox.fs.close(fd)
    outbox.fs.rename(draft, path)
