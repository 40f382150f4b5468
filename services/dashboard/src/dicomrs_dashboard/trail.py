"""Audit logs, read for people: what was done, newest first, and whether each log is whole. Pure but for reading.

The dashboard's own log and that of each route's root may be one and the same: one root, one log.
"""

import os
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from dicomrs.audit import LOG, AuditLog, Entry, Findings, Head, outcomes
from dicomrs.moments import moment
from dicomrs.route.watch import Stamp, stamp
from dicomrs.spool.fs import READ, FileSystem
from dicomrs.spool.layout import STATE

_SEEN: Final = ("request", "route", "user", "role", "service", "destination", "study", "instance", "needs", "text")
_LONGEST: Final = 300
_PIECE: Final = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done. about: what it was about, by the names of the entry's fields; ended: None if not known.

    objects: to how many it was done, None where that is no matter of objects; at: ISO 8601; source: its log.
    """

    source: str
    number: int
    at: str
    who: str
    identified: str
    address: str
    action: str
    why: str
    about: tuple[tuple[str, str], ...]
    ended: str | None
    objects: int | None
    failed: bool

    @property
    def text(self) -> str:
        """All of it, for a search."""
        words = [self.who, self.identified, self.address, self.action, self.why, self.ended or ""]
        return " ".join([*words, *(value for _, value in self.about)]).casefold()


@dataclass(frozen=True, slots=True)
class Chain:
    """The state of one log. broken: the first line that does not fit, 0 if all do; missing: entries cut off at its end.

    rewritten: it is whole in itself, and not the one whose hash was kept; trouble: why it cannot be read.
    """

    source: str
    entries: int = 0
    head: str = ""
    torn: int = 0
    broken: int = 0
    missing: int = 0
    rewritten: bool = False
    trouble: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is what was written."""
        return not (self.broken or self.missing or self.rewritten or self.trouble)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see: nothing of it is "" or None."""

    source: str = ""
    who: str = ""
    action: str = ""
    text: str = ""
    since: date | None = None
    until: date | None = None

    def takes(self, step: Step) -> bool:
        """Whether a step is wanted."""
        at = moment(step.at)
        day = at.date() if at else None
        return (
            self.source in ("", step.source)
            and self.who in ("", step.who)
            and self.action in ("", step.action)
            and self.text.casefold() in step.text
            and (self.since is None or (day is not None and day >= self.since))
            and (self.until is None or (day is not None and day <= self.until))
        )


def chain_of(source: str, found: Findings, noted: Head | None) -> Chain:
    """Judge a log by itself, and by the hash that was kept beside it (docs/receipts-and-audit.md)."""
    missing = max(0, noted.number - found.head.number) if noted and found.broken is None else 0
    known = noted is not None and 0 < noted.number <= len(found.entries) and found.broken is None
    return Chain(
        source,
        entries=len(found.entries),
        head=found.head.hash,
        torn=len(found.torn),
        broken=found.broken.line if found.broken else 0,
        missing=missing,
        rewritten=bool(known and noted and found.entries[noted.number - 1].hash != noted.hash),
    )


def steps_of(source: str, entries: tuple[Entry, ...]) -> list[Step]:
    """What the entries tell."""
    return [_step(source, begun, ended) for begun, ended in outcomes(entries)]


def _step(source: str, begun: Entry, ended: Entry | None) -> Step:
    told = begun.fields
    what = told.get("what")
    about = [(name, _text(told[name])) for name in _SEEN if told.get(name) not in (None, "", False)]
    if what:
        about.append(("what", ", ".join(map(_text, what)) if isinstance(what, list) else _text(what)))
    if told.get("complete"):
        outcome: str | None = ""
    elif ended is None:
        outcome = None
    else:
        notes = ended.fields.get("notes") or []
        outcome = " ".join(map(_text, [ended.fields.get("failed", ""), *(notes if isinstance(notes, list) else [])]))
    objects = ended.fields.get("objects") if ended else None
    return Step(
        source,
        begun.number,
        _text(told.get("at", "")),
        _text(told.get("who", "")),
        _text(told.get("identified", "")),
        _text(told.get("address", "")),
        _text(told.get("action", "")),
        _text(told.get("why", "")),
        tuple(about),
        outcome if outcome is None else outcome.strip(),
        objects if isinstance(objects, int) else None,
        bool(ended and ended.fields.get("failed")),
    )


def _text(value: Any) -> str:
    return str(value)[:_LONGEST]


@dataclass(frozen=True, slots=True)
class Seen:
    """All logs, and of their steps those wanted, the newest first; people, actions: what there is to choose from."""

    chains: Sequence[Chain] = ()
    steps: Sequence[Step] = ()
    people: Sequence[str] = ()
    actions: Sequence[str] = ()


class Trail:
    """The logs of a release. What was read of one is kept until its file changes: it may have 100,000 entries."""

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs
        self._mutex = threading.Lock()
        self._read: dict[str, tuple[Stamp, Chain, list[Step]]] = {}

    def look(self, roots: Mapping[str, str], wanted: Asked) -> Seen:
        """The logs of roots, by the names that people know them by. Reads and sorts very much: on a thread."""
        found = [self._one(name, root) for name, root in roots.items()]
        steps = [step for _, some in found for step in some]
        taken = sorted(filter(wanted.takes, steps), key=lambda step: (step.at, step.number), reverse=True)
        return Seen(
            [chain for chain, _ in found], taken, _known(one.who for one in steps), _known(one.action for one in steps)
        )

    def _one(self, name: str, root: str) -> tuple[Chain, list[Step]]:
        path = log_path(root)
        log = AuditLog(self._fs, root)
        with self._mutex:
            now = stamp(path)
            kept = self._read.get(path)
            if kept is None or kept[0] != now or kept[1].source != name:
                try:
                    noted = log.noted_head()  # before the log: whoever adds an entry meanwhile notes it last
                    found = log.read()
                except OSError as error:
                    return Chain(name, trouble=f"{path}: {error.strerror}"), []
                kept = (now, chain_of(name, found, noted), steps_of(name, found.entries))
                self._read[path] = kept
            return kept[1], kept[2]


def log_path(root: str) -> str:
    """The file of a root's log."""
    return f"{root}/{STATE}/{LOG}"


def log_bytes(fs: FileSystem, root: str) -> Generator[bytes]:
    """A root's log as it is now, in pieces: what is added to it while somebody downloads it is not in it.

    Raises:
        OSError: it cannot be read.
    """
    fd = fs.open(log_path(root), READ | os.O_NONBLOCK)
    try:
        for offset in range(0, size := fs.size(fd), _PIECE):
            yield fs.pread(fd, min(_PIECE, size - offset), offset)
    finally:
        fs.close(fd)


def logs_of(state: str, own: str, routes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The roots whose logs there are, by name: that of the dashboard (own), then those of routes elsewhere."""
    return {own: state, **{name: root for name, root in routes if root != state}}


def _known(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})
