"""Measure all rows and figures, print them, and write bench/results/<date>.json and docs/speed.md.

python -m bench [--folder FOLDER] [--rounds N] [--only TEXT]. FOLDER must lie on the kind of disk that is to be
measured, with 40 GB free; what is made there is removed at the end.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bench import delay, idle, memory, waiting
from bench.figures import Figure
from bench.machine import describe
from bench.report import write_report
from bench.rounds import measure, ratios
from bench.rows import all_rows
from bench.work import CT_SLICES, GIGABYTE_FRAMES, SMALL_SLICES, make_huge, make_images

_WAITING = 100_000


def _figures(folder: Path, rounds: int) -> Iterator[Figure]:
    ct = make_images(folder, "CT images", CT_SLICES, 512)
    small = make_images(folder, "small images", SMALL_SLICES, 132)
    yield from idle.figures(folder)
    yield from delay.delays(ct, folder)
    yield from memory.peaks([ct, small], 8, folder)
    yield from memory.peaks([make_huge(folder, "sparse", GIGABYTE_FRAMES, 8, noisy=False)], 8, folder)
    yield from waiting.figures(_WAITING, ct, rounds, folder)


def _measure(folder: Path, rounds: int, only: str) -> dict[str, Any]:
    results: dict[str, Any] = {"date": f"{date.today()}", "rounds": rounds, "machine": describe(folder)}
    results["rows"], results["figures"] = [], []
    for row in all_rows(folder):
        if only not in row.title:
            continue
        print(f"\n{row.title}")
        results["rows"].append(measure(row, rounds, lambda line: print(f"  {line}", flush=True)))
        for name, found in ratios(results["rows"][-1]).items():
            print(f"  {row.candidates[0].name}: {found} x {name}")
    if not only:
        for figure in _figures(folder, rounds):
            print(f"{figure.group}: {figure}", flush=True)
            results["figures"].append(asdict(figure))
    return results


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="measure only rows with this in their title, and write nothing")
    options = parser.parse_args()
    os.environ["TCP_NODELAY"] = "1"  # DCMTK's programs leave Nagle's algorithm on otherwise: 40 ms an object
    options.folder.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder.resolve()))
    try:
        results = _measure(folder, options.rounds, options.only)
    finally:
        shutil.rmtree(folder)
    if not options.only:
        target = Path("bench/results") / f"{results['date']}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(results, indent=1) + "\n")
        print(f"\nwritten: {target}, {write_report()}")


if __name__ == "__main__":
    main()
