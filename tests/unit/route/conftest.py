"""Manifests for the tests of this folder."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dicomrs.route import ClinicRoute

SMALLEST: dict[str, Any] = {
    "apiVersion": "dicomrs.io/v1alpha1",
    "kind": "ClinicRoute",
    "metadata": {"name": "clinic"},
    "spec": {
        "receiver": {"bindAddress": "10.20.30.5"},
        "destinations": [{"name": "zeroclick", "host": "192.168.10.16", "port": 4243, "aeTitle": "ZEROCLICK"}],
    },
}

MakeRoute = Callable[..., ClinicRoute]
WriteManifest = Callable[..., Path]


def manifest(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest manifest with fields set by dotted path; a value of `...` takes the field away."""
    data = copy.deepcopy(SMALLEST)
    for path, value in changes.items():
        *sections, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place: Any = data
        for section in sections:
            place = place[section] if isinstance(section, int) else place.setdefault(section, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return data


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
