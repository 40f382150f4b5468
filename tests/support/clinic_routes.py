"""ClinicRoutes as an API server would have them, for the operator's tests."""

from copy import deepcopy
from typing import Any

from dicomrs_operator.accept import Circumstances
from dicomrs_operator.routes import FINALIZER, Wanted
from dicomrs_operator.settings import Access, Reservation, Settings

ADDRESS = "172.22.61.14"
RESERVATION = Reservation(ADDRESS, (104, 105, 106), (11113,), "/home/dicom")
CIRCUMSTANCES = Circumstances(RESERVATION, received={})
SETTINGS = Settings("clinic-a", "dicomrs", "dicomrs", RESERVATION, "http://dashboard", Access("http://api"))
DESTINATION = {"name": "zeroclick", "host": "192.168.10.16", "port": 4243, "aeTitle": "ZEROCLICK"}


def spec(port: int = 104, *, root: str = "", destinations: Any = (DESTINATION,), **receiver: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "receiver": {"bindAddress": ADDRESS, "port": port, **receiver},
        "destinations": deepcopy(list(destinations)),
    }
    return found | ({"storage": {"root": root}} if root else {})


def manifest(name: str = "hospital-a", **fields: Any) -> dict[str, Any]:
    """As a person applies it."""
    return {
        "apiVersion": "dicomrs.io/v1alpha1",
        "kind": "ClinicRoute",
        "metadata": {"name": name},
        "spec": spec(**fields),
    }


def wanted(
    name: str = "hospital-a", generation: int = 1, created: int = 0, uid: str = "", *, deleting: bool = False,
    annotations: dict[str, str] | None = None, **fields: Any,
) -> Wanted:  # fmt: skip
    """As the API server has it. created: seconds, which say which is older."""
    body = manifest(name, **fields)
    body["metadata"] |= {
        "namespace": "clinic-a",
        "uid": uid or f"uid-{name}",
        "generation": generation,
        "resourceVersion": "1",
        "creationTimestamp": f"2026-01-01T00:00:{created:02}Z",
        "finalizers": [FINALIZER],
        "annotations": annotations or {},
    } | ({"deletionTimestamp": "2026-01-02T00:00:00Z"} if deleting else {})
    return Wanted(body)
