"""Waiting for something to become true, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0  # seconds; generous, for machines that do much else


def eventually(probe: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """Return the first truthy value of `probe`, asked again and again for at most `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {value!r}")
        time.sleep(0.02)
    return value


def hold(probe: Callable[[], T], what: str, seconds: float) -> None:
    """Check that `probe` stays truthy for so many seconds: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        assert value, f"it did not last: {what}; seen: {value!r}"
        time.sleep(0.05)
