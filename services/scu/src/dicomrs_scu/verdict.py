"""What a destination's answer to a C-STORE means for the object (PS3.4 table B.2-1, PS3.7 annex C)."""

from enum import Enum
from typing import Final


class Verdict(Enum):
    """DELIVERED is the only one that lets an object go."""

    DELIVERED = "delivered"
    PERMANENT = "permanent"  # it will never take this object: park it at once
    VAGUE = "vague"  # about this object or about the moment: real targets answer these for passing faults too
    PASSING = "passing"  # about the moment only: never counts against the object


_DELIVERED: Final = frozenset({0x0000, 0xB000, 0xB006, 0xB007})
_PERMANENT: Final = frozenset(
    {0x0105, 0x0106, 0x0112, 0x0115, 0x0117, 0x0118, 0x0119, 0x0120, 0x0121, 0x0122, 0x0124, 0x0211, 0x0212}
)
_RESOURCE_LIMITATION: Final = 0x0213


def verdict(status: int) -> Verdict:
    """Every status that is not named is VAGUE, unknown warnings too: only what the standard calls stored is stored."""
    if status in _DELIVERED:
        return Verdict.DELIVERED
    if status in _PERMANENT or 0xA900 <= status <= 0xA9FF:
        return Verdict.PERMANENT
    if status == _RESOURCE_LIMITATION or 0xA700 <= status <= 0xA7FF:
        return Verdict.PASSING
    return Verdict.VAGUE
