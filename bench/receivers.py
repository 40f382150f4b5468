"""The receivers that are compared: each is started anew for every round, in an empty folder."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from support.peers import Orthanc, Storescp
from support.processes import Child, free_port
from support.router import route


@dataclass(frozen=True)
class Receiver:
    """A kind of receiver. start(folder) -> port, how to end it, and where its objects are."""

    name: str
    pdu: str
    durable: bool
    start: Callable[[Path], tuple[int, Callable[[], None], Path]]
    bare: bool = False


def _limit(folder: Path) -> tuple[int, Callable[[], None], Path]:
    port = free_port()
    child = Child([sys.executable, "-m", "bench.limit", str(port), str(folder)], folder / "limit.log")
    child.wait_for_port(port)
    return port, child.close, folder / "study"


def _dicomrs(module: str) -> Callable[[Path], tuple[int, Callable[[], None], Path]]:
    def start(folder: Path) -> tuple[int, Callable[[], None], Path]:
        document = route(folder / "root")
        manifest = folder / "route.yaml"
        manifest.write_text(yaml.safe_dump(document))
        port = document["spec"]["receiver"]["port"]
        child = Child([sys.executable, "-m", module, str(manifest)], folder / "scp.log")
        child.wait_for_port(port)
        return port, child.close, folder / "root"

    return start


def _storescp(*options: str) -> Callable[[Path], tuple[int, Callable[[], None], Path]]:
    def start(folder: Path) -> tuple[int, Callable[[], None], Path]:
        target = Storescp(folder / "storescp", *options, bit_preserving=False)
        target.start()
        return target.port, target.close, target.folder

    return start


def _orthanc(folder: Path) -> tuple[int, Callable[[], None], Path]:
    target = Orthanc(folder / "orthanc")
    target.start()
    return target.port, target.close, target.folder / "storage"


LIMIT = Receiver("the machine's limit", "-", durable=True, start=_limit, bare=True)
DICOMRS = Receiver("dicomrs", "128 KB", durable=True, start=_dicomrs("dicomrs_scp"))
UNSYNCED = Receiver("dicomrs, fsync off", "128 KB", durable=False, start=_dicomrs("bench.unsynced"))
STORESCP = Receiver("storescp", "16 KB", durable=False, start=_storescp())
STORESCP_128 = Receiver("storescp -pdu 131072", "128 KB", durable=False, start=_storescp("-pdu", "131072"))
STORESCP_FORK = Receiver("storescp --fork", "16 KB", durable=False, start=_storescp("--fork"))
ORTHANC = Receiver("Orthanc", "16 KB", durable=True, start=_orthanc)
