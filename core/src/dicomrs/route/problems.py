"""What is wrong with a manifest, in sentences for the person who can put it right."""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dicomrs.route.model import ClinicRoute
from dicomrs.route.types import FieldPath, shown

_SENTENCES: Final = {
    "literal_error": "{found} should be {expected}",
    "greater_than_equal": "{found} is too small; write at least {ge}",
    "less_than_equal": "{found} is too large; write at most {le}",
    "int_type": "{found} should be a whole number, without quotes",
    "bool_type": "{found} should be true or false, without quotes",
    "string_type": '{found} is not text to YAML; put it in quotes: "{found}"',
    "string_too_long": "{found} is too long; write at most {max_length} characters",
    "too_long": "has {actual_length} entries; write at most {max_length}",
    "tuple_type": 'should be a list: lines that begin with "- "',
    "model_type": "should have fields below it",
    "dict_type": "should have fields below it",
}
"""By pydantic's name of the error."""
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})


def is_passing(error: OSError) -> bool:
    """Whether a file could not be read for something that may be over although nobody changes the file."""
    return error.errno in _PASSING


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right; `line` counts from 1 and is None, and `field` is "", where it is the whole file.

    passing: as of is_passing().
    """

    file: str
    line: int | None
    field: str
    message: str
    passing: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class ManifestError(Exception):
    """Manifests that cannot be used; its text has one line for each of `problems`."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def field_text(path: FieldPath) -> str:
    """Return `path` as people write it: "spec.destinations[0].port"."""
    return "".join(f"[{part}]" if isinstance(part, int) else "." + shown(part)[1:-1] for part in path).lstrip(".")


def sentences(error: ValidationError, raw: Mapping[FieldPath, str]) -> Iterator[tuple[FieldPath, str]]:
    """Yield where and why a ClinicRoute was refused.

    Args:
        error: what pydantic said.
        raw: the values as they are spelt in the file; YAML reads some as numbers that were meant as text.
    """
    details = error.errors(include_url=False)
    # Something else than a ClinicRoute has every field wrong: say only that.
    details = [one for one in details if one["loc"] in {("apiVersion",), ("kind",)}] or details
    for one in details:
        yield one["loc"], _sentence(one, raw.get(one["loc"]))


def _sentence(detail: ErrorDetails, raw: str | None) -> str:
    kind, path, value, limits = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    if not path:
        return "should be a ClinicRoute: fields such as apiVersion, kind, metadata and spec"
    if kind in {"missing", "extra_forbidden"}:
        return _missing(path) if kind == "missing" else _unknown(path)
    if kind == "value_error":
        return str(limits["error"])
    if value is None:
        return "is empty; give it a value or remove the line"
    if kind == "string_type" and isinstance(value, list | dict):
        return "should be one value, without parts"
    found = raw if raw is not None and not isinstance(value, str) else shown(value)
    expected = str(limits.get("expected")).replace("'", '"')
    return _SENTENCES.get(kind, "{found} is not possible here").format_map(
        limits | {"found": found, "expected": expected}
    )


def _missing(path: FieldPath) -> str:
    field = _fields(path[:-1])[str(path[-1])]
    return f"is missing: {field.description or 'it has no default'}".rstrip(".")


def _unknown(path: FieldPath) -> str:
    names = list(_fields(path[:-1]))
    word = str(path[-1]).replace("_", "").replace("-", "").lower()
    close = get_close_matches(word, [name.lower() for name in names], n=1)
    guess = next((name for name in names if close and name.lower() == close[0]), None)
    if guess is not None:
        return f'unknown field; did you mean "{guess}"?'
    return f"unknown field; known here: {', '.join(names)}"


def _fields(path: FieldPath) -> dict[str, FieldInfo]:
    """Return the fields, by their name in a manifest, of the section of the model at `path`."""
    model: Any = ClinicRoute
    for part in path:
        # A number is the place in a tuple, whose items are all alike.
        model = get_args(model)[0] if isinstance(part, int) else section_of(_by_alias(model)[part].annotation)
    return _by_alias(model)


def section_of(annotation: Any) -> Any:
    """Return the section that a field which may be left out has; of any other field, its annotation."""
    return next(
        (kind for kind in get_args(annotation) if get_origin(annotation) is UnionType and kind is not NoneType),
        annotation,
    )


def _by_alias(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}
