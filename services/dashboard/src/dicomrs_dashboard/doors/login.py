"""Signing in and out: by password, by a one-time code, by OpenID Connect."""

from math import ceil
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dicomrs.log import get_logger
from dicomrs_dashboard.doors.coming import cookie_name, set_cookie
from dicomrs_dashboard.doors.house import Doors
from dicomrs_dashboard.doors.openid import PATIENCE_SECONDS, OpenIdError
from dicomrs_dashboard.doors.outside import is_private
from dicomrs_dashboard.doors.passwords import WeakPasswordError
from dicomrs_dashboard.doors.people import Person, Role
from dicomrs_dashboard.doors.roles import public
from dicomrs_dashboard.doors.turned_away import local
from dicomrs_dashboard.doors.users_file import User, UsersError
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.site import Site, url

BY_PASSWORD: Final = "password"  # noqa: S105  # how it is known who somebody is
BY_CODE: Final = "one-time code"
WAIT: Final = N_("Too many attempts from here. Try again in %(seconds)s s.")
_WRONG: Final = N_("The name or the password is wrong.")
_NO_CODE: Final = N_("This code is wrong, was used already, or is older than 15 minutes. Have another one made.")
DIFFER: Final = N_("The two passwords differ.")
WEAK: Final = N_("This password is not taken: use at least 12 characters, and not one that is easy to guess.")
_FAILED: Final = N_("Signing in with %(name)s has failed: %(reason)s.")
_USERS: Final = N_(
    "The file of users cannot be read; the log of the dashboard says why. The administrator must mend it."
)

Text = Annotated[str, Form()]
logger = get_logger()


class _Entrance:
    """What the routes of this module share."""

    def __init__(self, site: Site, doors: Doors) -> None:
        self.site = site
        self.doors = doors

    def say(self, request: Request, text: str, **values: object) -> str:
        """A text in the reader's language."""
        return self.site.language(request).say(text, **values)

    def page(self, request: Request, problem: str = "", status: int = 200, **values: object) -> HTMLResponse:
        """The page with the form."""
        context = {"name": "", "to": "/"} | values
        openid = self.doors.openid
        return self.site.page(
            request,
            "login.html",
            status,
            problem=self.say(request, problem) if problem else "",
            private=is_private(request.scope),
            openid=openid.settings.name if openid else "",
            stranger=request.state.stranger,
            **context,
        )

    def failed(self, request: Request, error: OpenIdError, status: int) -> HTMLResponse:
        """The same after the provider, or its answer, was not in order; what exactly is for experts, in English."""
        assert self.doors.openid is not None
        name = self.doors.openid.settings.name
        return self.page(request, self.say(request, _FAILED, name=name, reason=error), status)

    def code_page(
        self, request: Request, code: str, found: tuple[str, User] | None, problem: str = "", status: int = 200
    ) -> HTMLResponse:
        """The page where a one-time code is used."""
        name, user = found or ("", None)
        sets = bool(user and user.code and user.code.sets_password)
        private = is_private(request.scope)
        said = self.say(request, problem) if problem else ""
        return self.site.page(
            request, "once.html", status, typed=code, name=name, sets=sets, problem=said, private=private
        )

    def let_in(self, request: Request, person: Person, stamp: str | None, wanted: str) -> Response:
        """Begin a session, in place of one that there may be."""
        self.doors.sessions.end(request.state.session)
        token = self.doors.sessions.begin(person.name, person.role, person.identified, stamp)
        answer = RedirectResponse(url(request, local(wanted)), status.HTTP_303_SEE_OTHER)
        set_cookie(answer, request.scope, cookie_name(request.scope), token)
        return answer


def login_router(site: Site, doors: Doors) -> APIRouter:
    """The pages."""
    router = APIRouter(dependencies=[Depends(public)])
    entrance = _Entrance(site, doors)
    _by_password(router, entrance)
    _by_code(router, entrance)
    if doors.openid:
        _by_openid(router, entrance)

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        person: Person | None = request.state.person
        if person and request.state.session:
            doors.sessions.end(request.state.session)
            await doors.record.came(person, "sign-out")
        answer = RedirectResponse(url(request, "/login"), status.HTTP_303_SEE_OTHER)
        set_cookie(answer, request.scope, cookie_name(request.scope), "", 0)
        return answer

    return router


