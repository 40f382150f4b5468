"""The command as a person runs it: in this process, or as a process of its own."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from dicomrs_cli.main import app
from support.processes import Child
from support.router import Router

Command = Callable[..., Result]


@pytest.fixture
def dicomrs() -> Command:
    """Run a command to its end; a fault of it is raised here."""

    def run(*words: object, **options: Any) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False, **options)

    return run


@pytest.fixture
def write_manifest(tmp_path) -> Callable[..., Path]:
    """Write routes to a manifest."""

    def write(*routes: dict[str, Any]) -> Path:
        path = tmp_path / "clinicroute.yaml"
        path.write_text(yaml.safe_dump_all(routes), encoding="utf-8")
        return path

    return write


@pytest.fixture
def run_up(make_router) -> Callable[..., Router]:
    """Run `dicomrs up` on routes; its log is that of the service "up", its process a child of that name.

    options: other than to run no dashboard, which would want a port of its own.
    """

    def run(*routes: dict[str, Any], options: Sequence[str] = ("--no-dashboard",)) -> Router:
        router: Router = make_router(*routes, start=False)
        command = [sys.executable, "-m", "dicomrs_cli", "up", *options, str(router.manifest)]
        router.children["up"] = Child(command, router.log("up"))
        return router

    return run
