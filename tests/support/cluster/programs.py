"""The programs that a cluster on this machine is made with: found by name, run with a limit, heard when they fail."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tools.images import engine

WHERE = {
    "kind": "https://kind.sigs.k8s.io",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
    "helm": "https://helm.sh/docs/intro/install, version 4 or 3",
}


class CallError(AssertionError):
    """A program that ended with an error."""


def container_engine() -> str:
    """docker or podman.

    Raises:
        CallError: a program is missing that `make e2e` needs; the message names each and where it is to be had.
    """
    problems = [f"{name} is not on the PATH ({where})" for name, where in WHERE.items() if shutil.which(name) is None]
    try:
        found = engine()
    except SystemExit as error:
        problems.append(str(error))
    if problems:
        raise CallError("make e2e makes a cluster of its own and cannot: " + "; ".join(problems))
    return found


def call(*words: object, given: str | None = None, within: float = 300) -> str:
    """Run a program to its good end and return what it printed; given: its standard input.

    Raises:
        CallError: it ended with an error, or not at all.
    """
    command = [str(word) for word in words]
    shown = " ".join(command)[:500]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", input=given or "", timeout=within, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CallError(f"not within {within:g} s: {shown}\n{error.stdout!r}\n{error.stderr!r}") from None
    if done.returncode:
        raise CallError(f"exit code {done.returncode}: {shown}\n{done.stdout[-3000:]}{done.stderr[-6000:]}")
    return done.stdout


class Steps:
    """What took how long; each step is said when it ends, and all are kept for the summary."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._mutex = threading.Lock()
        self._start = time.monotonic()
        self.lines: list[str] = []

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step: the block."""
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._end(f"{what}: FAILED", started)
            raise
        self._end(what, started)

    def say(self, line: str) -> None:
        """Something that belongs to the story."""
        self._add(f"{'':11}{line}")

    def _end(self, what: str, started: float) -> None:
        now = time.monotonic()
        self._add(f"{now - self._start:7.1f} s  {what} ({now - started:.1f} s)")

    def _add(self, line: str) -> None:
        with self._mutex:
            self.lines.append(line)
            self._show(line)
