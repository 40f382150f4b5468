"""What both services cost while nothing happens."""

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Figure
from dicomrs_wire.association import encode_request
from dicomrs_wire.stream import PduReader
from support.objects import CT, IMPLICIT
from support.processes import LOOPBACK, free_port
from support.router import SERVICES, Router, destination, route

_GROUP = "processor time of scp and scu together"
_SECONDS = 25.0  # shorter than ARTIM, after which connections that have said nothing are closed
_CONNECTIONS = 50


def figures(folder: Path) -> Iterator[Figure]:
    """In percent of one core."""
    place = Path(tempfile.mkdtemp(dir=folder))
    router = Router(place, route(place / "root", destination("target", free_port())))
    router.start()
    time.sleep(5)
    yield Figure(_GROUP, "idle", _busy(router), "% of a core", at_most=1)
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS):
            stack.enter_context(socket.create_connection((LOOPBACK, router.port())))
        title = f"{_CONNECTIONS} connections that say nothing"
        yield Figure(_GROUP, title, _busy(router), "% of a core", at_most=1)
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS):
            sock = stack.enter_context(socket.create_connection((LOOPBACK, router.port())))
            sock.sendall(encode_request("SCANNER", "ANY", [(CT, IMPLICIT)], 16384))
            PduReader(sock).read(30)
        title = f"{_CONNECTIONS} associations that send nothing"
        yield Figure(_GROUP, title, _busy(router), "% of a core", at_most=1)
    router.close()


def _busy(router: Router) -> float:
    before = sum(router.cpu_seconds(service) for service in SERVICES)
    time.sleep(_SECONDS)
    return (sum(router.cpu_seconds(service) for service in SERVICES) - before) / _SECONDS * 100
