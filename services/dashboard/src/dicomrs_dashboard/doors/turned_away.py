"""What those see who may not see a page: the way to sign in, and from there to the page, or a refusal."""

from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request, status
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.doors.roles import NotAllowedError, SignInNeededError
from dicomrs_dashboard.site import Site, url


def turn_away(app: FastAPI, site: Site, record: Record) -> None:
    """What is answered to those who may not see a page."""

    @app.exception_handler(SignInNeededError)
    async def sign_in(request: Request, _error: Exception) -> Response:
        if request.state.stranger:
            return site.page(request, "refused.html", 403, needed=None, stranger=request.state.stranger)
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("401: sign in first\n", 401)
        here = request.url.path.removeprefix(request.scope["root_path"]) if request.method == "GET" else "/"
        wanted = f"{here}?{request.url.query}" if request.method == "GET" and request.url.query else here
        return RedirectResponse(_to_login(request, wanted), status.HTTP_303_SEE_OTHER)

    @app.exception_handler(NotAllowedError)
    async def not_allowed(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotAllowedError)
        path = request.url.path.removeprefix(request.scope["root_path"])
        what = f"{request.method} {path[:200]}"
        await record.came(error.person, "refused", once=True, what=what, needs=error.role.label)
        return site.page(request, "refused.html", 403, needed=error.role, stranger="")


def local(path: str) -> str:
    """A path of this site; "/" in place of whatever may lead elsewhere."""
    parts = urlsplit(path)
    own = path.startswith("/") and not parts.netloc and not parts.scheme and path[1:2] not in ("/", "\\")
    return path if own and path.isprintable() and len(path) <= 2000 else "/"


def _to_login(request: Request, wanted: str) -> str:
    wanted = local(wanted)
    query = f"?{urlencode({'to': wanted})}" if wanted != "/" else ""
    return f"{url(request, '/login')}{query}"
