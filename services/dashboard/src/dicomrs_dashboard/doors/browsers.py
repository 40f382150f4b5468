"""What browsers are told of every answer, and which of their requests are taken.

The policy lets a page load and run what the dashboard itself serves, and of scripts only those with the answer's nonce
(Content Security Policy Level 3). Changes are taken from the dashboard's own pages only, as browsers say by
Sec-Fetch-Site (W3C Fetch Metadata), and older ones, and all over plain HTTP, by Origin (RFC 6454): no token in each
form is needed for that, and none can be forgotten.
"""

import secrets
from typing import Final

from fastapi.responses import PlainTextResponse
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SafeAnswers:
    """ASGI: request.state.nonce, and the headers. What patients are in is kept by no cache unless a page says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = scope["state"]["nonce"] = secrets.token_urlsafe(16)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


class OwnPagesOnly:
    """ASGI: a change that another site's page has a browser ask for is refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and not is_own(scope["method"], scope["scheme"], Headers(scope=scope)):
            why = (
                "403: this came from another site's page, and is not done. If you asked for it on a page of this "
                "dashboard, the proxy in front of it must pass on the Host header as it came (docs/dashboard.md).\n"
            )
            await PlainTextResponse(why, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class FormsInUtf8:
    """ASGI: a form in another character set than browsers send ours in is refused: some sets make what no text is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and not in_utf8(Headers(scope=scope).get("content-type", "")):
            await PlainTextResponse("415: forms are taken in UTF-8 only\n", 415)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def in_utf8(content_type: str) -> bool:
    """Whether a body of this Content-Type (RFC 9110 8.3) is in UTF-8, as far as it says so."""
    _, options = parse_options_header(content_type)
    return options.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8")


def is_own(method: str, scheme: str, headers: Headers) -> bool:
    """Whether a request changes nothing, or comes from a page of ours or from no browser."""
    if method in _CHANGES_NOTHING:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or origin.lower() == f"{scheme}://{headers.get('host', '')}".lower()
