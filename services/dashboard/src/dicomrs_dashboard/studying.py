"""What the pages about studies show, made of surveys and receipts. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dicomrs.moments import earliest, latest
from dicomrs.receipt import ObjectReceipt, State
from dicomrs.study_view import Standing, StudyView

CONFLICT_HOLDER = "spec.storage.onConflict"
"""Who holds a later arrival of a UID back, in the words of the receipts."""


class Stage(StrEnum):
    """How far an object can be."""

    RECEIVED = "received"
    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a study: so many of its objects have reached it; first, last: when (ISO 8601), "" if not known.

    destination: "" for all.
    """

    stage: Stage
    destination: str
    objects: int
    of: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Series:
    """uid: "" where none is known; objects: SOP Instances that came; confirmed: those of which every arrival is."""

    uid: str
    modality: str
    objects: int
    confirmed: int


def series_of(objects: Iterable[ObjectReceipt]) -> list[Series]:
    """The series of a study, the largest first."""
    came: dict[tuple[str, str], dict[str, bool]] = {}
    for one in objects:
        instances = came.setdefault((one.series, one.modality), {})
        instances[one.instance] = instances.get(one.instance, True) and one.done
    found = [Series(*series, len(instances), sum(instances.values())) for series, instances in came.items()]
    return sorted(found, key=lambda series: -series.objects)


def timeline(objects: Iterable[ObjectReceipt]) -> list[Step]:
    """From the first arrival to the last confirmation.

    What is queued is in the spool, durable, and may travel; what is sent, the destination has answered that it has it;
    that counts as confirmed once it has committed to it, where the route asks for that.
    """
    known = list(objects)
    received = [one.received for one in known if one.received]
    idle = (State.QUARANTINED, State.DAMAGED, State.DISCARDED, State.NO_DESTINATION)
    queued = [one for one in known if one.state not in idle]
    came = [one.received for one in queued if one.received]
    steps = [
        Step(Stage.RECEIVED, "", len(known), len(known), earliest(received), latest(received)),
        Step(Stage.QUEUED, "", len(queued), len(known), earliest(came), latest(came)),
    ]
    names = dict.fromkeys(
        name for one in queued for name in (*(delivery.destination for delivery in one.deliveries), *one.lacking)
    )
    for name in names:
        steps += _at(name, queued)
    return steps


def _at(destination: str, objects: list[ObjectReceipt]) -> tuple[Step, Step]:
    confirmed = [
        delivery.at
        for one in objects
        for delivery in one.deliveries
        if delivery.destination == destination and delivery.stands
    ]
    lacking = [one for one in objects if destination in one.lacking]
    stored = sum(one.state is State.UNCOMMITTED for one in lacking)
    whole, first, last = len(confirmed) + len(lacking), earliest(confirmed), latest(confirmed)
    return (
        Step(Stage.SENT, destination, len(confirmed) + stored, whole, first, last),
        Step(Stage.CONFIRMED, destination, len(confirmed), whole, first, last),
    )


def whole(standing: Standing) -> int:
    """All objects that are known to be for a destination."""
    return standing.delivered + standing.waiting + standing.parked + standing.held + standing.stored


class AsideKind(StrEnum):
    """Why objects do not go on by themselves."""

    PARKED = "parked"
    CONFLICT = "conflict"
    HELD = "held"
    QUARANTINED = "quarantined"
    DAMAGED = "damaged"
    NO_DESTINATION = "no-destination"


_Alike = tuple[AsideKind, str, str, tuple[str, ...], bool]
_ASIDE = {
    State.PARKED: AsideKind.PARKED,
    State.HELD: AsideKind.HELD,
    State.QUARANTINED: AsideKind.QUARANTINED,
    State.DAMAGED: AsideKind.DAMAGED,
    State.NO_DESTINATION: AsideKind.NO_DESTINATION,
}


@dataclass(frozen=True, slots=True)
class AsideGroup:
    """Objects of a study that were set aside for one reason; since: the first of them; who: a person, "" if none.

    made_good: a confirmed arrival stands in for them, see dicomrs.receipt.
    """

    kind: AsideKind
    reason: str
    who: str
    destinations: tuple[str, ...]
    made_good: bool
    objects: int
    since: str


def aside_groups(objects: Iterable[ObjectReceipt], standings: Iterable[Standing]) -> list[AsideGroup]:
    """What of a study does not go on by itself, the kinds in their order, in each the largest group first.

    standings: of the study; they tell at which of the destinations that lack an object it stands so.
    """
    stuck = {(standing.destination, one.why) for standing in standings for one in standing.stuck}
    counts: Counter[_Alike] = Counter()
    since: dict[_Alike, list[str]] = {}
    for one in objects:
        kind = aside_kind(one)
        if kind is None:
            continue
        destinations = tuple(name for name in one.lacking if (name, one.reason) in stuck)
        group = (kind, one.reason, one.who, destinations, one.made_good)
        counts[group] += 1
        since.setdefault(group, []).append(one.since or one.received)
    order = list(AsideKind)
    found = [AsideGroup(*group, number, earliest(since[group])) for group, number in counts.items()]
    return sorted(found, key=lambda group: (order.index(group.kind), -group.objects))


def aside_kind(one: ObjectReceipt) -> AsideKind | None:
    """Why an object does not go on by itself; None: it does, or has gone."""
    if one.state is State.HELD and one.who == CONFLICT_HOLDER:
        return AsideKind.CONFLICT
    return _ASIDE.get(one.state)


def is_set_aside(study: StudyView) -> bool:
    """Whether anything of a study does not go on by itself."""
    return bool(study.parked or study.held or study.quarantined or study.damaged or study.no_destination)
