"""The router as a clinic runs it: scp and scu as processes of their own, and a manifest that they watch."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK, Child, free_port, is_open, tail
from support.spool_view import SpoolView

SERVICES = ("scp", "scu")
AE_TITLE = "DICOMRS"
RESERVE = "64Mi"
"""The default of 12 % may be more than a developer's disk has left."""


def destination(name: str, port: int, **fields: Any) -> dict[str, Any]:
    """One entry of spec.destinations on this machine."""
    return {"name": name, "host": LOOPBACK, "port": port, "aeTitle": name.upper()[:16], **fields}


def route(
    root: Path,
    *destinations: dict[str, Any],
    name: str = "clinic",
    suspend: bool = False,
    receiver: dict[str, Any] | None = None,
    storage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A ClinicRoute; receiver and storage add to what every test needs."""
    return {
        "apiVersion": "dicomrs.io/v1alpha1",
        "kind": "ClinicRoute",
        "metadata": {"name": name},
        "spec": {
            "suspend": suspend,
            "receiver": {"bindAddress": LOOPBACK, "port": free_port(), "aeTitle": AE_TITLE, **(receiver or {})},
            "storage": {"root": str(root), "reserve": RESERVE, **(storage or {})},
            "destinations": list(destinations),
        },
    }


def annotated(document: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """A route with annotations of the operator's: revision, draining."""
    found = {f"dicomrs.io/{name}": value for name, value in annotations.items()}
    return {**document, "metadata": {**document["metadata"], "annotations": found}}


def changed(document: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A route with other fields in its spec; of a section, those that are given."""
    old = document["spec"]
    merged = {
        name: {**old[name], **value} if isinstance(old.get(name), dict) else value for name, value in spec.items()
    }
    return {**document, "spec": {**old, **merged}}


class Router:
    """scp and scu on one manifest. Nothing runs until start()."""

    def __init__(self, folder: Path, *routes: dict[str, Any]) -> None:
        """folder: for the manifest and the logs; the roots are where the routes say."""
        self.folder = folder
        self.manifest = folder / "clinicroute.yaml"
        self.children: dict[str, Child] = {}
        self.wrap: list[str] = []
        """Words to put in front of a service's command, such as those that enter a network namespace."""
        self.options: list[str] = []
        """Words to put behind it."""
        self.write(*routes)

    def write(self, *routes: dict[str, Any]) -> None:
        """Put another manifest in place of the present one; the services load it within seconds."""
        self.routes = routes
        draft = self.manifest.with_suffix(".new")
        draft.write_text(yaml.safe_dump_all(routes), encoding="utf-8")
        draft.replace(self.manifest)

    def rewrite(self, *routes: dict[str, Any]) -> None:
        """Write, and wait until both services have loaded it."""
        before = {service: len(self.events(service, "manifests loaded")) for service in SERVICES}
        self.write(*routes)
        for service, number in before.items():
            eventually(lambda s=service, n=number: len(self.events(s, "manifests loaded")) > n, f"{service} reloads")

    def port(self, index: int = 0) -> int:
        """Where a route's receiver listens."""
        return int(self.routes[index]["spec"]["receiver"]["port"])

    def spool(self, index: int = 0) -> SpoolView:
        """What lies in a route's root."""
        return SpoolView(Path(self.routes[index]["spec"]["storage"]["root"]))

    def spool_of(self, port: int) -> SpoolView:
        """The same, of the route that receives on a port."""
        return next(self.spool(index) for index in range(len(self.routes)) if self.port(index) == port)

    def launch(self, service: str) -> Child:
        """Start a service, as `dicomrs up` does, without waiting for anything."""
        program = [sys.executable, "-m", f"dicomrs_{service}", f"--log-folder={self.folder / 'logs'}"]
        command = [*self.wrap, *program, str(self.manifest), *self.options]
        child = self.children[service] = Child(command, self.log(service))
        return child

    def start(self, *services: str) -> None:
        """Start both services, or those named, and wait until they serve every route."""
        for service in services or SERVICES:
            self.launch(service)
        for service in services or SERVICES:
            self.wait_ready(service)

    def wait_ready(self, service: str) -> None:
        """Until scp listens, scu has looked at every root, and their status files say so."""
        child = self.children[service]
        for index in range(len(self.routes)):
            if service == "scp":
                child.wait_for_port(self.port(index))
            eventually(lambda i=index: self._is_told(service, i) or not child.alive, f"{service} serves, and says so")
        assert child.alive, tail(child.log)

    def _is_told(self, service: str, index: int) -> bool:
        status = self.spool(index).status(service)
        return status.get("pid") == self.children[service].process.pid and status.get("listening", True)

    def kill(self, *services: str) -> None:
        """SIGKILL, all at once."""
        for service in services:
            self.children[service].process.kill()
        for service in services:
            self.children[service].wait()

    def stop(self, service: str) -> int:
        """SIGTERM; return the exit code."""
        return self.children[service].stop()

    def close(self) -> None:
        """End everything."""
        for child in self.children.values():
            child.process.terminate()
        for child in self.children.values():
            child.close()

    def log(self, service: str) -> Path:
        """The file with everything that a service has said."""
        return self.folder / f"{service}.log"

    def events(self, service: str, event: str | None = None) -> list[dict[str, Any]]:
        """What a service has logged, one dict per line; of one event only if that is asked for."""
        path = self.log(service)
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in found if event in (None, line["event"])]

    def wait_for(self, service: str, event: str, text: str = "", within: float = PATIENCE) -> dict[str, Any]:
        """The first line of an event that has a text somewhere."""
        return eventually(
            lambda: next((line for line in self.events(service, event) if text in json.dumps(line)), None),
            f"{service} logs {event!r} {text!r}",
            within,
        )

    def cpu_seconds(self, service: str) -> float:
        """Processor time a service has used so far."""
        fields = Path(f"/proc/{self.children[service].process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, service: str) -> float:
        """MB of memory that a service has (RSS)."""
        status = Path(f"/proc/{self.children[service].process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def is_listening(self, index: int = 0) -> bool:
        """Whether a route's receiver accepts connections."""
        return is_open(self.port(index))

    def story(self) -> list[tuple[str, str]]:
        """The ends of the logs, for a test that has failed."""
        return [
            (f"log of {service}", tail(self.log(service))) for service in {**dict.fromkeys(SERVICES), **self.children}
        ]
