"""Every route of the dashboard, called by nobody and by persons of every role: who gets further than the door."""

import asyncio
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts

from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.roles import AskedFirst, close, need
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


@pytest.mark.parametrize("who", [None, Role.VIEWER], ids=lambda who: who.label if who else "nobody")
def test_nobodys_form_is_read_before_the_role_is_asked(who, asked):
    cookies = asked.signed_in(who).cookies if who else {}
    held = "; ".join(f"{name}={value}" for name, value in cookies.items())
    calls = [call.split()[1] for call, least in EXPECTED.items() if call.startswith("POST") and least is Role.ADMIN]
    calls += [] if who else ["/diagnostics/compare", "/account/password", "/connectivity/check"]
    for path in calls:
        assert asyncio.run(answered(asked.app, filled(path), held)) == (403 if who else 303), path


async def answered(app: FastAPI, path: str, cookies: str) -> int:
    """The status of what is said to a form of which nothing may be read."""
    headers = {"host": "clinic.test", "cookie": cookies, "accept": "text/html", "content-length": "60000"}
    headers["content-type"] = "multipart/form-data; boundary=x"
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "scheme": "https",
        "client": ("192.0.2.7", 50000), "server": ("clinic.test", 443),
    }  # fmt: skip
    said: list[dict] = []

    async def receive() -> dict:
        raise AssertionError(f"{path} reads the form")

    async def send(message: dict) -> None:
        said.append(message)

    await app(scope, receive, send)
    return said[0]["status"]


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


def test_a_form_that_is_read_before_the_role_is_asked_keeps_the_program_from_starting():
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for path, options in (("/early", {"route_class": AskedFirst}), ("/late", {})):
        router = APIRouter(dependencies=[Depends(need(Role.ADMIN))], **options)

        @router.post(path)
        async def act(word: Annotated[str, Form()]) -> str:
            return word

        app.include_router(router)
    with pytest.raises(RuntimeError, match=r"^/late: make the router with"):
        close(app)
