"""Who may sign in with a password here, and what each may do: for admins."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, status
from fastapi.responses import HTMLResponse, Response

from dicomrs.moments import moment
from dicomrs_dashboard.doors.house import Doors
from dicomrs_dashboard.doors.people import Person, Role
from dicomrs_dashboard.doors.record import NO_RECORD
from dicomrs_dashboard.doors.roles import Admin, AskedFirst, need
from dicomrs_dashboard.doors.users import CODE_MINUTES
from dicomrs_dashboard.doors.users_file import User, UsersError
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.patience import HangsError
from dicomrs_dashboard.site import Site, url

Text = Annotated[str, Form(max_length=200)]
ADDED, ROLE_CHANGED, REMOVED, CODE_MADE, RESET = (
    "user added",
    "user's role changed",
    "user removed",
    "one-time code made",
    "user reset",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A user as the page shows one. code_until: the time of day, "" if no code is good."""

    name: str
    role: Role
    password: bool
    code_until: str
    sessions: int


def line_of(name: str, user: User, sessions: int) -> Line:
    """Make it. Pure."""
    until = moment(user.code.until) if user.code and user.code.is_good else None
    return Line(name, user.role, bool(user.password), f"{until:%H:%M}" if until else "", sessions)


def users_router(site: Site, doors: Doors) -> APIRouter:
    """The pages."""
    router = APIRouter(dependencies=[Depends(need(Role.ADMIN))], route_class=AskedFirst)
    pages = _Pages(site, doors)

    @router.get("/users")
    async def show(request: Request) -> HTMLResponse:
        return pages.all(request)

    @router.post("/users")
    async def add(request: Request, person: Admin, name: Text = "", role: Text = "") -> Response:
        name = name.strip()
        wanted = _role(role)

        def act() -> str:
            return doors.users.add(name, wanted)

        return await pages.with_code(request, person, ADDED, name, act, role=wanted.label)

    @router.get("/users/{name}")
    async def one(request: Request, name: str) -> HTMLResponse:
        return pages.one(request, name)

    @router.post("/users/{name}/role")
    async def change_role(request: Request, person: Admin, name: str, role: Text = "") -> Response:
        wanted = _role(role)
        said = N_("%(name)s has another role now, and must sign in anew.")
        return await pages.done(
            request, person, ROLE_CHANGED, name, lambda: doors.users.set_role(name, wanted), said, role=wanted.label
        )

    @router.post("/users/{name}/code")
    async def give_code(request: Request, person: Admin, name: str) -> Response:
        return await pages.with_code(request, person, CODE_MADE, name, lambda: doors.users.give_code(name))

    @router.post("/users/{name}/reset")
    async def reset(request: Request, person: Admin, name: str) -> Response:
        return await pages.with_code(request, person, RESET, name, lambda: doors.users.reset(name))

    @router.post("/users/{name}/remove")
    async def remove(request: Request, person: Admin, name: str, sure: Text = "") -> Response:
        if sure != name:
            told = site.language(request).say(N_("Nothing was done: tick the box to remove %(name)s."), name=name)
            return site.go(request, f"/users/{name}", told, failed=True)
        said = N_("%(name)s was removed, and is signed out.")
        return await pages.done(request, person, REMOVED, name, lambda: doors.users.remove(name), said)

    return router


class _Pages:
    """What the routes share: each change is on record before it is made."""

    def __init__(self, site: Site, doors: Doors) -> None:
        self._site = site
        self._doors = doors

    def all(self, request: Request, problem: str = "", code: int = 200, **typed: str) -> HTMLResponse:
        """The list, and the form for another one."""
        lines: list[Line] = []
        try:
            found = self._doors.users.all()
            lines = [line_of(name, user, self._doors.sessions.count(name)) for name, user in found.items()]
        except UsersError as error:
            problem = problem or self._say(request, error)
        context = {"name": "", "role": Role.VIEWER.label} | typed
        return self._site.page(
            request, "users.html", code, users=lines, roles=list(Role), problem=problem, minutes=CODE_MINUTES, **context
        )

    def one(self, request: Request, name: str) -> HTMLResponse:
        """One user, and what can be done."""
        try:
            user = self._doors.users.all().get(name)
        except UsersError as error:
            return self.all(request, self._say(request, error), 503)
        if user is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        line = line_of(name, user, self._doors.sessions.count(name))
        return self._site.page(request, "users/one.html", user=line, roles=list(Role), minutes=CODE_MINUTES)

    async def done(
        self, request: Request, person: Person, action: str, name: str, act: Any, said: str, **fields: str
    ) -> Response:
        """Do it, and show the list with a sentence."""
        problem, _ = await self._do(request, person, action, name, act, fields)
        if problem:
            return self._site.go(request, "/users", problem, failed=True)
        return self._site.go(request, "/users", self._site.language(request).say(said, name=name))

    async def with_code(
        self, request: Request, person: Person, action: str, name: str, act: Any, **fields: str
    ) -> Response:
        """Do it, and show the one-time code, this once."""
        problem, code = await self._do(request, person, action, name, act, fields)
        if problem:
            return self.all(request, problem, 422, name=name, **fields)
        link = str(request.url.replace(path=url(request, "/once"), query=f"code={code}", fragment=""))
        return self._site.page(request, "users/code.html", name=name, typed=code, link=link, minutes=CODE_MINUTES)

    async def _do(
        self, request: Request, person: Person, action: str, name: str, act: Any, fields: dict[str, str]
    ) -> tuple[str, str]:
        """Why it was not done, "" if it was; and what it returned."""
        try:
            await self._doors.record.note(person, action, user=name, **fields)
        except OSError as error:
            return self._site.language(request).say(NO_RECORD, reason=error.strerror), ""
        try:
            return "", await self._doors.changing.call(act) or ""
        except UsersError as error:
            return self._say(request, error), ""
        except HangsError as error:
            return str(error.strerror), ""

    def _say(self, request: Request, error: UsersError) -> str:
        return self._site.language(request).say(error.text, **error.values)


def _role(text: str) -> Role:
    try:
        return Role.of(text)
    except ValueError as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT) from error
