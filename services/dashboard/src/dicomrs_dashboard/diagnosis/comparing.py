"""Two diagnoses of one release -> what is different. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from pydantic import JsonValue

from dicomrs_dashboard.diagnosis.model import Diagnosis, RouteReport

MOST: Final = 500
"""Differences that are told."""
_FLEETING: Final = frozenset({"at", "lookedAt", "retryIn", "load", "available", "bootedAt"})
"""What is different every time."""


class Area(StrEnum):
    """What a difference is about."""

    VERSION = "version"
    MACHINE = "machine"
    MANIFEST = "manifest"
    STATUS = "status"
    SERVICE = "service"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Difference:
    """before, after: what stood there, None where nothing did; route: "" if it concerns all of them."""

    area: Area
    route: str
    where: str
    before: str | None
    after: str | None


_Place = tuple[Area, str, str]


def differences(before: Diagnosis, after: Diagnosis) -> list[Difference]:
    """At most so many as anybody reads, in the order of the areas."""
    old, new = dict(_facts(before)), dict(_facts(after))
    places = [place for place in {**old, **new} if old.get(place) != new.get(place)]
    order = list(Area)
    places.sort(key=lambda place: (order.index(place[0]), place[1], place[2]))
    return [Difference(*place, old.get(place), new.get(place)) for place in places[:MOST]]


def _facts(one: Diagnosis) -> Iterator[tuple[_Place, str]]:
    """All that is worth comparing."""
    yield (Area.VERSION, "", "dicomrs"), one.version
    for name, value in one.packages.items():
        yield (Area.VERSION, "", name), value
    for name, value in one.machine.items():
        if name not in _FLEETING:
            yield (Area.MACHINE, "", name), value
    yield (Area.MANIFEST, "", "refused"), one.refused
    for route in one.routes:
        yield from _route_facts(route)


def _route_facts(route: RouteReport) -> Iterator[tuple[_Place, str]]:
    name = route.name
    for where, value in _leaves(route.manifest):
        yield (Area.MANIFEST, name, where), value
    yield (Area.STATUS, name, "light"), route.light
    for where, value in _leaves(route.status):
        yield (Area.STATUS, name, where), value
    for service, beat in route.heartbeats.items():
        for field in ("version", "startedAt", "restarts"):
            if field in beat:
                yield (Area.SERVICE, name, f"{service}.{field}"), str(beat[field])[:200]
    seen = set()
    for run in route.checks:  # the newest first
        if (key := (run.service, run.destination)) in seen:
            continue
        seen.add(key)
        for step in run.steps:
            where = ".".join(filter(None, (*key, step.check.value)))
            cause = f" ({step.cause.value})" if step.cause else ""
            yield (Area.CHECK, name, where), f"{step.state.value}{cause}"


def _leaves(value: JsonValue, where: str = "") -> Iterator[tuple[str, str]]:
    """The single values, each with its place; parts of a list go by their names."""
    where = where[:300]  # here, not at the end: a long name would be copied for each of the values below it
    if isinstance(value, dict):
        for name, one in islice(value.items(), MOST):
            if name not in _FLEETING:
                yield from _leaves(one, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for number, one in enumerate(islice(value, MOST)):
            own = one.get("name", number) if isinstance(one, dict) else number
            yield from _leaves(one, f"{where}[{str(own)[:100]}]")
    else:
        yield where, "" if value is None else str(value)[:300]
