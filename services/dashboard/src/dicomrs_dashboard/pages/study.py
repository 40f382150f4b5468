"""One study: how far it is, its objects and receipts, and what a person can do to it."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Path, Request, status
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from dicomrs.receipt import StudyReceipt, receipt
from dicomrs.route import ClinicRoute
from dicomrs.spool.control import What
from dicomrs.spool.fields import read_fields
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import METADATA
from dicomrs.spool.mailbox import LONGEST_TEXT
from dicomrs.study_view import StudyView
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.people import Person
from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.doors.roles import Viewer
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.shown import patient
from dicomrs_dashboard.site import Site, download
from dicomrs_dashboard.studying import series_of, timeline, whole
from dicomrs_dashboard.words.studies import BAD, GOOD, OBJECT_STATES, STUDY_STATES, WHATS, explanation

OBJECTS: Final = 200
"""Of a study on one page."""
_LARGEST_METADATA: Final = 64 * 1024  # bytes that are shown

RouteName = Annotated[str, Path(max_length=100)]
Key = Annotated[str, Path(pattern="^[0-9a-f]{10}$")]


@dataclass(frozen=True, slots=True)
class Subject:
    """The study that a request is about, and the route that it belongs to."""

    route: ClinicRoute
    view: StudyView

    @property
    def root(self) -> str:
        """The spool's."""
        return self.route.spec.storage.root

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/studies/{self.route.metadata.name}/{self.view.key}"


def read(fs: FileSystem, subject: Subject) -> StudyReceipt:
    """Its receipt; OSError if the disk refuses."""
    return receipt(fs, subject.root, subject.view.folder, subject.route)


def read_metadata(fs: FileSystem, subject: Subject) -> list[str]:
    """The lines of its .metadata.json as they may be shown; none if it cannot be read."""
    try:
        found = read_fields(fs, f"{subject.root}/{subject.view.folder}/{METADATA}", _LARGEST_METADATA)
    except (OSError, ValueError):
        return []
    text = json.dumps(found, indent=1, ensure_ascii=False)
    return [patient(line, longest=2000) for line in text.split("\n")]


class StudyPages:
    """What all routes about one study share."""

    def __init__(self, site: Site, board: Board, record: Record, patience: Patience) -> None:
        self.site, self.board, self.record, self.patience = site, board, record, patience

    async def subject(self, route: str, key: str) -> Subject:
        """The study; HTTPException if there is none."""
        known = self.board.route(route)
        view = await self.board.study(route, key) if known else None
        if known is None or view is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return Subject(known, view)

    async def saw(self, person: Person, subject: Subject) -> None:
        """On record before it is shown."""
        await self.record.saw(person, "study", route=subject.route.metadata.name, study=subject.view.key)

    def renderer(self, route: str, key: str, page: int) -> Callable[[], Any]:
        """Makes what a page shows; what costs reading is read again only when the study has changed."""
        last: tuple[StudyView, StudyReceipt] | None = None

        async def context() -> dict[str, Any]:
            nonlocal last
            subject = await self.subject(route, key)
            if last is None or last[0] is not subject.view:
                last = subject.view, await self.patience.call(read, self.board.fs, subject)
            return _shown(subject, last[1], page)

        return context

    def say(self, request: Request, text: str) -> str:
        """In the reader's language."""
        return self.site.language(request).say(text)


def _shown(subject: Subject, made: StudyReceipt, page: int) -> dict[str, Any]:
    objects = made.objects
    pages = max(1, -(-len(objects) // OBJECTS))
    page = min(max(1, page), pages)
    return {
        "route": subject.route,
        "study": subject.view,
        "path": subject.path,
        "receipt": made,
        "steps": timeline(objects),
        "objects": objects[(page - 1) * OBJECTS : page * OBJECTS],
        "object_page": page,
        "object_pages": pages,
        "series": series_of(objects),
        "states": STUDY_STATES,
        "object_states": OBJECT_STATES,
        "good": GOOD,
        "bad": BAD,
        "whole": whole,
        "explanation": explanation,
    }


def study_router(pages: StudyPages) -> APIRouter:
    """The page, its live stream, and the receipt."""
    router = APIRouter(prefix="/studies/{route}/{key}")

    @router.get("")
    async def study(request: Request, route: RouteName, key: Key, person: Viewer, page: int = 1) -> HTMLResponse:
        """The page."""
        subject = await pages.subject(route, key)
        await pages.saw(person, subject)
        context = await pages.renderer(route, key, page)()
        metadata = await pages.patience.call(read_metadata, pages.board.fs, subject)
        counts = Counter(one.state.value.replace(" ", "-") for one in context["receipt"].objects)
        discardable = {what: counts[what.value] for what in What if counts[what.value]}
        return pages.site.page(
            request,
            "study.html",
            **context,
            metadata=metadata,
            discardable=discardable,
            whats=WHATS,
            longest=LONGEST_TEXT,
        )

    @router.get("/live")
    async def live(request: Request, route: RouteName, key: Key, person: Viewer, page: int = 1) -> StreamingResponse:
        """What changes on it."""
        await pages.saw(person, await pages.subject(route, key))
        context = pages.renderer(route, key, page)

        async def render() -> str:
            return pages.site.render(request, "study/_standing.html", **await context())

        return pages.site.stream(request, render, "study", route, key, page)

    @router.get("/receipt")
    async def printable(request: Request, route: RouteName, key: Key, person: Viewer) -> HTMLResponse:
        """Its receipt, to be printed."""
        subject = await pages.subject(route, key)
        await pages.saw(person, subject)
        made = await pages.patience.call(read, pages.board.fs, subject)
        words: dict[str, Any] = {"object_states": OBJECT_STATES, "explanation": explanation, "path": subject.path}
        return pages.site.page(request, "study/receipt.html", receipt=made, **words)

    @router.get("/receipt.json")
    async def for_programs(route: RouteName, key: Key, person: Viewer) -> Response:
        """The same as `dicomrs receipt --json` writes."""
        subject = await pages.subject(route, key)
        await pages.saw(person, subject)
        made = await pages.patience.call(read, pages.board.fs, subject)
        text, headers = json.dumps(made.document(), indent=1), download(f"receipt-{key}.json")
        return Response(text, media_type="application/json", headers=headers)

    return router
