"""The CustomResourceDefinition as a whole: names, columns, the schema's digest, and its YAML."""

import hashlib
import json
import re
from typing import Any, Final

import yaml

from dicomrs.route import ClinicRoute
from dicomrs.route.model import Spec
from dicomrs_operator.crd import rules
from dicomrs_operator.crd.defaults import SHOWN
from dicomrs_operator.crd.rules import Fragment
from dicomrs_operator.crd.schema import section
from dicomrs_operator.crd.status import Status

GROUP: Final = "dicomrs.io"
VERSION: Final = "v1alpha1"
PLURAL: Final = "clinicroutes"
KIND: Final = "ClinicRoute"

_DIGEST: Final = re.compile(r"\[schema ([0-9a-f]{12})\]$")
_HEADER: Final = (
    "# Made from the route model by `make generate`; changes belong there (core/src/dicomrs/route/model.py).\n"
)
# name, JSON path, type, what it says; the later ones only with `-o wide`
_COLUMNS: Final = (
    ("Ready", '.status.conditions[?(@.type=="Ready")].status', "string", "Whether images can be received and kept."),
    ("AE title", ".spec.receiver.aeTitle", "string", "What scanners call."),
    ("Address", ".spec.receiver.bindAddress", "string", "Where scanners call."),
    ("Destinations", ".status.destinations", "string", "Where images go."),
    ("Waiting", ".status.waiting.objects", "integer", "Objects that some destination has not confirmed yet."),
    ("Oldest", ".status.oldest", "date", "How long the oldest of them has waited."),
    ("Age", ".metadata.creationTimestamp", "date", "How long the route has been there."),
)
_WIDE: Final = (
    ("Port", ".spec.receiver.port", "integer", "The port that scanners call."),
    ("Forwarding", '.status.conditions[?(@.type=="Forwarding")].status', "string", "Whether images are delivered."),
    ("Parked", ".status.parked", "integer", "Objects that a destination refuses."),
    ("Quarantined", ".status.quarantined", "integer", "Objects without pixels, or damaged on the disk."),
    ("Last delivery", ".status.lastDelivery", "date", "How long ago a destination last confirmed an object."),
    ("Reason", '.status.conditions[?(@.type=="Ready")].reason', "string", "Why the route is ready or not."),
)


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    schema = _schema()
    schema["properties"]["spec"]["description"] += f" [schema {_digest_of(schema)}]"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            # Uninstalling the chart must not take every clinic's routes along.
            "annotations": {"helm.sh/resource-policy": "keep"},
            "labels": {"app.kubernetes.io/name": "dicomrs-crds", "app.kubernetes.io/part-of": "dicomrs"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["croute"],
                "categories": ["dicomrs"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def digest() -> str:
    """Return the 12 hex digits by which this release knows its schema: all of it but the descriptions."""
    return _digest_of(_schema())


def served_digest(openapi: dict[str, Any]) -> str | None:
    """Return the digest of the schema that an API server serves; None if it serves no ClinicRoute, or one without.

    Args:
        openapi: the document at `/openapi/v3/apis/dicomrs.io/v1alpha1`.
    """
    wanted = {"group": GROUP, "version": VERSION, "kind": KIND}
    for schema in openapi.get("components", {}).get("schemas", {}).values():
        if wanted in schema.get("x-kubernetes-group-version-kind", ()):
            description = schema.get("properties", {}).get("spec", {}).get("description", "")
            found = _DIGEST.search(description)
            return found and found[1]
    return None


def render() -> str:
    """Return the definition as YAML, which is a template of the chart `dicomrs-crds` and can be applied as it is.

    Raises:
        ValueError: a text of the model would be taken for Helm's own.
    """
    text = yaml.dump(definition(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    if "{{" in text:
        raise ValueError('a description or rule has "{{", which begins an instruction to Helm')
    return _HEADER + text


def _schema() -> Fragment:
    spec, status = section(Spec, SHOWN, "spec"), section(Status, {}, "status")
    conditions = status["properties"]["conditions"]
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {
        "description": "One route of a clinic: where images come in and where they go.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": {"description": ClinicRoute.model_fields["spec"].description or "", **spec},
            "status": {"description": "What has become of the route; the operator writes it.", **status},
        },
        "x-kubernetes-validations": [rules.ROUTE.fragment()],
    }


def _columns() -> list[dict[str, Any]]:
    return [
        {"name": name, "jsonPath": path, "type": kind, "description": text} | extra
        for columns, extra in ((_COLUMNS, {}), (_WIDE, {"priority": 1}))
        for name, path, kind, text in columns
    ]


def _digest_of(schema: Fragment) -> str:
    canonical = json.dumps(_without_descriptions(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_descriptions(one) for one in value]
    if not isinstance(value, dict):
        return value
    # A description is text; a field that is called so is a schema.
    return {
        name: _without_descriptions(one)
        for name, one in value.items()
        if name != "description" or not isinstance(one, str)
    }


class _Dumper(yaml.SafeDumper):
    """Writes out what occurs twice, where PyYAML would write an alias."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
