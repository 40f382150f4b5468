"""The receipt of a study: what came of it, where each object was sent, and when that was confirmed.

Read from the disk alone, without a lock and without writing, like survey.py. Objects that have left the disk are known
by the lines of `.receipts.jsonl`. It is made for a person, or for a program that must know whether all is there.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from dicomrs.route import ClinicRoute, destinations_for
from dicomrs.spool.aside import Aside, find_aside, reason_of
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import DAMAGED, QUARANTINE, parse_object_name, study_key
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.outlook import outlook
from dicomrs.spool.receipts import Event, History, Kind, read_events
from dicomrs.spool.record import NotOursError, Record

FORMAT: Final = 1


class State(StrEnum):
    """How an object stands; CONFIRMED is the only one with which a study is complete."""

    CONFIRMED = "confirmed"  # by every destination that it is for
    WAITING = "waiting"
    UNCOMMITTED = "uncommitted"  # where it is lacking it was sent; the storage commitment is awaited
    PARKED = "parked"
    HELD = "held"
    NO_DESTINATION = "no destination"
    QUARANTINED = "quarantined"
    DAMAGED = "damaged"
    DISCARDED = "discarded"
    MISSING = "missing"  # it has left the disk, and a destination that it was for has not confirmed it


@dataclass(frozen=True, slots=True)
class Delivery:
    """A destination's confirmation; at: ISO 8601; status: four hex digits; note: what the destination said with it.

    stands: False where a person wants it sent again, and that has not been confirmed yet.
    """

    destination: str
    at: str
    status: str
    association: str
    note: str
    stands: bool


@dataclass(frozen=True, slots=True)
class ObjectReceipt:
    """One arrival of a SOP Instance. What is not known is "".

    instance: SOP Instance UID; received: ISO 8601; series: Series Instance UID; lacking: the destinations that it is
    for and that have no receipt; reason, who, since: why it is neither confirmed nor waiting, whose doing that was, and
    when; made_good: a later arrival of the same UID, or one with the same bytes, was confirmed everywhere.
    """

    instance: str
    arrival: str
    digest: str
    received: str
    calling: str
    state: State
    modality: str = ""
    series: str = ""
    lacking: tuple[str, ...] = ()
    reason: str = ""
    who: str = ""
    since: str = ""
    deliveries: tuple[Delivery, ...] = ()
    made_good: bool = False

    @property
    def done(self) -> bool:
        """Whether it keeps the study from being complete no longer."""
        return self.state is State.CONFIRMED or self.made_good


@dataclass(frozen=True, slots=True)
class StudyReceipt:
    """Of one study at a moment. Texts are a scanner's, as they came: escape them when they are shown."""

    format: int
    route: str
    root: str
    study: str
    study_instance_uid: str
    patient_name: str
    patient_id: str
    at: str
    complete: bool
    objects: tuple[ObjectReceipt, ...]

    def missing(self) -> Counter[str]:
        """What keeps it from being complete: sentences, and of how many objects they are true."""
        return Counter(_sentence(one) for one in self.objects if not one.done)

    def document(self) -> dict[str, Any]:
        """What docs/receipts-and-audit.md promises as JSON."""
        return {**asdict(self), "missing": self.missing()}


def receipt(fs: FileSystem, root: str, folder: str, route: ClinicRoute | None) -> StudyReceipt:
    """The receipt of the study in a folder.

    Args:
        fs: the file system.
        root: the folder of the spool.
        folder: the study's, in it.
        route: the one that the root belongs to. None: an object's destinations are those that its receipts name.

    Raises:
        OSError: it cannot be read.
    """
    outbox = Outbox(fs, root)
    reader = _Reader(outbox, folder, route)
    objects = _made_good(sorted(reader.objects(), key=lambda one: (one.received, one.instance)))
    metadata = outbox.metadata(folder)
    uid = str(metadata.get("studyInstanceUID", ""))
    return StudyReceipt(
        format=FORMAT,
        route=route.metadata.name if route else "",
        root=root,
        study=study_key(uid or folder),
        study_instance_uid=uid,
        patient_name=str(metadata.get("patientName", "")),
        patient_id=str(metadata.get("patientID", "")),
        at=datetime.now().astimezone().isoformat(timespec="seconds"),
        complete=bool(objects) and all(one.done for one in objects),
        objects=tuple(objects),
    )


