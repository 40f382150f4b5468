"""docs/status-api.md is equal to the code: every field of the answer, and every metric."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from dicomrs.status_api import StatusReport
from dicomrs_dashboard.metrics import BUILD, METRICS, READABLE, REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "status-api.md"


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The rows of the table, parts before their fields."""
    for field in model.model_fields.values():
        inner: Any = field.annotation
        parts = [kind for kind in get_args(inner) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        path = f"{prefix}{field.alias}{'[]' if parts else ''}"
        yield f"| `{path}` | {field.description} |"
        inner = parts[0] if parts else inner
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields_of(inner, f"{path}.")


def metrics() -> Iterator[str]:
    """The rows of the other table."""
    for (name, text), labels in ((BUILD, ("version",)), (REFUSED, ()), (READABLE, ("route",))):
        yield row(name, "gauge", labels, text)
    for metric in METRICS:
        yield row(metric.name, metric.kind, ("route", *metric.labels), metric.help)


def row(name: str, kind: str, labels: tuple[str, ...], text: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or '-'} | {text} |"


def test_the_tables_have_every_field_and_every_metric_and_no_other():
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert table == [*fields_of(StatusReport), *metrics()]
