"""The most memory that each service ever has, whatever passes through it."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, peak_megabytes
from bench.sending import wait_confirmed
from bench.sinks import Sink
from bench.work import Work
from support.processes import LOOPBACK, find_program
from support.router import SERVICES, Router, destination, route

_PATIENCE = 1800.0


def peaks(works: list[Work], associations: int, folder: Path) -> Iterator[Figure]:
    """Of scp and scu while a work passes through both on so many associations. storescu sends: it reads as it goes."""
    for work in works:
        megabytes = work.length / 1e6
        size = f"{work.count} x {f'{megabytes:,.0f}' if megabytes > 10 else f'{megabytes:.1g}'} MB"
        for service, peak in _measure(work, associations, folder).items():
            title = f"{service}, {size}, {associations} associations in and out"
            yield Figure("peak memory", title, peak, "MB", at_most=80)


def _measure(work: Work, associations: int, folder: Path) -> dict[str, float]:
    place = Path(tempfile.mkdtemp(dir=folder))
    sink = Sink(place)
    target = destination("target", sink.port, associations=associations)
    router = Router(place, route(place / "root", target))
    router.start()
    scanners = [_storescu(router.port(), work.files()[i::associations]) for i in range(associations)]
    for scanner in scanners:
        assert scanner.wait(_PATIENCE) == 0
    wait_confirmed(router, work.count)
    found = {service: peak_megabytes(router.children[service].process.pid) for service in SERVICES}
    router.close()
    sink.end().check(work)
    return found


def _storescu(port: int, files: list[Path]) -> subprocess.Popen[bytes]:
    program = find_program("storescu")
    assert program is not None
    return subprocess.Popen([program, LOOPBACK, str(port), *map(str, files)], stdout=subprocess.DEVNULL)
