"""All studies of all routes, to be searched, filtered, sorted and shown page by page.

It is in memory and follows what the looks at the roots have seen: nothing of a patient is written anywhere once more,
and a restart makes it anew.
"""

import math
import sqlite3
import threading
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from dicomrs.moments import moment
from dicomrs.study_view import StudyState, StudyView
from dicomrs_dashboard.studying import is_set_aside

PAGE_SIZE: Final = 50
_MOST_WORDS: Final = 8
_URGENCY: Final = {state: number for number, state in enumerate(StudyState)}
_SCHEMA: Final = """
CREATE TABLE studies (
    root BLOB, folder BLOB, route TEXT, key TEXT, patient TEXT, id TEXT, modality TEXT, scanner TEXT, images INTEGER,
    state TEXT, urgency INTEGER, arrival REAL, waiting INTEGER, aside INTEGER, destinations TEXT, words TEXT,
    open_words TEXT,
    PRIMARY KEY (root, folder)
) WITHOUT ROWID
"""
_COLUMNS: Final = 17
SORTS: Final = {
    "arrival": "arrival",
    "patient": "patient",
    "id": "id",
    "modality": "modality",
    "scanner": "scanner",
    "images": "images",
    "waiting": "waiting",
    "state": "urgency",
    "route": "route",
}
"""What can be sorted by, and its column. No text of a request gets into a statement."""
OF_PATIENTS: Final = frozenset({"patient", "id"})
"""Sorting by these tells something of what is masked."""


