"""Whether a root's volume answers: a network volume whose server is away keeps waiting whoever asks it, for ever."""

import time
from typing import Final

SECONDS: Final = 10.0
"""A volume that has not answered for so long hangs."""


class Answering:
    """Of one root. The thread that asks its volume says when it was answered; callable from any thread."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._at = time.monotonic()

    def now(self) -> None:
        """It has just answered."""
        self._at = time.monotonic()

    @property
    def trouble(self) -> str:
        """That it hangs, in a sentence; "" if it does not."""
        silent = time.monotonic() - self._at
        return f"{self._root} has not answered for {silent:.0f} s: its volume hangs" if silent > SECONDS else ""
