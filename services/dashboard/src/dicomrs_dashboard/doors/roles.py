"""What a route asks of whoever calls it. Every route says so, or the program does not start."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, HTTPException, Request, status
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.security import HTTPBearer

from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.doors.people import Person, Role

_BEARER: Final = HTTPBearer(auto_error=False, description="The token in the file that --token-file names.")
"""Tells the OpenAPI document of it."""


class SignInNeededError(Exception):
    """Nobody is signed in."""


class NotAllowedError(Exception):
    """Somebody is, whose role is too small."""

    def __init__(self, person: Person, role: Role) -> None:
        super().__init__(f"{person.name} is {person.role.label}, and this is for {role.label}s")
        self.person = person
        self.role = role


@dataclass(frozen=True, slots=True)
class Need:
    """Opens for persons of a role and those above it."""

    role: Role

    async def __call__(self, request: Request) -> Person:
        """The person.

        Raises:
            SignInNeededError: nobody is signed in.
            NotAllowedError: the role is too small.
        """
        person: Person | None = request.state.person
        if person is None:
            raise SignInNeededError
        if person.role < self.role:
            raise NotAllowedError(person, self.role)
        return person


@dataclass(frozen=True, slots=True)
class Public:
    """Is open."""

    async def __call__(self) -> None:
        """Nothing is asked."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Opens for whoever shows the token."""

    token: BearerToken

    async def __call__(self, request: Request, _shown: Annotated[object, Depends(_BEARER)]) -> None:
        """Check the header Authorization."""
        authorization = request.headers.get("authorization", "")
        if why := self.token.refusal(authorization):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, why, {"WWW-Authenticate": "Bearer"})


class AskedFirst(APIRoute):
    """A route with a form: FastAPI reads a form, and files with it, before it asks who may send one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI has it be, behind the door."""
        handle, door = super().get_route_handler(), door_of(self)

        async def ask_first(request: Request) -> Response:
            if isinstance(door, Need):
                await door(request)
            return await handle(request)

        return ask_first


def need(role: Role) -> Need:
    """The door of a route for persons of this role and those above it: `Depends(need(Role.VIEWER))`."""
    return Need(role)


Viewer = Annotated[Person, Depends(need(Role.VIEWER))]
Operator = Annotated[Person, Depends(need(Role.OPERATOR))]
Admin = Annotated[Person, Depends(need(Role.ADMIN))]
"""Parameters of a route: the person who calls it, of this role at least."""

public: Final = Public()
"""The door of a route for everybody: signing in, and whether the program lives."""


def programs(token: BearerToken) -> Programs:
    """The door of a route for programs that show the token, and for nobody else."""
    return Programs(token)


def may_still_see(request: Request) -> Callable[[], bool]:
    """Whether who opened a live page is signed in still, to be asked again and again while it is open."""
    asked: Callable[[], bool] = request.state.may_still_see
    return asked


def door_of(route: RouteContext | APIRoute) -> Need | Public | Programs | None:
    """What a route asks; the strictest if it asks several times, None if it does not say."""
    dependant: Dependant | None = getattr(route, "dependant", None)
    calls = [one.call for one in dependant.dependencies] if dependant else []
    needs = [call for call in calls if isinstance(call, Need)]
    others = [call for call in calls if isinstance(call, Public | Programs)]
    return max(needs, key=lambda one: one.role, default=None) or (others[0] if others else None)


def close(app: FastAPI) -> FastAPI:
    """Refuse to run an application with a route that anybody might call.

    Raises:
        RuntimeError: there is one, or one that reads a form before it asks; a fault of ours.
    """
    routes = list(iter_route_contexts(app.routes))
    if open_routes := sorted(str(route.path) for route in routes if door_of(route) is None):
        raise RuntimeError(f"no role is needed for {', '.join(open_routes)}: say need(...), public or programs(...)")
    if late := sorted(str(route.path) for route in routes if _asks_late(route)):
        raise RuntimeError(f"{', '.join(late)}: make the router with route_class=AskedFirst, as it has forms")
    return app


def _asks_late(route: RouteContext) -> bool:
    has_form = getattr(route, "body_field", None) is not None
    return has_form and isinstance(door_of(route), Need) and not isinstance(route.original_route, AskedFirst)
