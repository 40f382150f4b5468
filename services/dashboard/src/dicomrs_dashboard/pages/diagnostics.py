"""Diagnostics: all of how a release stands, to read here, as a file, and compared with an earlier file."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import LONGEST_TEXT
from dicomrs_dashboard.asking import SAY_WHY
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.diagnosis.comparing import MOST, Area, Difference, differences
from dicomrs_dashboard.diagnosis.files import NoDiagnosisError, file_name, parse
from dicomrs_dashboard.diagnosis.making import Order, diagnose
from dicomrs_dashboard.diagnosis.model import LARGEST, Diagnosis
from dicomrs_dashboard.diagnosis.page import page
from dicomrs_dashboard.doors.people import Person
from dicomrs_dashboard.doors.roles import Admin, AskedFirst, Viewer
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.pages.services import Note
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site, download

AREAS: Final = {
    Area.VERSION: N_("Version"),
    Area.MACHINE: N_("This server"),
    Area.MANIFEST: N_("Manifest"),
    Area.STATUS: N_("State"),
    Area.SERVICE: N_("Service"),
    Area.CHECK: N_("Check"),
}
_SECONDS: Final = 60.0  # for a root with very many studies
_ENVELOPE: Final = 64 * 1024  # bytes of a form around a file


class Maker:
    """Makes diagnoses for persons."""

    def __init__(self, board: Board, fs: FileSystem, patience: Patience, log_folder: str | None) -> None:
        self._board = board
        self._fs = fs
        self._patience = patience
        self._log_folder = log_folder

    async def make(self, person: Person, *, patients: bool = False) -> Diagnosis:
        """One, as of now.

        Raises:
            OSError: a volume hangs.
        """
        views = {view.status.name: view for view in await self._board.views()}
        routes = [(one, view) for one in self._board.routes if (view := views.get(one.metadata.name)) is not None]
        order = Order(person.name, patients, self._log_folder, self._board.refused)
        now = datetime.now().astimezone()
        return await self._patience.call(diagnose, self._fs, routes, order, now, seconds=_SECONDS)

    async def parse(self, data: bytes) -> Diagnosis:
        """What somebody hands over. On a thread, for it may be made to take long, and all pages wait meanwhile.

        Raises:
            NoDiagnosisError: it is none, or too large.
            OSError: it takes too long.
        """
        return await self._patience.call(parse, data, seconds=_SECONDS)

    async def compare(self, before: Diagnosis, after: Diagnosis) -> list[Difference]:
        """What is different, on a thread as well.

        Raises:
            OSError: it takes too long.
        """
        return await self._patience.call(differences, before, after, seconds=_SECONDS)


def diagnostics_router(site: Site, maker: Maker, note: Note) -> APIRouter:
    """The page, the file and the comparison. note: puts on record what a person does here (doors.record)."""
    router = APIRouter(route_class=AskedFirst)

    @router.get("/diagnostics")
    async def diagnostics(request: Request, person: Viewer) -> HTMLResponse:
        """The page."""
        return site.page(request, "diagnostics.html", found=await maker.make(person), longest=LONGEST_TEXT)

    @router.get("/diagnostics/download")
    async def file(request: Request, person: Viewer) -> Response:
        """The file, without patients' data."""
        return attached(request, await maker.make(person))

    @router.post("/diagnostics/download")
    async def whole_file(
        request: Request,
        person: Admin,
        why: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
    ) -> Response:
        """The file with patients' data, which goes on record first."""
        if not why.strip():
            told = site.language(request).say(SAY_WHY)
            return site.go(request, "/diagnostics", told, failed=True)
        await note(person, "diagnose", patients=True, why=why)
        return attached(request, await maker.make(person, patients=True))

    @router.post("/diagnostics/compare", max_body_size=LARGEST + _ENVELOPE)
    async def compare(request: Request, person: Viewer, earlier: Annotated[UploadFile, File()]) -> HTMLResponse:
        """What has changed since an earlier file, whoever has written that."""
        words: dict[str, Any] = {"areas": AREAS, "most": MOST, "trouble": "", "found": [], "earlier": None}
        try:
            before = await maker.parse(await earlier.read(LARGEST + 1))
        except NoDiagnosisError as error:
            return site.page(request, "diagnostics/compared.html", 422, **(words | {"trouble": str(error)}))
        words |= {"earlier": before, "found": await maker.compare(before, await maker.make(person))}
        return site.page(request, "diagnostics/compared.html", **words)

    def attached(request: Request, found: Diagnosis) -> Response:
        return HTMLResponse(page(found, site.language(request)), headers=download(file_name(found)))

    return router