class _Reader:
    """What is known of a study's arrivals, each from the place that knows most of it."""

    def __init__(self, outbox: Outbox, folder: str, route: ClinicRoute | None) -> None:
        self._outbox = outbox
        self._folder = folder
        self._route = route
        # Before the receipts: what leaves in between is in those.
        self._found = [(name, _read(outbox, folder, name)) for name in outbox.names(folder)]
        aside = [one for where in (QUARANTINE, DAMAGED) for one in find_aside(outbox.fs, outbox.root, where, folder)]
        self._events = read_events(outbox.fs, f"{outbox.root}/{folder}")
        self._by_arrival: dict[str, list[Event]] = {}
        for event in self._events:
            self._by_arrival.setdefault(event.arrival, []).append(event)
        self._history = History(self._events)
        self._aside = aside

    def objects(self) -> list[ObjectReceipt]:
        found: dict[str, ObjectReceipt] = {}
        for name, stored in self._found:
            if isinstance(stored, Stored):
                found[stored.arrival] = self._here(stored)
            elif not isinstance(stored, FileNotFoundError):
                stem, _ = parse_object_name(name) or (name, 1)
                reason = (stored.strerror if isinstance(stored, OSError) else str(stored)) or "it cannot be read"
                found[f"{self._folder}/{name}"] = ObjectReceipt(stem, "", "", "", "", State.DAMAGED, reason=reason)
        for one in self._aside:
            found.setdefault(one.arrival or f"{one.where}/{one.name}", self._set_aside(one))
        unknown = {one.instance for one in found.values() if not one.arrival}
        for event in self._events:
            if event.arrival and event.arrival not in found:
                found[event.arrival] = self._gone(event.arrival)
            elif not event.arrival and not event.destination and event.uid not in unknown:
                found[f"?{event.uid}"] = self._lost(event)
        return list(found.values())

    def _here(self, stored: Stored) -> ObjectReceipt:
        record = stored.head.record
        view = outlook(stored.arrival, self._named(stored), self._history)
        discarded = self._history.last(stored.arrival, "") if self._history.discarded(stored.arrival) else None
        stuck = [*view.parked.values(), *view.held.values()]
        event = discarded or (stuck[0] if stuck else None)
        states = {
            State.DISCARDED: discarded,
            State.CONFIRMED: view.complete,
            State.PARKED: view.parked,
            State.HELD: view.held,
            State.WAITING: view.waiting,
            State.UNCOMMITTED: view.stored,
        }
        state = next((state for state, true in states.items() if true), State.NO_DESTINATION)
        lacking = (*view.waiting, *view.stored, *view.parked, *view.held)
        return self._receipt(stored.head.sop_instance, record, state, lacking, event)

    def _named(self, stored: Stored) -> tuple[str, ...]:
        if self._route is not None:
            return destinations_for(self._route, stored.facts)
        return self._told(stored.arrival) or self._history.destinations()

    def _told(self, arrival: str) -> tuple[str, ...]:
        """The destinations that the route named when one of them last confirmed an arrival."""
        named = [event.named for event in self._by_arrival.get(arrival, ()) if event.named]
        return tuple(named[-1].split(",")) if named else ()

    def _set_aside(self, one: Aside) -> ObjectReceipt:
        state = State.QUARANTINED if one.where == QUARANTINE else State.DAMAGED
        reason = reason_of(self._outbox.fs, self._outbox.root, one.where, one.folder, one.name)
        told = [event for event in self._by_arrival.get(one.arrival, ()) if event.uid == one.uid]
        event = next((event for event in reversed(told) if event.kind is Kind.DAMAGED), None)
        found = self._receipt(one.uid, one.head.record if one.head else None, state, (), event)
        return replace(found, reason=reason)

    def _gone(self, arrival: str) -> ObjectReceipt:
        """Of an arrival that is not on the disk any more."""
        events = self._by_arrival[arrival]
        last = self._history.last(arrival, "")
        known = [to.name for to in self._route.spec.destinations] if self._route else None
        named = [name for name in self._told(arrival) if known is None or name in known]
        told = {event.destination: self._history.last(arrival, event.destination) for event in events}
        confirmed = {name for name, now in told.items() if now is not None and now.kind is Kind.DELIVERED}
        lacking = tuple(name for name in named if name not in confirmed)
        state, event = State.MISSING, None
        if last is not None and last.kind in (Kind.DISCARDED, Kind.DAMAGED):
            state, event = State(last.kind), last
        elif confirmed and not lacking:
            state = State.CONFIRMED
        uid = next((event.uid for event in events if event.uid), "")
        return self._receipt(uid, None, state, lacking, event, arrival)

    def _lost(self, event: Event) -> ObjectReceipt:
        """Of an object whose head could not be read when it was set aside, and whose file has gone."""
        state = State.DISCARDED if event.kind is Kind.DISCARDED else State.DAMAGED
        return ObjectReceipt(
            event.uid, "", event.digest, "", "", state, reason=event.why, who=event.who, since=event.at
        )

    def _receipt(
        self,
        instance: str,
        record: Record | None,
        state: State,
        lacking: Iterable[str],
        event: Event | None,
        arrival: str = "",
    ) -> ObjectReceipt:
        """record: None where only the events know it; event: the one that says why it stands like this."""
        arrival = record.arrival if record else arrival
        events = self._by_arrival.get(arrival, []) if arrival else []
        known = record or next((one for one in events if one.received and one.calling), None)
        return ObjectReceipt(
            instance=instance,
            arrival=arrival,
            digest=record.digest if record else next((one.digest for one in events if one.digest), ""),
            received=known.received if known else "",
            calling=known.calling if known else "",
            state=state,
            modality=known.modality if known else "",
            series=known.series if known else "",
            lacking=tuple(lacking),
            reason=(event.why or event.status) if event else "",
            who=event.who if event else "",
            since=event.at if event else "",
            deliveries=tuple(self._delivery(one) for one in events if one.kind is Kind.DELIVERED),
        )

    def _delivery(self, event: Event) -> Delivery:
        last = self._history.last(event.arrival, event.destination)
        stands = last is not None and last.kind is Kind.DELIVERED
        return Delivery(event.destination, event.at, event.status, event.association, event.why, stands)


