"""docs/clinicroute.md is the field reference: equal to the model, and its example works."""

import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dicomrs.route import ClinicRoute, load_manifests

PAGE = Path(__file__).parents[3] / "docs" / "clinicroute.md"


def rows_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the rows of the reference table that the model gives, sections before their fields."""
    rows = []
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner: Any = field.annotation
        if items := [kind for kind in get_args(inner) if isinstance(kind, type) and issubclass(kind, BaseModel)]:
            path, inner = f"{path}[]", items[0]
        rows.append(f"| `{path}` | {default_of(field)} | {field.description} |")
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += rows_of(inner, f"{path}.")
    return rows


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel) or value in (None, "", (), {}):
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return ", ".join(f"`{one}`" for one in (value if isinstance(value, tuple) else (value,)))


def test_the_table_has_every_field_of_the_model_and_no_other() -> None:
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert table == rows_of(ClinicRoute)


def test_the_example_loads_and_shows_every_section(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "clinic.yaml").write_text(example, encoding="utf-8")
    (route,) = load_manifests([tmp_path / "clinic.yaml"])
    for section in (route.spec, route.spec.receiver, route.spec.storage, *route.spec.destinations):
        # "interface" stands in for "bindAddress" and cannot be there as well.
        assert type(section).model_fields.keys() - section.model_fields_set <= {"interface", "match"}
    rules = [rule for destination in route.spec.destinations for rule in destination.match]
    assert {name for rule in rules for name in rule.model_fields_set} == set(type(rules[0]).model_fields)
