"""Images arrive at a steady rate while hundreds of pages of the dashboard are open and live, and while none is.

python -m bench.live_pages [--folder FOLDER] [--pages N] [--rate N] [--seconds N]. Half of the pages are the overview,
half the studies, looked at by people of each role in both languages. What was measured is printed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

from bench.figures import percentile
from bench.machine import describe
from bench.sinks import Sink
from bench.work import many
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.live import MOST_OF_ONE
from support.filled_spool import FilledSpool
from support.objects import part10
from support.processes import tail
from support.router import Router, destination, route
from support.site import Site

_SCANNERS = 4
_ROWS = 512
_STUDIES_BEFORE = 1000
_PAGES = ("/", "/studies")
_LANGUAGES = ("en", "pt-BR")


class LivePages:
    """A router with a dashboard and a filled spool, and files for its scanners: other studies each time."""

    def __init__(self, folder: Path, pages: int, rate: float, seconds: float) -> None:
        self._folder, self._pages, self._rate, self._seconds = folder, pages, rate, seconds
        self._works = [folder / "without", folder / "with"]
        for work in self._works:
            work.mkdir()
        count = int(rate * seconds)
        each = -(-count // _SCANNERS)
        for number, one in enumerate(many(2 * count, _ROWS, each)):
            work, at = self._works[number // count], number % count
            (work / f"{at % each:06d}-{at // each}.dcm").write_bytes(part10(one))
        self._fill(folder / "root")
        sink = Sink(folder)
        self._router = Router(folder, route(folder / "root", destination("target", sink.port)))
        self._site = Site(self._router)

    def _fill(self, root: Path) -> None:
        spool = FilledSpool(root)
        for one in many(_STUDIES_BEFORE, 64, 1, first=100_000):
            (arrival,) = spool.receive(one)
            spool.note(arrival, "delivered", "target", leaves=True)

    def measure(self) -> Iterator[dict[str, Any]]:
        """Without pages, and with them."""
        self._site.start()
        try:
            yield {"pages": 0, **self._arrive(self._works[0])}
            with self._open() as end:
                found = self._arrive(self._works[1])
                yield {"pages": self._pages, **found, **end()}
        finally:
            self._router.close()

    def _arrive(self, work: Path) -> dict[str, Any]:
        """Let a work arrive; what was reached, and what it cost."""
        before = self._router.cpu_seconds("dashboard")
        words = [self._router.port(), _SCANNERS, work, self._rate]
        done = subprocess.run(
            [sys.executable, "-m", "bench.paced", *map(str, words)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        spent = self._router.cpu_seconds("dashboard") - before
        self._router.spool().wait_empty()
        took = sorted(one * 1000 for one in said["took"])
        return {
            "rate": said["rate"],
            "p50": statistics.median(took),
            "p99": percentile(took, 99),
            "longest": took[-1],
            "processor": spent / self._seconds,
            "memory": self._router.memory("dashboard"),
        }

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """Open the pages, until the end of the block; call what comes out to close them and hear what came."""
        looks = islice(cycle(product(_PAGES, Role, _LANGUAGES)), self._pages)
        lines = [
            f"{path} {_cookies(self._site, role, number // MOST_OF_ONE, language)}\n"
            for number, (path, role, language) in enumerate(looks)
        ]
        log = self._folder / "readers.log"
        with log.open("w") as errors:
            readers = subprocess.Popen(
                [sys.executable, "-m", "bench.readers", str(self._site.port)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert readers.stdin is not None
        assert readers.stdout is not None
        readers.stdin.write("".join(lines) + "\n")
        readers.stdin.flush()
        assert readers.stdout.readline() == "open\n", tail(log)

        def end() -> dict[str, Any]:
            said, _ = readers.communicate()
            assert readers.returncode == 0, tail(log)
            return dict(json.loads(said))

        try:
            yield end
        finally:
            readers.kill()
            readers.wait()


def _cookies(site: Site, role: Role, number: int, language: str) -> str:
    held = {**site.cookies(role, number), "dicomrs_language": language}
    return "; ".join(f"{name}={value}" for name, value in held.items())


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m bench.live_pages", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=options.folder.resolve()))
    try:
        print(json.dumps(describe(folder)))
        found = []
        for one in LivePages(folder, options.pages, options.rate, options.seconds).measure():
            print(json.dumps(one), flush=True)
            found.append(one)
    finally:
        shutil.rmtree(folder)
    print(f"rate with the pages / without: {found[1]['rate'] / found[0]['rate']:.3f}")


if __name__ == "__main__":
    main()
