"""Power cuts under load: taken while scanners store, looked into afterwards."""

import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from support.load import Identity, Scanners
from support.objects import Instance
from support.power import Disk, after_the_cut, disk
from support.proof import LONG, Row
from support.subjects import Subject, Verdict

CUTS_OF_A_LOAD = 25
BETWEEN = (0.05, 2.0) if LONG else (0.05, 0.6)  # seconds from one cut to the next


@dataclass(frozen=True)
class Cut:
    """image: what the disk held; acknowledged: before the cut began; delivered: before it was over."""

    image: Path
    acknowledged: list[Instance]
    delivered: set[Identity]


def cuts_under_load(
    subject: Subject, on: Disk, number: int, luck: Random, *, scanners: int = 3, **load: Any
) -> tuple[list[Cut], set[Identity]]:
    """So many cuts while so many scanners store; and all that was ever sent. load: as of Scanners."""
    cuts = []
    try:
        port = subject.start(on.folder)
        with Scanners(port, luck, **load).at_work(scanners) as working:
            for name in range(number):
                time.sleep(luck.uniform(*BETWEEN))  # the moment is luck's
                acknowledged = list(working.acknowledged)
                cuts.append(Cut(on.cut(f"{name}.img", luck), acknowledged, subject.delivered()))
    finally:
        subject.close()
    return cuts, working.attempted


def cut_power(
    subject: Subject, shelf: Path, kind: str, number: int, row: Row, options: str = "defaults", **load: Any
) -> list[Verdict]:
    """Do it to a subject on a file system of a kind, with these mount options; the row tells of it.

    load: as of cuts_under_load.
    """
    verdicts = []
    row.note = "acknowledged: before each cut, summed"
    luck = Random(f"{kind} {subject.name} {options}")
    for start in range(0, number, CUTS_OF_A_LOAD):
        with disk(shelf, kind, shelf.parent / "disk", options) as made:
            some = min(CUTS_OF_A_LOAD, number - start)
            cuts, attempted = cuts_under_load(subject, made, some, luck, **load)
        for cut in cuts:
            owed = [one for one in cut.acknowledged if one.identity not in cut.delivered]
            with after_the_cut(cut.image, kind, shelf.parent / "after") as folder:
                verdict = subject.judge(folder, owed, attempted)
            cut.image.unlink()
            row.trials += 1
            row.acknowledged += len(cut.acknowledged)
            row.losses += len(verdict.lost)
            verdicts.append(verdict)
    return verdicts
