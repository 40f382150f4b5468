"""Finds out who a request is from: by the cookie of a session, or by what a proxy of ours says."""

import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dicomrs_dashboard.doors.people import Person
from dicomrs_dashboard.doors.sessions import Session, Sessions
from dicomrs_dashboard.doors.settings import ProxySettings, RoleMap

_LONGEST_NAME: Final = 200
_LOOK_AGAIN_SECONDS: Final = 10 * 60.0
_STREAM: Final = "text/event-stream"


class WhoComes:
    """ASGI: request.state.person, None for nobody; .stranger: the name of somebody who has no role here, else "";

    .session: the token of the session, "" if there is none; .may_still_see: to be asked by an answer that goes on and
    on.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, proxy: ProxySettings, role_map: RoleMap) -> None:
        self._app = app
        self._sessions = sessions
        self._proxy = proxy
        self._role_map = role_map

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http":
            scope["state"].update(person=None, stranger="", session="", may_still_see=_nobody_may)
            headers = Headers(scope=scope)
            if not self._by_proxy(scope, headers):
                self._by_session(scope, headers)
        await self._app(scope, receive, send)

    def _by_proxy(self, scope: Scope, headers: Headers) -> bool:
        state = scope["state"]
        names = headers.getlist(self._proxy.user) if self._proxy.user and state["proxied"] else []
        # Of two, one is not the proxy's: it adds to what a stranger sends, instead of taking its place.
        name = _text(names[0]) if len(names) == 1 else ""
        if not name:
            return False
        told = headers.getlist(self._proxy.groups)
        role = self._role_map.role_of(_text(group) for line in told for group in line.split(","))
        if role is None:
            state["stranger"] = name
            return True
        state["person"] = Person(name, role, f"header {self._proxy.user} of the proxy", scope["client"][0])
        state["may_still_see"] = _for(_LOOK_AGAIN_SECONDS)
        return True

    def _by_session(self, scope: Scope, headers: Headers) -> None:
        token = cookie_parser(headers.get("cookie", "")).get(cookie_name(scope), "")
        # A page that only looks on is no sign that anybody sits before it.
        session = self._sessions.find(token, use=_STREAM not in headers.get("accept", "")) if token else None
        if session is None:
            return
        scope["state"].update(
            session=token,
            person=person_of(session, scope["client"][0]),
            may_still_see=_while_it_lasts(self._sessions, token),
        )


def person_of(session: Session, address: str) -> Person:
    """Whose session it is."""
    return Person(session.name, session.role, session.identified, address)


def cookie_name(scope: Scope) -> str:
    """The cookie of the session: one that no other host, path or plain connection can set (RFC 6265bis 4.1.3.2).

    Over plain HTTP on one machine browsers do not take such a name, and cookies know no ports.
    """
    place = scope["root_path"].replace("/", "-")
    if scope["scheme"] == "https":
        return f"__Host-dicomrs{place}"
    port = Headers(scope=scope).get("host", "").rpartition(":")[2]
    return f"dicomrs-{port if port.isdecimal() else 80}{place}"


def set_cookie(answer: Response, scope: Scope, name: str, value: str, seconds: int | None = None) -> None:
    """Set a cookie that scripts cannot read and that other sites' forms do not carry; seconds: 0 removes it."""
    secure = scope["scheme"] == "https"
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _text(value: str) -> str:
    """What a header says, in UTF-8 as proxies write it; nothing that steers a terminal or a page."""
    try:
        value = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return ""
    value = value.strip()
    return value if len(value) <= _LONGEST_NAME and value.isprintable() else ""


def _while_it_lasts(sessions: Sessions, token: str) -> Callable[[], bool]:
    return lambda: sessions.find(token, use=False) is not None


def _nobody_may() -> bool:
    return False


def _for(seconds: float) -> Callable[[], bool]:
    """Whom a proxy vouches for must be vouched for again: the page loads itself anew then."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until
