"""The studies of all routes: searched, filtered, sorted, page by page, and live."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from dicomrs.moments import day
from dicomrs.study_view import StudyState
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.doors.roles import Viewer
from dicomrs_dashboard.index import OF_PATIENTS, SORTS, StudyQuery
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.site import Site
from dicomrs_dashboard.studying import whole
from dicomrs_dashboard.words.studies import BAD, GOOD, STUDY_STATES

COLUMNS: Final[Mapping[str, str]] = {
    "patient": N_("Patient"),
    "id": N_("Patient ID"),
    "modality": N_("Modality"),
    "images": N_("Images"),
    "state": N_("Status"),
    "arrival": N_("Arrival"),
    "scanner": N_("Scanner"),
}
_LONGEST: Final = 200


def query_of(role: Role, found: Mapping[str, str]) -> StudyQuery:
    """What the fields of the form ask for. What makes no sense restricts nothing."""
    sort = found.get("sort", "arrival")
    return StudyQuery(
        route=found.get("route", ""),
        text=found.get("q", ""),
        state=found.get("state", ""),
        destination=found.get("to", ""),
        since=day(found.get("since", "")),
        until=day(found.get("until", "")),
        sort=sort if sort in SORTS else "arrival",
        descending=found.get("order", "desc") != "asc",
        page=int(found["page"]) if found.get("page", "").isdecimal() and len(found["page"]) < 8 else 1,
        masked=is_masked(role),
    )


def is_masked(role: Role) -> bool:
    """Whether lists hide who a patient is."""
    return role < Role.OPERATOR


def fields_of(query: StudyQuery) -> dict[str, str]:
    """The same as fields of the form, without those that say nothing, and without the page."""
    found = {
        "route": query.route,
        "q": query.text,
        "state": query.state,
        "to": query.destination,
        "since": query.since.isoformat() if query.since else "",
        "until": query.until.isoformat() if query.until else "",
        "sort": query.sort if query.sort != "arrival" else "",
        "order": "" if query.descending else "asc",
    }
    return {name: value for name, value in found.items() if value}


def studies_router(site: Site, board: Board, record: Record) -> APIRouter:
    """The page and its live stream."""
    router = APIRouter()

    async def context(query: StudyQuery, *, at_once: bool = False) -> dict[str, Any]:
        return {
            "found": await board.studies(query, at_once=at_once),
            "query": query,
            "fields": fields_of(query),
            "columns": COLUMNS,
            "unsorted": OF_PATIENTS if query.masked else (),
            "states": STUDY_STATES,
            "good": GOOD,
            "bad": BAD,
            "whole": whole,
            "several": len(board.names()) > 1,
        }

    @router.get("/studies")
    async def studies(request: Request, person: Viewer) -> HTMLResponse:
        """The page."""
        query = query_of(person.role, _short(request))
        await record.saw(person, "studies", text=query.text)
        filters: dict[str, Any] = {
            "routes": board.names(),
            "destinations": board.destinations(),
            "all_states": list(StudyState),
        }
        return site.page(request, "studies.html", **await context(query, at_once=True), **filters)

    @router.get("/live/studies")
    async def live(request: Request, person: Viewer) -> StreamingResponse:
        """Its rows, whenever they change."""
        query = query_of(person.role, _short(request))
        await record.saw(person, "studies", text=query.text)

        async def render() -> str:
            return site.render(request, "studies/_rows.html", **await context(query))

        return site.stream(request, render, "studies", query)

    return router


def _short(request: Request) -> dict[str, str]:
    return {name: value[:_LONGEST] for name, value in request.query_params.items()}
