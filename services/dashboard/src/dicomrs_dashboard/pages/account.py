"""What everybody may change of their own: the password of those who have one here."""

from math import ceil
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from dicomrs_dashboard.doors.coming import cookie_name, set_cookie
from dicomrs_dashboard.doors.house import Doors
from dicomrs_dashboard.doors.login import DIFFER, WAIT, WEAK
from dicomrs_dashboard.doors.passwords import WeakPasswordError
from dicomrs_dashboard.doors.people import Person, Role
from dicomrs_dashboard.doors.record import NO_RECORD
from dicomrs_dashboard.doors.roles import AskedFirst, Viewer, need
from dicomrs_dashboard.doors.users_file import UsersError
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.site import Site

Text = Annotated[str, Form(max_length=1000)]
PASSWORD_SET: Final = "password set"  # noqa: S105  # what the record calls it
_ELSEWHERE: Final = N_("You sign in elsewhere; your password and your role are kept there.")
_WRONG: Final = N_("The present password is wrong.")
_DONE: Final = N_("The password is changed. Wherever else you were signed in, you are signed out.")


class _NotDoneError(Exception):
    """Why the password stays; text, values: to be translated; code: of the answer."""

    def __init__(self, text: str, code: int, **values: object) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.values = values


def account_router(site: Site, doors: Doors) -> APIRouter:
    """The page."""
    router = APIRouter(dependencies=[Depends(need(Role.VIEWER))], route_class=AskedFirst)

    def page(request: Request, problem: str = "", code: int = 200) -> HTMLResponse:
        local = doors.sessions.is_local(request.state.session)
        return site.page(request, "account.html", code, problem=problem, local=local)

    @router.get("/account")
    async def show(request: Request) -> HTMLResponse:
        return page(request)

    @router.post("/account/password")
    async def change(
        request: Request, person: Viewer, present: Text = "", password: Text = "", again: Text = ""
    ) -> Response:
        try:
            if password != again:
                raise _NotDoneError(DIFFER, 422)
            stamp = await _change(doors, request, person, present, password)
        except _NotDoneError as error:
            return page(request, site.language(request).say(error.text, **error.values), error.code)
        answer = site.go(request, "/account", site.language(request).say(_DONE))
        token = doors.sessions.begin(person.name, person.role, person.identified, stamp)
        set_cookie(answer, request.scope, cookie_name(request.scope), token)
        return answer

    return router


async def _change(doors: Doors, request: Request, person: Person, present: str, password: str) -> str:
    """Set the password; the stamp of new sessions."""
    if not doors.sessions.is_local(request.state.session):
        raise _NotDoneError(_ELSEWHERE, 403)
    if wait := doors.throttle.begin(person.address, person.name):
        raise _NotDoneError(WAIT, 429, seconds=ceil(wait))
    try:
        if await doors.checking.call(doors.users.check, person.name, present) is None:
            raise _NotDoneError(_WRONG, 403)
        doors.throttle.succeeded(person.address, person.name)
        await _on_record(doors, person)
        return await doors.changing.call(doors.users.set_password, person.name, password)
    except WeakPasswordError as error:
        raise _NotDoneError(WEAK, 422) from error
    except UsersError as error:
        raise _NotDoneError(error.text, 503, **error.values) from error


async def _on_record(doors: Doors, person: Person) -> None:
    try:
        await doors.record.note(person, PASSWORD_SET, user=person.name)
    except OSError as error:
        raise _NotDoneError(NO_RECORD, 503, reason=error.strerror) from error
