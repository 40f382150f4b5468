"""The digest of a dataset: its bytes as they came, and the transfer syntax that gives them their meaning."""

import xxhash

ALGORITHM = "xxh3-128"


class Digest:
    """Feed the dataset's bytes in order, then take `text`.

    Only ever compared with a digest of the same algorithm; where two objects are taken for one, their bytes are
    compared as well.
    """

    __slots__ = ("_state", "update")

    def __init__(self, transfer_syntax: str) -> None:
        self._state = xxhash.xxh3_128(transfer_syntax.encode("ascii", "replace") + b"\0")
        self.update = self._state.update

    @property
    def text(self) -> str:
        """The algorithm and the value in hexadecimal, such as xxh3-128:99aa06d3014798d86001c324468d497f."""
        return f"{ALGORITHM}:{self._state.hexdigest()}"
