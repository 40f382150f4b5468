"""What is shown when something is not there or goes wrong: a page for persons, and as ever for programs."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware

from dicomrs.log import get_logger
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.site import Site

SENTENCES: Final = {
    400: N_("The browser asked for something that this page does not know."),
    403: N_("This is not allowed."),
    404: N_("There is no such page, or what it showed is not there any more."),
    409: N_("This cannot be done as things are now; look again."),
    413: N_("That is too large."),
    422: N_("Something in the form is missing, or is not what it should be."),
    500: N_("The dashboard has a fault; its log tells more. Images flow on without it."),
    503: N_("A service does not answer, or the disk takes no record; nothing was done."),
}

logger = get_logger()


def errors_for_people(app: FastAPI, site: Site) -> None:
    """Have pages tell what is wrong in the frame and the language of all others."""

    def page(request: Request, code: int, detail: str = "") -> Response:
        sentence = SENTENCES.get(code, SENTENCES[400 if code < 500 else 500])
        return site.page(request, "error.html", code, sentence=sentence, detail=detail)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if _is_for_programs(request):
            return await http_exception_handler(request, error)
        return page(request, error.status_code, error.detail if error.status_code in (403, 409, 422, 503) else "")

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        if _is_for_programs(request):
            return await request_validation_exception_handler(request, error)
        return page(request, 422)

    @app.exception_handler(OSError)
    async def no_disk(request: Request, error: OSError) -> Response:
        """An action or a view that cannot be put on record, a root that is gone: nothing was done or shown."""
        logger.error("the disk fails a page", path=request.url.path, reason=error.strerror)
        if _is_for_programs(request):
            return PlainTextResponse("503: the disk fails\n", 503)
        return page(request, 503, error.strerror or "")

    async def fault(request: Request, _error: Exception) -> Response:
        """The log has the traceback: whoever serves the application writes it."""
        return PlainTextResponse("500: a fault\n", 500) if _is_for_programs(request) else page(request, 500)

    # Behind the doors: as an exception_handler it would answer before them, without their headers and the base path.
    app.add_middleware(ServerErrorMiddleware, handler=fault)


def _is_for_programs(request: Request) -> bool:
    return "text/html" not in request.headers.get("accept", "")
