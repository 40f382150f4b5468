"""Run the rows that exist, print them, and write bench/results/<date>.json.

python -m bench [--folder FOLDER] [--rounds N]. FOLDER must lie on the kind of disk that is to be measured; what is
made there is removed at the end.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from bench import receivers, sending
from bench.receiving import receive_once
from bench.rounds import ratio, take_turns
from bench.work import Work, make_huge, make_images

_CT_SLICES, _SMALL, _HUGE_FRAMES = 200, 2000, 1100


def _receiving(work: Work, associations: int, kinds: list[receivers.Receiver], folder: Path) -> dict[str, Any]:
    return {kind.name: partial(receive_once, kind, work, associations, folder) for kind in kinds}


def _rows(folder: Path) -> dict[str, Mapping[str, Callable[[], float]]]:
    """Of each row its candidates: ours first."""
    ct = make_images(folder, "ct", _CT_SLICES, 512)
    small = make_images(folder, "small", _SMALL, 132)
    huge = make_huge(folder, "huge", _HUGE_FRAMES)
    r = receivers
    durable = [r.DICOMRS, r.LIMIT, r.ORTHANC]
    rows = {
        "receive ct, 1 association, durable": _receiving(ct, 1, [*durable, r.STORESCP], folder),
        "receive ct, 8 associations, durable": _receiving(ct, 8, [*durable, r.STORESCP_FORK], folder),
    }
    for work in (ct, small, huge):
        kinds = [r.UNSYNCED, r.STORESCP, r.STORESCP_128]
        rows[f"receive {work.name}, 1 association, fsync off"] = _receiving(work, 1, kinds, folder)
    for work in (ct, small):
        for pdu in (16384, 131072):
            rows[f"send {work.name} to a sink that takes PDUs of {pdu // 1024} KB"] = {
                "dicomrs": partial(sending.scu_to_sink, work, pdu, folder),
                "storescu": partial(sending.storescu_to_sink, work, pdu, folder),
            }
    return rows


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    os.environ["TCP_NODELAY"] = "1"  # DCMTK's programs leave Nagle's algorithm on otherwise: 40 ms an object
    options.folder.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder.resolve()))
    results: dict[str, Any] = {"date": f"{date.today()}", "python": platform.python_version(), "rows": {}}
    try:
        for title, candidates in _rows(folder).items():
            print(f"\n{title}")
            seconds = take_turns(candidates, options.rounds, lambda line: print(f"  {line}", flush=True))
            ours = next(iter(candidates))
            ratios = {name: ratio(seconds[ours], seconds[name]) for name in candidates if name != ours}
            for name, found in ratios.items():
                print(f"  {ours}: {found} x {name}")
            results["rows"][title] = {"seconds": seconds, "ratios": {name: asdict(r) for name, r in ratios.items()}}
    finally:
        shutil.rmtree(folder)
    target = Path("bench/results") / f"{results['date']}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten to {target}")


if __name__ == "__main__":
    main()
