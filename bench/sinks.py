"""A sink as a child process, and what it says in the end."""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.work import Work
from support.processes import Child, free_port


@dataclass(frozen=True)
class Taken:
    """started: when the first association stood; arrived: SOP Instance UID, digest, moment; monotonic clock."""

    started: float
    arrived: list[tuple[str, str, float]]

    @property
    def seconds(self) -> float:
        """From the first association to the last object."""
        return self.arrived[-1][2] - self.started

    def check(self, work: Work) -> None:
        """AssertionError unless all of the work has come, bit for bit, and nothing else."""
        assert Counter(digest for _, digest, _ in self.arrived) == work.digests, "the sink did not get what was sent"


class Sink:
    """Starts at once."""

    def __init__(self, folder: Path, max_pdu: int = 131072, port: int = 0) -> None:
        self.port = port or free_port()
        self._result = folder / f"sink-{self.port}.json"
        command = [sys.executable, "-m", "bench.sink", str(self.port), str(self._result), str(max_pdu)]
        self._child = Child(command, folder / "sink.log")
        self._child.wait_for_port(self.port)

    def end(self) -> Taken:
        """Stop it."""
        self._child.stop()
        said = json.loads(self._result.read_text())
        return Taken(said["started"], [tuple(one) for one in said["arrived"]])
