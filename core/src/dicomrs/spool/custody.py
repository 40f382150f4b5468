"""Whether the router answers for an object: what it may tell a scanner that asks for storage commitment.

It does as long as an object is durable in a study folder, and once it was delivered as long as its receipts are kept.
Read from the disk; the services go on meanwhile.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from dicomrs.spool.folders import study_folder_names
from dicomrs.spool.fs import FileSystem, read_all, sync_folder
from dicomrs.spool.layout import DAMAGED, QUARANTINE, RECEIPTS, file_stem, parse_object_name
from dicomrs.spool.receipts import Kind, parse_events
from dicomrs.spool.record import NotOursError, read_head_of

_UIDS: Final = re.compile(rb'"uid": "([0-9.]{1,64})"')


class Custody(Enum):
    """What became of a SOP Instance."""

    ANSWERED_FOR = "durable here, or delivered"
    OTHER_CLASS = "here, but of another SOP class than the one asked about"
    SET_ASIDE = "here, but in quarantine or damaged: it will not be delivered"
    UNKNOWN = "not here"


def custody(fs: FileSystem, root: str, wanted: Mapping[str, str]) -> dict[str, Custody]:
    """Look for SOP Instances: UID -> SOP class that the scanner says it has.

    The newest studies first: that is where what is asked about usually is. The class is compared while the object is on
    disk; receipts do not tell it.

    Raises:
        OSError: the root cannot be read.
    """
    found: dict[str, Custody] = {}
    left = {file_stem(uid): uid for uid in wanted}
    for folder in reversed(study_folder_names(fs, root)):
        if not left:
            break
        for uid, custody_of in _in_study(fs, f"{root}/{folder}", left, wanted):
            found[uid] = custody_of
            if custody_of is Custody.ANSWERED_FOR:
                left.pop(file_stem(uid), None)
    aside = _set_aside(fs, root) if left else set()
    for stem, uid in left.items():
        found.setdefault(uid, Custody.SET_ASIDE if stem in aside else Custody.UNKNOWN)
    return found


def _in_study(
    fs: FileSystem, path: str, left: Mapping[str, str], wanted: Mapping[str, str]
) -> Iterator[tuple[str, Custody]]:
    """What one study folder says. Objects before receipts: what leaves in between is in those."""
    try:
        names = fs.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    present = [(parsed[0], name) for name in names if (parsed := parse_object_name(name)) and parsed[0] in left]
    if present:
        sync_folder(fs, path)  # a name that can be seen is not durable yet
    on_disk = set()
    for stem, name in present:
        uid, sop_class = left.get(stem), _class_of(fs, f"{path}/{name}")
        if sop_class is not None:
            on_disk.add(stem)
        if uid is not None and sop_class:
            yield uid, Custody.ANSWERED_FOR if sop_class == wanted[uid] else Custody.OTHER_CLASS
    try:
        receipts = read_all(fs, f"{path}/{RECEIPTS}")
    except FileNotFoundError:
        return
    for uid in _delivered(receipts, {uid for stem, uid in left.items() if stem not in on_disk}):
        yield uid, Custody.ANSWERED_FOR


def _class_of(fs: FileSystem, path: str) -> str | None:
    """The SOP class of an object; "" if it is damaged, None if it has left."""
    try:
        return read_head_of(fs, path).sop_class
    except FileNotFoundError:
        return None
    except NotOursError:
        return ""


def _delivered(receipts: bytes, wanted: set[str]) -> set[str]:
    """Those of which some arrival was delivered, and not found damaged or discarded by a person afterwards."""
    named = {uid.decode("ascii") for uid in _UIDS.findall(receipts)} & wanted
    if not named:
        return set()
    events = [event for event in parse_events(receipts) if event.uid in named]
    lost = {(event.uid, event.arrival) for event in events if event.kind in (Kind.DAMAGED, Kind.DISCARDED)}
    return {
        event.uid
        for event in events
        # One whose head was damaged too has no arrival: then none of them is certain.
        if event.kind is Kind.DELIVERED and not lost & {(event.uid, event.arrival), (event.uid, "")}
    }


def _set_aside(fs: FileSystem, root: str) -> set[str]:
    """File stems of all objects in quarantine and among the damaged."""
    stems = set()
    for where in (QUARANTINE, DAMAGED):
        for folder in _names(fs, f"{root}/{where}"):
            parsed = (parse_object_name(name) for name in _names(fs, f"{root}/{where}/{folder}"))
            stems |= {one[0] for one in parsed if one is not None}
    return stems


def _names(fs: FileSystem, path: str) -> list[str]:
    try:
        return fs.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
