"""Faults of the system, put between it and a service by shim.c: a kill at a chosen call, an error, a slow disk."""

import errno
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from support.objects import Instance
from support.processes import Child, find_program, run

SOURCE = Path(__file__).with_name("shim.c")
CHANGES = ("open", "write", "fsync", "link", "rename", "unlink", "mkdir", "rmdir", "send")
"""The calls after which the disk or the peer may be another; a kill at any other call is one of those beside it."""


def build(folder: Path) -> Path:
    """Compile the shim into a folder."""
    library = folder / "shim.so"
    compiler = find_program("cc")
    assert compiler is not None
    made = run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, SOURCE, "-ldl"])
    assert made.returncode == 0, made.stderr
    return library


class Shim:
    """The faults of one service; it must have been started with the words of `wrap` before its command."""

    def __init__(self, library: Path, folder: Path, root: Path) -> None:
        """root: of the spool, whose calls are listed."""
        self.root = root
        self._rules = folder / "shim.rules"
        self._log = folder / "shim.log"
        self.wrap = ["env", f"LD_PRELOAD={library}", f"SHIM_RULES={self._rules}", f"SHIM_LOG={self._log}"]

    def set(self, *rules: str) -> None:
        """Let these rules hold from now on; what they say is in shim.c."""
        draft = self._rules.with_suffix(".new")
        draft.write_text("\n".join(rules) + "\n")
        draft.replace(self._rules)

    def clear(self) -> None:
        """End all faults."""
        self._rules.unlink(missing_ok=True)

    def fail(self, error: int, *calls: str) -> None:
        """Let calls fail; calls: "OP GLOB", the latter relative to the root."""
        self.set(*(f"fail {error} {op} {self.root}/{glob}" for op, _, glob in (call.partition(" ") for call in calls)))

    def read_only(self) -> None:
        """What a volume says that was remounted read-only."""
        self.fail(errno.EROFS, *(f"{op} *" for op in CHANGES if op not in ("fsync", "send")))

    def list_calls(self) -> None:
        """Begin to write down the calls that concern the root or the network."""
        self._log.unlink(missing_ok=True)
        self.set(f"log 0 * {self.root}/*", f"log 0 * {self.root}", "log 0 send tcp")

    def listed(self) -> list[tuple[str, str]]:
        """What was written down: operation, and path relative to the root, or "tcp"."""
        calls = (line.split(" ", 1) for line in self._log.read_text().splitlines())
        return [(op, path.removeprefix(str(self.root)).lstrip("/")) for op, path in calls]

    def kill_at(self, step: "Step", objects: Sequence[Instance]) -> None:
        """Have the service killed at a step of its way with these objects."""
        self.set(f"kill-{step.moment} {step.number} {step.op} {step.glob(self.root, objects)}")


@dataclass(frozen=True)
class Step:
    """The number-th call of a kind on a path, and the moment before or after it.

    path: relative to the root; what differs from run to run is a *, and the UID of the n-th object is {n}.
    """

    op: str
    path: str
    number: int
    moment: str

    def glob(self, root: Path, objects: Sequence[Instance]) -> str:
        """The paths that it means among these objects."""
        if self.path == "tcp":
            return self.path
        return f"{root}/{self.path}".rstrip("/").format(*(one.uid for one in objects))

    def __str__(self) -> str:
        return f"{self.moment} {self.op} {self.path or 'root'} #{self.number}"


def steps(calls: Sequence[tuple[str, str]], objects: Sequence[Instance]) -> list[Step]:
    """Both moments of every call that changes something, in their order.

    Not of what goes by the clock, whatever arrives or departs: heartbeats, and the ballast. Of a study's metadata,
    which scu brings up to date every second, the first time in a run is enough: whether there is a second differs.
    """
    count: Counter[tuple[str, str]] = Counter()
    found = []
    for op, path in calls:
        if op not in CHANGES or path.startswith((".status", ".ballast")):
            continue
        pattern = _pattern(path, objects)
        count[op, pattern] += 1
        if ".metadata.json" in pattern and count[op, pattern] > 1:
            continue
        found.append((op, pattern, count[op, pattern]))
    return [Step(*call, moment) for call, moment in product(found, ("before", "after"))]


def _pattern(path: str, objects: Sequence[Instance]) -> str:
    """The path without what is random or of the day: process, study folder, part."""
    path = re.sub(r"[{}\[\]?]", "?", path)
    path = re.sub(r"^(\.incoming|\.hints)/[0-9a-f]+", r"\1/*", path)
    path = re.sub(r"/(part|folder|proof)-[0-9a-f]+", r"/\1-*", path)
    path = re.sub(r"^((_[A-Z_]+/)?)\d{8}T\d{6}_[^/]*", r"\1[0-9]*T*", path)
    for number, one in enumerate(objects):
        path = path.replace(one.uid, f"{{{number}}}")
    return path


def some(steps: list[Step], number: int) -> list[Step]:
    """So many of them, evenly chosen; all, if there are fewer."""
    if number >= len(steps):
        return steps
    return [steps[(2 * index + 1) * len(steps) // (2 * number)] for index in range(number)]


def died(child: Child, within: float = 15.0) -> bool:
    """Whether a service was killed as it should be."""
    try:
        return child.wait(within) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        return False
