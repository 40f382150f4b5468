"""A router with a network of its own: scanners on one side, a gateway to targets on the other.

scanner 10.91.3.1 --- htr 10.91.3.2  ROUTER  out 10.91.1.2 --- 10.91.1.1  GATEWAY  10.91.2.1 --- 10.91.2.2 TARGET
                                     spare 10.91.4.2 --- (switched off at the other end)
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomrs.desk import Examine, ask_service
from dicomrs.doctor import Run, State, Step, read_run
from dicomrs.spool.fs import OsFileSystem
from support.network import Machine, cable, machines
from support.polling import eventually
from support.processes import find_program
from support.router import Router

TARGET, OWN, HTR, SCANNER = "10.91.2.2", "10.91.1.2", "10.91.3.2", "10.91.3.1"
FS = OsFileSystem()


class Clinic:
    """The machines, and the router that runs on the first of them."""

    def __init__(self, folder: Path, router: Machine, gateway: Machine, target: Machine, scanner: Machine) -> None:
        self.folder = folder
        self.router, self.gateway, self.target, self.scanner = router, gateway, target, scanner
        cable(router, f"out {OWN}/24", gateway, "net1 10.91.1.1/24")
        cable(gateway, "net2 10.91.2.1/24", target, f"eth0 {TARGET}/24")
        cable(router, f"htr {HTR}/24", scanner, f"eth0 {SCANNER}/24")
        cable(router, "spare 10.91.4.2/24", scanner, "off 10.91.4.1/24")
        cable(router, "unused 10.91.5.2/24", scanner, "peer 10.91.5.1/24")
        scanner.must("ip", "link", "set", "off", "down")
        router.must("ip", "link", "set", "unused", "down")
        for network in ("10.91.2.0/24", "10.91.9.0/24"):  # no default route: what is elsewhere has none
            router.must("ip", "route", "add", network, "via", "10.91.1.1")
        target.must("ip", "route", "add", "default", "via", "10.91.2.1")
        self.running: Router | None = None

    def run(self, router: Router) -> None:
        """Have a router serve its routes here."""
        self.running = router
        router.wrap = self.router.enter
        for service in ("scp", "scu"):
            router.launch(service)
        for index in range(len(router.routes)):
            for service in ("scp", "scu"):
                eventually(lambda i=index, s=service: router.spool(i).status(s), f"{service} serves {index}")

    def examine(self, destination: str = "", index: int = 0, **wish: bool) -> Run:
        """Have a destination examined, or the receiver, and wait for the end."""
        assert self.running is not None
        root = self.running.routes[index]["spec"]["storage"]["root"]
        service = "scu" if destination else "scp"
        request = Examine(who="ana", identified="password", why="a call", destination=destination, **wish)
        answer = ask_service(FS, root, service, request, 30)
        assert not answer.failed, answer.failed
        return eventually(
            lambda: (found := read_run(FS, root, answer.run)) and (found if found.ended else None), "it ends"
        )


@contextmanager
def clinics(folder: Path) -> Iterator[Clinic]:
    """One, until the end of the block."""
    with machines("router", "gateway", "target", "scanner") as made:
        yield Clinic(folder, *made)


def states(run: Run) -> dict[str, str]:
    """How each step stands."""
    return {str(step.check): str(step.state) for step in run.steps}


def failure(run: Run) -> Step:
    """The first step that failed; every step after it was skipped, and each has ended."""
    found = run.verdict
    assert found is not None, states(run)
    assert not {step.state for step in run.steps} & {State.WAITING, State.RUNNING}
    return found


def storescp(machine: Machine, folder: Path, port: int, *options: object) -> None:
    """DCMTK's, on a machine of the network."""
    folder.mkdir(parents=True, exist_ok=True)
    machine.start([find_program("storescp"), "+B", "-dhl", *options, "-od", folder, port], folder / "log", port)


def orthanc(machine: Machine, folder: Path, port: int, **settings: Any) -> None:
    """One that calls itself ORTHANC, and goes by no other name."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": [],
        "HttpServerEnabled": False,
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        **settings,
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    machine.start([find_program("Orthanc"), folder / "orthanc.json"], folder / "log", port)


def web_server(machine: Machine, folder: Path, port: int) -> None:
    """What a mistyped port may lead to."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "http.server", port, "--directory", folder]
    machine.start(command, folder / "log", port)
