"""The doctor's page: each connection checked step by step, the firewall matrix, the machine's network, the history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, status
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from dicomrs.dataset.sop_classes import sop_class_name
from dicomrs.dataset.transfer_syntaxes import NAMES
from dicomrs.desk import Examine, ask_service
from dicomrs.doctor import Run, read_run, read_runs
from dicomrs.heartbeat import read_heartbeat
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import NoAnswerError
from dicomrs_dashboard.asking import identity_of
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.roles import AskedFirst, Operator, Viewer
from dicomrs_dashboard.examined import Connectivity, connectivity, outcome
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site
from dicomrs_dashboard.words.callers import refusal
from dicomrs_dashboard.words.checks import BADGES, CHECKS, DIRECTIONS, PURPOSES, QUESTIONS, STATES, TOLD
from dicomrs_dashboard.words.mails import mail

_TAKE_SECONDS: Final = 5.0  # the desk looks four times a second
_LONGEST_SECONDS: Final = 20.0
_NOT_BEGUN: Final = N_("The check did not begin: %(reason)s")

Name = Annotated[str, Path(max_length=100)]
Word = Annotated[str, Form(max_length=100)]
Asked = Annotated[str, Query(max_length=100)]

WORDS: Final[Mapping[str, Any]] = {
    "checks": CHECKS,
    "questions": QUESTIONS,
    "states": STATES,
    "badges": BADGES,
    "purposes": PURPOSES,
    "directions": DIRECTIONS,
    "told": TOLD,
    "outcome": outcome,
    "refusal": refusal,
}


class Records:
    """Reads examinations, and has them begun."""

    def __init__(self, fs: FileSystem, patience: Patience) -> None:
        self._fs = fs
        self._patience = patience

    async def of(self, route: ClinicRoute) -> Connectivity:
        """All that is known of a route's connections; OSError if its volume hangs."""
        return await self._patience.call(self._read, route)

    async def run(self, route: ClinicRoute, run_id: str) -> Run | None:
        """One examination; OSError if the volume hangs."""
        found = await self._patience.call(read_run, self._fs, route.spec.storage.root, run_id)
        return found if found is not None and found.route == route.metadata.name else None

    async def examine(self, route: ClinicRoute, request: Examine) -> tuple[str, str]:
        """Have one begun: its id, or "" and why it has not."""
        service = "scu" if request.destination else "scp"
        root = route.spec.storage.root
        try:
            words = (self._fs, root, service, request, _TAKE_SECONDS)
            answer = await self._patience.call(ask_service, *words, seconds=_LONGEST_SECONDS)
        except (NoAnswerError, OSError) as error:
            return "", str(error)
        return answer.run, answer.failed

    def _read(self, route: ClinicRoute) -> Connectivity:
        root = route.spec.storage.root
        peers = read_heartbeat(root, "scp").get("peers")
        callers = [one for one in peers if isinstance(one, dict)] if isinstance(peers, list) else []
        return connectivity(route, read_runs(self._fs, root), callers)


def connectivity_router(site: Site, board: Board, patience: Patience) -> APIRouter:
    """The pages, their live streams, and what begins a check."""
    router = APIRouter(route_class=AskedFirst)
    records = Records(board.fs, patience)
    _overview(router, site, board, records)
    _one_run(router, site, board, records)
    _beginning(router, site, board, records)
    return router


def _overview(router: APIRouter, site: Site, board: Board, records: Records) -> None:
    async def context(chosen: str) -> dict[str, Any]:
        """Roots that cannot be read, or hang, are left alone, and why is told."""
        errors = {view.status.name: view.status.error for view in await board.views()}
        found: list[Connectivity] = []
        for route in board.routes:
            name = route.metadata.name
            if chosen not in ("", name):
                errors.pop(name, None)
            elif not errors.get(name):
                try:
                    found.append(await records.of(route))
                except OSError as error:
                    errors[name] = str(error)
        return {"found": found, "errors": errors, "chosen": chosen, **WORDS}

    @router.get("/connectivity")
    async def page(request: Request, _: Viewer, route: Asked = "") -> HTMLResponse:
        """All connections, or those of one route."""
        return site.page(request, "connectivity.html", **await context(route))

    @router.get("/live/connectivity")
    async def live(request: Request, _: Viewer, route: Asked = "") -> StreamingResponse:
        """The same, whenever it changes."""

        async def render() -> str:
            return site.render(request, "connectivity/_routes.html", **await context(route))

        return site.stream(request, render, "connectivity", route)


def _one_run(router: APIRouter, site: Site, board: Board, records: Records) -> None:
    async def context(request: Request, route: str, run_id: str) -> dict[str, Any]:
        known = board.route(route)
        run = await records.run(known, run_id) if known is not None else None
        if run is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        language = site.language(request)
        return {
            "run": run,
            "result": outcome(run, datetime.now().astimezone()),
            "mails": {step.check: mail(run, step, language) for step in run.steps},
            "sop_class_name": sop_class_name,
            "syntax_names": NAMES,
            **WORDS,
        }

    @router.get("/connectivity/{route}/{run_id}")
    async def page(request: Request, _: Viewer, route: Name, run_id: Name) -> HTMLResponse:
        """One check, step by step."""
        return site.page(request, "connectivity/run.html", **await context(request, route, run_id))

    @router.get("/live/connectivity/{route}/{run_id}")
    async def live(request: Request, _: Viewer, route: Name, run_id: Name) -> StreamingResponse:
        """The same, as the steps come."""

        async def render() -> str:
            return site.render(request, "connectivity/_run.html", **await context(request, route, run_id))

        return site.stream(request, render, "run", route, run_id)


def _beginning(router: APIRouter, site: Site, board: Board, records: Records) -> None:
    def known(route: str, destination: str) -> ClinicRoute:
        found = board.route(route)
        if found is None or destination not in ("", *(to.name for to in found.spec.destinations)):
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return found

    @router.get("/connectivity/wish")
    async def confirm(request: Request, _: Operator, route: Asked, destination: Asked, wish: Asked) -> HTMLResponse:
        """Ask whether something is really to be sent to a target."""
        found = known(route, destination)
        if wish not in ("image", "probe") or not destination:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        to = next(to for to in found.spec.destinations if to.name == destination)
        return site.page(request, "connectivity/wish.html", route=found, to=to, wish=wish)

    @router.post("/connectivity/check")
    async def check(
        request: Request, person: Operator, route: Word, destination: Word = "", wish: Word = ""
    ) -> Response:
        """Begin one."""
        found = known(route, destination)
        asked = Examine(
            **identity_of(person),
            why="page Connectivity",
            destination=destination,
            send_image=wish == "image",
            probe=wish == "probe",
        )
        run, failed = await records.examine(found, asked)
        if not run:
            told = site.language(request).say(_NOT_BEGUN, reason=failed)
            return site.go(request, "/connectivity", told, failed=True)
        return site.go(request, f"/connectivity/{route}/{run}")
