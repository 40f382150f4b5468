"""The programs that the demonstration starts: each with a log in the demonstration's folder, each ended with it."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dicomrs_cli.standin import LOOPBACK

_STOP_SECONDS: Final = 45.0
_LOOK_SECONDS: Final = 0.1


class DemoError(Exception):
    """The demonstration cannot go on; the message says what did not happen."""


class Program:
    """A program that may be started, ended and started again."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """log: is appended to."""
        self.log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with a pipe as standard input that ends when we do, in whatever way."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own words)
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, process_group=0
            )

    def stop(self) -> None:
        """End it, if it runs: with patience first."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()

    def check(self) -> None:
        """Raise DemoError if it has ended by itself."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise DemoError(f"{Path(self._command[0]).name} ended with exit code {code}")


def until(probe: Callable[[], bool], what: str, seconds: float, *programs: Program) -> None:
    """Wait until something is so, while programs live.

    Raises:
        DemoError: it was not within so many seconds, or one of the programs ended.
    """
    deadline = time.monotonic() + seconds
    while not probe():
        for program in programs:
            program.check()
        if time.monotonic() > deadline:
            raise DemoError(f"within {seconds:.0f} s it did not happen that {what}")
        time.sleep(_LOOK_SECONDS)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(number)]
    try:
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()
