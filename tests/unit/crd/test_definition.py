"""The definition: equal to the committed file, of the model's fields and frozen defaults, and known by its digest."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import AfterValidator, BaseModel, model_validator

from dicomrs.route.model import Spec
from dicomrs.route.problems import section_of
from dicomrs_operator.crd import Condition, Status, definition, digest, render, served_digest
from dicomrs_operator.crd.defaults import DOOR, SHOWN
from dicomrs_operator.crd.definition import KIND
from dicomrs_operator.crd.schema import default_of, section

CHART = Path(__file__).parents[3] / "charts" / "dicomrs-crds"
VERSION = definition()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
OF_THE_DOOR = tuple(f"spec.receiver.{name}" for name in ("allow", "checkCalledAeTitle", "limits", "tls"))


def test_the_chart_has_what_the_model_gives() -> None:
    committed = (CHART / "templates" / "clinicroutes.yaml").read_text(encoding="utf-8")
    assert committed == render(), "run `make generate`"
    assert yaml.safe_load(committed) == definition()


def fields_of(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema by path."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}", inner
        deeper = inner.get("items")
        yield from fields_of(deeper or inner, f"{path}.{name}" + ("[]" if deeper else ""))


def test_only_the_defaults_on_record_are_in_the_definition() -> None:
    found = {
        path: field["default"] for path, field in fields_of(SCHEMA["properties"]["spec"], "spec") if "default" in field
    }
    assert found == dict(SHOWN)


def test_nothing_of_the_door_has_a_default_there() -> None:
    assert [path for path in SHOWN if path.startswith(OF_THE_DOOR)] == []


def model_defaults(model: type[BaseModel], path: str) -> Iterator[tuple[str, Any]]:
    """Every default of a model by path, as a manifest spells it."""
    for name, field in model.model_fields.items():
        where, kind = f"{path}.{field.alias or name}", section_of(field.annotation)
        items = [one for one in getattr(kind, "__args__", ()) if isinstance(one, type) and issubclass(one, BaseModel)]
        if items:
            yield from model_defaults(items[0], f"{where}[]")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from model_defaults(kind, where)
        yield where, default_of(field)


def test_the_model_keeps_the_defaults_on_record() -> None:
    now = dict(model_defaults(Spec, "spec"))
    assert {path: now[path] for path in (*SHOWN, *DOOR)} == {**SHOWN, **DOOR}


def test_every_default_of_the_door_is_on_record() -> None:
    now = {path: value for path, value in model_defaults(Spec, "spec") if value is not None}
    assert {path: value for path, value in now.items() if path.startswith(OF_THE_DOOR)} == dict(DOOR)


def openapi(schema: dict[str, Any]) -> dict[str, Any]:
    """A document as an API server gives it."""
    named = {"x-kubernetes-group-version-kind": [{"group": "dicomrs.io", "kind": KIND, "version": "v1alpha1"}]}
    other = {"x-kubernetes-group-version-kind": [{"group": "dicomrs.io", "kind": f"{KIND}List", "version": "v1alpha1"}]}
    return {"components": {"schemas": {"a": other, "b": {**schema, **named}, "c": {}}}}


def test_a_schema_that_is_served_is_known_by_its_digest() -> None:
    assert served_digest(openapi(SCHEMA)) == digest()
    assert served_digest({}) is None
    assert served_digest(openapi({"properties": {"spec": {"description": "What the route does."}}})) is None


def test_the_digest_is_of_what_the_schema_lets_pass_and_not_of_its_prose(monkeypatch) -> None:
    before = digest()
    described = copy.deepcopy(dict(Spec.model_fields))
    described["suspend"].description = "Other words."
    monkeypatch.setattr(Spec, "__pydantic_fields__", described)
    assert digest() == before
    described["suspend"] = copy.deepcopy(Condition.model_fields["reason"])
    assert digest() != before


def test_columns_show_fields_that_exist() -> None:
    fields = {path for path, _ in fields_of(SCHEMA, "")} | {".metadata.creationTimestamp"}
    for column in VERSION["additionalPrinterColumns"]:
        assert (
            column["jsonPath"].replace('[?(@.type=="Ready")]', "[]").replace('[?(@.type=="Forwarding")]', "[]")
            in fields
        )


def test_a_status_is_stored_without_what_is_not_known() -> None:
    assert Status(observed_generation=3).to_object() == {"observedGeneration": 3, "conditions": []}


def test_a_check_that_nobody_translated_stops_the_generator() -> None:
    class Unknown(BaseModel):
        name: Annotated[str, AfterValidator(str.upper)]

    class Between(BaseModel):
        name: str

        @model_validator(mode="after")
        def _check(self):
            return self

    class Foreign(BaseModel):
        name: bytes

    for model in (Unknown, Between, Foreign):
        with pytest.raises(TypeError):
            section(model, {}, "spec")
