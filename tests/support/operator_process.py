"""The operator as a process of its own, beside a cluster that may be a fake."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from support.processes import LOOPBACK, Child, free_port

ADDRESS = "172.22.61.14"
RESERVATION = {"address": ADDRESS, "ports": [104, 105], "commitmentPorts": [11113], "mountPath": "/home/dicom"}


class Operator:
    """One operator; its log tells the story of several starts."""

    def __init__(self, folder: Path, kubernetes: str, dashboard: str, namespace: str, **environment: str) -> None:
        self.log = folder / "operator.log"
        self.port = free_port()
        self._variables = {
            "DICOMRS_NAMESPACE": namespace,
            "DICOMRS_FULLNAME": "dicomrs",
            "DICOMRS_INSTANCE": "dicomrs",
            "DICOMRS_RESERVATION": json.dumps(RESERVATION),
            "DICOMRS_DASHBOARD_URL": dashboard,
            "DICOMRS_KUBERNETES_URL": kubernetes,
            "DICOMRS_HTTP_PORT": str(self.port),
            "DICOMRS_POLL_SECONDS": "1",
        } | environment
        self.child: Child | None = None

    def set(self, variable: str, value: str) -> None:
        """For the next start."""
        self._variables[variable] = value

    def start(self) -> Child:
        pairs = [f"{name}={value}" for name, value in self._variables.items()]
        self.child = Child(["env", *pairs, sys.executable, "-m", "dicomrs_operator"], self.log)
        return self.child

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()

    def http(self, path: str) -> tuple[int, str]:
        """Status and text of an answer; (0, "") when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""
