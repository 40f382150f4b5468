"""A scanner with a clock: objects are due at a steady rate, whether the one before has been answered or not.

python -m bench.paced PORT ASSOCIATIONS FOLDER RATE sends a folder's files, in turn over the associations, RATE a
second. It prints as JSON the objects per second that it reached, and the seconds from the moment that each was due to
its answer: one that had to wait for the association's earlier object has waited, too.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.scanner import Dicom
from dicomrs_cli.part10 import read_dicom_file


def main() -> None:
    """See the module's docstring."""
    port, associations, folder, rate = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    files = [read_dicom_file(path) for path in sorted(folder.iterdir())]
    connections = [Dicom(port, files[index::associations]) for index in range(associations)]
    began = threading.Barrier(associations)

    def run(index: int) -> tuple[float, list[float]]:
        began.wait()
        started, took = time.monotonic(), []
        for number, message in enumerate(connections[index].messages):
            due = started + (number * associations + index) / rate
            time.sleep(max(0.0, due - time.monotonic()))
            connections[index].send(message)
            took.append(time.monotonic() - due)
        seconds = time.monotonic() - started
        connections[index].end()
        return seconds, took

    with ThreadPoolExecutor(associations) as pool:
        done = list(pool.map(run, range(associations)))
    took = [one for _, share in done for one in share]
    print(json.dumps({"rate": len(took) / max(seconds for seconds, _ in done), "took": took}))


if __name__ == "__main__":
    main()
