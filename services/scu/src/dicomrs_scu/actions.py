"""What can be done for a person to the objects of a study: release, hold, resend, discard. All raise OSError."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dicomrs.spool.aside import Aside, find_aside, let_back, objection, remove_aside
from dicomrs.spool.control import Discard, Hold, Release, Request, Resend, What
from dicomrs.spool.layout import DAMAGED, QUARANTINE, file_stem, parse_object_name
from dicomrs.spool.outbox import Stored
from dicomrs.spool.outlook import Outlook, outlook
from dicomrs.spool.receipts import EVERYWHERE, Event, Kind, Ledger, event_now, read_events
from dicomrs.spool.record import NotOursError
from dicomrs_scu.backlog import Backlog, OpenStudy
from dicomrs_scu.waiting import Waiting

_MOST_REASONS: Final = 20
_WHERE: Final = {What.QUARANTINED: QUARANTINE, What.DAMAGED: DAMAGED}
_GONE: Final = "it was delivered and has left the disk: only the scanner can send it again"

Target: TypeAlias = Aside | Stored
"""An object that is to be discarded."""


@dataclass(slots=True)
class Result:
    """To how many objects it was done, and why not to others, with their number."""

    objects: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def notes(self) -> tuple[str, ...]:
        """The most frequent reasons, for there can be as many as objects."""
        return tuple(f"{number} x {reason}" for reason, number in self.reasons.most_common(_MOST_REASONS))


class Actions:
    """Of one request."""

    def __init__(self, backlog: Backlog, result: Result, breathe: Callable[[], None]) -> None:
        self._backlog = backlog
        self._outbox = backlog.outbox
        self._result = result
        self._breathe = breathe

    def release(self, request: Release) -> None:
        """Have tried again what is parked or held, and whatever passes its checks now of what is in quarantine.

        A release for one destination is about that one, and leaves quarantine alone.
        """
        for folder in [request.folder] if request.folder else self._outbox.folders():
            self._breathe()
            if not request.destination:
                self._release_quarantined(folder, request)
            study = self._backlog.look(folder)
            if study is not None:
                self._change(study, request, Kind.RELEASED, _stuck)

    def _release_quarantined(self, folder: str, request: Release) -> None:
        """What passes now arrives in its study; when that is durable and on record, it leaves the quarantine."""
        fs, root = self._outbox.fs, self._outbox.root
        self._backlog.look(folder)  # makes its receipts durable, which are to be believed here
        quarantined = find_aside(fs, root, QUARANTINE, folder)
        told = {(event.arrival, event.kind) for event in read_events(fs, f"{root}/{folder}")} if quarantined else set()
        known = {arrival for arrival, _ in told}
        for one in quarantined:
            if request.instance not in ("", one.uid):
                continue
            self._breathe()
            try:
                if reason := objection(fs, root, one, pause=self._breathe):
                    self._result.reasons[f"it stays in quarantine: {reason}"] += 1
                    continue
                # Of what has events only the name here is left, by a crash: it was let back or discarded before.
                if one.arrival not in known:
                    let_back(fs, root, one)
                if not told & {(one.arrival, Kind.RELEASED), (one.arrival, Kind.DISCARDED)}:
                    self._note_aside(Kind.RELEASED, one, request)
                remove_aside(fs, root, one)
            except FileNotFoundError:
                continue  # a person was faster
            self._result.objects += 1

    def hold(self, request: Hold) -> None:
        """Send nothing more of a study, nor what is still to come of it, until it is released."""
        study = self._backlog.look(request.folder)
        if study is not None:
            in_flight = self._change(study, request, Kind.HELD, _to_be_held)
            if in_flight:
                self._result.reasons["it is being sent at this moment, which is finished"] = in_flight
            if there := sum(self._is_there(waiting, study, request) for waiting in self._chosen(study, request)):
                self._result.reasons["it is there already: it is not sent again, should it get lost there"] = there

    def _is_there(self, waiting: Waiting, study: OpenStudy, request: Request) -> bool:
        view = outlook(waiting.arrival, waiting.named, study.ledger)
        return any(request.destination in ("", name) for name in view.withheld)

    def resend(self, request: Resend) -> None:
        """Send again what is still here and was delivered to the destination, or is parked there."""
        to = request.destination
        study = self._backlog.look(request.folder)
        if study is None:
            return
        present = self._chosen(study, request)
        for waiting in present:
            view = outlook(waiting.arrival, waiting.named, study.ledger)
            if to not in view.delivered and to not in view.parked:
                self._result.reasons[_why_not_resent(view, to)] += 1
        gone = self._gone(request, {waiting.arrival for waiting in study.present.values()})
        if gone:
            self._result.reasons[_GONE] = gone
        self._change(study, request, Kind.RESENT, lambda view: dict.fromkeys((*view.delivered, *view.parked)))

    def _gone(self, request: Request, present: set[str]) -> int:
        events = read_events(self._outbox.fs, f"{self._outbox.root}/{request.folder}")
        delivered = {
            event.arrival for event in events if event.kind is Kind.DELIVERED and request.instance in ("", event.uid)
        }
        return len(delivered - present)

    def to_discard(self, request: Discard) -> list[Target]:
        """The objects that a request to discard is about."""
        found: list[Target] = []
        for what in request.what:
            if what in _WHERE:
                found += find_aside(self._outbox.fs, self._outbox.root, _WHERE[what], request.folder)
        study = self._backlog.look(request.folder)
        for waiting in self._chosen(study, request) if study else ():
            assert study is not None
            if _kinds(outlook(waiting.arrival, waiting.named, study.ledger)) & set(request.what):
                try:
                    found.append(self._outbox.stored(waiting.folder, waiting.name))
                except (OSError, NotOursError):
                    continue  # it has left, or is damaged and will be moved
        return [one for one in found if request.instance in ("", identity(one)["instance"])]

    def discard(self, request: Discard, targets: list[Target]) -> None:
        """Remove objects, each when a durable event says so. What waits to be sent anywhere stays."""
        study = self._backlog.look(request.folder)
        present = {waiting.arrival: waiting for waiting in study.present.values()} if study else {}
        events = read_events(self._outbox.fs, f"{self._outbox.root}/{request.folder}")
        known = {event.arrival for event in events if event.arrival}
        for one in targets:
            self._breathe()
            if isinstance(one, Aside):
                # Of an object that is in its study again, or has left it, this is but a name that a crash has left.
                was_let_back = one.arrival in present or (one.where == QUARANTINE and one.arrival in known)
                if study is not None and not was_let_back:
                    self._note_aside(Kind.DISCARDED, one, request)
                remove_aside(self._outbox.fs, self._outbox.root, one)
            elif study is None or (waiting := present.get(one.arrival)) is None:
                continue
            elif (view := outlook(one.arrival, waiting.named, study.ledger)).stored:
                self._result.reasons["another destination has it and has not committed to it yet"] += 1
                continue
            elif view.waiting:
                self._result.reasons["it waits to be sent to another destination: hold it first"] += 1
                continue
            else:
                event = one.event(Kind.DISCARDED, "", who=request.who, why=request.why)
                self._backlog.settle(request.folder, [(one, event)])
            self._result.objects += 1

    def _change(
        self, study: OpenStudy, request: Request, kind: Kind, pick: Callable[[Outlook], Mapping[str, Event | None]]
    ) -> int:
        """Write one kind of event and bring the queues in line; how many objects were being sent meanwhile.

        pick: the destinations at which it concerns an object, with the event that is to be overcome.
        """
        chosen = self._chosen(study, request)
        changed: list[Waiting] = []

        def decision() -> list[Event]:
            of_study = _of_study(study.ledger, request, kind)
            events = [_event(kind, "", name, request) for name in of_study]
            for waiting in chosen:
                if study.present.get(waiting.name) is not waiting:
                    continue  # it has left meanwhile
                picked = pick(outlook(waiting.arrival, waiting.named, study.ledger))
                names = [name for name in picked if request.destination in ("", name)]
                details = {"uid": _stem(waiting), "received": waiting.received}
                events += [
                    _event(kind, waiting.arrival, name, request, **details)
                    for name in names
                    if not (of_study and _goes_with_study(kind, picked[name]))
                ]
                if names:
                    changed.append(waiting)
            return events

        self._backlog.decide(study.folder, decision)
        self._result.objects += len(changed)
        return sum(self._backlog.requeue(waiting) for waiting in changed)

    def _chosen(self, study: OpenStudy, request: Request) -> list[Waiting]:
        """The objects of a study folder that a request is about."""
        stem = file_stem(request.instance) if request.instance else ""
        return [waiting for waiting in list(study.present.values()) if stem in ("", _stem(waiting))]

    def _note_aside(self, kind: Kind, one: Aside, request: Request) -> None:
        event = _event(kind, one.arrival, "", request, **one.details())
        self._backlog.decide(one.folder, lambda: [event])


def identity(one: Target) -> dict[str, str]:
    """What the audit log says of an object that will be gone."""
    if isinstance(one, Aside):
        details = one.details()
        return {"instance": one.uid, "digest": details.get("digest", ""), "from": one.where}
    return {"instance": one.head.sop_instance, "digest": one.head.record.digest, "from": ""}


def _event(kind: Kind, arrival: str, destination: str, request: Request, **details: str) -> Event:
    return event_now(kind, arrival, destination, who=request.who, why=request.why, **details)


def _stem(waiting: Waiting) -> str:
    stem, _ = parse_object_name(waiting.name) or (waiting.name, 1)
    return stem


def _of_study(ledger: Ledger, request: Request, kind: Kind) -> list[str]:
    """Where a request is about the whole study, and all that is still to come of it."""
    if request.instance or kind is Kind.RESENT:
        return []
    names = [request.destination or EVERYWHERE]
    if kind is Kind.HELD:
        return names
    return names if ledger.is_held(names[0]) else []


def _goes_with_study(kind: Kind, overcome: Event | None) -> bool:
    """Whether the line about the whole study says all about an object: it has nothing of its own to be overcome."""
    return kind is Kind.HELD or (kind is Kind.RELEASED and overcome is not None and not overcome.arrival)


def _stuck(view: Outlook) -> dict[str, Event]:
    return {**view.parked, **view.held, **view.withheld}


def _to_be_held(view: Outlook) -> dict[str, None]:
    """Where it is stored, too: the destination may turn out to have lost it."""
    return dict.fromkeys((*view.waiting, *(name for name in view.stored if name not in view.withheld)))


def _kinds(view: Outlook) -> set[What]:
    found = {What.PARKED: view.parked, What.HELD: view.held, What.NO_DESTINATION: view.no_destination}
    return {what for what, true in found.items() if true}


def _why_not_resent(view: Outlook, destination: str) -> str:
    if destination in view.waiting:
        return "it waits there already"
    if destination in view.stored:
        return "it is there already, and its storage commitment is awaited"
    if destination in view.held:
        return "it is held: release it"
    return "the route does not send it there"
