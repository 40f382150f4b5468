"""What a destination's reason for not committing to an object leads to (PS3.3 C.14.1.1, Failure Reason (0008,1197))."""

from enum import Enum
from typing import Final

from dicomrs_wire.commitment import CLASS_CONFLICT, CLASS_NOT_SUPPORTED, NO_SUCH_INSTANCE


class Remedy(Enum):
    """None of them lets an object go."""

    SEND_AGAIN = "send again"  # it does not have it; a bounded number of times, then it is parked
    ASK_AGAIN = "ask again"  # later, for as long as it takes; nothing is sent meanwhile
    PARK = "park"  # it will never commit to it


_REMEDIES: Final = {
    NO_SUCH_INSTANCE: Remedy.SEND_AGAIN,
    CLASS_CONFLICT: Remedy.PARK,
    CLASS_NOT_SUPPORTED: Remedy.PARK,
}


def remedy(reason: int) -> Remedy:
    """Return what to do. A reason that says nothing of the object itself, or is unknown, is taken for a passing one."""
    return _REMEDIES.get(reason, Remedy.ASK_AGAIN)
