"""The campaign: its tests in groups side by side, since most of them wait: for processes, disks, time-outs of peers.

python -m support.campaign              in full; its rows go into docs/proof/ and docs/proof.md
python -m support.campaign short [...]  with few trials, in some minutes; further words are options of pytest
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from support import proof

FAULTS = "tests/faults"
GROUPS = (
    ("test_kill", "test_broken_disk", "test_full_disk"),
    ("test_every_step", "test_persons"),
    ("test_power_cut", "test_others"),
    ("test_bad_targets", "test_bad_scanners", "test_fuzz"),
)
WAITING = "tests/protocol/test_sick_targets.py"
"""Part of the campaign in full: it waits for time-outs of minutes."""
LONGEST = 4 * 3600  # seconds for one test


def tests() -> list[list[str]]:
    """The files of each group; those that no group names are the last."""
    named = [[f"{FAULTS}/{name}.py" for name in group] for group in GROUPS]
    taken = {file for files in named for file in files}
    rest = sorted(f"{FAULTS}/{path.name}" for path in (proof.HOME / FAULTS).glob("test_*.py"))
    return [*named, [file for file in rest if file not in taken]]


def side_by_side(folder: Path, groups: Sequence[Sequence[str]], *options: str, **environment: str) -> Iterator[int]:
    """Run groups of tests; the exit code of each, in their order, once it has ended.

    folder: gets NUMBER.log and NUMBER.json, what a group has said and what it has shown.
    """
    running = []
    for number, files in enumerate(groups):
        with (folder / f"{number}.log").open("wb") as log:
            command = [sys.executable, "-m", "pytest", *files, *options]
            where = [f"--proof={folder / f'{number}.json'}", f"--basetemp={folder / str(number)}"]
            running.append(
                subprocess.Popen(
                    [*command, *where],
                    cwd=proof.HOME,
                    env=os.environ | environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    for process in running:
        yield process.wait()


def in_short(folder: Path, *options: str) -> int:
    """Show what every group says; 0 if all passed."""
    began, worst = time.monotonic(), 0
    for number, code in enumerate(side_by_side(folder, tests(), *options)):
        print((folder / f"{number}.log").read_text(encoding="utf-8", errors="replace"), flush=True)
        worst = max(worst, code)
    print(f"{'all groups passed' if worst == 0 else 'NOT ALL PASSED'}, after {time.monotonic() - began:.0f} s")
    return worst


def in_full(folder: Path) -> int:
    """Make the page anew; 0 if all passed. What every group says goes to a file that is named."""
    print(f"the logs are in {folder}; this takes more than an hour", flush=True)
    began, worst = time.monotonic(), 0
    *named, rest = tests()
    options = ("--require-peers", f"--timeout={LONGEST}")
    for number, code in enumerate(side_by_side(folder, [*named, [*rest, WAITING]], *options, DICOMRS_LONG="1")):
        minutes = (time.monotonic() - began) / 60
        print(f"{minutes:.0f} min: {folder / f'{number}.log'} has ended with {code}", flush=True)
        worst = max(worst, code)
    ended = proof.merge(sorted(folder.glob("*.json")), proof.RESULTS / f"{time.strftime('%F')}.json")
    proof.write_page()
    print({name: len(found) for name, found in ended.items()}, *ended["failed"], sep="\n")
    return worst


if __name__ == "__main__":
    logs = Path(tempfile.mkdtemp(prefix="dicomrs-campaign-"))
    sys.exit(in_short(logs, *sys.argv[2:]) if sys.argv[1:2] == ["short"] else in_full(logs))
