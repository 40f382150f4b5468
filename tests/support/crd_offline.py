"""A custom resource definition's schema applied without an API server: types and bounds here, the rules by cel-python.

For the functions that Kubernetes adds to CEL there are stand-ins. tests/e2e gives the same cases to an API server.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import celpy
import re2
from celpy import celtypes

from dicomrs.route.types import Size

_QUANTITY = re2.compile(r"[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE]|[eE][0-9]{1,2})?")
_KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def refusals(schema: dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """Yield what an API server (`fieldValidation=Strict`) has against `value`, in its words or nearly so."""
    problems = list(_shape(schema, value, path))
    # As in the API server: rules are not asked about what has not the shape.
    yield from problems or _rules(schema, value, path)


def _shape(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    either = schema.get("x-kubernetes-int-or-string")
    kinds = (int, str) if either else (_KINDS[schema["type"]],)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f"{path}: must be of type {schema.get('type', 'integer or string')}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: Unsupported value: supported values: " + ", ".join(f'"{one}"' for one in schema["enum"])
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: Too long: may not be more than {schema['maxLength']} bytes"
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{path}: should be greater than or equal to {schema['minimum']}"
    if isinstance(value, int) and value > schema.get("maximum", value):
        yield f"{path}: should be less than or equal to {schema['maximum']}"
    if isinstance(value, list):
        yield from _list_shape(schema, value, path)
    if isinstance(value, dict) and "properties" in schema:
        yield from (f"{path}.{name}: Required value" for name in schema.get("required", ()) if name not in value)
        yield from (f'unknown field "{path}.{name}"' for name in value if name not in schema["properties"])
    for inner, one, where in _below(schema, value, path):
        yield from _shape(inner, one, where)


def _list_shape(schema: dict[str, Any], value: list[Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: Too many: {len(value)}: must have at most {schema['maxItems']} items"
    keys = [[one.get(key) for key in schema.get("x-kubernetes-list-map-keys", ())] for one in value if _is_map(schema)]
    yield from (f"{path}[{n}]: Duplicate value: {key}" for n, key in enumerate(keys) if key in keys[:n])


def _is_map(schema: dict[str, Any]) -> bool:
    return schema.get("x-kubernetes-list-type") == "map"


def _below(schema: dict[str, Any], value: Any, path: str) -> Iterator[tuple[dict[str, Any], Any, str]]:
    if isinstance(value, list):
        yield from ((schema["items"], one, f"{path}[{n}]") for n, one in enumerate(value))
    elif isinstance(value, dict):
        inner = schema.get("properties", {})
        yield from ((inner[name], one, f"{path}.{name}".lstrip(".")) for name, one in value.items() if name in inner)


def _rules(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if not _program(rule["rule"]).evaluate({"self": celpy.json_to_cel(value)}):
            yield f"{path}: Invalid value: {rule['message']}"
    for inner, one, where in _below(schema, value, path):
        yield from _rules(inner, one, where)


@cache
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression), functions=_FUNCTIONS)


def _passes(check: Any, text: str) -> celtypes.BoolType:
    try:
        return celtypes.BoolType(check(text))
    except ValueError:
        return celtypes.BoolType(False)


def _plain(text: str) -> bool:
    """Say whether Kubernetes takes it for an address: no zone, no IPv4 wrapped in IPv6."""
    found = ip_address(text)
    return not (getattr(found, "scope_id", None) or getattr(found, "ipv4_mapped", None))


def _cidr(text: str) -> bool:
    address, _, length = text.partition("/")
    return _plain(address) and length == str(int(length)) and bool(ip_interface(text))


def _amount(text: str) -> celtypes.IntType:
    number = re2.match(r"[0-9.]+", text)[0]
    suffix = text[len(number) :]
    whole = 10 ** int(suffix[1:]) if suffix[:1] in "eE" and suffix[1:].isdigit() else Size.of("1" + suffix).bytes
    # Kubernetes, too, caps what does not fit.
    return celtypes.IntType(min(math.ceil(Fraction(number) * whole), 2**63 - 1))


def _find(text: str, pattern: str) -> celtypes.StringType:
    found = re2.search(pattern, text)
    return celtypes.StringType(found[0] if found else "")


_FUNCTIONS: dict[str, Any] = {
    "isIP": lambda text: _passes(_plain, text),
    "isCIDR": lambda text: _passes(_cidr, text),
    "cidr": lambda text: celtypes.StringType(ip_interface(text).with_prefixlen),
    "masked": lambda text: celtypes.StringType(ip_network(text, strict=False)),
    "isQuantity": lambda text: celtypes.BoolType(bool(_QUANTITY.fullmatch(text))),
    "quantity": _amount,
    "compareTo": lambda one, other: celtypes.IntType((one > other) - (one < other)),
    "isLessThan": lambda one, other: celtypes.BoolType(one < other),
    "find": _find,
    "replace": lambda text, old, new: celtypes.StringType(text.replace(old, new)),
    "split": lambda text, at: celtypes.ListType([celtypes.StringType(part) for part in text.split(at)]),
    "trim": lambda text: celtypes.StringType(text.strip()),
}
