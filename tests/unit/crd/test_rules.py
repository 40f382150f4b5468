"""Each rule of the definition has a manifest that passes and one that is refused; the route model says the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dicomrs.route import ClinicRoute
from dicomrs.route.check import check_routes
from dicomrs_operator.crd import definition
from support.crd_cases import CASES, D, R, S
from support.crd_offline import refusals
from support.manifests import manifest

SCHEMA = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
METADATA = {"type": "object", "properties": {"name": {"type": "string"}}}
SERVED = {**SCHEMA, "properties": {**SCHEMA["properties"], "metadata": METADATA}}


def served(changes):
    """What the definition has against a manifest."""
    return list(refusals(SERVED, manifest(changes)))


def modelled(changes):
    """What the route model has against it."""
    try:
        route = ClinicRoute.model_validate(manifest(changes), by_alias=True, by_name=False)
    except ValidationError as error:
        return [str(one) for one in error.errors()]
    return [conflict.message for conflict in check_routes([route])]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_passes_and_one_is_refused(case) -> None:
    assert (served(case.good), modelled(case.good)) == ([], [])
    assert any(case.message in one for one in served(case.bad)), served(case.bad)
    assert modelled(case.bad)


def rules_of(schema):
    """Every rule of a schema, with all of its items and fields."""
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    for inner in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from rules_of(inner)


def test_every_rule_has_a_case() -> None:
    tried = {message for case in CASES for message in served(case.bad)}
    assert {rule for rule in rules_of(SCHEMA) if not any(rule in one for one in tried)} == set()


NEAR = {
    "aeTitle": (R + "aeTitle", st.text(" ![]\\~aZ9\x7fé", max_size=18)),
    "uid": (R + "transferSyntaxes", st.text("0123.", max_size=66).map(lambda text: [text])),
    "address": (R + "bindAddress", st.one_of(st.ip_addresses().map(str), st.text("0129af:./%", max_size=12))),
    "network": (R + "allow.networks", st.text("012.:/f", max_size=14).map(lambda text: [text])),
    "host": (D + "host", st.one_of(st.from_regex(r"[a-zA-Z_0-9.-]{1,70}", fullmatch=True), st.ip_addresses().map(str))),
    "root": (S + "root", st.text("/. a\u00a0\x01\u200bü", max_size=12)),
    "duration": (R + "limits.idle", st.from_regex(r"([0-9]{1,3}[dhms]){0,4}", fullmatch=True)),
    "longDuration": (S + "retention", st.text("0123456789dhms", max_size=14)),
    "size": (R + "limits.pdu", st.from_regex(r"[0-9]{1,8}([KMkE]i?)?", fullmatch=True)),
    "reserve": (S + "reserve", st.from_regex(r"[0-9]{1,7}(\.[0-9]{1,3})?(%|[KMG]i?)?", fullmatch=True)),
    "modality": (D + "match", st.text("AZ09_ a", max_size=18).map(lambda text: [{"modalities": [text]}])),
    "station": (D + "match", st.text("Aé \\\u200b\t", max_size=18).map(lambda text: [{"stations": [text]}])),
    "interface": (R + "interface", st.text("a.:/@ ", max_size=17)),
}


@pytest.mark.parametrize("kind", NEAR)
@given(data=st.data())
def test_the_definition_takes_what_the_model_takes_and_nothing_else(kind, data) -> None:
    path, values = NEAR[kind]
    changes = {path: data.draw(values)}
    if kind == "interface":
        changes[R + "bindAddress"] = ...
    assert bool(served(changes)) == bool(modelled(changes)), (served(changes), modelled(changes))
