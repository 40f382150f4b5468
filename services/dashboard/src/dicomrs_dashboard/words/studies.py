"""What is said of studies and objects, by their states, and of the reasons that services write down in English."""

import re
from collections.abc import Mapping
from typing import Final

from dicomrs.receipt import State
from dicomrs.spool.control import What
from dicomrs.study_view import StudyState
from dicomrs_dashboard.language import N_

STUDY_STATES: Final[Mapping[StudyState, str]] = {
    StudyState.PARKED: N_("parked"),
    StudyState.HELD: N_("held"),
    StudyState.WAITING: N_("waiting"),
    StudyState.UNCOMMITTED: N_("commitment awaited"),
    StudyState.NO_DESTINATION: N_("no destination"),
    StudyState.DAMAGED: N_("damaged"),
    StudyState.QUARANTINED: N_("quarantined"),
    StudyState.DELIVERED: N_("delivered"),
    StudyState.DISCARDED: N_("discarded"),
    StudyState.EMPTY: N_("empty"),
}
OBJECT_STATES: Final[Mapping[State, str]] = {
    State.CONFIRMED: N_("confirmed"),
    State.WAITING: N_("waiting"),
    State.UNCOMMITTED: N_("commitment awaited"),
    State.PARKED: N_("parked"),
    State.HELD: N_("held"),
    State.NO_DESTINATION: N_("no destination"),
    State.QUARANTINED: N_("quarantined"),
    State.DAMAGED: N_("damaged"),
    State.DISCARDED: N_("discarded"),
    State.MISSING: N_("missing"),
}
WHATS: Final[Mapping[What, str]] = {
    What.QUARANTINED: N_("quarantined: without pixels"),
    What.DAMAGED: N_("damaged: changed on the disk"),
    What.PARKED: N_("parked: a destination does not take them"),
    What.HELD: N_("held back"),
    What.NO_DESTINATION: N_("wanted by no destination"),
}
GOOD: Final = frozenset({"delivered", "confirmed"})
BAD: Final = frozenset({"parked", "damaged", "missing", "quarantined"})

_CODES: Final = {
    "0000": N_("The target has stored it."),
    "B000": N_("The target has stored it, and changed some of its elements."),
    "B006": N_("The target has stored it, and left out some of its elements."),
    "B007": N_("The target has stored it, although it does not match its SOP class."),
    "0110": N_("The target could not process it, and does not say why: its log must tell."),
    "0117": N_("The target does not take its SOP Instance UID for a valid one."),
    "0122": N_("The target does not store this kind of object (SOP class)."),
    "0124": N_("The target does not allow us to store there: its administrator must permit our AE title."),
    "0211": N_("The target does not know this operation."),
    "0213": N_("The target has reached a limit of its resources."),
}
_RANGES: Final = (
    ("A7", N_("The target is out of resources, such as disk space.")),
    ("A9", N_("The target finds that the object does not match its SOP class: its vendor must say which element.")),
    ("C", N_("The target cannot understand the object: its vendor must say what it dislikes.")),
    ("B", N_("The target has stored it, with a remark of its own.")),
)
_SENTENCES: Final = (
    (r"without pixel data|no pixel data|neither pixel data", N_("The image came without its pixels.")),
    (r"is empty", N_("The image's pixel data is empty.")),
    (r"cut short|breaks off|no fragment|bytes declared|too (few|short)", N_("The image's pixel data is incomplete.")),
    (
        r"another object with this SOP Instance UID",
        N_("A different object with the same SOP Instance UID came before it."),
    ),
    (r"bytes (have )?changed|bytes are not those|header is damaged|not the one that was written|damaged or missing",
     N_("Its bytes on this server's disk are not those that arrived: the disk needs a look.")),
    (r"cannot be read from the disk|Input/output", N_("This server's disk does not give it back.")),
    (r"presentation context|not accept", N_("The target does not accept this kind of object or its encoding.")),
    (r"abort|connection|no answer|did not answer|closed",
     N_("The target broke off, or did not answer, while it was sent.")),
    (r"commit", N_("The target does not commit to keep it.")),
)  # fmt: skip
_CODE: Final = re.compile(r"([0-9A-F]{4})(?![0-9A-Za-z])")


def explanation(reason: str) -> str:
    """What a reason means, to be translated; "" if nobody here knows. reason: a service's own words, or a status."""
    if code := _CODE.match(reason):
        known = _CODES.get(code[1])
        return known or next((text for start, text in _RANGES if code[1].startswith(start)), "")
    return next((text for pattern, text in _SENTENCES if re.search(pattern, reason, re.IGNORECASE)), "")
