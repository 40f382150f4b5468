"""What does not go on by itself: quarantined, damaged, parked, held, in conflict, or wanted by no destination."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from zlib import crc32

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from dicomrs.receipt import receipt
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import LONGEST_TEXT
from dicomrs.study_view import StudyView
from dicomrs.survey import SetAside
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.doors.roles import Viewer
from dicomrs_dashboard.index import Row, StudyPage, StudyQuery
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.pages.studies import is_masked
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site
from dicomrs_dashboard.status import RouteView
from dicomrs_dashboard.studying import AsideGroup, AsideKind, aside_groups
from dicomrs_dashboard.words.studies import explanation

KINDS: Final[Mapping[AsideKind, str]] = {
    AsideKind.PARKED: N_("Parked"),
    AsideKind.CONFLICT: N_("Conflict"),
    AsideKind.HELD: N_("Held"),
    AsideKind.QUARANTINED: N_("Quarantined"),
    AsideKind.DAMAGED: N_("Damaged"),
    AsideKind.NO_DESTINATION: N_("No destination"),
}
WHAT_TO_DO: Final[Mapping[AsideKind, str]] = {
    AsideKind.PARKED: N_("Have the cause mended by whoever runs the target, then release: it is tried again."),
    AsideKind.CONFLICT: N_(
        "Ask the scanner's operators which of the two is right. Release sends the later one after the earlier one;"
        " discard removes it."
    ),
    AsideKind.HELD: N_("A person held it back. Release it when it may be sent."),
    AsideKind.QUARANTINED: N_(
        "Have the scanner send it again. Release checks it again and sends it only if it passes now; otherwise it can"
        " be exported or discarded."
    ),
    AsideKind.DAMAGED: N_(
        "Have the scanner send it again, and have this server's disk looked at. It can only be exported or discarded."
    ),
    AsideKind.NO_DESTINATION: N_(
        "Correct the rules of the route's destinations (match); then it is sent by itself. Or discard it."
    ),
}
RELEASABLE: Final = frozenset({AsideKind.PARKED, AsideKind.CONFLICT, AsideKind.HELD, AsideKind.QUARANTINED})


@dataclass(frozen=True, slots=True)
class AsideStudy:
    """A study of which something was set aside. trouble: why that cannot be read, "" if it can."""

    route: str
    study: StudyView
    groups: list[AsideGroup]
    trouble: str = ""

    @property
    def releasable(self) -> bool:
        """Whether a release may change anything."""
        return any(group.kind in RELEASABLE for group in self.groups)


def orphans(view: RouteView) -> list[tuple[str, SetAside]]:
    """What was set aside of studies whose folder is not there any more, with the name of the route. Pure."""
    if view.survey is None:
        return []
    folders = {study.folder for study in view.survey.studies}
    found = (*view.survey.quarantined, *view.survey.damaged)
    return [(view.status.name, one) for one in found if one.folder not in folders]


def fingerprint(found: StudyPage) -> str:
    """Differs once what a page shows is not what there is any more. Pure."""
    rows = [
        (row.route, one.key, one.parked, one.held, one.quarantined, one.damaged, one.no_destination)
        for row in found.rows
        for one in (row.study,)
    ]
    return f"{crc32(repr((found.total, rows)).encode()):08x}"


def set_aside_router(site: Site, board: Board, record: Record, patience: Patience) -> APIRouter:
    """The page."""
    router = APIRouter()

    @router.get("/set-aside")
    async def set_aside(request: Request, person: Viewer, page: int = 1) -> HTMLResponse:
        """The page."""
        await record.saw(person, "set-aside")
        found = await board.studies(StudyQuery(aside=True, page=page))
        studies = await patience.call(_read_all, board, found.rows)
        lost = [one for view in await board.views() for one in orphans(view)]
        words: dict[str, Any] = {"kinds": KINDS, "what_to_do": WHAT_TO_DO, "explanation": explanation}
        return site.page(
            request,
            "set_aside.html",
            found=found,
            seen=fingerprint(found),
            studies=studies,
            lost=lost,
            masked=is_masked(person.role),
            several=len(board.names()) > 1,
            longest=LONGEST_TEXT,
            **words,
        )

    @router.get("/live/set-aside")
    async def live(
        request: Request,
        _person: Viewer,
        seen: Annotated[str, Query(max_length=8)] = "",
        page: int = 1,
    ) -> StreamingResponse:
        """Whether it has changed since. It is not changed under the hands of who types a reason."""

        async def render() -> str:
            found = await board.studies(StudyQuery(aside=True, page=page))
            changed = fingerprint(found) != seen
            return site.render(request, "set_aside/_changed.html", changed=changed, page=page)

        return site.stream(request, render, "set-aside", seen, page)

    return router


def _read_all(board: Board, rows: tuple[Row, ...]) -> list[AsideStudy]:
    return [_read(board.fs, board, row) for row in rows]


def _read(fs: FileSystem, board: Board, row: Row) -> AsideStudy:
    route = board.route(row.route)
    if route is None:
        return AsideStudy(row.route, row.study, [], "the route has gone")
    try:
        made = receipt(fs, route.spec.storage.root, row.study.folder, route)
    except OSError as error:
        return AsideStudy(row.route, row.study, [], error.strerror or str(error))
    return AsideStudy(row.route, row.study, aside_groups(made.objects, row.study.standings))
