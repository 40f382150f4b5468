"""What the spool promises, judged on the simulated disk and on what the targets got (design, section 2)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING

from dicomrs.audit import LOG, check
from dicomrs.spool.digest import Digest
from dicomrs.spool.layout import METADATA, QUARANTINE, RECEIPTS, STATE, is_study_folder, parse_object_name, reason_name
from dicomrs.spool.receipts import Event, Kind, parse_events
from dicomrs.spool.record import NotOursError, read_head
from support.sim_disk import Disk, File, Folder, Node

if TYPE_CHECKING:
    from support.sim_world import Delivery, Reception, World


PERSON = "a person"
"""Who asks for what is asked of the scu."""


EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


class BrokenPromiseError(AssertionError):
    """A promise is broken."""


@dataclass(frozen=True)
class Found:
    """An object in a file."""

    uid: str
    data: bytes
    arrival: str


_ANSWERED = (Kind.DELIVERED, Kind.STORED, Kind.PARKED, Kind.DISCARDED)


@lru_cache(maxsize=8192)
def _object(content: bytes) -> Found | None:
    try:
        head = read_head(SimpleNamespace(pread=lambda fd, count, offset: content[offset : offset + count]), 0)
    except NotOursError:
        return None
    return Found(head.sop_instance, content[head.start :], head.record.arrival)


def study_folders(entries: Mapping[str, Node]) -> list[Folder]:
    return [node for name, node in entries.items() if is_study_folder(name) and isinstance(node, Folder)]


def _spool(disk: Disk) -> Mapping[str, Node]:
    root = disk.root.entries.get("spool")
    return root.entries if isinstance(root, Folder) else {}


def _certain_spool(disk: Disk) -> Mapping[str, Node]:
    root = disk.certain(disk.root).get("spool")
    return disk.certain(root) if isinstance(root, Folder) else {}


def _certain_content(entries: Mapping[str, Node], name: str) -> bytes:
    """A file's content, b"" if there is none that every power cut leaves as it is."""
    node = entries.get(name)
    return node.data if isinstance(node, File) and node.data == node.durable else b""


def _certain_objects(disk: Disk, folder: Folder) -> Iterator[tuple[str, Found]]:
    entries = disk.certain(folder)
    for name in entries:
        if parse_object_name(name) and (found := _object(_certain_content(entries, name))) is not None:
            yield name, found


# Durability: at any moment, whatever a power cut would take


def check_durable(world: "World") -> None:
    """Every acknowledged object survives any power cut, unless it was delivered with receipts."""
    if not world.receptions:
        return
    spool = _certain_spool(world.disk)
    if world.persons:
        _excuse_discarded(world, spool)
    kept: list[Found] = []
    for folder in study_folders(spool):
        study = _check_whole(world.disk, folder)
        found = [found for _, found in _certain_objects(world.disk, folder)]
        if not all(study.encode() in each.data.split(b"|") for each in found):
            raise BrokenPromiseError(f"the folder of {study} holds an object of another study")
        kept += found
    quarantined = set(_quarantined(world.disk, spool))
    for reception in world.receptions:
        if not reception.acknowledged or reception.excused:
            continue
        if not reception.has_pixels and not world.lenient:
            if (reception.uid, reception.data) not in quarantined:
                raise BrokenPromiseError(f"{reception} is not safe in the quarantine with its reason")
        elif not reception.has_pixels and (reception.uid, reception.data) in quarantined:
            continue
        elif not any(_answers(found, reception) for found in kept) and not _gone(world, reception):
            raise BrokenPromiseError(f"{reception} would not survive a power cut")


def _answers(found: "Found | Delivery", reception: "Reception") -> bool:
    """Whether an object stands for what was received: not one that had been sent and confirmed before."""
    return (found.uid, found.data) == (reception.uid, reception.data) and found.arrival not in reception.settled


def _gone(world: "World", reception: "Reception") -> bool:
    """Whether it left the disk after it was delivered everywhere."""
    reached = {
        name
        for name, deliveries in world.targets.items()
        if any(_answers(delivery, reception) and delivery.arrival in world.left for delivery in deliveries)
    }
    return bool(reached) and reached >= set(_required(world, reception))


