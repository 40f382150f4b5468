"""docs/speed.md from the newest results: python -m bench.report."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench.rounds import ratios

_HOME = Path(__file__).parents[1]
PAGE = _HOME / "docs" / "speed.md"
_RESULTS = _HOME / "bench" / "results"
_INTRODUCTION = """\
# Speed

Made by `make bench` from [{file}](../{path}); do not edit.

Each ratio says how many times as fast dicomrs was: the median of {rounds} paired rounds [least..most], every candidate
once a round, in turn. What arrived was compared with what was sent in every round. Why some goals are missed:
[decision 0009](decisions/0009-speed.md).

The machine's limit is a bare loop that takes the same bytes from a plain TCP socket, makes them as durable (write,
fsync, link, fsync of the folder) and answers one byte per object: what no receiver of this kind can pass. `ct`: 200 CT
slices of 0.5 MB; `small`: 2,000 slices of 36 KB; `577 MB`, `1 GB`: one multi-frame object. dicomrs computes each
object's digest when it receives it, and checks it when it sends it. DCMTK's programs and Orthanc run with TCP_NODELAY
where nothing else is said; without it they lose 40 ms an object.
"""


def newest_results() -> Path:
    """The file that the page is made from.

    Raises:
        FileNotFoundError: nothing has been measured.
    """
    found = sorted(_RESULTS.glob("*.json"))
    if not found:
        raise FileNotFoundError(f"no results in {_RESULTS}: make bench")
    return found[-1]


def page(path: Path) -> str:
    """The whole page."""
    results = json.loads(path.read_text(encoding="utf-8"))
    parts = [
        _INTRODUCTION.format(file=path.name, path=path.relative_to(_HOME).as_posix(), rounds=results["rounds"]),
        _table(("measured on", ""), results["machine"].items()),
        "## Beside others\n",
        *(_row(row) for row in results["rows"]),
        "## By itself\n",
        *(_figures(group, figures) for group, figures in groupby(results["figures"], key=itemgetter("group"))),
    ]
    return "\n".join(parts)


def _row(row: Mapping[str, Any]) -> str:
    found = ratios(row)
    lines = []
    for name, seconds in row["seconds"].items():
        middle = statistics.median(seconds)
        goal = row["to_reach"].get(name)
        lines.append(
            (
                name,
                row["pdu"][name],
                "yes" if row["durable"][name] else "no",
                f"{row['objects'] / middle:,.0f}" if row["objects"] > 1 else "-",
                f"{row['megabytes'] / middle:,.0f}",
                f"{found[name]}" if name in found else "",
                _verdict(f">= {goal:g}", reached=found[name].median >= goal) if goal else "",
            )
        )
    header = ("", "largest PDU", "durable", "objects/s", "MB/s", "dicomrs is faster by", "to reach")
    return f"### {row['title'][0].upper()}{row['title'][1:]}\n\n{_table(header, lines)}"


def _figures(group: str, figures: Iterable[Mapping[str, Any]]) -> str:
    return f"### {group[0].upper()}{group[1:]}\n\n{_table(('', 'measured', 'to reach'), _figure_lines(figures))}"


def _figure_lines(figures: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for one in figures:
        goal = ""
        if one["at_most"] is not None:
            goal = _verdict(f"< {one['at_most']:g}", reached=one["value"] < one["at_most"])
        elif one["at_least"] is not None:
            goal = _verdict(f">= {one['at_least']:g}", reached=one["value"] >= one["at_least"])
        value = f"{one['value']:,.0f}" if one["value"] >= 100 else f"{one['value']:.3g}"
        yield one["title"], f"{value} {one['unit']}".strip(), goal


def _verdict(goal: str, *, reached: bool) -> str:
    return goal if reached else f"{goal}, **missed**"


def _table(header: tuple[str, ...], lines: Iterable[Iterable[str]]) -> str:
    cells = [header, ("---",) * len(header), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def write_report() -> Path:
    """Make the page anew; where it is."""
    PAGE.write_text(page(newest_results()), encoding="utf-8")
    return PAGE.relative_to(_HOME)


if __name__ == "__main__":
    print(f"written: {write_report()}")
