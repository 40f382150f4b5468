"""A scanner with a long association, which must live through whatever happens meanwhile (support/steady.py)."""

from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster.network import HTR_ADDRESS
from support.cluster.peers import PYTHON, Scanner
from support.polling import eventually
from support.router import AE_TITLE
from support.steady import CLOSED, OPEN, STOP

_LOG = "/tmp/steady.log"


class Stream:
    """One association that objects go through, slowly, one after another."""

    def __init__(self, scanner: Scanner, host: str, port: int, secret: str) -> None:
        self._scanner = scanner
        command = f"{PYTHON} -m support.steady {host} {port} {AE_TITLE} {secret}"
        scanner.run("sh", "-c", f"rm -f {STOP}; {command} >{_LOG} 2>&1 &")

    def acknowledged(self) -> list[str]:
        """SOP Instance UIDs, in order, so far."""
        return [line for line in self._lines() if line not in {OPEN, CLOSED}]

    def wait_for_more(self, number: int = 3) -> None:
        """Until so many more have been acknowledged: it flows now."""
        before = len(self.acknowledged())
        eventually(lambda: len(self.acknowledged()) >= before + number, "the association goes on")

    def end(self) -> None:
        """Release the association."""
        self._scanner.run("touch", STOP)
        eventually(lambda: CLOSED in self._lines(), "the association is released")

    def _lines(self) -> list[str]:
        lines = self._scanner.run("cat", _LOG).splitlines()
        assert "Traceback (most recent call last):" not in lines, "\n".join(lines[-30:])
        return lines


@contextmanager
def streaming(scanner: Scanner, host: str = HTR_ADDRESS, port: int = 104, secret: str = "") -> Iterator[Stream]:
    """An association open while the block lasts; secret: a folder on the scanner's machine, for TLS.

    Everything that it sent must have been acknowledged, and its release answered: nothing is sent twice, nothing
    over another association.
    """
    stream = Stream(scanner, host, port, secret)
    try:
        stream.wait_for_more()
        yield stream
    finally:
        stream.end()
