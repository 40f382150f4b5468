"""The smallest manifest, and manifests that differ from it in some fields."""

import copy
from typing import Any

SMALLEST: dict[str, Any] = {
    "apiVersion": "dicomrs.io/v1alpha1",
    "kind": "ClinicRoute",
    "metadata": {"name": "clinic"},
    "spec": {
        "receiver": {"bindAddress": "10.20.30.5"},
        "destinations": [{"name": "zeroclick", "host": "192.168.10.16", "port": 4243, "aeTitle": "ZEROCLICK"}],
    },
}


def manifest(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest manifest with fields set by dotted path; a value of `...` takes the field away."""
    data = copy.deepcopy(SMALLEST)
    for path, value in changes.items():
        *sections, last = (int(part) if part.isdigit() else part for part in path.split("."))
        place: Any = data
        for step in sections:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        if value is ...:
            place.pop(last, None)
        else:
            place[last] = value
    return data
