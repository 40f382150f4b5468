"""The Kubernetes API in the few verbs that the operator needs, over an aiohttp session; kopf gets one of the same kind.

The official client would do as well, and takes more memory than the whole operator may have.
"""

import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from dicomrs_operator.settings import Access

MANAGER: Final = "dicomrs-operator"
_SECONDS: Final = aiohttp.ClientTimeout(total=15, sock_connect=5)
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"

Object = dict[str, Any]


class ApiError(Exception):
    """The API server refused, or could not be reached (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def new_session(access: Access) -> aiohttp.ClientSession:
    """Return a session that shows the service account's token, read anew for each request: the kubelet renews it."""

    async def with_token(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if access.token_file:
            request.headers["Authorization"] = f"Bearer {_text(access.token_file)}"
        return await send(request)

    tls = ssl.create_default_context(cafile=access.ca_file) if access.ca_file else True
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls), middlewares=(with_token,))


def _text(file: str) -> str:
    with open(file, encoding="ascii") as stream:  # in memory (tmpfs), so that nothing waits for it
        return stream.read().strip()


class Api:
    """Objects of one namespace. Every method raises ApiError."""

    def __init__(self, access: Access, namespace: str, session: aiohttp.ClientSession) -> None:
        self._server = access.server
        self._namespace = namespace
        self._session = session

    async def get(self, api: str, plural: str, name: str) -> Object | None:
        """Return an object, or None if there is none."""
        return await self._found("GET", self._path(api, plural, name))

    async def list(self, api: str, plural: str, labels: str = "") -> list[Object]:
        """Return the objects of a kind, those with `labels` (`key=value,…`) only."""
        query = {"labelSelector": labels} if labels else {}
        return list((await self._request("GET", self._path(api, plural), query))["items"])

    async def apply(self, plural: str, manifest: Object) -> Object:
        """Make the object be as the manifest says (server-side apply): fields that it leaves out are not ours."""
        path = self._path(manifest["apiVersion"], plural, manifest["metadata"]["name"])
        return await self._request("PATCH", path, {"fieldManager": MANAGER, "force": "true"}, manifest, _APPLY)

    async def merge(self, api: str, plural: str, name: str, patch: Object) -> Object | None:
        """Merge a patch into an object, or into its `name/status`; None if there is none any more."""
        return await self._found("PATCH", self._path(api, plural, name), {"fieldManager": MANAGER}, patch, _MERGE)

    async def create(self, api: str, plural: str, manifest: Object) -> Object:
        """Make a new object."""
        return await self._request("POST", self._path(api, plural), {"fieldManager": MANAGER}, manifest)

    async def delete(self, api: str, plural: str, name: str) -> None:
        """Remove an object, if it is there."""
        await self._found("DELETE", self._path(api, plural, name))

    async def raw(self, path: str) -> Object | None:
        """Return what stands at a path of the server; None if nothing does."""
        return await self._found("GET", path)

    def _path(self, api: str, plural: str, name: str = "") -> str:
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        return f"{root}/namespaces/{self._namespace}/{plural}" + (f"/{name}" if name else "")

    async def _found(self, method: str, path: str, *rest: Any) -> Object | None:
        try:
            return await self._request(method, path, *rest)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        data = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": content_type})
        try:
            async with self._session.request(
                method, self._server + path, params=query, data=data, headers=headers, timeout=_SECONDS
            ) as response:
                text = await response.text()
                if response.status < 400:
                    return dict(json.loads(text))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(0, f"{method} {path}: {type(error).__name__} {error}".rstrip()) from error
        raise ApiError(response.status, f"{method} {path}: {response.status} {_sentence(text)}")


def _sentence(text: str) -> str:
    """What the API server says in its Status object."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError):
        return text[:200]
