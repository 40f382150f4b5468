"""docs/clinicroute.md is the field reference: equal to the model, and its example works."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dicomrs.route import ClinicRoute, Receiver, load_manifests
from dicomrs.route.problems import section_of

PAGE = Path(__file__).parents[3] / "docs" / "clinicroute.md"


def rows_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the rows of the reference table that the model gives, sections before their fields."""
    rows = []
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner: Any = field.annotation
        if NoneType in get_args(inner):
            inner = section_of(inner)
        elif items := [kind for kind in get_args(inner) if isinstance(kind, type) and issubclass(kind, BaseModel)]:
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
    shown: dict[type[BaseModel], set[str]] = {}
    for section in sections(route):
        shown.setdefault(type(section), set()).update(section.model_fields_set)
    for kind, names in shown.items():
        # "interface" stands in for "bindAddress" and cannot be there as well; the rest is for Kubernetes.
        hidden = {"interface"} if kind is Receiver else {"namespace", "labels", "annotations"} & set(kind.model_fields)
        assert names == kind.model_fields.keys() - hidden, kind


def sections(of: BaseModel) -> Iterator[BaseModel]:
    """A section and all below it."""
    yield of
    for value in dict(of).values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, BaseModel):
                yield from sections(one)
