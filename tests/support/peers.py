"""Real targets: DCMTK's storescp and Orthanc, each with a folder and a port of its own."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from support.processes import LOOPBACK, Child, find_program, free_port


def _program(name: str) -> str:
    path = find_program(name)
    assert path is not None, f"{name} is not installed; mark the test with peer({name!r})"
    return path


class Storescp:
    """DCMTK's storage SCP; bit_preserving (+B): it writes the bytes that it receives."""

    def __init__(self, folder: Path, *options: str, bit_preserving: bool = True, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.options = [*(["+B"] if bit_preserving else []), "+xa", *options]
        self._child: Child | None = None

    def start(self) -> None:
        """Listen, and take any SOP class."""
        self.folder.mkdir(exist_ok=True)
        log = self.folder.with_suffix(".log")
        command = [_program("storescp"), *self.options, "-pm", "-od", str(self.folder), str(self.port)]
        self._child = Child(command, log)
        self._child.wait_for_port(self.port)

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.close()

    def kill(self) -> None:
        """As a power cut would."""
        assert self._child is not None
        self._child.kill()

    def files(self) -> list[Path]:
        """What it holds."""
        return [path for path in self.folder.iterdir() if path.is_file()]


class Orthanc:
    """An Orthanc with its own configuration, storage and ports; nothing of the system's Orthanc is used."""

    def __init__(self, folder: Path, modalities: dict[str, tuple[str, int]] | None = None) -> None:
        """modalities: the AE title and port, on this machine, of those it knows by a name."""
        self.folder = folder
        self.modalities = modalities or {}
        self.port, self.http = free_port(), free_port()
        self._child: Child | None = None

    def start(self) -> None:
        """Until it answers on both ports."""
        self.folder.mkdir()
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(self._config()))
        self._child = Child([_program("Orthanc"), str(config)], self.folder / "orthanc.log", cwd=self.folder)
        self._child.wait_for_port(self.http)
        self._child.wait_for_port(self.port)

    def _config(self) -> dict[str, Any]:
        return {
            "Name": "tests",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "index"),
            "Plugins": [],
            "HttpPort": self.http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": True,
            "DicomAet": "ORTHANC",
            "DicomModalities": {name: [title, LOOPBACK, port] for name, (title, port) in self.modalities.items()},
            "DicomPort": self.port,
            "DicomCheckCalledAet": False,
            "UnknownSopClassAccepted": True,
            "DicomAlwaysAllowStore": True,
            "OverwriteInstances": True,
            "StorageCompression": False,
        }

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.close()

    def rest(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """A document of its REST interface; body: to be sent to it as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.http}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def uids(self) -> set[str]:
        """SOP Instance UIDs of all it holds."""
        found = self.rest("/instances?expand")
        return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in found}
