"""Rows of receiving: the same scanner sends the same objects to each receiver."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.receivers import Receiver
from bench.work import Work, check_files

_PATIENCE = 900.0


def receive_once(receiver: Receiver, work: Work, associations: int, folder: Path) -> float:
    """Seconds from the moment that all associations stand to the last answer; what was received is checked."""
    place = Path(tempfile.mkdtemp(dir=folder))
    port, end, kept = receiver.start(place)
    try:
        os.sync()
        seconds = float(scan(port, associations, work.folder, *(["--bare"] if receiver.bare else []))["seconds"])
    finally:
        end()
    check_files(work, kept)
    if work.count == 1:
        shutil.rmtree(place)  # many rounds of the largest objects would fill the disk
    return seconds


def scan(port: int, associations: int, folder: Path, *options: str) -> dict[str, object]:
    """Run bench.scanner; what it prints."""
    command = [sys.executable, "-m", "bench.scanner", str(port), str(associations), str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
