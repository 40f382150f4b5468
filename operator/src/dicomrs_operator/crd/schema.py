"""pydantic models -> structural OpenAPI v3 schemas, as a custom resource definition wants them.

Pure, and strict: a type or a check of the model that nobody has said the meaning of on a cluster is a TypeError.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator, AwareDatetime, BaseModel, PlainSerializer, PlainValidator, Strict
from pydantic.fields import FieldInfo

from dicomrs.route import types
from dicomrs_operator.crd import rules
from dicomrs_operator.crd.rules import Fragment, Rule

_RULES: Final = "x-kubernetes-validations"
_PLAIN: Final[Mapping[Any, Fragment]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    str: {"type": "string"},
    AwareDatetime: {"type": "string", "format": "date-time"},
    types.Duration: {"type": "string", "maxLength": rules.DURATION.longest},
    types.Size: {"x-kubernetes-int-or-string": True},
    types.Reserve: {"x-kubernetes-int-or-string": True},
}
_OWN_RULES: Final[Mapping[Any, tuple[Rule, ...]]] = {
    types.Duration: (rules.DURATION,),
    types.Size: (rules.SIZE,),
    types.Reserve: rules.RESERVE,
}


def section(model: type[BaseModel], defaults: Mapping[str, Any], path: str) -> Fragment:
    """Return the schema of a section of a model.

    Args:
        model: its fields are known by their alias and described by their docstring.
        defaults: by path, those that the schema is to have; the others are told in the description.
        path: where the section stands, such as "spec.destinations[]".

    Raises:
        TypeError: the model has a type or a check that is not in `dicomrs_operator.crd.rules`.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    schema: Fragment = {
        "type": "object",
        "properties": {name: _field(field, defaults, f"{path}.{name}") for name, field in fields.items()},
    }
    if required := [name for name, field in fields.items() if field.is_required()]:
        schema["required"] = required
    if model in rules.SECTIONS:
        schema[_RULES] = [rule.fragment() for rule in rules.SECTIONS[model]]
    elif any(check.info.mode == "after" for check in model.__pydantic_decorators__.model_validators.values()):
        raise TypeError(f"{model.__name__} has a check between its fields that rules.SECTIONS does not know")
    return schema


def default_of(field: FieldInfo) -> Any:
    """Return the default of a field as a manifest spells it; None where there is nothing to spell."""
    value = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, types.Duration | types.Size | types.Reserve):
        return str(value)
    return None if value == "" or isinstance(value, BaseModel) else list(value) if isinstance(value, tuple) else value


def _field(field: FieldInfo, defaults: Mapping[str, Any], path: str) -> Fragment:
    schema = _value(field, defaults, path)
    description, default = field.description or "", default_of(field)
    if path in defaults:
        schema["default"] = defaults[path]
    elif default not in (None, []):
        description += f" Default: {_spelt(default)}."
    return {"description": description, **schema}


def _value(field: FieldInfo, defaults: Mapping[str, Any], path: str) -> Fragment:
    """Return the schema of a type with what is annotated to it: `field` is a field, or an item of a list."""
    kind, origin = field.annotation, get_origin(field.annotation)
    if origin in (Union, UnionType):
        (inner,) = (one for one in get_args(kind) if one is not NoneType)
        return _value(FieldInfo.from_annotation(inner), defaults, path)
    found: Fragment
    told: list[Rule] = list(_OWN_RULES.get(kind, ()))
    if origin is Literal:
        found = {"type": "string", "enum": list(get_args(kind))}
    elif origin is tuple:
        item = FieldInfo.from_annotation(get_args(kind)[0])
        found = {"type": "array", "items": _value(item, defaults, f"{path}[]"), **_keyed(item.annotation)}
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        found = section(kind, defaults, path)
    elif kind in _PLAIN:
        found = dict(_PLAIN[kind])
    else:
        raise TypeError(f"{path}: nobody has said what {kind} is in a schema")
    limits: Fragment = {}
    for mark in field.metadata:
        _note(mark, path, "maxItems" if origin is tuple else "maxLength", limits, told)
    if kind is types.Duration and not any(isinstance(_check(mark), types.Between) for mark in field.metadata):
        told.append(rules.between(rules.LONGEST))
    return found | limits | ({_RULES: [rule.fragment() for rule in told]} if told else {})


def _note(mark: Any, path: str, longest: str, limits: Fragment, told: list[Rule]) -> None:
    """Put into `limits` and `told` what one annotation of the model means."""
    check = _check(mark)
    match mark:
        case Ge(ge=least):
            limits["minimum"] = least
        case Le(le=most):
            limits["maximum"] = most
        case MaxLen(max_length=most):
            limits[longest] = most
        case AfterValidator() if isinstance(check, types.Between):
            told.append(rules.between(check))
        case AfterValidator() if check in rules.TEXTS:
            text = rules.TEXTS[check]
            limits.setdefault("maxLength", text.longest)
            told.append(text)
        case Strict() | PlainValidator() | PlainSerializer():  # the type says it all
            pass
        case _:
            raise TypeError(f"{path}: nobody has said in rules.TEXTS what {mark} is on a cluster")


def _check(mark: Any) -> Any:
    return mark.func if isinstance(mark, AfterValidator) else None


def _keyed(item: Any) -> Fragment:
    key = rules.KEYS.get(item)
    return {} if key is None else {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _spelt(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return ", ".join(f"`{one}`" for one in (value if isinstance(value, list) else [value]))
