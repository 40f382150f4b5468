"""The defaults of v1alpha1, on record: what a field that is left out means does not change within a version.

An API server gives an object the defaults of the newest definition that anybody on the cluster has installed, also the
routes of a clinic whose release is older. Therefore (docs/decisions/0018-the-definition.md):

- The definition has the defaults of `SHOWN` and no other. All of them were in the first release, so every release knows
  their fields. A field of a later release is never added: an older one would find it in its routes, and refuse them.
- What decides who may send, and how much (`DOOR`), has no default in the definition: each release fills in its own.
- A line that has been released is never changed or removed. The generator and a test hold the model to both tables.
"""

from collections.abc import Mapping
from typing import Any, Final

SHOWN: Final[Mapping[str, Any]] = {
    "spec.suspend": False,
    "spec.receiver.port": 104,
    "spec.receiver.aeTitle": "DICOMRS",
    "spec.receiver.suspend": False,
    "spec.storage.reserve": "12%",
    "spec.storage.retention": "30d",
    "spec.storage.onConflict": "Forward",
    "spec.destinations[].associations": 1,
    "spec.destinations[].park.tries": 5,
    "spec.destinations[].park.over": "15m",
    "spec.destinations[].commitment.mode": "Required",
    "spec.destinations[].commitment.timeout": "15m",
}
"""By path: in the definition."""

DOOR: Final[Mapping[str, Any]] = {
    "spec.receiver.allow.callingAeTitles": [],
    "spec.receiver.allow.networks": [],
    "spec.receiver.checkCalledAeTitle": False,
    "spec.receiver.limits.associations": 100,
    "spec.receiver.limits.associationsPerPeer": 50,
    "spec.receiver.limits.artim": "30s",
    "spec.receiver.limits.idle": "10m",
    "spec.receiver.limits.pdu": "128Ki",
    "spec.receiver.limits.largestObject": "16Gi",
    "spec.receiver.tls.clientCertificates": "Required",
}
"""By path: in the model alone."""
