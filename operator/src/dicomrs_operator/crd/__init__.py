"""The custom resource definition of ClinicRoute, made from the route model: what an API server can check, it checks."""

from dicomrs_operator.crd.definition import definition, digest, render, served_digest
from dicomrs_operator.crd.status import Condition, Status, Waiting

__all__ = ["Condition", "Status", "Waiting", "definition", "digest", "render", "served_digest"]
