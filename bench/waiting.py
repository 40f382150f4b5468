"""Very many objects waiting because the target is down: what arrives, what a restart costs, how it drains."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, peak_megabytes
from bench.receiving import scan
from bench.sending import drain, fill, target_status, wait_confirmed
from bench.sinks import Sink
from bench.work import Work, many
from support.polling import eventually
from support.processes import free_port
from support.router import SERVICES, Router, destination, route

_ROWS, _PER_STUDY = 64, 500
_PATIENCE = 1800.0
_DECILES = 10


def figures(count: int, arriving: Work, rounds: int, folder: Path) -> Iterator[Figure]:
    """Fill a root with so many objects, and measure."""
    group = f"{count:,} objects waiting"
    full, empty = (Path(tempfile.mkdtemp(dir=folder)) for _ in range(2))
    fill(full / "root", many(count, _ROWS, _PER_STUDY))
    ratios, peak = [], dict.fromkeys(SERVICES, 0.0)
    for number in range(rounds):
        seconds = {}
        for place in (full, empty) if number % 2 else (empty, full):
            router = _start_without_target(place, count if place is full else 0)
            scan(router.port(), 1, arriving.folder, "--first", "1")  # the first object has scp look at all folders
            seconds[place] = float(str(scan(router.port(), 1, arriving.folder)["seconds"]))
            if place is full:
                for service in SERVICES:
                    peak[service] = max(peak[service], peak_megabytes(router.children[service].process.pid))
            router.close()
        ratios.append(seconds[empty] / seconds[full])
    yield Figure(group, f"{arriving.name} received, x the empty spool's rate", statistics.median(ratios), "", None, 0.9)
    yield Figure(group, "the same, slowest round", min(ratios), "")
    for service in SERVICES:
        yield Figure(group, f"peak memory of {service} with the target down", peak[service], "MB")
    yield from _drain(group, full, count + arriving.count)


def _start_without_target(place: Path, waiting: int) -> Router:
    """Both services, once scu knows all that waits."""
    router = Router(place, route(place / "root", destination("target", free_port())))
    router.start()
    eventually(lambda: target_status(router).get("waiting", 0) >= waiting, "scu has found all", _PATIENCE)
    os.sync()
    return router


def _drain(group: str, place: Path, count: int) -> Iterator[Figure]:
    sink = Sink(place)
    started = time.monotonic()
    router = drain(place, sink.port)
    wait_confirmed(router, count)
    peak = peak_megabytes(router.children["scu"].process.pid)
    router.close()
    arrived = sorted(at for _, _, at in sink.end().arrived)
    share = len(arrived) // _DECILES
    rates = [share / (arrived[(i + 1) * share - 1] - arrived[i * share]) for i in range(_DECILES)]
    yield Figure(group, "restart of scu to its first object in the target", arrived[0] - started, "s", at_most=3)
    yield Figure(group, "drain, all of it", len(arrived) / (arrived[-1] - arrived[0]), "objects/s")
    yield Figure(group, "drain, first tenth", rates[0], "objects/s")
    yield Figure(group, "drain, last tenth x the median tenth", rates[-1] / statistics.median(rates), "", None, 0.9)
    yield Figure(group, "drain, slowest tenth x the median tenth", min(rates) / statistics.median(rates), "")
    yield Figure(group, "peak memory of scu that drains", peak, "MB")
