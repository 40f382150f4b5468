"""The reader's language and appearance, kept in cookies: they are nobody's secret."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, status
from fastapi.responses import RedirectResponse, Response

from dicomrs_dashboard.doors.roles import public
from dicomrs_dashboard.doors.turned_away import local
from dicomrs_dashboard.language import LANGUAGES
from dicomrs_dashboard.site import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, url

_YEAR: Final = 365 * 24 * 3600


def preferences_router() -> APIRouter:
    """The form in the frame of every page."""
    router = APIRouter(dependencies=[Depends(public)])

    @router.post("/preferences")
    async def keep(
        request: Request,
        language: Annotated[str, Form()] = "",
        theme: Annotated[str, Form()] = "",
        back: Annotated[str, Form(max_length=500)] = "/",
    ) -> Response:
        """Keep what is known, and show the page again."""
        answer = RedirectResponse(url(request, local(back)), status.HTTP_303_SEE_OTHER)
        for name, value, known in ((LANGUAGE_COOKIE, language, LANGUAGES), (THEME_COOKIE, theme, THEMES)):
            if value in known:
                answer.set_cookie(name, value, max_age=_YEAR, path=url(request, "/"), httponly=True, samesite="lax")
        return answer

    return router
