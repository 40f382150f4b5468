"""The services' log lines: live, filtered, and to be taken along."""

import json
from collections.abc import Generator, Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from dicomrs.log_files import SERVICES, Found, LogLine, Wanted, chronicle, newest, signature
from dicomrs.moments import moment
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.roles import need
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.patience import Patience
from dicomrs_dashboard.site import Site, download

LEVELS: Final = {"": N_("all"), "warning": N_("warnings and errors"), "error": N_("errors")}
LINES: Final = 200  # of a page
_BATCH: Final = 2000  # lines that are read at once for a download
_LONGEST: Final = 100  # characters of a filter

Text = Annotated[str, Query(max_length=_LONGEST)]


def wanted(service: Text = "", level: Text = "", calling: Text = "", address: Text = "", text: Text = "") -> Wanted:
    """The filter in the address of a page; what it does not know is no filter."""
    services = (service,) if service in SERVICES else ()
    known = level if level in LEVELS else ""
    return Wanted(services, known, calling.strip(), address.strip(), text.strip())


Filter = Annotated[Wanted, Depends(wanted)]


def query(filter_: Wanted) -> dict[str, str]:
    """The reverse."""
    fields = asdict(filter_)
    return {"service": "".join(fields.pop("services")), **fields}


def logs_router(site: Site, folder: str | None, patience: Patience) -> APIRouter:
    """The page, its live stream and the download. folder: of the log files; None: there are none."""
    router = APIRouter(dependencies=[Depends(need(Role.VIEWER))])

    async def look(filter_: Wanted, until: datetime | None = None) -> tuple[Found, str]:
        """The lines, or why there are none to be had."""
        if folder is None:
            return Found((), None), "this dashboard was started without --log-folder"
        try:
            return await patience.call(newest, folder, filter_, LINES, until), ""
        except OSError as error:
            return Found((), None), error.strerror or str(error)

    def context(filter_: Wanted, found: Found, trouble: str, until: datetime | None) -> dict[str, Any]:
        return {
            "found": found,
            "trouble": trouble,
            "until": until,
            "wanted": query(filter_),
            "services": SERVICES,
            "levels": LEVELS,
        }

    @router.get("/logs")
    async def logs(request: Request, filter_: Filter, until: Text = "") -> HTMLResponse:
        """The newest lines, or those up to a moment."""
        last = moment(until)
        return site.page(request, "logs.html", **context(filter_, *await look(filter_, last), last))

    @router.get("/live/logs")
    async def live(request: Request, filter_: Filter) -> StreamingResponse:
        """The newest lines, whenever there are others."""
        before: object = None
        piece = ""

        async def render() -> str:
            nonlocal before, piece
            now = await patience.call(signature, folder, filter_.services) if folder is not None else ()
            if now != before or not piece:
                piece = site.render(request, "logs/_lines.html", **context(filter_, *await look(filter_), None))
                before = now
            return piece

        return site.stream(request, render, "logs", filter_)

    @router.get("/logs/download")
    async def take_along(filter_: Filter) -> StreamingResponse:
        """All lines that there are of these, the oldest first, as JSON lines."""
        name = f"dicomrs-log-{datetime.now().astimezone():%Y%m%dT%H%M%S}.jsonl"
        lines = chronicle(folder, filter_) if folder is not None else iter(())
        return StreamingResponse(
            patience.each(_batches(lines)), media_type="application/x-ndjson", headers=download(name)
        )

    return router


def _batches(lines: Iterator[LogLine]) -> Generator[bytes]:
    while batch := list(islice(lines, _BATCH)):
        yield "".join(f"{_packed(line)}\n" for line in batch).encode()


def _packed(line: LogLine) -> str:
    own = {"timestamp": line.at.isoformat(), "service": line.service, "level": line.level, "event": line.event}
    return json.dumps({**own, **line.fields})