def _required(world: "World", reception: "Reception") -> list[str]:
    """The destinations that were named all the time since it came."""
    return [name for name, since in world.route.items() if since <= reception.began]


def _check_whole(disk: Disk, folder: Folder) -> str:
    """The study of a folder that the root holds whatever happens: that must be true of its metadata and receipts."""
    entries = disk.certain(folder)
    study = _study(_certain_content(entries, METADATA))
    if not study or not isinstance(entries.get(RECEIPTS), File):
        raise BrokenPromiseError("a study folder in the root is not whole")
    return study


@lru_cache(maxsize=1024)
def _study(metadata: bytes) -> str:
    try:
        return str(json.loads(metadata)["studyInstanceUID"])
    except (ValueError, KeyError):
        return ""


def _quarantined(disk: Disk, spool: Mapping[str, Node]) -> Iterator[tuple[str, bytes]]:
    parent = spool.get(QUARANTINE)
    for folder in disk.certain(parent).values() if isinstance(parent, Folder) else ():
        if isinstance(folder, Folder):
            for name, found in _certain_objects(disk, folder):
                if b'"reason": "CT Image' in _certain_content(disk.certain(folder), reason_name(name)):
                    yield found.uid, found.data


# Departure


def settled(world: "World") -> frozenset[str]:
    """Arrivals that some destination has confirmed or refused, or a person discarded, as everybody can see now."""
    arrivals = set(world.left)
    for folder in study_folders(_spool(world.disk)):
        receipts = folder.entries.get(RECEIPTS)
        if isinstance(receipts, File):
            arrivals |= {e.arrival for e in parse_events(receipts.data) if e.kind in _ANSWERED}
    return frozenset(arrivals)


def may_be_delivered(world: "World", delivery: "Delivery") -> None:
    """Only what was received completely, and may travel: has its pixels, and is not held."""
    same = [r for r in world.receptions if (r.uid, r.data) == (delivery.uid, delivery.data)]
    if not any(r.complete and (r.has_pixels or world.lenient) for r in same):
        raise BrokenPromiseError(f"{delivery} was never received")
    if world.held & {delivery.uid, delivery.data.split(b"|")[1].decode()}:
        raise BrokenPromiseError(f"{delivery} is held")
    if world.persons and delivery.arrival in _discarded(world):
        raise BrokenPromiseError(f"{delivery} was discarded")


def may_be_removed(world: "World", path: str) -> None:
    """An object leaves its study folder with durable receipts of all destinations that its route names."""
    folder, name = world.disk.place(path)
    node = folder.entries.get(name)
    if f"/{QUARANTINE}/" in path and isinstance(node, File) and parse_object_name(name):
        _may_leave_quarantine(world, path, node)
    if folder not in study_folders(_spool(world.disk)) or not parse_object_name(name) or not isinstance(node, File):
        return
    found = _object(node.data)
    assert found is not None
    confirmed: set[str] = set()
    for event in _durable_events(world.disk, folder):
        if event.arrival != found.arrival:
            continue
        match event.kind:
            case Kind.DELIVERED:
                confirmed.add(event.destination)
            case Kind.RESENT:
                confirmed.discard(event.destination)
            case Kind.DISCARDED:
                return
    required = {d for r in world.receptions if r.arrival == found.arrival for d in _required(world, r)}
    if not confirmed or not required <= confirmed:
        raise BrokenPromiseError(
            f"{found} leaves the disk without durable receipts of {required - confirmed or 'anybody'}"
        )
    for destination in filter(world.commits, confirmed):
        if (destination, found.arrival) not in world.commitments:
            raise BrokenPromiseError(f"{found} leaves the disk before {destination} has committed to it")
    world.left.add(found.arrival)


def _durable_events(disk: Disk, folder: Folder) -> list[Event]:
    receipts = disk.certain(folder).get(RECEIPTS)
    return parse_events(receipts.durable) if isinstance(receipts, File) else []


def _discarded(world: "World") -> set[str]:
    folders = study_folders(_certain_spool(world.disk))
    events = [event for folder in folders for event in _durable_events(world.disk, folder)]
    return {event.arrival for event in events if event.kind is Kind.DISCARDED}


