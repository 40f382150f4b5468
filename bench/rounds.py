"""Paired rounds: every candidate once a round, in turn; ratios are taken within a round."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """Who is measured. measure() -> seconds; pdu: the largest PDU that it takes; durable: whether it calls fsync."""

    name: str
    measure: Callable[[], float]
    pdu: str
    durable: bool


@dataclass(frozen=True)
class Row:
    """One piece of work, its candidates, ours first, and the ratio to each other one that is to be reached, if any."""

    title: str
    objects: int
    megabytes: float
    candidates: tuple[Candidate, ...]
    to_reach: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ratio:
    """Of paired rounds: how many times as fast as the base; median, least, most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.least:.2f}..{self.most:.2f}]"


def measure(row: Row, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All rounds of a row, as it goes into the results. The order of the candidates turns from round to round."""
    seconds: dict[str, list[float]] = {one.name: [] for one in row.candidates}
    for number in range(rounds):
        for one in row.candidates if number % 2 == 0 else reversed(row.candidates):
            seconds[one.name].append(one.measure())
        tell(f"round {number + 1} of {rounds}: " + ", ".join(f"{name} {s[-1]:.3f} s" for name, s in seconds.items()))
    return {
        "title": row.title,
        "objects": row.objects,
        "megabytes": round(row.megabytes, 1),
        "seconds": {name: [round(each, 4) for each in found] for name, found in seconds.items()},
        "pdu": {one.name: one.pdu for one in row.candidates},
        "durable": {one.name: one.durable for one in row.candidates},
        "to_reach": dict(row.to_reach),
    }


def ratios(result: Mapping[str, Any]) -> dict[str, Ratio]:
    """Of a measured row: how many times as fast as each other candidate ours is."""
    (_, ours), *others = result["seconds"].items()
    return {name: _ratio(ours, base) for name, base in others}


def _ratio(ours: list[float], base: list[float]) -> Ratio:
    each = [b / a for a, b in zip(ours, base, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))
