"""Single numbers, and what of them is to be reached."""

import statistics
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured number; at_most, at_least: what is to be reached, if anything is."""

    group: str
    title: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        return f"{self.title}: {self.value:.4g} {self.unit}"


def percentile(values: list[float], percent: int) -> float:
    """Of at least two values; with fewer than 100 the 99th is the greatest of them, or close to it."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def peak_megabytes(pid: int) -> float:
    """The most memory that a running process has had resident (VmHWM), in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000
