"""The overview: per route whether images flow, and if not, why and whose job that is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from dicomrs.flow import Flow
from dicomrs.status_api import DestinationStatus, RouteStatus
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.roles import need
from dicomrs_dashboard.language import N_, Language
from dicomrs_dashboard.lights import Colour, Light, destination_light, light_of
from dicomrs_dashboard.site import Site
from dicomrs_dashboard.status import RouteView
from dicomrs_dashboard.words.services import TASKS


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows of a route."""

    status: RouteStatus
    light: Light
    flow: Flow | None
    full_in: timedelta | None
    destinations: tuple[tuple[DestinationStatus, Colour], ...]


def card_of(view: RouteView, now: datetime) -> Card:
    """Judge a route. Pure."""
    route = view.status
    lights = tuple((to, destination_light(to, scu_alive=route.scu.alive)) for to in route.destinations)
    return Card(route, light_of(route, now), view.flow, view.full_in, lights)


def verdict(cards: list[Card], language: Language) -> str:
    """All of it in a sentence."""
    colours = [card.light.colour for card in cards]
    if wrong := colours.count(Colour.RED):
        return language.say_number("Images do not flow on %(n)s route", "Images do not flow on %(n)s routes", wrong)
    if hidden := colours.count(Colour.GREY):
        return language.say_number("Nobody knows how %(n)s route stands", "Nobody knows how %(n)s routes stand", hidden)
    if any(card.light.colour is Colour.YELLOW for card in cards):
        return language.say(N_("Images flow; something deserves a look"))
    return language.say(N_("Images flow") if cards else N_("No route"))


def overview_router(site: Site, board: Board) -> APIRouter:
    """The page and its live stream."""
    router = APIRouter(dependencies=[Depends(need(Role.VIEWER))])

    async def context(request: Request) -> dict[str, Any]:
        board.note_watched()
        now = datetime.now().astimezone()
        cards = sorted((card_of(view, now) for view in await board.views()), key=lambda card: -card.light.colour)
        colours = [card.light.colour for card in cards]
        worst = Colour.RED if Colour.RED in colours else max(colours, default=Colour.GREY)  # as the verdict says
        return {
            "cards": cards,
            "tasks": TASKS,
            "worst": worst,
            "verdict": verdict(cards, site.language(request)),
            "refused": board.refused,
        }

    @router.get("/")
    async def overview(request: Request) -> HTMLResponse:
        """The page."""
        return site.page(request, "overview.html", **await context(request))

    @router.get("/live/overview")
    async def live(request: Request) -> StreamingResponse:
        """Its content, whenever it changes."""

        async def render() -> str:
            return site.render(request, "overview/_routes.html", **await context(request))

        return site.stream(request, render, "overview")

    return router
