"""How one study stands: read from its folder, without a lock and without writing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from dicomrs.moments import moment, quarter
from dicomrs.route import ClinicRoute, destinations_for
from dicomrs.spool.layout import study_key
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.outlook import Outlook, outlook
from dicomrs.spool.receipts import History, Kind, read_events
from dicomrs.spool.record import NotOursError

Quarters: TypeAlias = tuple[tuple[int, int], ...]
"""Quarters of an hour since 1970 (UTC), and how much there was in each."""


class StudyState(StrEnum):
    """What a study needs, the most urgent first."""

    PARKED = "parked"  # a destination will not take some of it: a person must look
    HELD = "held"  # some of it is not to be sent until a person says so
    WAITING = "waiting"
    UNCOMMITTED = "uncommitted"  # all that is on disk is at its destinations, whose storage commitment is awaited
    NO_DESTINATION = "no destination"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"  # all that came of it has no pixels
    DELIVERED = "delivered"
    DISCARDED = "discarded"  # by a person: all that came of it
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Stuck:
    """So many objects that are parked or held at a destination for one reason."""

    kind: Kind
    why: str
    objects: int


@dataclass(frozen=True, slots=True)
class Standing:
    """So many objects by how they stand at one destination.

    stored: it has them and has not committed to them yet; stuck: why those stand so that are parked or held.
    """

    destination: str
    delivered: int
    waiting: int
    parked: int
    held: int
    stored: int
    stuck: tuple[Stuck, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The objects that are to be sent to some destination; bytes: of their datasets; oldest: its arrival (ISO 8601)."""

    objects: int = 0
    bytes: int = 0
    oldest: str = ""


@dataclass(frozen=True, slots=True)
class StudyView:
    """One study folder. Texts are a scanner's, as they came: escape them when they are shown.

    key: the study's name in logs; first_arrival, last_arrival, last_delivery, oldest: ISO 8601, the oldest being on
    disk still ("": none is); on_disk: objects in the folder, of them to be sent (waiting), parked, held and uncommitted
    those that are so at some destination, whatever they are at others; gone: those that were delivered and have left
    it; discarded: those that a person removed, whether or not some destination had them; no_destination: of those on
    disk, the ones that no destination wants; conflict: other bytes came under one SOP Instance UID; calling: the AE
    title that the first came from; arrivals, deliveries: when its objects came, and were confirmed by a destination.
    """

    folder: str
    key: str
    patient_name: str
    patient_id: str
    modality: str
    description: str
    study_date: str
    calling: str
    first_arrival: str
    last_arrival: str
    last_delivery: str
    oldest: str
    on_disk: int
    waiting: Waiting
    parked: int
    held: int
    uncommitted: int
    gone: int
    discarded: int
    no_destination: int
    quarantined: int
    damaged: int
    conflict: bool
    standings: tuple[Standing, ...]
    arrivals: Quarters
    deliveries: Quarters

    @property
    def images(self) -> int:
        """Objects that came and were not discarded, wherever they are now."""
        return self.on_disk + self.gone + self.quarantined + self.damaged

    @property
    def state(self) -> StudyState:
        """The most urgent of all that is true of it."""
        found = {
            StudyState.PARKED: any(standing.parked for standing in self.standings),
            StudyState.HELD: any(standing.held for standing in self.standings),
            StudyState.WAITING: self.on_disk > self.no_destination and not self._uncommitted,
            StudyState.UNCOMMITTED: self._uncommitted,
            StudyState.NO_DESTINATION: self.no_destination,
            StudyState.DAMAGED: self.damaged,
            StudyState.DELIVERED: self.gone,
            StudyState.QUARANTINED: self.quarantined,
            StudyState.DISCARDED: self.discarded,
        }
        return next((state for state, true in found.items() if true), StudyState.EMPTY)

    @property
    def _uncommitted(self) -> bool:
        stored = any(standing.stored for standing in self.standings)
        return stored and not any(standing.waiting for standing in self.standings)


@dataclass(slots=True)
class _Count:
    """What is counted while the objects of a study are looked at."""

    on_disk: int = 0
    no_destination: int = 0
    unreadable: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    parked: int = 0
    held: int = 0
    uncommitted: int = 0
    oldest: str = ""
    oldest_waiting: str = ""
    newest: str = ""

    def add(self, stored: Stored, view: Outlook) -> None:
        """An object that is there."""
        record = stored.head.record
        self.on_disk += 1
        self.oldest = _earlier(self.oldest, record.received)
        self.newest = max(self.newest, record.received)
        self.parked += bool(view.parked)
        self.held += bool(view.held)
        self.uncommitted += bool(view.stored)
        if view.waiting:
            self.waiting += 1
            self.waiting_bytes += record.length
            self.oldest_waiting = _earlier(self.oldest_waiting, record.received)


