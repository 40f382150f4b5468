"""How a spool stands, for `dicomrs status` and the dashboard: read from the disk, without a lock and without writing.

The services go on meanwhile, so that a survey is a view and no proof: an object may leave while it is being looked at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from dicomrs.causes import Cause
from dicomrs.heartbeat import read_heartbeat
from dicomrs.moments import earliest, latest, moment
from dicomrs.route import ClinicRoute, destinations_for
from dicomrs.spool.aside import aside_names, reason_of
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import DAMAGED, QUARANTINE, study_key
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.outlook import Outlook, outlook
from dicomrs.spool.receipts import History, Kind, read_events
from dicomrs.spool.record import NotOursError

ALIVE: Final = timedelta(seconds=10)
"""A service whose last heartbeat is older than this is not running, or hangs."""
SERVICES: Final = ("scp", "scu")
_LARGEST: Final = 2**53


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
    disk, the ones that no destination wants; conflict: other bytes came under one SOP Instance UID.
    """

    folder: str
    key: str
    patient_name: str
    patient_id: str
    modality: str
    description: str
    study_date: str
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


@dataclass(frozen=True, slots=True)
class ServiceView:
    """scp or scu by its last heartbeat; at: ISO 8601, "" if there is none; trouble: why it does not do its work.

    cause: of the trouble, None without any.
    """

    name: str
    alive: bool
    at: str
    trouble: str
    cause: Cause | None
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination over all studies.

    trouble, its cause, retry_in (seconds), refused (objects refused before that will be tried again) and suspended are
    what scu says of it, and empty while it does not run.
    """

    name: str
    delivered: int
    waiting: int
    parked: int
    held: int
    stored: int
    stuck: tuple[Stuck, ...]
    trouble: str
    cause: Cause | None
    retry_in: float
    refused: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class SetAside:
    """An object in quarantine or among the damaged."""

    folder: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """One root at a moment; studies: oldest first."""

    root: str
    at: datetime
    studies: tuple[StudyView, ...]
    destinations: tuple[DestinationView, ...]
    services: tuple[ServiceView, ...]
    quarantined: tuple[SetAside, ...]
    damaged: tuple[SetAside, ...]

    @property
    def on_disk(self) -> int:
        """Objects in study folders."""
        return sum(study.on_disk for study in self.studies)

    @property
    def no_destination(self) -> int:
        """Objects that no destination wants."""
        return sum(study.no_destination for study in self.studies)

    @property
    def waiting(self) -> Waiting:
        """The objects that are to be sent to some destination."""
        waiting = [study.waiting for study in self.studies]
        oldest = earliest(one.oldest for one in waiting)
        return Waiting(sum(one.objects for one in waiting), sum(one.bytes for one in waiting), oldest)

    @property
    def damaged_objects(self) -> int:
        """Objects whose bytes changed on the disk, or that cannot be read, wherever they lie."""
        folders = {study.folder for study in self.studies}
        elsewhere = sum(one.folder not in folders for one in self.damaged)
        return elsewhere + sum(study.damaged for study in self.studies)

    @property
    def last_arrival(self) -> str:
        """ISO 8601, "" if nothing has come."""
        return latest(study.last_arrival for study in self.studies)

    @property
    def last_delivery(self) -> str:
        """ISO 8601, "" if nothing was delivered."""
        return latest(study.last_delivery for study in self.studies)

    @property
    def received(self) -> bool:
        """Whether there is anything of a study."""
        return bool(self.studies or self.quarantined or self.damaged)


def survey(fs: FileSystem, root: str, route: ClinicRoute | None, now: datetime | None = None) -> Survey:
    """Look at a root.

    Args:
        fs: the file system.
        root: the folder of the spool.
        route: the one that the root belongs to. None: a study's destinations are those that its receipts name.
        now: with time zone; the present moment if it is left out.

    Raises:
        OSError: the root cannot be read.
    """
    at = now or datetime.now().astimezone()
    outbox = Outbox(fs, root)
    quarantined, damaged = _set_aside(fs, root, QUARANTINE), _set_aside(fs, root, DAMAGED)
    aside = (Counter(one.folder for one in quarantined), Counter(one.folder for one in damaged))
    views = (_study(outbox, route, folder, aside[0][folder], aside[1][folder]) for folder in outbox.folders())
    studies = tuple(view for view in views if view is not None)
    services = tuple(_service(root, name, at) for name in SERVICES)
    names = [destination.name for destination in route.spec.destinations] if route else []
    destinations = _destinations(names, studies, next(one for one in services if one.name == "scu"))
    return Survey(root, at, studies, destinations, services, quarantined, damaged)


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


def _study(outbox: Outbox, route: ClinicRoute | None, folder: str, quarantined: int, damaged: int) -> StudyView | None:
    try:
        names = outbox.names(folder)  # before the receipts: what leaves in between is in those, and so not forgotten
        events = read_events(outbox.fs, f"{outbox.root}/{folder}")
    except FileNotFoundError:
        return None
    metadata = outbox.metadata(folder)
    history = History(events)
    count, present = _Count(), set()
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
        present.add(stored.arrival)
        count.add(stored, view)
        count.no_destination += route is not None and view.no_destination
        _tally(view, tallies, stuck)
    delivered = {
        destination: number for (destination, kind), number in history.counts().items() if kind is Kind.DELIVERED
    }
    discarded = {(event.arrival, event.uid) for event in events if event.kind is Kind.DISCARDED}
    deliveries = [event for event in events if event.kind is Kind.DELIVERED]
    gone = {event.arrival for event in deliveries} - present - {arrival for arrival, _ in discarded}
    first_arrival = _text(metadata, "firstArrival")
    return StudyView(
        folder=folder,
        key=study_key(_text(metadata, "studyInstanceUID") or folder),
        patient_name=_text(metadata, "patientName"),
        patient_id=_text(metadata, "patientID"),
        modality=_text(metadata, "modality"),
        description=_text(metadata, "studyDescription"),
        study_date=_text(metadata, "studyDate"),
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
    )


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


def _destinations(names: Iterable[str], studies: Iterable[StudyView], scu: ServiceView) -> tuple[DestinationView, ...]:
    """Those of the route, and any other that scu or a receipt knows."""
    standings = [standing for study in studies for standing in study.standings]
    told = scu.figures.get("destinations") if scu.alive else None
    told = told if isinstance(told, dict) else {}
    known = dict.fromkeys((*names, *told, *(standing.destination for standing in standings)))
    return tuple(
        _destination(name, [one for one in standings if one.destination == name], told.get(name)) for name in known
    )


def _destination(name: str, standings: list[Standing], told: object) -> DestinationView:
    figures = told if isinstance(told, dict) else {}
    stuck: Counter[tuple[Kind, str]] = Counter()
    for standing in standings:
        for one in standing.stuck:
            stuck[one.kind, one.why] += one.objects
    return DestinationView(
        name=name,
        delivered=sum(standing.delivered for standing in standings),
        waiting=sum(standing.waiting for standing in standings),
        parked=sum(standing.parked for standing in standings),
        held=sum(standing.held for standing in standings),
        stored=sum(standing.stored for standing in standings),
        stuck=tuple(Stuck(kind, why, number) for (kind, why), number in stuck.items()),
        trouble=_text(figures, "trouble"),
        cause=_cause(figures),
        retry_in=_number(figures, "retry_in"),
        refused=int(_number(figures, "refused")),
        suspended=figures.get("suspended") is True,
    )


def _service(root: str, name: str, now: datetime) -> ServiceView:
    figures = read_heartbeat(root, name)
    at = _text(figures, "at")
    said = moment(at)
    alive = said is not None and now - said <= ALIVE
    return ServiceView(name, alive, at, _text(figures, "trouble"), _cause(figures), figures)


def _set_aside(fs: FileSystem, root: str, where: str) -> tuple[SetAside, ...]:
    try:
        folders = sorted(fs.listdir(f"{root}/{where}"))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(
        SetAside(folder, name, reason_of(fs, root, where, folder, name))
        for folder in folders
        for name in aside_names(fs, root, where, folder)
    )


def _earlier(one: str, other: str) -> str:
    return min(filter(None, (one, other)), default="")


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _cause(figures: Mapping[str, Any]) -> Cause | None:
    """Of the trouble that a service tells: a word that we do not know says no more than the trouble does."""
    if not _text(figures, "trouble"):
        return None
    try:
        return Cause(_text(figures, "cause"))
    except ValueError:
        return Cause.UNKNOWN


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    # Python reads NaN, infinity and numbers of a thousand digits from JSON.
    return float(value) if isinstance(value, int | float) and abs(value) < _LARGEST else 0.0
