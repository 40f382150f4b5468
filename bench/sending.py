"""Rows of sending: storescu and dicomrs' sending service, the same objects, to the same targets."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from bench.sinks import Sink
from bench.unsynced import UnsyncedFileSystem
from bench.work import Work
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.part import Origin
from dicomrs.spool.proof import prepare_root
from dicomrs_cli.part10 import read_dicom_file
from support.objects import Instance
from support.peers import Orthanc, Storescp
from support.polling import eventually
from support.processes import LOOPBACK, find_program
from support.router import Router, destination, route

_PATIENCE = 900.0


def instances(work: Work) -> Iterator[Instance]:
    """The objects of a work."""
    for path in work.files():
        one = read_dicom_file(path)
        yield Instance(one.sop_class, one.sop_instance, one.transfer_syntax, path.read_bytes()[one.start :])


def fill(root: Path, objects: Iterable[Instance]) -> None:
    """Put objects into a spool as the receiving service does, and make all of it durable at the end."""
    fs = UnsyncedFileSystem()
    prepare_root(fs, str(root))
    inbox = Inbox(fs, str(root), lambda _: 0)
    for one in objects:
        part = inbox.begin(Origin("SCANNER", "DICOMRS", LOOPBACK), one.sop_class, one.uid, one.transfer_syntax)
        part.write(one.dataset)
        inbox.keep(part)
        part.drop()
    inbox.close()
    os.sync()


def storescu(port: int, work: Work) -> float:
    """Seconds that the program takes."""
    program = find_program("storescu")
    assert program is not None
    started = time.monotonic()
    words = [program, "+sd", "-aec", "SINK", LOOPBACK, str(port), str(work.folder)]
    subprocess.run(words, check=True, capture_output=True, timeout=_PATIENCE)
    return time.monotonic() - started


def storescu_to_sink(work: Work, max_pdu: int, folder: Path) -> float:
    """Seconds from the standing association to the last object, as the sink saw it."""
    place = Path(tempfile.mkdtemp(dir=folder))
    sink = Sink(place, max_pdu)
    storescu(sink.port, work)
    taken = sink.end()
    taken.check(work)
    return taken.seconds


def scu_to_sink(work: Work, max_pdu: int, folder: Path) -> float:
    """The same of the sending service, with all of it in the spool at first; with digests, receipts, removal."""
    place = Path(tempfile.mkdtemp(dir=folder))
    fill(place / "root", instances(work))
    sink = Sink(place, max_pdu)
    router = drain(place, sink.port)
    router.spool().wait_empty(within=_PATIENCE)
    router.close()
    taken = sink.end()
    taken.check(work)
    return taken.seconds


def drain(place: Path, port: int, associations: int = 1) -> Router:
    """Start the sending service on a filled spool."""
    router = Router(place, route(place / "root", destination("target", port, associations=associations)))
    router.launch("scu")
    return router


def start_target(kind: str, place: Path) -> Storescp | Orthanc:
    """A target as its package brings it."""
    target = Orthanc(place / "target") if kind == "Orthanc" else Storescp(place / "target", bit_preserving=False)
    target.start()
    return target


def storescu_to_target(kind: str, work: Work, folder: Path) -> float:
    """Seconds that storescu takes."""
    target = start_target(kind, Path(tempfile.mkdtemp(dir=folder)))
    seconds = storescu(target.port, work)
    _check_count(kind, target, work)
    return seconds


def scu_to_target(kind: str, work: Work, folder: Path) -> float:
    """Seconds for as many objects as the work has, by the times in the receipts (which lack the first object)."""
    place = Path(tempfile.mkdtemp(dir=folder))
    fill(place / "root", instances(work))
    target = start_target(kind, place)
    router = drain(place, target.port)
    router.spool().wait_empty(within=_PATIENCE)
    router.close()
    _check_count(kind, target, work)
    times = sorted(datetime.fromisoformat(one["at"]) for one in router.spool().receipts(kind="delivered"))
    return (times[-1] - times[0]).total_seconds() * work.count / (work.count - 1)


def _check_count(kind: str, target: Storescp | Orthanc, work: Work) -> None:
    """What the target keeps is its own business; that it has each object is ours."""
    if isinstance(target, Orthanc):
        eventually(lambda: len(target.uids()) == work.count, f"{kind} has all")
    else:
        assert len(target.files()) == work.count
    target.close()
