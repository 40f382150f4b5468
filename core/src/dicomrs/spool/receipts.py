"""The receipts of a study: one JSON line per event of an arrival at a destination, appended by scu alone.

A line that a crash cut short is ended before the next one is written, and ignored when read.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from dicomrs.spool.fs import APPEND, FileSystem, read_all, sync_folder, write_all
from dicomrs.spool.layout import RECEIPTS

EVERYWHERE = "*"
"""In place of a destination: at every one, also at those that the route names only later."""


class Kind(StrEnum):
    """What happened to an arrival at a destination."""

    DELIVERED = "delivered"
    STORED = "stored"  # the destination has answered that it has it; its storage commitment is awaited
    UNCOMMITTED = "uncommitted"  # the destination has said since that it does not have it: to be sent again
    PARKED = "parked"  # the destination will not take it; waits for a person
    HELD = "held"  # not to be sent until a person says so
    RELEASED = "released"  # by a person: to be tried again
    RESENT = "resent"  # by a person: to be sent again, although it was delivered
    DAMAGED = "damaged"  # its bytes changed on the disk; moved away, never sent
    DISCARDED = "discarded"  # by a person: it leaves the disk, whoever lacks it


@dataclass(frozen=True, slots=True)
class Event:
    """One line.

    arrival: "" where the event is about the whole study, with all that is still to come (held, and released again);
    destination: EVERYWHERE for those to come too, "" where it is about the object itself (damaged, discarded, released
    from quarantine); at: local time with offset, ISO 8601; status: the DIMSE status as four hex digits, if there was an
    answer; who, why: of a person's action or of ours; received, calling, modality, series: of the arrival, as
    its record has them; named: the destinations that the route named for it then, with commas.
    """

    at: str
    kind: Kind
    arrival: str
    destination: str
    uid: str = ""
    digest: str = ""
    status: str = ""
    association: str = ""
    who: str = ""
    why: str = ""
    received: str = ""
    calling: str = ""
    named: str = ""
    modality: str = ""
    series: str = ""


def event_now(kind: Kind, arrival: str, destination: str, **details: str) -> Event:
    """A line about an arrival as of now; details are the other fields."""
    at = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return Event(at=at, kind=kind, arrival=arrival, destination=destination, **details)


_NAMES = tuple(one.name for one in fields(Event))


def _line(event: Event) -> bytes:
    return json.dumps({name: getattr(event, name) for name in _NAMES}).encode("ascii") + b"\n"


def _parse(line: bytes) -> Event | None:
    try:
        fields = json.loads(line)
        event = Event(**{**fields, "kind": Kind(fields["kind"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return event if all(isinstance(getattr(event, name), str) for name in _NAMES) else None


def parse_events(data: bytes) -> list[Event]:
    """The events of a receipts file; a torn or foreign line is passed over."""
    lines = data.split(b"\n")
    return [event for line in lines if line and (event := _parse(line)) is not None]


def read_events(fs: FileSystem, folder: str) -> list[Event]:
    """The events of the study in a folder as they are now; none if the file is missing."""
    try:
        return parse_events(read_all(fs, f"{folder}/{RECEIPTS}"))
    except FileNotFoundError:
        return []


_WISHES = (Kind.HELD, Kind.RELEASED, Kind.RESENT)


class History:
    """How every arrival of a study stands at every destination: the sum of its events."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._state: dict[str, dict[str, Event]] = {}  # arrival -> destination -> what happened last
        # The last that was wished of an arrival by itself; it is kept beside what a destination says of it since.
        self._wishes: dict[str, dict[str, Event]] = {}
        self._delivered: set[str] = set()
        self._digests: dict[str, tuple[str, str]] = {}  # SOP Instance UID -> arrival and digest last delivered
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._apply(events)

    def _apply(self, events: Iterable[Event]) -> None:
        for event in events:
            if not event.arrival and event.destination:
                self._apply_to_study(event)
            states = self._state.setdefault(event.arrival, {})
            known = states.get(event.destination)
            # A delivery stands, whatever was written after it, until a person wants another.
            stands = known is not None and known.kind is Kind.DELIVERED
            if not stands or event.kind is Kind.RESENT:
                if event.arrival and event.kind in _WISHES:
                    self._wishes.setdefault(event.arrival, {})[event.destination] = event
                # What a destination has is not to be sent for a wish; it counts should the destination have lost it.
                if known is None or known.kind is not Kind.STORED or event.kind not in (Kind.HELD, Kind.RELEASED):
                    states[event.destination] = event
                self._counts[event.destination, event.kind] += 1
                if stands:
                    self._counts[event.destination, Kind.DELIVERED] -= 1
            if event.kind is Kind.DELIVERED:
                self._delivered.add(event.arrival)
                self._digests[event.uid] = (event.arrival, event.digest)

    def _apply_to_study(self, event: Event) -> None:
        """It overcomes what was said before of the study, and of single objects that wait."""
        for states in self._state.values():
            for destination, before in states.items():
                waits = before.kind in (Kind.RELEASED, Kind.RESENT) or not before.arrival
                if destination and event.destination in (destination, EVERYWHERE) and waits:
                    states[destination] = event
        for wishes in self._wishes.values():
            for destination, before in list(wishes.items()):
                if event.destination in (destination, EVERYWHERE) and before.kind is not Kind.HELD:
                    del wishes[destination]

    def last(self, arrival: str, destination: str) -> Event | None:
        """The last event of an arrival at a destination; None: there is none, and it stands as its study does."""
        return self._state.get(arrival, {}).get(destination)

    def standing(self, arrival: str, destination: str) -> Event | None:
        """The event that says how an arrival stands at a destination; None: it waits."""
        own = self.last(arrival, destination)
        if own is not None and own.kind is not Kind.UNCOMMITTED:
            return own
        # Nothing was said of it, or that it is to be sent again: then it stands as was wished of it, or of its study.
        return self._wish(arrival, destination) or own

    def withheld(self, arrival: str, destination: str) -> Event | None:
        """The hold that keeps an arrival from being sent again, should the destination that has it lose it."""
        wish = self._wish(arrival, destination)
        return wish if wish is not None and wish.kind is Kind.HELD else None

    def _wish(self, arrival: str, destination: str) -> Event | None:
        own = self._wishes.get(arrival, {}).get(destination)
        return own or self.last("", destination) or self.last("", EVERYWHERE)

    def is_held(self, destination: str) -> bool:
        """Whether the study is held as a whole at a destination; EVERYWHERE: at any."""
        if destination == EVERYWHERE:
            return any(event.kind is Kind.HELD for at, event in self._state.get("", {}).items() if at)
        event = self.last("", destination) or self.last("", EVERYWHERE)
        return event is not None and event.kind is Kind.HELD

    def discarded(self, arrival: str) -> bool:
        """Whether a person has discarded an arrival."""
        event = self.last(arrival, "")
        return event is not None and event.kind is Kind.DISCARDED

    def delivered_anywhere(self, arrival: str) -> bool:
        """Whether some destination, named by the route or not, has confirmed an arrival."""
        return arrival in self._delivered

    def digest_of(self, uid: str, but: str) -> str:
        """The digest last delivered anywhere under a SOP Instance UID, not counting an arrival; "" if none was."""
        arrival, digest = self._digests.get(uid, ("", ""))
        return "" if arrival == but else digest

    def destinations(self) -> tuple[str, ...]:
        """Names of the destinations that events are about."""
        return tuple(dict.fromkeys(name for name, _ in self._counts if name not in ("", EVERYWHERE)))

    def counts(self) -> Counter[tuple[str, Kind]]:
        """How many events of each kind there were at each destination."""
        return self._counts


