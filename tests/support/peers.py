"""Real targets: DCMTK's storescp and Orthanc, each with a folder and a port of its own."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.polling import eventually
from support.processes import LOOPBACK, Child, find_program, free_port, run


def _program(name: str) -> str:
    path = find_program(name)
    assert path is not None, f"{name} is not installed; mark the test with peer({name!r})"
    return path


def version(name: str) -> str:
    """What a program calls its version, such as 3.6.7."""
    said = run([_program(name), "--version"])
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    assert found is not None, said
    return found[0]


class Storescp:
    """DCMTK's storage SCP; bit_preserving (+B): it writes the bytes that it receives."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        bit_preserving: bool = True,
        port: int | None = None,
        log: Path | None = None,
        wrap: Sequence[str] = (),
    ) -> None:
        """wrap: words in front of its command, such as those that enter a network namespace."""
        self.folder = folder
        self.wrap = wrap
        self.port = port or free_port()
        self.log = log or folder.with_suffix(".log")
        self.options = [*(["+B"] if bit_preserving else []), "+xa", *options]
        self._child: Child | None = None

    def start(self) -> None:
        """Listen, and take any SOP class."""
        self.folder.mkdir(exist_ok=True)
        command = [*self.wrap, _program("storescp"), *self.options, "-pm", "-od", str(self.folder), str(self.port)]
        self._child = Child(command, self.log)
        if "+tls" in self.options:
            self._child.wait_for_port(self.port)  # echoscu would need a certificate
            return
        listens = [*self.wrap, _program("echoscu"), LOOPBACK, self.port]
        eventually(lambda: run(listens).returncode == 0, "storescp listens")

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

    def __init__(
        self,
        folder: Path,
        modalities: dict[str, tuple[str, int]] | None = None,
        storage: Path | None = None,
        **settings: Any,
    ) -> None:
        """folder: for the configuration and the log, and for images and index unless `storage` says where.

        modalities: the AE title and port, on this machine, of those it knows by a name; settings: of its configuration.
        """
        self.folder = folder
        self.modalities = modalities or {}
        self.storage = storage or folder
        self.settings = settings
        self.port, self.http = free_port(), free_port()
        self._child: Child | None = None

    def start(self) -> None:
        """Until it answers on both ports."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "orthanc.json"
        config.write_text(json.dumps(self._config()))
        self._child = Child([_program("Orthanc"), str(config)], self.folder / "orthanc.log", cwd=self.folder)
        self._child.wait_for_port(self.http)
        self._child.wait_for_port(self.port)

    def _config(self) -> dict[str, Any]:
        return {
            "Name": "tests",
            "StorageDirectory": str(self.storage / "storage"),
            "IndexDirectory": str(self.storage / "index"),
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
            **self.settings,
        }

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.close()

    def kill(self) -> None:
        """As a power cut would."""
        assert self._child is not None
        self._child.kill()

    def rest(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """A document of its REST interface; body: to be sent to it, bytes as they are, all else as JSON."""
        return json.loads(self._ask(path, body, method))

    def uids(self) -> set[str]:
        """SOP Instance UIDs of all it holds."""
        return set(self._names())

    def files(self) -> dict[str, bytes]:
        """The files it gives out, by SOP Instance UID; those that it has lost are not among them."""
        found = {}
        for uid, name in self._names().items():
            with suppress(urllib.error.HTTPError):
                found[uid] = self._ask(f"/instances/{name}/file")
        return found

    def _names(self) -> dict[str, str]:
        found = self.rest("/instances?expand")
        return {instance["MainDicomTags"]["SOPInstanceUID"]: instance["ID"] for instance in found}

    def _ask(self, path: str, body: Any = None, method: str | None = None) -> bytes:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.http}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content
