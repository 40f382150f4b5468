"""Scanners and targets of the end-to-end tests, each on a machine of its own: DCMTK, Orthanc, and the raw tap."""

import json
import re
import tempfile
import urllib.request
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from support.cluster.network import (
    CLINIC,
    CLINIC_ADDRESS,
    HTR,
    HTR_ADDRESS,
    SCANNER,
    STRANGER,
    SUBNETS,
    TAP,
    ZEROCLICK,
    Machine,
)
from support.cluster.programs import CallError
from support.objects import Instance, write_files
from support.polling import eventually
from support.router import AE_TITLE, destination

ORTHANC_PORT, TAP_PORT = 4243, 4244
PYTHON = "/opt/dicomrs/bin/python"  # of the peers' image
Identity = tuple[str, str, str, str]  # SOP class, instance, transfer syntax, SHA-256 of the dataset


class Scanner(Machine):
    """DCMTK on the scanners' network."""

    def __init__(self, engine: str) -> None:
        super().__init__(engine, "scanner", HTR, SCANNER)

    def begin(self) -> None:
        """With no objects."""
        self.start("sleep", "infinity")

    def echo(
        self, host: str = HTR_ADDRESS, port: int = 104, called: str = AE_TITLE, calling: str = "SCANNER_1"
    ) -> bool:
        """Whether C-ECHO is answered."""
        try:
            self.run("echoscu", "-to", 10, "-ta", 10, "-td", 10, "-aet", calling, "-aec", called, host, port)
        except CallError:
            return False
        return True

    def send(
        self, instances: Sequence[Instance], *options: str, host: str = HTR_ADDRESS, port: int = 104
    ) -> list[Instance]:
        """Those that storescu was told are safe: all, or those before the first that was refused or cut off.

        It sends in the order in which the folder lists them, which is none.

        options: of storescu.
        """
        with tempfile.TemporaryDirectory() as folder:
            files = write_files(Path(folder) / "objects", list(instances))
            self.run("rm", "-rf", "/tmp/objects")
            self.put(files[0].parent, "/tmp/objects")
        # `|| true`: what was acknowledged is told by its output, also when it ends with an error.
        words = f"storescu -v +sd -aet SCANNER_1 -aec {AE_TITLE} {' '.join(options)} {host} {port} /tmp/objects || true"
        return _acknowledged(self.run("sh", "-c", f"{{ {words}; }} 2>&1"), instances)

    def send_all(self, instances: Sequence[Instance], *options: str, host: str = HTR_ADDRESS, port: int = 104) -> None:
        """The same; every object must be acknowledged."""
        taken = self.send(instances, *options, host=host, port=port)
        assert len(taken) == len(instances), f"{len(taken)} of {len(instances)} were acknowledged"


def _acknowledged(output: str, instances: Sequence[Instance]) -> list[Instance]:
    files = re.findall(r"Sending file: \S*/(\d+)\.dcm|Received Store Response \((Success)\)", output)
    taken, current = [], None
    for number, success in files:
        if number:
            current = int(number)
        elif success and current is not None:
            taken.append(instances[current])
            current = None
    return taken


class OrthancTarget(Machine):
    """Zero Click's place is taken by Orthanc."""

    destination = destination("zeroclick", ORTHANC_PORT, host=ZEROCLICK)

    def __init__(self, engine: str) -> None:
        super().__init__(engine, "zeroclick", CLINIC, ZEROCLICK)

    def begin(self) -> None:
        """With an empty disk."""
        self.start("Orthanc", "/etc/peers/orthanc.json", options=("-p", "127.0.0.1::8042"))
        self.wait()

    def wait(self) -> None:
        """Until it answers, after begin() or up()."""
        eventually(self._answers, "Orthanc answers")

    def instances(self) -> set[str]:
        """SOP Instance UIDs of all it holds."""
        return {one["MainDicomTags"]["SOPInstanceUID"] for one in self.rest("/instances?expand")}

    def count(self) -> int:
        """How many objects it holds."""
        found: int = self.rest("/statistics")["CountInstances"]
        return found

    def rest(self, path: str) -> Any:
        """A document of its REST interface."""
        with urllib.request.urlopen(f"http://{self.published(8042)}{path}", timeout=30) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        try:
            return bool(self.rest("/system"))
        except OSError:
            return False


class TapTarget(Machine):
    """A target that tells the bytes of all it gets (support/tap.py)."""

    destination = destination("tap", TAP_PORT, host=TAP)

    def __init__(self, engine: str) -> None:
        super().__init__(engine, "tap", CLINIC, TAP)

    def begin(self) -> None:
        """With nothing received."""
        self.start(PYTHON, "-m", "support.tap", TAP_PORT)
        eventually(lambda: "listens" in self.log(), "the tap listens")

    def received(self) -> list[Identity]:
        """What it has taken, in order."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("[")]
        return [(line[0], line[1], line[2], line[3]) for line in lines]


def identity(one: Instance) -> Identity:
    """What the tap tells of an object that has come through unchanged."""
    return one.sop_class, one.uid, one.transfer_syntax, sha256(one.dataset).hexdigest()


class Stranger(Machine):
    """A machine on the clinic's network that knows the way to the scanners' network through the node."""

    def __init__(self, engine: str) -> None:
        super().__init__(engine, "stranger", CLINIC, STRANGER)

    def begin(self) -> None:
        """With that way."""
        self.start("sleep", "infinity", options=("--cap-add", "NET_ADMIN"))
        self.run("ip", "route", "add", SUBNETS[HTR], "via", CLINIC_ADDRESS)

    def reaches(self, host: str, port: int) -> bool:
        """Whether a TCP connection comes about."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 3)"
        try:
            self.run(PYTHON, "-c", code)
        except CallError:
            return False
        return True
