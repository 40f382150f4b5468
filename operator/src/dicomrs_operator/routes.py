"""ClinicRoutes as the API server has them, and as the services are told them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from pydantic import ValidationError

from dicomrs.route import ClinicRoute
from dicomrs.route.model import DRAINING, REVISION
from dicomrs.route.problems import field_text, sentences
from dicomrs_operator.kube import Object
from dicomrs_operator.reasons import Reason

API: Final = "dicomrs.io/v1alpha1"
PLURAL: Final = "clinicroutes"
FORCE_DELETE: Final = "dicomrs.io/force-delete"
CONFIRM: Final = "dicomrs.io/accept-generation"
FINALIZER: Final = "dicomrs.io/drain"
ROUTES_KEY: Final = "routes.yaml"
_DRAINING_END: Final = "/draining"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ClinicRoute as the API server has it now."""

    body: Object

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata."""
        metadata: Mapping[str, Any] = self.body["metadata"]
        return metadata

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.metadata["name"])

    @property
    def uid(self) -> str:
        """What tells it from another one that had its name."""
        return str(self.metadata["uid"])

    @property
    def generation(self) -> int:
        """The number of its spec, counted by the API server."""
        return int(self.metadata.get("generation", 0))

    @property
    def age(self) -> tuple[str, str]:
        """What sorts the older before the younger."""
        return str(self.metadata.get("creationTimestamp", "")), self.name

    @property
    def deleting(self) -> bool:
        """Whether somebody has deleted it, and it is to be drained."""
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def forced(self) -> bool:
        """Whether it is to go at once when it is deleted."""
        return str((self.metadata.get("annotations") or {}).get(FORCE_DELETE, "")).lower() == "true"

    @property
    def doubted(self) -> bool:
        """Whether this generation was written while the cluster had another schema, by the route's own status."""
        conditions = (self.body.get("status") or {}).get("conditions") or ()
        accepted: Mapping[str, Any] = next((one for one in conditions if one.get("type") == "Accepted"), {})
        differed = accepted.get("reason") == Reason.SCHEMA_DIFFERS
        return differed and accepted.get("observedGeneration") == self.generation

    @property
    def confirmed(self) -> bool:
        """Whether a person says that this generation has all of its fields."""
        return (self.metadata.get("annotations") or {}).get(CONFIRM) == str(self.generation)

    @property
    def held(self) -> bool:
        """Whether it cannot vanish before we let it go."""
        return FINALIZER in (self.metadata.get("finalizers") or ())


@dataclass(frozen=True, slots=True)
class Running:
    """A version of a route that the services are told."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: Object
    """As it stands in the ClinicRoute."""
    route: ClinicRoute
    """The same, checked and filled in."""
    draining: bool = False

    @property
    def revision(self) -> str:
        """What the services repeat once they have loaded this version; it differs when the route drains."""
        return f"{self.uid}/{self.generation}" + (_DRAINING_END if self.draining else "")

    @property
    def manifest(self) -> Object:
        """The document for the services."""
        annotations = {REVISION: self.revision} | ({DRAINING: "true"} if self.draining else {})
        metadata = {"name": self.name, "namespace": self.namespace, "annotations": annotations}
        return {"apiVersion": API, "kind": "ClinicRoute", "metadata": metadata, "spec": self.spec}


def running(wanted: Wanted, spec: Object) -> Running | list[str]:
    """Return the route with this spec as the services would be told it, or what is wrong with it."""
    name, namespace = wanted.name, str(wanted.metadata.get("namespace", ""))
    document = {"apiVersion": API, "kind": "ClinicRoute", "metadata": {"name": name}, "spec": spec}
    try:
        route = ClinicRoute.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        return [f"{field_text(path)}: {message}" for path, message in sentences(error, {})]
    return Running(name, namespace, wanted.uid, wanted.generation, spec, route, wanted.deleting)


def routes_yaml(routes: Iterable[Running]) -> str:
    """Return the text of the services' manifest: a List, by name, empty where there is no route."""
    items = [one.manifest for one in sorted(routes, key=lambda one: one.name)]
    text: str = yaml.dump(
        {"apiVersion": "v1", "kind": "List", "items": items}, Dumper=_Dumper, sort_keys=False, allow_unicode=True
    )
    return text


def read_routes_yaml(text: str) -> dict[str, Running]:
    """Return by name the routes of such a text; those that cannot be read, or that this model refuses, are left out."""
    try:
        found = [_read(item) for item in yaml.safe_load(text)["items"] or ()]
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError):  # somebody may have written it by hand
        return {}
    return {one.name: one for one in found if one is not None}


def _read(item: Any) -> Running | None:
    try:
        metadata = item["metadata"]
        uid, _, generation = metadata["annotations"][REVISION].removesuffix(_DRAINING_END).rpartition("/")
        draining = metadata["annotations"].get(DRAINING) == "true"
        body = {"metadata": metadata | {"uid": uid, "generation": int(generation)}}
        found = running(Wanted(body), item["spec"])
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return None if isinstance(found, list) else replace(found, draining=draining)


class _Dumper(yaml.SafeDumper):
    """The services' parser takes no aliases, so none are written."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True
