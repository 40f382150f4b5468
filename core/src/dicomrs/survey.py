"""How a spool stands, for `dicomrs status` and the dashboard: read from the disk, without a lock and without writing.

The services go on meanwhile, so that a survey is a view and no proof: an object may leave while it is being looked at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import is_
from typing import Any, Final

from dicomrs.causes import Cause
from dicomrs.heartbeat import read_heartbeat
from dicomrs.memory import Memory
from dicomrs.moments import earliest, latest, moment
from dicomrs.route import ClinicRoute
from dicomrs.spool.aside import aside_names, reason_of
from dicomrs.spool.folders import study_folder_names
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import DAMAGED, METADATA, QUARANTINE, RECEIPTS
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.receipts import Kind
from dicomrs.study_view import Standing, Stuck, StudyView, Waiting, read_study

ALIVE: Final = timedelta(seconds=10)
"""A service whose last heartbeat is further from now than this is not running, or hangs."""
SERVICES: Final = ("scp", "scu")
_LARGEST: Final = 2**53


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
class Totals:
    """Sums over all studies of a root; last_arrival, last_delivery: ISO 8601, "" if there was none.

    arrivals, deliveries: by quarters of an hour since 1970 (UTC).
    """

    on_disk: int
    no_destination: int
    parked: int
    held: int
    uncommitted: int
    damaged: int
    waiting: Waiting
    last_arrival: str
    last_delivery: str
    arrivals: Mapping[int, int]
    deliveries: Mapping[int, int]
    standings: Mapping[str, tuple[Standing, ...]]
    """By destination."""


@dataclass(frozen=True, slots=True)
class Survey:
    """One root at a moment; studies: oldest first."""

    root: str
    at: datetime
    studies: tuple[StudyView, ...]
    totals: Totals
    destinations: tuple[DestinationView, ...]
    services: tuple[ServiceView, ...]
    quarantined: tuple[SetAside, ...]
    damaged: tuple[SetAside, ...]

    @property
    def damaged_objects(self) -> int:
        """Objects whose bytes changed on the disk, or that cannot be read, wherever they lie."""
        if not self.damaged:
            return self.totals.damaged
        folders = {study.folder for study in self.studies}
        return self.totals.damaged + sum(one.folder not in folders for one in self.damaged)

    @property
    def received(self) -> bool:
        """Whether there is anything of a study."""
        return bool(self.studies or self.quarantined or self.damaged)


@dataclass(slots=True)
class SurveyMemory:
    """What surveys of one root hand on to the next: it makes a look cheap, and changes nothing of what is seen."""

    studies: Memory[StudyView | None] = field(default_factory=Memory)
    aside: Memory[tuple[SetAside, ...]] = field(default_factory=Memory)
    under: object = None
    """The destinations of the route that the studies were seen under."""
    summed: tuple[tuple[StudyView, ...], Totals] | None = None


def survey(
    fs: FileSystem,
    root: str,
    route: ClinicRoute | None,
    now: datetime | None = None,
    memory: SurveyMemory | None = None,
) -> Survey:
    """Look at a root.

    Args:
        fs: the file system.
        root: the folder of the spool.
        route: the one that the root belongs to. None: a study's destinations are those that its receipts name.
        now: with time zone; the present moment if it is left out.
        memory: of the earlier surveys of this root. What has not changed since is not read again.

    Raises:
        OSError: the root cannot be read.
    """
    at = now or datetime.now().astimezone()
    memory = memory or SurveyMemory()
    services = tuple(_service(root, name, at) for name in SERVICES)  # first, for looking may take minutes
    quarantined, damaged = _set_aside(fs, root, memory.aside)
    studies = _studies(Outbox(fs, root), route, quarantined, damaged, memory)
    totals = _summed(studies, memory)
    names = [destination.name for destination in route.spec.destinations] if route else []
    destinations = _destinations(names, totals.standings, next(one for one in services if one.name == "scu"))
    return Survey(root, at, studies, totals, destinations, services, quarantined, damaged)


def _studies(
    outbox: Outbox,
    route: ClinicRoute | None,
    quarantined: Iterable[SetAside],
    damaged: Iterable[SetAside],
    memory: SurveyMemory,
) -> tuple[StudyView, ...]:
    fs, root = outbox.fs, outbox.root
    under = route.spec.destinations if route else None
    if under != memory.under:
        memory.under = under
        memory.studies.clear()
    memory.studies.begin()
    aside = Counter(one.folder for one in quarantined), Counter(one.folder for one in damaged)
    views = []
    names = study_folder_names(fs, root)
    for folder in names:
        path = f"{root}/{folder}"
        stamps = fs.stamp(path), fs.stamp(f"{path}/{RECEIPTS}"), fs.stamp(f"{path}/{METADATA}")
        counts = aside[0][folder], aside[1][folder]

        def read(folder: str = folder, counts: tuple[int, int] = counts) -> tuple[StudyView | None, bool]:
            return read_study(outbox, route, folder, *counts)

        if (view := memory.studies.recall(folder, stamps, counts, read)) is not None:
            views.append(view)
    memory.studies.forget_others(names)
    return tuple(views)


def _summed(studies: tuple[StudyView, ...], memory: SurveyMemory) -> Totals:
    if memory.summed is not None and _same(memory.summed[0], studies):
        return memory.summed[1]
    standings: dict[str, list[Standing]] = {}
    arrivals: Counter[int] = Counter()
    deliveries: Counter[int] = Counter()
    for study in studies:
        for standing in study.standings:
            standings.setdefault(standing.destination, []).append(standing)
        for quarter, number in study.arrivals:
            arrivals[quarter] += number
        for quarter, number in study.deliveries:
            deliveries[quarter] += number
    totals = Totals(
        on_disk=sum(study.on_disk for study in studies),
        no_destination=sum(study.no_destination for study in studies),
        parked=sum(study.parked for study in studies),
        held=sum(study.held for study in studies),
        uncommitted=sum(study.uncommitted for study in studies),
        damaged=sum(study.damaged for study in studies),
        waiting=Waiting(
            sum(study.waiting.objects for study in studies),
            sum(study.waiting.bytes for study in studies),
            earliest(study.waiting.oldest for study in studies if study.waiting.oldest),
        ),
        last_arrival=latest(study.last_arrival for study in studies),
        last_delivery=latest(study.last_delivery for study in studies if study.last_delivery),
        arrivals=arrivals,
        deliveries=deliveries,
        standings={name: tuple(found) for name, found in standings.items()},
    )
    memory.summed = studies, totals
    return totals


def _same(before: tuple[StudyView, ...], now: tuple[StudyView, ...]) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))


def _destinations(
    names: Iterable[str], standings: Mapping[str, tuple[Standing, ...]], scu: ServiceView
) -> tuple[DestinationView, ...]:
    """Those of the route, and any other that scu or a receipt knows."""
    told = scu.figures.get("destinations") if scu.alive else None
    told = told if isinstance(told, dict) else {}
    known = dict.fromkeys((*names, *told, *standings))
    return tuple(_destination(name, standings.get(name, ()), told.get(name)) for name in known)


def _destination(name: str, standings: tuple[Standing, ...], told: object) -> DestinationView:
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
    alive = said is not None and abs(now - said) <= ALIVE  # else a clock that is set back brings the dead to life
    return ServiceView(name, alive, at, _text(figures, "trouble"), _cause(figures), figures)


def _set_aside(
    fs: FileSystem, root: str, memory: Memory[tuple[SetAside, ...]]
) -> tuple[tuple[SetAside, ...], tuple[SetAside, ...]]:
    """What is in quarantine, and what is damaged."""
    memory.begin()
    found: dict[str, list[SetAside]] = {}
    seen = []
    for where in (QUARANTINE, DAMAGED):
        found[where] = []
        try:
            folders = sorted(fs.listdir(f"{root}/{where}"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for folder in folders:

            def read(where: str = where, folder: str = folder) -> tuple[tuple[SetAside, ...], bool]:
                names = aside_names(fs, root, where, folder)
                objects = tuple(SetAside(folder, name, reason_of(fs, root, where, folder, name)) for name in names)
                return objects, all(one.reason for one in objects)

            seen.append(f"{where}/{folder}")
            found[where] += memory.recall(seen[-1], (fs.stamp(f"{root}/{seen[-1]}"),), None, read)
    memory.forget_others(seen)
    return tuple(found[QUARANTINE]), tuple(found[DAMAGED])


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
