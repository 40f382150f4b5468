"""The dashboard asked in this process, over spools that the product's own code has filled."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from dicomrs.route import Manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.status_api import RouteStatus, StatusReport
from dicomrs_dashboard.app import create_app
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from support.filled_spool import FilledSpool

TOKEN = "ein-Zeichen-0123456789"


class Asked:
    """A dashboard on routes; `manifest` and `token` are the files that it reads."""

    def __init__(self, folder: Path, *routes: dict[str, Any], patience: float) -> None:
        self.token = folder / "token"
        self.token.write_text(f"{TOKEN}\n")
        self.manifest = folder / "routes.yaml"
        self.manifest.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(routes)}))
        self.board = Board(OsFileSystem(), Manifests([self.manifest], awaited=True), patience)
        self.client = TestClient(create_app(self.board, BearerToken(str(self.token))))

    def get(self, path: str, token: str = TOKEN):
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    def report(self) -> StatusReport:
        answer = self.get("/api/v1/status")
        assert answer.status_code == 200, answer.text
        return StatusReport.model_validate_json(answer.content)

    def route(self, name: str = "clinic") -> RouteStatus:
        return next(route for route in self.report().routes if route.name == name)


@pytest.fixture
def spool(tmp_path) -> FilledSpool:
    return FilledSpool(tmp_path / "root")


@pytest.fixture
def ask(tmp_path) -> Iterator[Callable[..., Asked]]:
    """Make dashboards of routes."""
    with ExitStack() as ending:

        def make(*routes: dict[str, Any], patience: float = 30.0) -> Asked:
            made = Asked(tmp_path, *routes, patience=patience)
            ending.enter_context(made.client)
            return made

        yield make
