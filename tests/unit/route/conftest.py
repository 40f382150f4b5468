"""Manifests for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dicomrs.route import ClinicRoute
from support.manifests import manifest

MakeRoute = Callable[..., ClinicRoute]
WriteManifest = Callable[..., Path]


@pytest.fixture
def route() -> MakeRoute:
    """Make a route: `route({"spec.receiver.port": 11112})`."""
    return lambda changes=None: ClinicRoute.model_validate(manifest(changes or {}))


@pytest.fixture
def write(tmp_path: Path) -> WriteManifest:
    """Write a manifest: `write({"spec.receiver.port": 11112}, "a.yaml")`."""

    def _write(changes: dict[str, Any] | None = None, name: str = "clinic.yaml") -> Path:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(manifest(changes or {}), sort_keys=False), encoding="utf-8")
        return path

    return _write
