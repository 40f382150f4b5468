"""Paired rounds: every candidate once a round, in turn; ratios are taken within a round."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Of paired rounds: how many times as fast as the base; median, least, most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.least:.2f}..{self.most:.2f}]"


def take_turns(
    candidates: Mapping[str, Callable[[], float]], rounds: int, tell: Callable[[str], None]
) -> dict[str, list[float]]:
    """Seconds of every candidate, one figure for each round. The order turns round from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds):
        names = list(candidates) if number % 2 == 0 else list(reversed(candidates))
        for name in names:
            seconds[name].append(candidates[name]())
        tell(
            f"round {number + 1} of {rounds}: " + ", ".join(f"{name} {seconds[name][-1]:.3f} s" for name in candidates)
        )
    return seconds


def ratio(ours: list[float], base: list[float]) -> Ratio:
    """How many times as fast as the base."""
    each = [b / a for a, b in zip(ours, base, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))
