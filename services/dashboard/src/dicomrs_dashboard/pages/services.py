"""The services as programs: their state, and a restart of each."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from dicomrs.desk import Restart, ask_service
from dicomrs.heartbeat import figures_of
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import LONGEST_TEXT, NoAnswerError
from dicomrs_dashboard.asking import SAY_WHY, identity_of
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.people import Person, Role
from dicomrs_dashboard.doors.roles import AskedFirst, Operator, need
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.lights import Colour
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.processes import Process, ServiceCard, process_of, service_card
from dicomrs_dashboard.site import Site
from dicomrs_dashboard.status import RouteView
from dicomrs_dashboard.words.services import TASKS

CONSEQUENCES: Final = {
    "scp": N_("It takes no new connections, finishes the image in hand (30 seconds at most) and is back within seconds."
              " A scanner that sends just then has to send the rest again; nothing that was acknowledged is lost."),
    "scu": N_("It finishes the image in hand (25 seconds at most) and is back within seconds. Receiving goes on;"
              " what waits is sent after that."),
    "dashboard": N_("These pages are away for some seconds. Receiving and sending go on."),
}  # fmt: skip
_TAKE_SECONDS: Final = 10.0

Note = Callable[..., Awaitable[None]]
Service = Literal["scp", "scu", "dashboard"]


async def cards(board: Board) -> list[ServiceCard]:
    """All services, by their heartbeats in the roots of all routes; and this one."""
    views = await board.views()
    found = [service_card(name, [(view.status, _process(view, name)) for view in views]) for name in ("scp", "scu")]
    own = process_of("dashboard", figures_of("dashboard"), alive=True)
    return [*found, ServiceCard(own, Colour.GREEN)]


def _process(view: RouteView, name: str) -> Process:
    beats = view.survey.services if view.survey else ()
    return next((process_of(name, one.figures, alive=one.alive) for one in beats if one.name == name), Process(name))


class Restarts:
    """Asks a service to start anew, or has this one do it."""

    def __init__(
        self, board: Board, fs: FileSystem, patience: Patience, note: Note, restart: Callable[[], None]
    ) -> None:
        """note: puts on record what a person does here (doors.record); restart: has this program started anew."""
        self._board = board
        self._fs = fs
        self._patience = patience
        self._note = note
        self._restart = restart

    async def ask(self, service: str, person: Person, why: str) -> str:
        """Put it on record and have it done; why it is not, "" if it is."""
        try:
            if service == "dashboard":
                await self._note(person, "restart", service=service, why=why)
                self._restart()
                return ""
            return await self._ask(service, person, why)
        except (OSError, NoAnswerError) as error:
            return str(error)

    async def _ask(self, service: str, person: Person, why: str) -> str:
        card = next(card for card in await cards(self._board) if card.name == service)
        if not card.root:
            return "it does not run"
        await self._note(person, "ask", request="restart", service=service, why=why)
        request = Restart(**identity_of(person), why=why)
        words = (self._fs, card.root, service, request, _TAKE_SECONDS)
        return (await self._patience.call(ask_service, *words, seconds=60.0)).failed


def services_router(site: Site, board: Board, restarts: Restarts) -> APIRouter:
    """The page, its live stream, and restarts."""
    router = APIRouter(route_class=AskedFirst)
    viewer, operator = need(Role.VIEWER), need(Role.OPERATOR)

    async def context() -> dict[str, Any]:
        found = await cards(board)
        versions = {card.process.version for card in found if card.process.alive}
        return {"cards": found, "tasks": TASKS, "versions": versions}

    @router.get("/services", dependencies=[Depends(viewer)])
    async def services(request: Request) -> HTMLResponse:
        """The page."""
        return site.page(request, "services.html", **await context())

    @router.get("/live/services", dependencies=[Depends(viewer)])
    async def live(request: Request) -> StreamingResponse:
        """Its content, whenever it changes."""

        async def render() -> str:
            return site.render(request, "services/_cards.html", **await context())

        return site.stream(request, render, "services")

    @router.get("/services/{service}/restart", dependencies=[Depends(operator)])
    async def confirm(request: Request, service: Service) -> HTMLResponse:
        """What a restart does, and the reason for it."""
        consequence = CONSEQUENCES[service]
        return site.page(
            request, "services/restart.html", service=service, consequence=consequence, longest=LONGEST_TEXT
        )

    @router.post("/services/{service}/restart")
    async def restart(
        request: Request,
        service: Service,
        person: Operator,
        why: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
    ) -> Response:
        """Ask for it."""
        say = site.language(request).say
        if not why.strip():
            told = say(SAY_WHY)
            return site.go(request, f"/services/{service}/restart", told, failed=True)
        if trouble := await restarts.ask(service, person, why):
            told = say(N_("%(service)s is not restarted: %(reason)s"), service=service, reason=trouble)
            return site.go(request, "/services", told, failed=True)
        return site.go(request, "/services", say(N_("%(service)s restarts now."), service=service))

    return router
