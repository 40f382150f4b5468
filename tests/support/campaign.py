"""The campaign in full: its tests in groups side by side, their rows into docs/proof/ and docs/proof.md.

Side by side because most of them wait: for processes to start, disks to sync, peers to time out.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import proof

FAULTS = "tests/faults"
GROUPS = (
    ("test_kill", "test_broken_disk", "test_full_disk"),
    ("test_every_step", "test_persons"),
    ("test_power_cut", "test_others"),
    ("test_bad_targets", "test_bad_scanners", "test_fuzz"),
)
LONGEST = 4 * 3600  # seconds for one test


def tests() -> list[list[str]]:
    """The files of each group; those that no group names are the last."""
    named = [[f"{FAULTS}/{name}.py" for name in group] for group in GROUPS]
    taken = {file for files in named for file in files}
    rest = sorted(f"{FAULTS}/{path.name}" for path in (proof.HOME / FAULTS).glob("test_*.py"))
    return [*named, [*(file for file in rest if file not in taken), "tests/protocol/test_sick_targets.py"]]


def run() -> int:
    """Run it; 0 if all passed. What every group says goes to a file that is named."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="dicomrs-campaign-"))
    print(f"the logs are in {folder}; this takes more than an hour", flush=True)
    running: dict[Path, subprocess.Popen[bytes]] = {}
    for number, files in enumerate(tests()):
        part = folder / f"{number}.json"
        options = ["--require-peers", "--timeout", str(LONGEST), "--proof", str(part)]
        with part.with_suffix(".log").open("wb") as log:
            running[part] = subprocess.Popen(
                [sys.executable, "-m", "pytest", *files, *options, f"--basetemp={folder / str(number)}"],
                cwd=proof.HOME,
                env={**os.environ, "DICOMRS_LONG": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
    for part, process in running.items():
        code = process.wait()
        minutes = (time.monotonic() - began) / 60
        print(f"{minutes:.0f} min: {part.with_suffix('.log')} has ended with {code}", flush=True)
    ended = proof.merge([part for part in running if part.exists()], proof.RESULTS / f"{time.strftime('%F')}.json")
    proof.write_page()
    print({name: len(found) for name, found in ended.items()}, *ended["failed"], sep="\n")
    return max(process.returncode for process in running.values())


if __name__ == "__main__":
    sys.exit(run())
