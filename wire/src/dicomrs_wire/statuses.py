"""The standard's numbers in words: statuses of responses, and why associations are rejected or aborted."""

from dicomrs.causes import Cause

_STATUSES = {
    0x0000: "success",
    0x0105: "failure: no such attribute",
    0x0106: "failure: invalid attribute value",
    0x0107: "warning: attribute list error",
    0x0110: "failure: processing failure",
    0x0111: "failure: duplicate SOP instance",
    0x0112: "failure: no such SOP instance",
    0x0113: "failure: no such event type",
    0x0114: "failure: no such argument",
    0x0115: "failure: invalid argument value",
    0x0116: "warning: attribute value out of range",
    0x0117: "failure: invalid SOP instance",
    0x0118: "failure: no such SOP class",
    0x0119: "failure: class and instance conflict",
    0x0120: "failure: missing attribute",
    0x0121: "failure: missing attribute value",
    0x0122: "refused: SOP class not supported",
    0x0123: "failure: no such action",
    0x0124: "refused: not authorised",
    0x0210: "failure: duplicate invocation",
    0x0211: "failure: unrecognised operation",
    0x0212: "failure: mistyped argument",
    0x0213: "failure: resource limitation",
    0xB000: "warning: stored, data elements were coerced",
    0xB006: "warning: stored, elements were discarded",
    0xB007: "warning: stored, the dataset does not match its SOP class",
    0xFE00: "cancelled",
}
_STORE_RANGES = (
    (0xA700, 0xA7FF, "refused: out of resources"),
    (0xA900, 0xA9FF, "failure: the dataset does not match its SOP class"),
    (0xC000, 0xCFFF, "failure: cannot understand"),
    (0xB000, 0xBFFF, "warning: not in the standard"),
)

_ASK_PEER = "whoever runs the peer must look in its log"
_REJECT = {
    (1, 1): f"it gave no reason: {_ASK_PEER}",
    (1, 2): f"it does not support the DICOM application context: is this a DICOM port? {_ASK_PEER}",
    (1, 3): "it does not know the calling AE title: whoever runs the peer must add it exactly as it is "
    "written here, or the calling AE title here must be corrected",
    (1, 7): "it does not go by the called AE title: correct the AE title here, "
    "or whoever runs the peer must give it that name",
    (2, 1): f"its association service gave no reason: {_ASK_PEER}",
    (2, 2): f"it does not support this version of the protocol: {_ASK_PEER}",
    (3, 1): "it is congested for the moment: nothing to do here unless it lasts, "
    "then whoever runs the peer must see why",
    (3, 2): "it has reached its limit of associations: allow fewer from here, or whoever runs the peer must allow more",
}
_REJECT_CAUSES = {
    (1, 3): Cause.CALLING_REFUSED,
    (1, 7): Cause.CALLED_REFUSED,
    (3, 1): Cause.BUSY,
    (3, 2): Cause.BUSY,
}
_RESULTS = {1: "for good", 2: "for now"}

_ABORT_REASONS = {
    0: "no reason given",
    1: "it did not recognise a PDU",
    2: "it did not expect a PDU",
    4: "it did not recognise a parameter of a PDU",
    5: "it did not expect a parameter of a PDU",
    6: "a parameter of a PDU had an invalid value",
}


def describe_status(status: int) -> str:
    """Return the status of a response (PS3.4 table B.2-1, PS3.7 annex C) as `A900 failure: …`."""
    text = _STATUSES.get(status)
    if text is None:
        ranges = (name for first, last, name in _STORE_RANGES if first <= status <= last)
        text = next(ranges, "unknown status")
    return f"{status:04X} {text}"


def describe_reject(result: int, source: int, reason: int) -> str:
    """Return the sentence for an A-ASSOCIATE-RJ (PS3.8 table 9-21): what happened and who must fix it."""
    why = _REJECT.get((source, reason), f"for a reason the standard does not name: {_ASK_PEER}")
    how_long = _RESULTS.get(result, "with an unknown result")
    return f"the peer rejected the association {how_long}: {why} (result {result}, source {source}, reason {reason})"


def cause_of_reject(source: int, reason: int) -> Cause:
    """Return the same in one word."""
    return _REJECT_CAUSES.get((source, reason), Cause.ASSOCIATION_REFUSED)


def cause_of_status(status: int) -> Cause:
    """Return in one word what a status that is no success says of the peer (PS3.4 table B.2-1)."""
    if status == 0x0213 or 0xA700 <= status <= 0xA7FF:
        return Cause.BUSY
    return Cause.NOT_OFFERED if status == 0x0122 else Cause.REFUSES_OBJECTS


def describe_abort(source: int, reason: int) -> str:
    """Return the sentence for an A-ABORT (PS3.8 table 9-26). The reason counts only for source 2."""
    if source == 2:
        why = _ABORT_REASONS.get(reason, "for a reason the standard does not name")
        return f"the peer's DICOM layer aborted the association: {why} (source {source}, reason {reason})"
    return f"the peer's application aborted the association: {_ASK_PEER} (source {source}, reason {reason})"
