"""The stand-ins for Zero Click: an Orthanc, where one is installed, or a storage SCP of our own."""

import hashlib
import json
import os
import shutil
import sys
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, Protocol

from dicomrs_cli.demonstration.children import Program, answers, free_ports, until
from dicomrs_cli.demonstration.figures import Contents
from dicomrs_cli.part10 import read_dicom_file
from dicomrs_cli.standin import LOOPBACK

AE_TITLE: Final = "ZEROCLICK"
_START_SECONDS: Final = 30.0


class Target(Protocol):
    """What the router delivers to."""

    name: str
    port: int
    picky: str
    """What it does to samples that it does not like, "" if it keeps whatever it is sent as it is."""
    program: Program

    def start(self) -> None:
        """Start it, and wait until it listens."""

    def contents(self) -> Contents:
        """What it holds."""


class EmbeddedTarget:
    """The stand-in of `dicomrs_cli.standin`, which notes the digest of every dataset as it came."""

    name = "embedded storage SCP (pynetdicom)"
    picky = ""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._received = folder / "received.jsonl"
        command = [sys.executable, "-m", "dicomrs_cli.standin", str(self.port), AE_TITLE, str(self._received)]
        self.program = Program(command, folder / "target.log")

    def start(self) -> None:
        """As in Target."""
        self.program.start()
        until(lambda: answers(self.port), "the embedded target listens", _START_SECONDS, self.program)

    def contents(self) -> Contents:
        """As in Target."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        with self._received.open(encoding="ascii") as lines:
            for line in map(json.loads, lines):
                found[line["uid"]].add(line["sha256"])
        return found


class OrthancTarget:
    """An Orthanc with a configuration, a storage and ports of its own; the system's own Orthanc is left alone."""

    name = "Orthanc"
    picky = "Orthanc rewrites some, and keeps one of those that share a UID"

    def __init__(self, folder: Path, program: str) -> None:
        self.port, self._http = free_ports(2)
        self._folder = folder
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(folder)), encoding="utf-8")
        self.program = Program([program, str(configuration)], folder / "target.log")

    def start(self) -> None:
        """As in Target."""
        self.program.start()
        until(lambda: answers(self.port) and answers(self._http), "Orthanc listens", _START_SECONDS, self.program)

    def contents(self) -> Contents:
        """As in Target, read over its REST interface."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        copy = self._folder / "copy.dcm"
        for instance in json.loads(self._get("/instances")):
            copy.write_bytes(self._get(f"/instances/{instance}/file"))
            file = read_dicom_file(copy)
            digest = hashlib.sha256(copy.read_bytes()[file.start :]).hexdigest()
            found[file.sop_instance].add(digest)
        return found

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self._http}{path}", timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def _configuration(self, folder: Path) -> dict[str, Any]:
        return {
            "Name": "dicomrs demo",
            "StorageDirectory": str(folder / "orthanc"),
            "IndexDirectory": str(folder / "orthanc"),
            "Plugins": [],
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "HttpPort": self._http,
            "DicomAet": AE_TITLE,
            "DicomPort": self.port,
            "DicomAlwaysAllowStore": True,
            "DicomScpTimeout": 5,  # it takes some samples for cut short, and waits so long for the rest
            "UnknownSopClassAccepted": True,
        }


def find_orthanc() -> str | None:
    """Where Orthanc is installed; servers live where an ordinary user's PATH does not look."""
    return shutil.which("Orthanc", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
