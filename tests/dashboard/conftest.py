"""The dashboard asked in this process, over spools that the product's own code has filled."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from dicomrs.route import Manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.state import log_folder
from dicomrs.status_api import RouteStatus, StatusReport
from dicomrs_dashboard.app import Program, create_app
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.house import make_doors
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.settings import DoorSettings
from support.filled_spool import FilledSpool

TOKEN = "ein-Zeichen-0123456789"
PASSWORD = "correct horse battery"


class Asked:
    """A dashboard on routes; `manifest` and `token` are the files that it reads, `settings` and `doors` its doors.

    `client` is a browser, in which nobody is signed in.
    """

    def __init__(self, folder: Path, *routes: dict[str, Any], patience: float = 30.0, **doors: Any) -> None:
        self.token = folder / "token"
        self.token.write_text(f"{TOKEN}\n")
        self.manifest = folder / "routes.yaml"
        self.manifest.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(routes)}))
        self.board = Board(OsFileSystem(), Manifests([self.manifest], awaited=True), patience)
        self.settings = DoorSettings(str(folder), **doors)
        self.doors = make_doors(OsFileSystem(), self.settings)
        self.log_folder = log_folder(str(folder))
        self.restarts: list[bool] = []
        program = Program(OsFileSystem(), self.log_folder, lambda: self.restarts.append(True))
        self.app = create_app(self.board, BearerToken(str(self.token)), self.doors, program)
        self.client = self.browser()

    def browser(self, base: str = "https://clinic.test", address: str = "192.0.2.7", **headers: str) -> TestClient:
        """Another browser."""
        return TestClient(self.app, base, headers=headers, client=(address, 50000), follow_redirects=False)

    def signed_in(self, role: Role, name: str = "", **options: Any) -> TestClient:
        """Another one, in which a user of that role is signed in, who is made if there is none."""
        name = name or f"some-{role.label}"
        if self.doors.users.find(name) is None:
            self.doors.users.add(name, role)
            self.doors.users.set_password(name, PASSWORD)
        browser = self.browser(**options)
        answer = browser.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return browser

    def get(self, path: str, token: str = TOKEN):
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    def report(self) -> StatusReport:
        answer = self.get("/api/v1/status")
        assert answer.status_code == 200, answer.text
        return StatusReport.model_validate_json(answer.content)

    def route(self, name: str = "clinic") -> RouteStatus:
        return next(route for route in self.report().routes if route.name == name)


def stop_the_clock(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of whoever must wait before the next try: hashing a password may take as long as that on a busy machine."""
    now = time.monotonic()
    monkeypatch.setattr(asked.doors.throttle, "_clock", lambda: now)


@pytest.fixture
def spool(tmp_path) -> FilledSpool:
    return FilledSpool(tmp_path / "root")


@pytest.fixture
def ask(tmp_path) -> Iterator[Callable[..., Asked]]:
    """Make dashboards of routes."""
    with ExitStack() as ending:

        def make(*routes: dict[str, Any], **options: Any) -> Asked:
            made = Asked(tmp_path, *routes, **options)
            ending.enter_context(made.client)
            return made

        yield make
