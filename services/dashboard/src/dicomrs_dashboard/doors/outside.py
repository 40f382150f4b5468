"""Where a request comes from: through which proxy, from which address, over what, and under which path prefix.

What a request says of itself counts only if the connection comes from a network of proxies that the configuration
names; anybody else could say the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Networks = tuple[IPv4Network | IPv6Network, ...]
_BASE_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]+)*")
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands in front of the dashboard. base_path: "" or "/a/b"."""

    base_path: str = ""
    proxies: Networks = ()

    def trusts(self, address: str) -> bool:
        """Whether a proxy of ours has this address."""
        found = _address(address)
        return found is not None and any(found in network for network in self.proxies)

    def sender(self, peer: str, forwarded: Iterable[str]) -> str:
        """Whose request it is; forwarded: X-Forwarded-For, to whose end each proxy adds whom it had it from."""
        sender = peer
        for told in reversed([part.strip() for line in forwarded for part in line.split(",")]):
            if not self.trusts(sender) or _address(told) is None:
                break
            sender = told
        found = _address(sender)
        return str(found) if found is not None else sender


class FromOutside:
    """ASGI: scope["client"], ["scheme"], ["root_path"] and ["path"] as the person's browser has them.

    request.state.proxied: whether a proxy of ours has sent it.
    """

    def __init__(self, app: ASGIApp, outside: Outside) -> None:
        self._app = app
        self._outside = outside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http":
            scope = {**scope, **self._seen(scope)}
        await self._app(scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        peer, port = scope["client"] or ("", 0)
        proxied = self._outside.trusts(peer)
        state = scope.setdefault("state", {})
        state["proxied"] = proxied
        base, path = self._outside.base_path, scope["path"]
        # Some proxies take the prefix away and some do not; routes are found by what is behind root_path.
        under = path if path == base or path.startswith(f"{base}/") else f"{base}{path}"
        scheme = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower() if proxied else ""
        return {
            "client": (self._outside.sender(peer, headers.getlist("x-forwarded-for")), port),
            "scheme": scheme if scheme in ("http", "https") else scope["scheme"],
            "root_path": base,
            "path": under or "/",
            "state": state,
        }


def is_private(scope: Scope) -> bool:
    """Whether nobody between the browser and us can read along: by TLS, or because both are on one machine."""
    return scope["scheme"] == "https" or host_of(scope) in LOOPBACK_NAMES


def host_of(scope: Scope) -> str:
    """The host that the browser's address bar has, without the port."""
    host = Headers(scope=scope).get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def is_base_path(text: str) -> bool:
    """Whether it can be a path prefix: nothing that browsers or proxies would write in another way."""
    return _BASE_PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def _address(text: str) -> object:
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
