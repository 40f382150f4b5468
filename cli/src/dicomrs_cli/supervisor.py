"""Keeps child processes running: starts them, starts one that has died again, and ends them all together."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dicomrs.exits import Exit
from dicomrs.heartbeat import RESTARTS
from dicomrs.log import get_logger

FIRST_SECONDS: Final = 15.0
"""A child that ends so soon after the very first start because of its configuration is not started again."""
STEADY_SECONDS: Final = 60.0
"""A child that has lived so long is in order: when it dies, it is started again without much delay."""
STOP_SECONDS: Final = 35.0
"""The services give the objects in hand 30 seconds; what is still there a little later is killed."""
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
_LOOK_SECONDS: Final = 0.1
_NICE: Final = 10
_CONFIGURATION: Final = frozenset({Exit.MANIFEST, Exit.PORT_IN_USE, Exit.ROOT, Exit.NOT_ALLOWED})

logger = get_logger()


class Stop:
    """The wish that it ends. Only counted: it may be uttered by a signal's handler, which can take no lock."""

    requests = 0

    def request(self, *_: object) -> None:
        """Utter it; the second time without patience."""
        self.requests += 1


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. aside: the others do without it: it stands back for them, and its configuration ends nothing."""

    words: Sequence[str]
    aside: bool = False


@dataclass(slots=True)
class _Child:
    """One program; due: when it is to be started, of time.monotonic()."""

    name: str
    command: Command
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    failures: int = 0
    since: float = 0.0
    due: float = 0.0


class Supervisor:
    """Every child gets a pipe as its standard input, the other end of which nobody but this process holds.

    A child that is started with `--watch-stdin` therefore stops as well when this process is killed: the system closes
    the pipe, and that is the end of the child's input. (PR_SET_PDEATHSIG would be bound to a thread, and would have to
    be set between fork and exec, where Python code is not safe.) Children stand in process groups of their own, so that
    Ctrl-C on a terminal comes here and not to them.
    """

    def __init__(self, commands: Mapping[str, Command]) -> None:
        """commands: by name, what to run."""
        self._children = [_Child(name, command) for name, command in commands.items()]

    def run(self, stop: Stop) -> int:
        """Keep them running until told to stop; the exit code.

        A code other than 0 is a child's own: its configuration was wrong from the start, and its last log line said
        how. Everything else that ends a child is tried again for ever.
        """
        try:
            while not stop.requests:
                for child in self._children:
                    if (code := self._tend(child)) is not None:
                        return code
                time.sleep(_LOOK_SECONDS)
        finally:
            self._end(stop)
        return Exit.OK

    def _tend(self, child: _Child) -> int | None:
        """Start a child that is due, notice one that has ended; a code: everything is to end with it."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                self._start(child, now)
            return None
        code = child.process.poll()
        if code is None:
            return None
        lived = now - child.since
        _discard(child)
        hopeless = child.starts == 1 and lived < FIRST_SECONDS and code in _CONFIGURATION
        if hopeless and not child.command.aside:
            return code
        if code == Exit.RESTART:
            child.due = now
            logger.info("child is started again, as a person asked for", child=child.name)
        else:
            self._retry(child, now, lived, _reason(code))
        return None

    def _start(self, child: _Child, now: float) -> None:
        told = {**os.environ, RESTARTS: str(child.starts)}
        child.starts, child.since = child.starts + 1, now
        try:
            child.process = subprocess.Popen(  # noqa: S603 (our own words)
                child.command.words, stdin=subprocess.PIPE, process_group=0, env=told
            )
        except OSError as error:
            self._retry(child, now, 0.0, f"it cannot be started: {error.strerror}")
        else:
            if child.command.aside:
                nice = os.getpriority(os.PRIO_PROCESS, 0) + _NICE  # more than 19 counts as 19
                with suppress(ProcessLookupError):
                    os.setpriority(os.PRIO_PROCESS, child.process.pid, nice)  # its threads inherit it
            logger.info("child started", child=child.name, pid=child.process.pid)

    def _retry(self, child: _Child, now: float, lived: float, reason: str) -> None:
        child.failures = 1 if lived >= STEADY_SECONDS else child.failures + 1
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(child.failures - 1, 30))
        child.due = now + delay
        logger.error("child ended, it is started again", child=child.name, reason=reason, seconds=delay)

    def _end(self, stop: Stop) -> None:
        """SIGTERM to all; SIGKILL to those that take too long, or when asked once more."""
        running = {child.name: child.process for child in self._children if child.process is not None}
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        patience, deadline = max(1, stop.requests), time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in running.values()):
            if stop.requests > patience or time.monotonic() > deadline:
                for name, process in running.items():
                    if process.poll() is None:
                        logger.warning("child killed", child=name)
                        process.kill()
                break
            time.sleep(_LOOK_SECONDS / 5)
        for child in self._children:
            _discard(child)
        logger.info("stopped")


def _discard(child: _Child) -> None:
    process, child.process = child.process, None
    if process is not None:
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _reason(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