@dataclass(frozen=True, slots=True)
class StudyQuery:
    """Which studies. What is empty does not restrict.

    text: words, each of which must be in the patient's name or ID, the modality, the scanner or the description, or be
    the beginning of the study's key; of a masked query, in modality, scanner or key, or the text is the patient's ID;
    aside: only those of which something does not go on by itself; since, until: days of arrival; sort: one of SORTS;
    page: from 1.
    """

    route: str = ""
    text: str = ""
    state: str = ""
    destination: str = ""
    aside: bool = False
    since: date | None = None
    until: date | None = None
    sort: str = "arrival"
    descending: bool = True
    page: int = 1
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A study, and the route that it belongs to."""

    route: str
    study: StudyView


@dataclass(frozen=True, slots=True)
class StudyPage:
    """So many of the studies that were asked for; total: how many there are; page, pages: from 1."""

    rows: tuple[Row, ...]
    total: int
    page: int
    pages: int


class StudyIndex:
    """For any thread."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._table = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._table.execute(_SCHEMA)
        self._studies: dict[str, dict[str, StudyView]] = {}
        self._routes: dict[str, str] = {}

    def put(self, root: str, route: str, studies: Sequence[StudyView]) -> None:
        """These are the studies of a root now. Those that are the same objects as before cost nothing."""
        with self._mutex:
            before = self._studies.get(root, {}) if self._routes.get(root) == route else {}
            now = {study.folder: study for study in studies}
            gone = [(_name(root), _name(folder)) for folder in self._studies.get(root, {}) if folder not in now]
            changed = [_row(root, route, study) for study in studies if before.get(study.folder) is not study]
            if gone or changed:
                self._table.execute("BEGIN")
                self._table.executemany("DELETE FROM studies WHERE root = ? AND folder = ?", gone)
                marks = ", ".join("?" * _COLUMNS)
                self._table.executemany(f"REPLACE INTO studies VALUES ({marks})", changed)  # noqa: S608  # marks only
                self._table.execute("COMMIT")
            self._studies[root], self._routes[root] = now, route

    def keep(self, roots: Collection[str]) -> None:
        """Forget what is of no root among these."""
        with self._mutex:
            for root in [root for root in self._studies if root not in roots]:
                self._table.execute("DELETE FROM studies WHERE root = ?", (_name(root),))
                del self._studies[root], self._routes[root]

    def find(self, route: str, key: str) -> StudyView | None:
        """The study of a route that is called so in logs and commands."""
        with self._mutex:
            found = self._table.execute(
                "SELECT root, folder FROM studies WHERE route = ? AND key = ?", (route, key)
            ).fetchone()
            return self._study(*found) if found else None

    def _study(self, root: bytes, folder: bytes) -> StudyView:
        return self._studies[root.decode("utf-8", "surrogatepass")][folder.decode("utf-8", "surrogatepass")]

    def page(self, query: StudyQuery) -> StudyPage:
        """The studies that a query is about, and that are on its page; of a page beyond the last, the last."""
        conditions, values = _conditions(query)
        where = " AND ".join(("TRUE", *conditions))
        sort = query.sort if query.sort in SORTS and not (query.masked and query.sort in OF_PATIENTS) else "arrival"
        way = "DESC" if query.descending else "ASC"
        with self._mutex:
            counted = f"SELECT count(*) FROM studies WHERE {where}"  # noqa: S608  # texts of this module only
            (total,) = self._table.execute(counted, values).fetchone()
            pages = max(1, -(-total // PAGE_SIZE))
            page = min(max(1, query.page), pages)
            chosen = (
                f"SELECT route, root, folder FROM studies WHERE {where} "  # noqa: S608
                f"ORDER BY {SORTS[sort]} {way}, arrival DESC, root, folder LIMIT ? OFFSET ?"
            )
            found = self._table.execute(chosen, [*values, PAGE_SIZE, (page - 1) * PAGE_SIZE]).fetchall()
            rows = tuple(Row(route, self._study(root, folder)) for route, root, folder in found)
        return StudyPage(rows, total, page, pages)


def plain(text: str) -> str:
    """A text as it is searched and sorted: without accents, case, and the delimiters of DICOM's names."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(_text(bare).casefold().replace("^", " ").replace("=", " ").split())


def _text(text: str) -> str:
    """Without what no UTF-8 is made for."""
    return text.encode("utf-8", "replace").decode()


def _name(path: str) -> bytes:
    """A name on the disk may be any bytes."""
    return path.encode("utf-8", "surrogatepass")


def _row(root: str, route: str, study: StudyView) -> tuple[Any, ...]:
    arrived = moment(study.first_arrival)
    name, patient_id = plain(study.patient_name), plain(study.patient_id)
    open_words = " ".join((plain(study.modality), plain(study.calling)))
    return (
        _name(root),
        _name(study.folder),
        route,
        study.key,
        name,
        patient_id,
        plain(study.modality),
        plain(study.calling),
        study.images,
        str(study.state),
        _URGENCY[study.state],
        arrived.timestamp() if arrived else 0.0,
        study.waiting.objects,
        is_set_aside(study),
        _lines(standing.destination for standing in study.standings),
        " ".join((name, patient_id, open_words, plain(study.description))),
        open_words,
    )


def _lines(names: Iterable[str]) -> str:
    return _text("".join(f"\n{name}\n" for name in names))


def _conditions(query: StudyQuery) -> tuple[list[str], list[Any]]:
    found = list(_restrictions(query))
    return [text for text, _ in found], [value for _, values in found for value in values]


def _restrictions(query: StudyQuery) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if query.route:
        yield "route = ?", (_text(query.route),)
    if query.state:
        yield "state = ?", (_text(query.state),)
    if query.destination:
        yield "instr(destinations, ?) > 0", (_lines([query.destination]),)
    if query.aside:
        yield "aside", ()
    if query.since is not None:
        yield "arrival >= ?", (_midnight(query.since),)
    if query.until is not None:
        yield "arrival < ?", (_midnight(query.until, 1),)
    text = plain(query.text)
    for word in text.split()[:_MOST_WORDS]:
        if query.masked:
            yield "(instr(open_words, ?) > 0 OR substr(key, 1, ?) = ? OR id = ?)", (word, len(word), word, text)
        else:
            yield "(instr(words, ?) > 0 OR substr(key, 1, ?) = ?)", (word, len(word), word)


def _midnight(day: date, days: int = 0) -> float:
    """The begin of a day on this machine, or of one so many days later, in seconds since 1970."""
    try:
        return datetime.combine(day + timedelta(days=days), time.min).astimezone().timestamp()
    except (OverflowError, ValueError):  # the first days of the calendar, and the last
        return math.inf if day.year > 1970 else -math.inf
