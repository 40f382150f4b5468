"""Who saw or did what, when and from where, and whether the record of it is whole: for admins."""

from collections.abc import Mapping
from datetime import datetime
from os.path import isfile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request, status
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from dicomrs.moments import day
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.house import Doors
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.roles import Admin, need
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site, download
from dicomrs_dashboard.trail import Asked, Seen, Trail, log_bytes, log_path, logs_of
from dicomrs_dashboard.words.actions import ABOUT, ACTIONS, VALUES

ROWS: Final = 100  # of a page
OWN: Final = N_("dashboard")
_LONGEST: Final = 200

Text = Annotated[str, Query(max_length=_LONGEST)]


def asked(
    source: Text = "", who: Text = "", action: Text = "", text: Text = "", since: Text = "", until: Text = ""
) -> Asked:
    """The filter in the address of the page; a day that is none is no filter."""
    return Asked(source, who, action, text.strip(), day(since), day(until))


def query(wanted: Asked) -> dict[str, str]:
    """The reverse."""
    return {
        "source": wanted.source,
        "who": wanted.who,
        "action": wanted.action,
        "text": wanted.text,
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
    }


def audit_router(site: Site, board: Board, doors: Doors, patience: Patience) -> APIRouter:
    """The page and the download."""
    router = APIRouter(dependencies=[Depends(need(Role.ADMIN))])
    fs = OsFileSystem()
    trail = Trail(fs)

    def roots() -> Mapping[str, str]:
        routes = ((route.metadata.name, route.spec.storage.root) for route in board.routes)
        return logs_of(doors.settings.state, OWN, routes)

    async def look(wanted: Asked) -> tuple[Seen, str]:
        try:
            return await patience.call(trail.look, roots(), wanted), ""
        except OSError as error:
            return Seen(), error.strerror or str(error)

    @router.get("/audit")
    async def show(
        request: Request, person: Admin, wanted: Annotated[Asked, Depends(asked)], page: int = 1
    ) -> HTMLResponse:
        await doors.record.saw(person, "audit")
        seen, trouble = await look(wanted)
        pages = max(1, -(-len(seen.steps) // ROWS))
        page = min(max(1, page), pages)
        context: dict[str, Any] = {
            "chains": seen.chains,
            "steps": seen.steps[(page - 1) * ROWS : page * ROWS],
            "total": len(seen.steps),
            "page": page,
            "pages": pages,
            "people": seen.people,
            "actions": seen.actions,
            "wanted": query(wanted),
            "trouble": trouble,
            "action_names": ACTIONS,
            "about_names": ABOUT,
            "value_names": VALUES,
        }
        return site.page(request, "audit.html", **context)

    @router.get("/audit/download")
    async def take_along(person: Admin, source: Text = "") -> Response:
        """One log as it is on the disk: `dicomrs audit verify` follows its chain."""
        root = roots().get(source)
        if root is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        await doors.record.note(person, "audit log downloaded", what=source)
        if not await patience.call(isfile, log_path(root)):
            raise HTTPException(status.HTTP_404_NOT_FOUND)  # nothing was done there yet
        name = f"dicomrs-audit-{source}-{datetime.now().astimezone():%Y%m%dT%H%M%S}.jsonl"
        pieces = patience.each(log_bytes(fs, root))
        return StreamingResponse(pieces, media_type="application/x-ndjson", headers=download(name))

    return router
