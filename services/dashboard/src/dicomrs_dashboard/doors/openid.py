"""Signing in by OpenID Connect: authlib does the code flow with PKCE, state and nonce, and checks the ID token.

What must be remembered while somebody is at the provider stays here, bound to a cookie of that browser.
"""

import secrets
import ssl
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
from authlib.common.errors import AuthlibBaseError
from fastapi import Request
from fastapi.responses import RedirectResponse
from joserfc.errors import JoseError

from dicomrs.log import get_logger
from dicomrs.spool.fs import OsFileSystem, read_all
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.settings import OpenIdSettings, RoleMap

PATIENCE_SECONDS: Final = 10 * 60.0
_MOST: Final = 1000
_LONGEST_NAME: Final = 200
_LARGEST_SECRET: Final = 4096  # bytes
_FRESH_SECONDS: Final = 300.0  # what the provider has told of itself is believed for so long
_TIMEOUT: Final = 10.0  # seconds, of each question to the provider

logger = get_logger()


class OpenIdError(Exception):
    """Nobody can sign in this way now, or not this one; the message is one line, for the log and for the page."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for; role: None if that one's groups have none here."""

    name: str
    role: Role | None
    identified: str


@dataclass(slots=True)
class _Begun:
    """Somebody is at the provider. memory: authlib's; next: where that one wants to go; until: of the clock."""

    next: str
    until: float
    memory: dict[str, Any] = field(default_factory=dict)


class OpenId:
    """One provider."""

    def __init__(self, settings: OpenIdSettings, role_map: RoleMap) -> None:
        self.settings = settings
        self._role_map = role_map
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._made: Any = None

    async def begin(self, request: Request, back: str, wanted: str) -> tuple[RedirectResponse, str]:
        """Send a browser to the provider; also returns what its cookie must say when it comes back.

        back: the absolute URL that it comes back to; wanted: where it goes then.

        Raises:
            OpenIdError: the provider does not answer.
        """
        token = secrets.token_urlsafe(32)
        begun = _Begun(wanted, time.monotonic() + PATIENCE_SECONDS)
        request.scope["session"] = begun.memory
        answer: RedirectResponse = await self._ask("authorize_redirect", request, back)
        self._begun[token] = begun
        while len(self._begun) > _MOST:
            self._begun.popitem(last=False)
        return answer, token

    async def end(self, request: Request, token: str) -> tuple[Vouched, str]:
        """A browser has come back: who it is, and where that one wants to go. Each token serves once.

        Raises:
            OpenIdError: it is not known, came too late, or the provider or its answer is not in order.
        """
        begun = self._begun.pop(token, None)
        if begun is None or begun.until < time.monotonic():
            raise OpenIdError("this sign-in took too long, or was begun in another browser: try again")
        request.scope["session"] = begun.memory
        options = {
            "iss": {"essential": True, "values": [self.settings.issuer]},
            "aud": {"essential": True, "values": [self.settings.client]},
        }
        found = await self._ask("authorize_access_token", request, claims_options=options)
        claims = found.get("userinfo")
        if not claims:
            raise OpenIdError("the provider has sent no ID token")
        return self._vouched(claims), begun.next

    async def _ask(self, question: str, *args: Any, **kwargs: Any) -> Any:
        app = self._app()
        told = app.server_metadata
        if time.time() - told.get("_loaded_at", 0.0) > _FRESH_SECONDS:
            told.clear()  # addresses and keys are asked for anew
        app.client_secret = self._secret()
        try:
            return await getattr(app, question)(*args, **kwargs)
        except AuthlibBaseError as error:
            raise OpenIdError(_line(f"the provider refuses: {error.error} {error.description or ''}")) from error
        except JoseError as error:
            raise OpenIdError(_line(f"the provider's ID token is not in order: {error}")) from error
        except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            reason = f"{type(error).__name__} {error}"
            logger.error("the OpenID provider cannot be asked", issuer=self.settings.issuer, reason=_line(reason))
            raise OpenIdError(f"{self.settings.issuer} cannot be asked; the log of the dashboard says why") from error

    def _app(self) -> Any:
        """The library's side of it, made when somebody first wants it: without its files all else works."""
        if self._made is None:
            from authlib.integrations.starlette_client import OAuth  # noqa: PLC0415  # 10 MB that others do not need

            path = self.settings.authority
            try:
                verify = ssl.create_default_context(cafile=path) if path else True
            except OSError as error:  # ssl.SSLError is one
                raise self._unreadable(path, error) from error
            self._made = OAuth().register(
                "openid",
                client_id=self.settings.client,
                server_metadata_url=f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration",
                client_kwargs={
                    "scope": "openid profile email",
                    "code_challenge_method": "S256",
                    "timeout": _TIMEOUT,
                    "verify": verify,
                    "trust_env": False,
                },
            )
        return self._made

    def _unreadable(self, path: str, error: Exception) -> OpenIdError:
        logger.error("a file for the OpenID provider cannot be read", file=path, reason=str(error))
        return OpenIdError(f"{path} cannot be read; an administrator of this server must see to it")

    def _secret(self) -> str:
        """Read anew each time: a mounted Secret may be renewed."""
        path = self.settings.secret_file
        try:
            return read_all(OsFileSystem(), path, _LARGEST_SECRET).decode().strip()
        except (OSError, ValueError) as error:
            raise self._unreadable(path, error) from error

    def _vouched(self, claims: dict[str, Any]) -> Vouched:
        name = next((claims[key] for key in ("preferred_username", "email", "sub") if claims.get(key)), "")
        if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise OpenIdError("the provider gives this account a name that cannot be shown")
        told = claims.get(self.settings.claim, [])
        groups = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        role = self._role_map.role_of(group for group in groups if isinstance(group, str))
        return Vouched(name, role, f"OpenID {self.settings.issuer} {_line(str(claims['sub']))}")


def _line(text: str) -> str:
    return "".join(sign for sign in text[:_LONGEST_NAME] if sign.isprintable()).strip()