def _by_password(router: APIRouter, entrance: _Entrance) -> None:
    doors = entrance.doors

    @router.get("/login")
    async def show(request: Request, to: str = "/") -> Response:  # what it is called everywhere
        if request.state.person:
            return RedirectResponse(url(request, local(to)), status.HTTP_303_SEE_OTHER)
        return entrance.page(request, to=local(to))

    @router.post("/login")
    async def enter(request: Request, name: Text = "", password: Text = "", to: Text = "/") -> Response:
        name = name.strip().lower()
        again = {"name": name, "to": local(to)}
        if not is_private(request.scope):
            return entrance.page(request, status=403, **again)
        address = request.client.host if request.client else ""
        if wait := doors.throttle.begin(address, name):
            seconds = ceil(wait)
            page = entrance.page(request, entrance.say(request, WAIT, seconds=seconds), 429, **again)
            page.headers["Retry-After"] = str(seconds)
            return page
        try:
            user = await doors.checking.call(doors.users.check, name, password)
            known = doors.users.find(name) is not None
        except UsersError as error:
            logger.error("the users cannot be read", reason=str(error))
            return entrance.page(request, _USERS, 503, **again)
        if user is None:
            # What is no user's name may be a password that was typed into the wrong field.
            await doors.record.came(
                Person(name if known else "", Role.VIEWER, "", address), "sign-in refused", why="wrong password"
            )
            return entrance.page(request, _WRONG, 403, **again)
        doors.throttle.succeeded(address, name)
        person = Person(name, user.role, BY_PASSWORD, address)
        await doors.record.came(person, "sign-in", role=user.role.label)
        return entrance.let_in(request, person, user.stamp, to)


def _by_code(router: APIRouter, entrance: _Entrance) -> None:
    doors = entrance.doors

    @router.get("/once")
    async def show_code(request: Request, code: str = "") -> Response:
        """Uses nothing up: mail programs and chats look at links before people do."""
        try:
            found = await doors.checking.call(doors.users.whose_code, code) if code else None
        except UsersError as error:
            logger.error("the users cannot be read", reason=str(error))
            return entrance.code_page(request, "", None, _USERS, 503)
        if code and found is None:
            return entrance.code_page(request, "", None, _NO_CODE, 403)
        return entrance.code_page(request, code, found)

    @router.post("/once")
    async def use_code(request: Request, code: Text = "", password: Text = "", again: Text = "") -> Response:
        address = request.client.host if request.client else ""
        try:
            found = await doors.checking.call(doors.users.whose_code, code)
            if not is_private(request.scope) or (found and not password and found[1].code.sets_password):  # type: ignore[union-attr]
                return entrance.code_page(request, code, found)
            if password != again:
                return entrance.code_page(request, code, found, DIFFER, 422)
            used = await doors.changing.call(doors.users.use_code, code, password)
        except WeakPasswordError:
            return entrance.code_page(request, code, found, WEAK, 422)
        except UsersError as error:
            logger.error("the users cannot be read or written", reason=str(error))
            return entrance.code_page(request, "", None, _USERS, 503)
        if used is None:
            await doors.record.came(
                Person("", Role.VIEWER, "", address), "sign-in refused", once=True, why="wrong code"
            )
            return entrance.code_page(request, "", None, _NO_CODE, 403)
        name, user = used
        person = Person(name, user.role, BY_CODE, address)
        await doors.record.came(person, "sign-in", role=user.role.label, password_set=bool(password))
        return entrance.let_in(request, person, user.stamp, "/")


def _by_openid(router: APIRouter, entrance: _Entrance) -> None:
    doors = entrance.doors
    openid = doors.openid
    assert openid is not None

    @router.get("/login/openid")
    async def go(request: Request, to: str = "/") -> Response:
        if not is_private(request.scope):
            return entrance.page(request, status=403)
        back = str(request.url.replace(path=url(request, "/login/openid/back"), query="", fragment=""))
        try:
            answer, token = await openid.begin(request, back, local(to))
        except OpenIdError as error:
            return entrance.failed(request, error, 502)
        set_cookie(answer, request.scope, _waiting_cookie(request), token, int(PATIENCE_SECONDS))
        return answer

    @router.get("/login/openid/back")
    async def come_back(request: Request) -> Response:
        address = request.client.host if request.client else ""
        try:
            vouched, wanted = await openid.end(request, request.cookies.get(_waiting_cookie(request), ""))
        except OpenIdError as error:
            nobody = Person("", Role.VIEWER, "OpenID", address)
            await doors.record.came(nobody, "sign-in refused", once=True, why=str(error))
            return entrance.failed(request, error, 403)
        if vouched.role is None:
            stranger = Person(vouched.name, Role.VIEWER, vouched.identified, address)
            await doors.record.came(stranger, "sign-in refused", once=True, why="no role")
            request.state.stranger = vouched.name
            return entrance.page(request, status=403)
        person = Person(vouched.name, vouched.role, vouched.identified, address)
        await doors.record.came(person, "sign-in", role=person.role.label)
        answer = entrance.let_in(request, person, None, wanted)
        set_cookie(answer, request.scope, _waiting_cookie(request), "", 0)
        return answer


def _waiting_cookie(request: Request) -> str:
    return f"{cookie_name(request.scope)}-openid"
