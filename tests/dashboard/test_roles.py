"""Every route of the dashboard, called by nobody and by persons of every role: who gets further than the door."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts

from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.roles import close, need
from support.router import route

PROGRAM, EVERYBODY = "program", "everybody"
EXPECTED: dict[str, str | Role] = {
    "GET /healthz": EVERYBODY,
    "GET /static/{name:path}": EVERYBODY,
    "POST /preferences": EVERYBODY,
    "GET /login": EVERYBODY,
    "POST /login": EVERYBODY,
    "POST /logout": EVERYBODY,
    "GET /once": EVERYBODY,
    "POST /once": EVERYBODY,
    "GET /metrics": PROGRAM,
    "GET /api/v1/status": PROGRAM,
    "GET /api/v1/openapi.json": PROGRAM,
    "GET /": Role.VIEWER,
    "GET /live/overview": Role.VIEWER,
    "GET /services": Role.VIEWER,
    "GET /live/services": Role.VIEWER,
    "GET /services/{service}/restart": Role.OPERATOR,
    "POST /services/{service}/restart": Role.OPERATOR,
    "GET /logs": Role.VIEWER,
    "GET /live/logs": Role.VIEWER,
    "GET /logs/download": Role.VIEWER,
    "GET /studies": Role.VIEWER,
    "GET /live/studies": Role.VIEWER,
    "GET /studies/{route}/{key}": Role.VIEWER,
    "GET /studies/{route}/{key}/live": Role.VIEWER,
    "GET /studies/{route}/{key}/receipt": Role.VIEWER,
    "GET /studies/{route}/{key}/receipt.json": Role.VIEWER,
    "POST /studies/{route}/{key}/resend": Role.OPERATOR,
    "POST /studies/{route}/{key}/release": Role.OPERATOR,
    "POST /studies/{route}/{key}/hold": Role.OPERATOR,
    "POST /studies/{route}/{key}/export": Role.ADMIN,
    "GET /studies/{route}/{key}/discard": Role.ADMIN,
    "POST /studies/{route}/{key}/discard": Role.ADMIN,
    "GET /set-aside": Role.VIEWER,
    "GET /live/set-aside": Role.VIEWER,
    "GET /connectivity": Role.VIEWER,
    "GET /live/connectivity": Role.VIEWER,
    "GET /connectivity/{route}/{run_id}": Role.VIEWER,
    "GET /live/connectivity/{route}/{run_id}": Role.VIEWER,
    "GET /connectivity/wish": Role.OPERATOR,
    "POST /connectivity/check": Role.OPERATOR,
    "GET /diagnostics": Role.VIEWER,
    "GET /diagnostics/download": Role.VIEWER,
    "POST /diagnostics/download": Role.ADMIN,
    "POST /diagnostics/compare": Role.VIEWER,
    "GET /account": Role.VIEWER,
    "POST /account/password": Role.VIEWER,
    "GET /audit": Role.ADMIN,
    "GET /audit/download": Role.ADMIN,
    "GET /users": Role.ADMIN,
    "POST /users": Role.ADMIN,
    "GET /users/{name}": Role.ADMIN,
    "POST /users/{name}/code": Role.ADMIN,
    "POST /users/{name}/remove": Role.ADMIN,
    "POST /users/{name}/reset": Role.ADMIN,
    "POST /users/{name}/role": Role.ADMIN,
}
"""Who may call what: the least role. A new page is entered here with the role that the issue asks for."""


def calls(app: FastAPI) -> Iterator[str]:
    for one in iter_route_contexts(app.routes):
        for method in sorted(one.methods or {"ANY"}):
            if method != "HEAD":
                yield f"{method} {one.path}"


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


def test_the_table_has_every_route_and_no_other(asked):
    assert set(calls(asked.app)) == set(EXPECTED), "say in the table who may call it"


@pytest.mark.parametrize("who", [None, *Role], ids=lambda who: who.label if who else "nobody")
def test_nobody_gets_further_than_the_role_allows(who, asked, monkeypatch):
    browser = asked.browser() if who is None else asked.signed_in(who)
    asked.token.write_text("a token that no browser has")
    entered = note_who_enters(asked.app, monkeypatch)
    for call, least in EXPECTED.items():
        if call == "POST /logout":
            continue  # by which the others would become nobody's
        method, path = call.split()
        answer = browser.request(method, filled(path), headers={"Accept": "text/html"})
        # What a form lacks is told behind the door only.
        got_in, _ = call in entered or answer.status_code == 422, entered.clear()
        if least is EVERYBODY or (isinstance(least, Role) and who is not None and who >= least):
            assert got_in, f"{call} is shut to {who}: {answer.status_code}"
        else:
            assert not got_in, f"{call} is open to {who}"
            assert answer.status_code == (401 if least is PROGRAM else 303 if who is None else 403), call


def note_who_enters(app: FastAPI, monkeypatch) -> list[str]:
    """The calls that have come through the door. They do nothing behind it: what they are asked for is made up."""
    entered: list[str] = []

    def watched(name: str, call: Callable[..., object]):
        async def enter(**_: object) -> Response:
            entered.append(name)
            return Response()

        return enter if iscoroutinefunction(call) else lambda **_: entered.append(name) or Response()

    for one in iter_route_contexts(app.routes):
        dependant = getattr(one, "dependant", None)
        assert dependant is not None, one.path
        for method in one.methods or ():
            if method != "HEAD":
                monkeypatch.setattr(dependant, "call", watched(f"{method} {one.path}", dependant.call))
    return entered


def filled(path: str) -> str:
    return path.replace("{name:path}", "dicomrs.css").replace("{route}", "clinic").replace("{key}", "0123456789")


def test_a_route_that_says_not_who_may_call_it_keeps_the_program_from_starting():
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter()
    router.add_api_route("/shut", lambda: "", dependencies=[Depends(need(Role.ADMIN))])
    router.add_api_route("/open", lambda: "")
    app.include_router(router)
    with pytest.raises(RuntimeError, match="no role is needed for /open:"):
        close(app)
