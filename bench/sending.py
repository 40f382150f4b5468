"""Rows of sending: storescu and dicomrs' sending service, the same objects, to the same targets."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

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
    sink = Sink(Path(tempfile.mkdtemp(dir=folder)), max_pdu)
    storescu(sink.port, work)
    return _end(sink, work)


def engine_to_sink(work: Work, max_pdu: int, folder: Path) -> float:
    """The same of the sending service's engine, without the service."""
    place = _filled(work, folder)
    sink = Sink(place, max_pdu)
    command = [sys.executable, "-m", "bench.engine", str(sink.port), str(place / "root")]
    subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
    return _end(sink, work, place)


def scu_to_sink(work: Work, max_pdu: int, folder: Path) -> float:
    """The same of the sending service, with all of it in the spool at first; with digests, receipts, removal."""
    place = _filled(work, folder)
    sink = Sink(place, max_pdu)
    router = drain(place, sink.port)
    wait_confirmed(router, work.count)
    router.close()
    return _end(sink, work, place)


def _filled(work: Work, folder: Path) -> Path:
    place = Path(tempfile.mkdtemp(dir=folder))
    fill(place / "root", instances(work))
    return place


def _end(sink: Sink, work: Work, place: Path | None = None) -> float:
    taken = sink.end()
    taken.check(work)
    if place is not None and work.count == 1:
        shutil.rmtree(place)  # many rounds of the largest objects would fill the disk
    return taken.seconds


def drain(place: Path, port: int, associations: int = 1) -> Router:
    """Start the sending service on a filled spool."""
    router = Router(place, route(place / "root", destination("target", port, associations=associations)))
    router.launch("scu")
    return router


def wait_confirmed(router: Router, count: int) -> None:
    """Until so many deliveries are confirmed, and nothing waits. It reads the status file, which costs little."""
    eventually(lambda: target_status(router).get("confirmed", 0) >= count, f"{count} objects are delivered", _PATIENCE)
    router.spool().wait_empty()


def target_status(router: Router) -> dict[str, Any]:
    """What scu says of the one destination."""
    found: dict[str, Any] = router.spool().status("scu").get("destinations", {}).get("target", {})
    return found


@contextmanager
def _defaults() -> Iterator[None]:
    """DCMTK's programs and Orthanc as they are without TCP_NODELAY in their environment."""
    value = os.environ.pop("TCP_NODELAY", "")
    try:
        yield
    finally:
        os.environ["TCP_NODELAY"] = value


def _start_target(kind: str, place: Path) -> Storescp | Orthanc:
    """A target as its package brings it."""
    target = Orthanc(place / "target") if kind == "Orthanc" else Storescp(place / "target", bit_preserving=False)
    target.start()
    return target


def storescu_to_target(kind: str, work: Work, folder: Path) -> float:
    """Seconds that storescu takes."""
    with _defaults():
        target = _start_target(kind, Path(tempfile.mkdtemp(dir=folder)))
        seconds = storescu(target.port, work)
    _check_count(target, work)
    return seconds


def scu_to_target(kind: str, work: Work, folder: Path) -> float:
    """Seconds for as many objects as the work has, by the times in the receipts (which lack the first object)."""
    place = _filled(work, folder)
    with _defaults():
        target = _start_target(kind, place)
        router = drain(place, target.port)
        wait_confirmed(router, work.count)
        router.close()
    _check_count(target, work)
    times = sorted(datetime.fromisoformat(one["at"]) for one in router.spool().receipts(kind="delivered"))
    return (times[-1] - times[0]).total_seconds() * work.count / (work.count - 1)


def _check_count(target: Storescp | Orthanc, work: Work) -> None:
    """What the target keeps is its own business; that it has each object is ours."""
    if isinstance(target, Orthanc):
        eventually(lambda: len(target.uids()) == work.count, "Orthanc has all")
    else:
        assert len(target.files()) == work.count
    target.close()
