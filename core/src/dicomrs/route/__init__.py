"""The ClinicRoute: one manifest that says where a clinic's images come in and where they go."""

from dicomrs.route.check import Conflict, check_routes
from dicomrs.route.dotenv import import_env
from dicomrs.route.load import load_manifests
from dicomrs.route.match import Facts, destinations_for
from dicomrs.route.model import (
    ClinicRoute,
    Commitment,
    Destination,
    Limits,
    Metadata,
    Park,
    Receiver,
    Rule,
    Spec,
    Storage,
)
from dicomrs.route.problems import ManifestError, Problem
from dicomrs.route.types import Duration, Reserve
from dicomrs.route.watch import Change, Manifests

__all__ = [
    "Change",
    "ClinicRoute",
    "Commitment",
    "Conflict",
    "Destination",
    "Duration",
    "Facts",
    "Limits",
    "ManifestError",
    "Manifests",
    "Metadata",
    "Park",
    "Problem",
    "Receiver",
    "Reserve",
    "Rule",
    "Spec",
    "Storage",
    "check_routes",
    "destinations_for",
    "import_env",
    "load_manifests",
]
