"""What the campaign has shown: one row for each kind of fault and each program it was done to; and docs/proof.md.

`make campaign` (support/campaign.py) collects them in a file of docs/proof/, from which `python -m support.proof` makes
the page.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

HOME = Path(__file__).parents[2]
PAGE = HOME / "docs" / "proof.md"
RESULTS = HOME / "docs" / "proof"
LONG = bool(os.environ.get("DICOMRS_LONG"))
"""Whether this is the campaign: as many trials as it takes, and waits of minutes."""

OUTCOMES = ("passed", "failed", "skipped")
_PARTS = {
    "steps": "Every step killed",
    "kills": "Killed at random, under load",
    "power": "Power cuts",
    "disk": "A disk that is full, broken or slow",
    "statuses": "Every status that a target may answer",
    "targets": "Bad targets",
    "scanners": "Bad scanners",
    "fuzz": "Hostile bytes",
    "rot": "Bytes that change on the disk",
}
_INTRODUCTION = """\
# Proof

Made by `make campaign` from [{file}](proof/{file}); do not edit. Run on {date}, its groups of tests at {at}, on Linux
{kernel}, Python {python}, in {minutes:.0f} minutes.

The promise is: nothing acknowledged is ever lost, altered, sent to the wrong place, or silently stuck. Here it is put
to the test: every fault below was really caused (processes killed, power cut, disks filled, packets dropped), and what
scanners had been told was compared, byte for byte, with what targets got and the disk still held. A *loss* is an object
that a scanner was told is safe, and that is then in neither place, or not as it was sent, or stuck without a word.

`make faults` runs the same with fewer trials, in some minutes; anybody can. Where another program's name stands, the
same fault was done to it by the same means, with its own defaults unless the row says otherwise. Where dicomrs stands
*without* something, a fault was planted in it on purpose: a test that cannot fail proves nothing.

{tests}
"""


def trials(short: int, long: int) -> int:
    """How many: few in the short run, many in the campaign."""
    return long if LONG else short


@dataclass(slots=True)
class Row:
    """One line of the table.

    part: a key of the parts above; fault: what was done, in words; subject: whom to; trials: how often;
    acknowledged: objects that the subject had said are safe; losses: of these; seconds: that it took.
    """

    part: str
    fault: str
    subject: str = "dicomrs"
    trials: int = 0
    acknowledged: int = 0
    losses: int = 0
    note: str = ""
    seconds: float = 0.0


class Proof:
    """Collects rows, for the page and for whoever watches the run."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._began = time.monotonic()

    @contextmanager
    def row(self, part: str, fault: str, subject: str = "dicomrs") -> Iterator[Row]:
        """The row of a fault, to be filled in while it is done; it stands even if the test then fails."""
        assert part in _PARTS, part
        made = Row(part, fault, subject)
        self.rows.append(made)
        began = time.monotonic()
        try:
            yield made
        finally:
            made.seconds = round(time.monotonic() - began, 1)

    def save(self, path: Path, outcomes: Mapping[str, Iterable[str]]) -> None:
        """Write what was collected; outcomes: the tests by how they ended."""
        results = {
            "commit": _git("rev-parse", "--short", "HEAD"),
            "seconds": round(time.monotonic() - self._began),
            "tests": {name: sorted(tests) for name, tests in outcomes.items()},
            "rows": [asdict(row) for row in self.rows],
        }
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def merge(parts: Iterable[Path], to: Path) -> dict[str, list[str]]:
    """One file of results from those of several processes that ran side by side; the tests by how they ended."""
    found = [json.loads(part.read_text(encoding="utf-8")) for part in parts]
    tests = {name: sorted(test for one in found for test in one["tests"][name]) for name in OUTCOMES}
    results = {
        "date": time.strftime("%Y-%m-%d"),
        "commits": list(dict.fromkeys(one["commit"] for one in found)),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "seconds": max(one["seconds"] for one in found),
        "tests": tests,
        "rows": [row for one in found for row in one["rows"]],
    }
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return tests


def newest_results() -> Path:
    """The file that the page is made from."""
    return max(RESULTS.glob("*.json"))


def rows_of(path: Path) -> list[Row]:
    """The rows of a file of results."""
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def page(path: Path) -> str:
    """The whole page."""
    results = json.loads(path.read_text(encoding="utf-8"))
    rows = rows_of(path)
    rows.sort(key=lambda row: list(_PARTS).index(row.part))
    tests = results.pop("tests")
    ours = [row for row in rows if row.subject == "dicomrs"]
    trials, acknowledged, losses = (
        sum(getattr(row, name) for row in ours) for name in ("trials", "acknowledged", "losses")
    )
    sums = f"dicomrs: {trials:,} faults, {acknowledged:,} objects acknowledged, {losses:,} lost or altered."
    said = "\n".join(
        (f"**{sums}** {len(tests['passed'])} tests passed.", *_told(tests, "failed"), *_told(tests, "skipped"))
    )
    commits, minutes = results["commits"], results["seconds"] / 60
    at = f"commit {commits[0]}" if len(commits) == 1 else f"commits {', '.join(commits)}"
    head = _INTRODUCTION.format(file=path.name, at=at, minutes=minutes, tests=said, **results)
    return "\n".join([head, *(_section(_PARTS[part], group) for part, group in groupby(rows, attrgetter("part")))])


def _told(tests: Mapping[str, list[str]], outcome: str) -> Iterator[str]:
    """By name what did not pass; nothing is left out in silence."""
    if tests[outcome]:
        yield f"\n{len(tests[outcome])} {outcome}:\n"
        yield from (f"- {test}" for test in tests[outcome])


def lines(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """The rows as texts, under a header."""
    yield ("what was done", "to", "times", "acknowledged", "lost or altered", "")
    for row in rows:
        yield (row.fault, row.subject, f"{row.trials:,}", f"{row.acknowledged:,}", f"{row.losses:,}", row.note)


def _section(title: str, rows: Iterable[Row]) -> str:
    header, *body = (f"| {' | '.join(cells)} |" for cells in lines(rows))
    return "\n".join((f"## {title}\n", header, "|---|---|---:|---:|---:|---|", *body, ""))


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HOME, capture_output=True, text=True, check=True).stdout.strip()


def write_page() -> None:
    """Make the page anew."""
    PAGE.write_text(page(newest_results()), encoding="utf-8")
    print(f"written: {PAGE.relative_to(HOME)}")


if __name__ == "__main__":
    write_page()
