"""Names in a spool: which file or folder is what, and how names are made of what a scanner sent.

What comes from the network is never a path: it is reduced to letters, digits and a few signs, and cut to length.
"""

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Final

INCOMING: Final = ".incoming"
STATUS: Final = ".status"
CONTROL: Final = ".control"
HINTS: Final = ".hints"
LOCKS: Final = ".locks"
STATE: Final = ".dicomrs"  # the one folder that nothing rebuilds: the audit log
COMMITMENTS: Final = ".commitments"
BALLAST: Final = ".ballast"
QUARANTINE: Final = "_INVALID_NO_PIXELS"
DAMAGED: Final = "_DAMAGED"
METADATA: Final = ".metadata.json"
RECEIPTS: Final = ".receipts.jsonl"
CONFLICTS: Final = ".several_arrivals"  # some UID of this study has arrived more than once: look before linking

_SUFFIX: Final = ".dcm"
_UID: Final = re.compile(r"[0-9][0-9.]{0,63}")
_NAME: Final = re.compile(r"(?P<stem>.+?)(?:_(?P<number>[0-9]{1,6}))?\.dcm", re.DOTALL)
_FOLDER: Final = re.compile(r"\d{8}T\d{6}_.+", re.DOTALL)


def file_stem(sop_instance: str) -> str:
    """The file name of a SOP Instance without suffix: its UID, or a digest of what is no UID."""
    if _UID.fullmatch(sop_instance):
        return sop_instance
    return "x" + hashlib.sha256(sop_instance.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def object_name(stem: str, number: int) -> str:
    """The name of the number-th arrival (from 1) of a SOP Instance that is in the folder."""
    return f"{stem}{_SUFFIX}" if number == 1 else f"{stem}_{number}{_SUFFIX}"


def parse_object_name(name: str) -> tuple[str, int] | None:
    """(stem, number) of an object's file name, None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None or name.startswith("."):
        return None
    return match["stem"], int(match["number"] or 1)


def is_study_folder(name: str) -> bool:
    """Whether a name in the root can be a study folder."""
    return _FOLDER.fullmatch(name) is not None


def reason_name(name: str) -> str:
    """The file beside a quarantined object that says why it is there."""
    return f"{name}.reason.json"


def study_key(study_uid: str) -> str:
    """A short name for a study that logs may carry: it tells nothing about the patient."""
    return hashlib.sha256(study_uid.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _clean(text: str, limit: int, default: str) -> str:
    """Letters, marks, digits and - of text, everything else as one _, at most limit bytes of UTF-8."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join(sign if unicodedata.category(sign)[0] in "LMN" or sign == "-" else "_" for sign in text)
    kept = re.sub("_+", "_", kept).strip("_")
    return kept.encode("utf-8")[:limit].decode("utf-8", "ignore").rstrip("_") or default


def study_folder_name(received: datetime, patient_id: str, patient_name: str) -> str:
    """TIMESTAMP_PatientID_PatientName, at most 196 bytes.

    Of a name with several component groups (PS3.5 6.2.1) the first that is not empty is used.
    """
    group = next((part for part in patient_name.split("=") if part.strip(" ^")), "")
    identity = _clean(patient_id, 64, "NOID")
    return f"{received:%Y%m%dT%H%M%S}_{identity}_{_clean(group, 112, 'NONAME')}"