def _may_leave_quarantine(world: "World", path: str, node: File) -> None:
    """Once it is back in its study, or a person has discarded it; either way on record."""
    found = _object(node.data)
    assert found is not None
    study = _certain_spool(world.disk).get(path.split("/")[-2])
    events = _durable_events(world.disk, study) if isinstance(study, Folder) else []
    if not any(e.arrival == found.arrival and e.kind in (Kind.RELEASED, Kind.DISCARDED) for e in events):
        raise BrokenPromiseError(f"{found} leaves the quarantine without a record")


def excuse(world: "World", node: Node) -> None:
    """A person removes a file: of what was in it, nothing is promised to whom it had been promised until now."""
    found = _object(node.data) if isinstance(node, File) else None
    for reception in world.receptions:
        if found and (reception.uid, reception.data) == (found.uid, found.data):
            reception.excused |= reception.acknowledged or reception.judged or reception.arrival == found.arrival


def _excuse_discarded(world: "World", spool: Mapping[str, Node]) -> None:
    """The same of what a person has discarded; not of what came when that was to be seen already."""
    for folder in study_folders(spool):
        for event in _durable_events(world.disk, folder):
            if event.kind is not Kind.DISCARDED:
                continue
            for reception in world.receptions:
                rests = reception.acknowledged or reception.judged or reception.arrival == event.arrival
                if _is_of(event, reception) and event.arrival not in reception.settled and rests:
                    reception.excused = True


def _is_of(event: Event, reception: "Reception") -> bool:
    return event.uid == reception.uid and event.digest == _digest(reception.data)


@lru_cache(maxsize=1024)
def _digest(data: bytes) -> str:
    digest = Digest(EXPLICIT_LITTLE)
    digest.update(data)
    return digest.text


# The record of what persons did


def check_record(world: "World") -> None:
    """The audit log is whole, and nothing that a person's event tells of is missing in it."""
    try:
        log = world.disk.find(f"/spool/{STATE}/{LOG}")
    except FileNotFoundError:
        log = File()
    assert isinstance(log, File)
    found = check(log.durable)
    if found.broken is not None:
        raise BrokenPromiseError(f"the audit log is broken: {found.broken}")
    recorded = {entry.fields.get("why") for entry in found.entries}
    for folder in study_folders(_spool(world.disk)):
        for event in parse_events(_certain_content(folder.entries, RECEIPTS)):
            if event.who == PERSON and event.why not in recorded:
                raise BrokenPromiseError(f"{event} is not on record")


# Delivery and order: when all have finished


def check_delivered(world: "World") -> None:
    """All that was acknowledged is where it belongs, the last version last, and nothing is stuck."""
    folders = study_folders(_spool(world.disk))
    studies = [_study(_certain_content(folder.entries, METADATA)) for folder in folders]
    if len(set(studies)) < len(studies):
        raise BrokenPromiseError(f"a study has two folders: {studies}")
    stuck = [name for folder in folders for name in folder.entries if parse_object_name(name)]
    if world.route and stuck:
        raise BrokenPromiseError(f"{stuck} are stuck")
    kept = [r for r in world.receptions if r.acknowledged and r.has_pixels and not r.excused]
    for reception in kept:
        for name in _required(world, reception):
            if not any(_answers(delivery, reception) for delivery in world.targets.get(name, [])):
                raise BrokenPromiseError(f"{reception} never came to {name}")
    for name in world.route:
        for uid in {reception.uid for reception in kept}:
            last = next((d for d in reversed(world.targets.get(name, [])) if d.uid == uid), None)
            later = [r for r in kept if r.uid == uid and name in _required(world, r)]
            if last is not None and last.data.endswith(b"!"):
                continue  # a person had it released from quarantine, and it goes behind whatever is there
            if last is not None and not any(_may_be_last(r, last, later) for r in world.receptions):
                raise BrokenPromiseError(f"{name} has {last} last, but something newer was acknowledged")


def _may_be_last(reception: "Reception", last: "Delivery", others: "list[Reception]") -> bool:
    """Whether a delivery can be of a reception that had not ended when any other began."""
    return (
        reception.complete
        and (reception.uid, reception.data) == (last.uid, last.data)
        and not any(0 <= reception.ended < other.began for other in others)
    )