def _read(outbox: Outbox, folder: str, name: str) -> Stored | OSError | NotOursError:
    """An object, or why it cannot be read."""
    try:
        return outbox.stored(folder, name)
    except (OSError, NotOursError) as error:
        return error


def _made_good(objects: Sequence[ObjectReceipt]) -> list[ObjectReceipt]:
    """Say of what was set aside, discarded or lost whether a confirmed arrival of its SOP Instance stands in for it."""
    lost = (State.QUARANTINED, State.DAMAGED, State.DISCARDED, State.MISSING)
    confirmed: dict[str, list[ObjectReceipt]] = {}
    for one in objects:
        if one.state is State.CONFIRMED:
            confirmed.setdefault(one.instance, []).append(one)

    def is_made_good(one: ObjectReceipt) -> bool:
        return one.state in lost and any(_stands_in(other, one) for other in confirmed.get(one.instance, ()))

    return [replace(one, made_good=is_made_good(one)) for one in objects]


def _stands_in(other: ObjectReceipt, one: ObjectReceipt) -> bool:
    if one.digest and one.digest == other.digest:
        return True
    before = one.received or one.since
    return bool(before and other.received) and _moment(other.received) > _moment(before)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


def _sentence(one: ObjectReceipt) -> str:
    to = ", ".join(one.lacking)
    reason = f": {one.reason}" if one.reason else ""
    by = f" by {one.who}" if one.who else ""
    match one.state:
        case State.WAITING:
            return f"waiting to be sent to {to}"
        case State.UNCOMMITTED:
            return f"sent to {to}, whose storage commitment is awaited"
        case State.PARKED | State.HELD:
            return f"{one.state}{by}, not confirmed by {to}{reason}"
        case State.NO_DESTINATION:
            return "no destination of the route wants it"
        case State.MISSING:
            return f"not on the disk any more, and not confirmed by {to or 'any destination'}"
        case _:
            return f"{one.state}{by}{reason}"