class Ledger(History):
    """The receipts of one study for scu, the only writer."""

    def __init__(self, fs: FileSystem, folder: str) -> None:
        """Make what the file says durable before believing it: a process that died may have left lines unsynced."""
        super().__init__()
        self._fs = fs
        self._path = f"{folder}/{RECEIPTS}"
        fd = fs.open(self._path, APPEND)
        try:
            fs.fsync(fd)
            sync_folder(fs, folder)
            self._apply(parse_events(fs.pread(fd, fs.size(fd), 0)))
        finally:
            fs.close(fd)

    def forget(self, arrival: str) -> None:
        """Keep no longer in memory how an arrival stands that has left the disk."""
        self._delivered.discard(arrival)
        self._state.pop(arrival, None)
        self._wishes.pop(arrival, None)

    def commit(self, events: list[Event]) -> None:
        """Append lines and make them durable; only then do they count.

        Raises:
            OSError: they may or may not be on the disk; they do not count.
        """
        text = b"".join(_line(event) for event in events)
        fd = self._fs.open(self._path, APPEND)
        try:
            write_all(self._fs, fd, self._end_of_torn_line(fd) + text)
            self._fs.fsync(fd)
        finally:
            self._fs.close(fd)
        self._apply(events)

    def _end_of_torn_line(self, fd: int) -> bytes:
        size = self._fs.size(fd)
        torn = size > 0 and self._fs.pread(fd, 1, size - 1) != b"\n"
        return b"\n" if torn else b""
