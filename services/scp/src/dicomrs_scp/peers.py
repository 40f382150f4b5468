"""Who has called a receiver: the last association of each peer, as many of them as a status file may carry."""

from datetime import datetime
from typing import Final, TypedDict

MOST: Final = 50
MOST_OF_ONE_ADDRESS: Final = 10  # a stranger who tries AE titles is to push no scanner out


class Peer(TypedDict):
    """at: ISO 8601, when its association ended or was refused; refused: why, "" if it was accepted."""

    calling: str
    address: str
    at: str
    refused: str


class Peers:
    """For one thread at a time."""

    def __init__(self) -> None:
        self._peers: dict[tuple[str, str], Peer] = {}
        """By calling AE title and address, the newest last."""

    def note(self, calling: str, address: str, refused: str = "") -> None:
        """Remember an association in place of the one before it."""
        self._peers.pop((calling, address), None)
        same = [key for key in self._peers if key[1] == address]
        if len(same) >= MOST_OF_ONE_ADDRESS:
            del self._peers[same[0]]
        elif len(self._peers) >= MOST:
            del self._peers[next(iter(self._peers))]
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        self._peers[calling, address] = Peer(calling=calling, address=address, at=at, refused=refused)

    def newest_first(self) -> list[Peer]:
        """All of them."""
        return list(reversed(self._peers.values()))
