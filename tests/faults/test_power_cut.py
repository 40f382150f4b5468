"""The power fails under load: what was acknowledged is on the disk, or was delivered. The disk: support/power.py."""

import os
import threading
import time
from pathlib import Path
from random import Random
from typing import Self

import pytest

from support.power import FILE_SYSTEMS, PROGRAMS, after_the_cut, check, disk, shelf
from support.power_campaign import cut_power
from support.proof import LONG, trials
from support.subjects import Dicomrs, DicomrsWithoutFolderFsync, DicomrsWithoutFsync

pytestmark = [pytest.mark.peer(*PROGRAMS), pytest.mark.parametrize("kind", FILE_SYSTEMS)]

PLANTED = [(DicomrsWithoutFsync, trials(2, 10), {})]
if LONG:  # any other fsync saves the last object's name: a slow scanner, and more cuts than one
    PLANTED += [(DicomrsWithoutFolderFsync, 20, {"scanners": 1, "pause": 0.5})]


class Writer:
    """Writes one small file after another, and syncs them and their folder, or not."""

    def __init__(self, folder: Path, *, syncs: bool) -> None:
        self.written: list[tuple[str, bytes]] = []
        self._folder = folder
        self._syncs = syncs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        while not self._stop.wait(0.002):
            name, content = f"file-{len(self.written)}", os.urandom(20_000)
            with (self._folder / name).open("xb") as file:
                file.write(content)
                if self._syncs:
                    file.flush()
                    os.fsync(file.fileno())
            if self._syncs:
                os.fsync(folder)
            self.written.append((name, content))
        os.close(folder)


def holds(folder: Path, name: str, content: bytes) -> bool:
    return (folder / name).is_file() and (folder / name).read_bytes() == content


@pytest.mark.parametrize("syncs", [True, False], ids=["syncs", "does not sync"])
def test_the_disk_keeps_what_was_synced_and_forgets_what_was_not(kind, syncs, tmp_path, proof):
    """Before it is believed of others."""
    luck = Random(f"{kind} {syncs}")
    subject = "a writer that syncs" if syncs else "a writer that does not (must lose)"
    with (
        shelf(tmp_path) as on,
        disk(on, kind, tmp_path / "disk") as made,
        proof.row("power", f"power cut on {kind}: the test of the test", subject) as row,
        Writer(made.folder, syncs=syncs) as writer,
    ):
        for number in range(trials(5, 50)):
            time.sleep(luck.uniform(0.05, 0.3))
            written = list(writer.written)
            image = made.cut(f"{number}.img", luck)
            with after_the_cut(image, kind, tmp_path / "after") as folder:
                row.losses += sum(not holds(folder, *one) for one in written)
            check(image, kind)
            image.unlink()
            row.trials += 1
            row.acknowledged += len(written)
    assert row.acknowledged
    assert (row.losses == 0) is syncs


def test_what_was_acknowledged_survives_a_power_cut(kind, tmp_path, tap, proof):
    with shelf(tmp_path) as on, proof.row("power", f"power cut on {kind}, under load") as row:
        verdicts = cut_power(Dicomrs(tmp_path, tap), on, kind, trials(2, 100), row, careless=True)
    assert row.acknowledged
    assert not [verdict for verdict in verdicts if verdict.lost or verdict.wrong]


@pytest.mark.parametrize(("planted", "cuts", "load"), PLANTED)
def test_a_receiver_that_does_not_sync_is_found_out(planted, cuts, load, kind, tmp_path, tap, proof):
    """The same, with the faults planted that this harness is there to find."""
    tap.stop()  # receipts are synced as ever, and would save names
    subject = planted(tmp_path, tap)
    whom = f"{subject.name} (planted, must lose)"
    with shelf(tmp_path) as on, proof.row("power", f"power cut on {kind}, under load", whom) as row:
        cut_power(subject, on, kind, cuts, row, **load)
    assert row.losses
