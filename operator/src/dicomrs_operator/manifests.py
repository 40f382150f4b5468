"""The objects that the operator owns, made from the routes that run. Pure functions."""

from collections.abc import Iterable, Mapping
from typing import Final

from dicomrs.route.secrets import AUTHORITY, CERTIFICATE, KEY
from dicomrs.route.types import plain_ip
from dicomrs_operator.kube import MANAGER, Object
from dicomrs_operator.routes import ROUTES_KEY, Running, routes_yaml
from dicomrs_operator.settings import Settings

FILES: Final = (CERTIFICATE, KEY, AUTHORITY)
TOKEN_KEY: Final = "token"  # noqa: S105  # its name
_POLICY_API: Final = "networking.k8s.io/v1"
_DNS_PORT: Final = 53

Sources = Mapping[str, Mapping[str, str]]
"""The data of the Secrets that routes name, in base64, by their names; without those that do not exist."""


def labels(settings: Settings) -> dict[str, str]:
    """The labels of what the operator owns."""
    return {
        "app.kubernetes.io/name": "dicomrs",
        "app.kubernetes.io/instance": settings.instance,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def pod_labels(settings: Settings, component: str) -> dict[str, str]:
    """The labels by which the pods of a component are found."""
    return {
        "app.kubernetes.io/name": "dicomrs",
        "app.kubernetes.io/instance": settings.instance,
        "app.kubernetes.io/component": component,
    }


def config_map(settings: Settings, routes: Iterable[Running]) -> Object:
    """The routes for the services."""
    return _object(settings, "v1", "ConfigMap", settings.routes_config_map) | {
        "data": {ROUTES_KEY: routes_yaml(routes)}
    }


def receiver_secrets(routes: Iterable[Running]) -> set[str]:
    """The names of the Secrets that receivers need."""
    return {one.route.spec.receiver.tls.secret_name for one in routes if one.route.spec.receiver.tls is not None}


def destination_secrets(routes: Iterable[Running]) -> set[str]:
    """The names of the Secrets that destinations need."""
    every = [destination.tls for one in routes for destination in one.route.spec.destinations]
    return {tls.secret_name for tls in every if tls is not None}


def copies(
    settings: Settings, component: str, names: Iterable[str], sources: Sources, present: Object | None
) -> Object:
    """The Secret of copies for a component, one key for each file: `<secret>.tls.crt` and so on.

    A source that has gone, or has lost its files, leaves the copy that is there: a service in use loses no certificate.
    """
    held: Mapping[str, str] = (present or {}).get("data") or {}
    data: dict[str, str] = {}
    for name in sorted(names):
        files = {file: f"{name}.{file}" for file in FILES}
        source = sources.get(name, {})
        if any(file in source for file in FILES):
            data |= {key: source[file] for file, key in files.items() if file in source}
        else:
            data |= {key: held[key] for key in files.values() if key in held}
    return _object(settings, "v1", "Secret", settings.secrets_of(component)) | {"type": "Opaque", "data": data}


def token(settings: Settings, value: str) -> Object:
    """The Secret that the operator shows the dashboard; `value` is base64."""
    return _object(settings, "v1", "Secret", settings.token_secret) | {"type": "Opaque", "data": {TOKEN_KEY: value}}


def targets_policy(settings: Settings, routes: Iterable[Running]) -> Object:
    """The NetworkPolicy that lets the sending service reach its destinations and names, and nothing else.

    A policy knows addresses only: a destination named by its host gets a rule that allows its port everywhere.
    It lets nobody in: from where reports may come, the chart's policy says, and what policies allow adds up.
    """
    routes = list(routes)
    destinations = [one for route in routes for one in route.route.spec.destinations]
    peers = sorted({(_block(one.host), one.port) for one in destinations})
    egress: list[Object] = [_rule("", [("UDP", _DNS_PORT), ("TCP", _DNS_PORT)])]
    egress += [_rule(block, [("TCP", port)]) for block, port in peers]
    return _object(settings, _POLICY_API, "NetworkPolicy", settings.targets_policy) | {
        "spec": {
            "podSelector": {"matchLabels": pod_labels(settings, "scu")},
            "policyTypes": ["Egress", "Ingress"],
            "egress": egress,
            "ingress": [],
        }
    }


def _block(host: str) -> str:
    """The block of one address, without an IPv6 zone, which a policy does not know; "" for a host name."""
    address = plain_ip(host.partition("%")[0])
    return "" if address is None else f"{address}/{address.max_prefixlen}"


def _rule(block: str, ports: Iterable[tuple[str, int]]) -> Object:
    rule: Object = {"ports": [{"protocol": protocol, "port": port} for protocol, port in ports]}
    return rule | ({"to": [{"ipBlock": {"cidr": block}}]} if block else {})


def _object(settings: Settings, api: str, kind: str, name: str) -> Object:
    metadata = {"name": name, "namespace": settings.namespace, "labels": labels(settings)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def is_as_wanted(present: Object | None, manifest: Object) -> bool:
    """Whether the object in the cluster says what the manifest says, so that nothing needs to be written."""
    if present is None:
        return False
    if "data" in manifest and (present.get("data") or {}) != manifest["data"]:
        return False
    return _covers(present, {key: part for key, part in manifest.items() if key not in {"apiVersion", "kind"}})


def _covers(present: object, wanted: object) -> bool:
    """Whether `present` has all of `wanted`; empty lists and mappings are dropped by the API server."""
    if isinstance(wanted, dict):
        have = present if isinstance(present, dict) else {}
        return all(_covers(have.get(key), part) for key, part in wanted.items())
    if isinstance(wanted, list):
        have_list = present if isinstance(present, list) else []
        return len(have_list) == len(wanted) and all(map(_covers, have_list, wanted))
    return present == wanted