def read_study(
    outbox: Outbox, route: ClinicRoute | None, folder: str, quarantined: int, damaged: int
) -> tuple[StudyView | None, bool]:
    """Look into a study's folder.

    Args:
        outbox: of the root.
        route: the one that the root belongs to. None: a study's destinations are those that its receipts name.
        folder: its name.
        quarantined: objects of the study that are in quarantine.
        damaged: those that are among the damaged.

    Returns:
        What was seen (None: it is no study's folder, or has gone), and whether all of it could be read.

    Raises:
        OSError: the receipts cannot be read.
    """
    try:
        if not outbox.is_ours(folder):
            return None, False  # or a volume that fails keeps back its files for now
        names = outbox.names(folder)  # before the receipts: what leaves in between is in those, and so not forgotten
        events = read_events(outbox.fs, f"{outbox.root}/{folder}")
    except FileNotFoundError:
        return None, False
    described = outbox.study(folder)
    metadata = described.metadata if described else outbox.metadata(folder)
    history = History(events)
    count, present = _Count(), {}
    tallies: Counter[tuple[str, str]] = Counter()  # destination and what
    stuck: Counter[tuple[str, Kind, str]] = Counter()
    for name in names:
        try:
            stored = outbox.stored(folder, name)
        except FileNotFoundError:
            continue
        except (OSError, NotOursError):
            count.unreadable += 1  # the disk fails, or scu will move it to the damaged
            continue
        view = outlook(stored.arrival, _named(route, stored, history), history)
        present[stored.arrival] = stored.head.record.received
        count.add(stored, view)
        count.no_destination += route is not None and view.no_destination
        _tally(view, tallies, stuck)
    delivered = {
        destination: number for (destination, kind), number in history.counts().items() if kind is Kind.DELIVERED
    }
    discarded = {(event.arrival, event.uid) for event in events if event.kind is Kind.DISCARDED}
    deliveries = [event for event in events if event.kind is Kind.DELIVERED]
    gone = {event.arrival for event in deliveries} - present.keys() - {arrival for arrival, _ in discarded}
    came = {event.arrival: event.received for event in events if event.received} | present
    first_arrival = _text(metadata, "firstArrival")
    view_of_study = StudyView(
        folder=folder,
        key=study_key(_text(metadata, "studyInstanceUID") or folder),
        patient_name=_text(metadata, "patientName"),
        patient_id=_text(metadata, "patientID"),
        modality=_text(metadata, "modality"),
        description=_text(metadata, "studyDescription"),
        study_date=_text(metadata, "studyDate"),
        calling=_text(metadata, "callingAeTitle"),
        first_arrival=first_arrival,
        last_arrival=max((first_arrival, count.newest, *(event.received for event in events))),
        last_delivery=max((event.at for event in deliveries), default=""),
        oldest=count.oldest,
        on_disk=count.on_disk,
        waiting=Waiting(count.waiting, count.waiting_bytes, count.oldest_waiting),
        parked=count.parked,
        held=count.held,
        uncommitted=count.uncommitted,
        gone=len(gone),
        discarded=len(discarded),
        no_destination=count.no_destination,
        quarantined=quarantined,
        damaged=damaged + count.unreadable,
        conflict=bool(metadata.get("conflict")),
        standings=_standings(delivered, tallies, stuck),
        arrivals=_quarters(came.values()),
        deliveries=_quarters(event.at for event in deliveries),
    )
    return view_of_study, not count.unreadable and described is not None


def _quarters(moments: Iterable[str]) -> Quarters:
    known = (found for text in moments if (found := moment(text)) is not None)
    return tuple(sorted(Counter(quarter(found) for found in known).items()))


def _named(route: ClinicRoute | None, stored: Stored, history: History) -> tuple[str, ...]:
    """The destinations that an object is for, as far as they are known."""
    if route is None:
        return history.destinations()
    return destinations_for(route, stored.facts)


def _tally(view: Outlook, tallies: Counter[tuple[str, str]], stuck: Counter[tuple[str, Kind, str]]) -> None:
    tallies.update((destination, "waiting") for destination in view.waiting)
    tallies.update((destination, "stored") for destination in view.stored)
    for what, events in (("parked", view.parked), ("held", view.held)):
        for destination, event in events.items():
            tallies[destination, what] += 1
            stuck[destination, event.kind, event.why or event.status] += 1


def _standings(
    delivered: Mapping[str, int], tallies: Counter[tuple[str, str]], stuck: Counter[tuple[str, Kind, str]]
) -> tuple[Standing, ...]:
    names = dict.fromkeys((*delivered, *(destination for destination, _ in tallies)))
    return tuple(
        Standing(
            name,
            delivered.get(name, 0),
            tallies[name, "waiting"],
            tallies[name, "parked"],
            tallies[name, "held"],
            tallies[name, "stored"],
            tuple(Stuck(kind, why, number) for (where, kind, why), number in stuck.items() if where == name),
        )
        for name in names
    )


def _earlier(one: str, other: str) -> str:
    return min(filter(None, (one, other)), default="")


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
