"""How often somebody may try to sign in. Pure but for the clock.

Who fails must wait, longer and longer, up to a minute; nobody is ever locked out for good. Where one name is tried at
from everywhere, each address must wait between its own tries, and an address that has not tried of late never does: a
stranger cannot keep the only admin out from another address. Who shares the stranger's address signs in with a one-time
code of `dicomrs user`, which is not throttled: it cannot be guessed.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FREE: Final = 5
"""Tries in a row that an address has before it must wait."""
LONGEST_WAIT: Final = 60.0  # seconds
OF_ONE_NAME: Final = 20
"""Failures with one name, from all addresses, after which each address must wait."""
WAIT_FOR_NAME: Final = 30.0  # seconds
FORGET: Final = 15 * 60.0
"""Seconds without a try after which failures are forgotten."""
_MOST: Final = 10_000  # addresses and names that are remembered


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = float("-inf")


class Throttle:
    """Of one program."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def begin(self, address: str, name: str) -> float:
        """A try begins: it counts as failed until it has succeeded, so that many at once are no way round.

        Returns: seconds that must pass first, in which case it is no try and must not go on; 0.0 if it may.
        """
        now = self._clock()
        with self._mutex:
            here, there = self._of("address", _block(address), now), self._of("name", name.lower()[:64], now)
            wait = min(LONGEST_WAIT, 2.0 ** (here.count - FREE)) if here.count >= FREE else 0.0
            if there.count >= OF_ONE_NAME:
                wait = max(wait, WAIT_FOR_NAME)
            left = here.last + wait - now
            if left > 0:
                return left
            for one in (here, there):
                one.count, one.last = min(one.count + 1, 1000), now
            return 0.0

    def succeeded(self, address: str, name: str) -> None:
        """The try was a good one, and does not count. Those before it do: they may have been for another name."""
        with self._mutex:
            for key in (("address", _block(address)), ("name", name.lower()[:64])):
                if key in self._failures:
                    self._failures[key].count -= 1

    def _of(self, kind: str, key: str, now: float) -> _Failures:
        found = self._failures.get((kind, key))
        if found is None or now - found.last > FORGET:
            found = self._failures[kind, key] = _Failures()
        self._failures.move_to_end((kind, key))
        while len(self._failures) > _MOST:
            self._failures.popitem(last=False)
        return found


def _block(address: str) -> str:
    """What one customer has: of IPv6 a /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
