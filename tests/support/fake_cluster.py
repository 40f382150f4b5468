"""An API server in miniature, with the dashboard of a release beside it: what the operator's tests need of a cluster.

It keeps objects in memory and follows the real one where the operator depends on it: lists and watches with versions,
merge patches with optimistic locking, server-side apply that takes back what its manager no longer names, a status that
only its subresource changes, generations, finalizers. tests/reconcile/test_real_api.py holds it against a real one.
"""

import asyncio
import base64
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from dicomrs_operator.crd import digest
from support.processes import LOOPBACK, free_port

NAMESPACE = "clinic-a"
ROUTES = "clinicroutes"
Object = dict[str, Any]
Key = tuple[str, str]  # plural, name

_RESOURCES = {
    "/api/v1": ["configmaps", "secrets", "pods", "events", "namespaces"],
    "/apis/apiextensions.k8s.io/v1": ["customresourcedefinitions"],  # kopf wants to see that a cluster has these
    "/apis/dicomrs.io/v1alpha1": [ROUTES],
    "/apis/networking.k8s.io/v1": ["networkpolicies"],
}
_KINDS = {
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "pods": "Pod",
    "events": "Event",
    ROUTES: "ClinicRoute",
    "networkpolicies": "NetworkPolicy",
    "namespaces": "Namespace",
    "customresourcedefinitions": "CustomResourceDefinition",
}


class FakeCluster:
    """Serves on loopback from a thread of its own; its methods may be called from the test's."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.make_well()
        self.dashboard: Callable[[FakeCluster], Object] | None = None  # None: it does not answer
        self.writes: list[tuple[str, str, str]] = []  # method, plural, name of every change by the operator
        self._objects: dict[Key, Object] = {}
        self._applied: dict[Key, Object] = {}
        self._versions = itertools.count(100)
        self._watchers: list[asyncio.Queue[Object]] = []
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="fake-cluster", daemon=True)

    def make_well(self) -> None:
        """A cluster without troubles."""
        self.schema: str | None = digest()  # None: the cluster knows no ClinicRoutes
        self.watch_is_deaf = False
        self.vanishes: tuple[str, ...] = ()  # fields of receivers that the schema takes out of what is read
        self.refuses = ""  # what nobody may write, by its plural
        self.fails = False  # every request to the API is answered 500

    @contextmanager
    def running(self) -> Iterator["FakeCluster"]:
        self._thread.start()
        assert self._started.wait(30)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(30)

    # What a test, as a person with kubectl, does.

    def get(self, plural: str, name: str) -> Object | None:
        found = self._objects.get((plural, name))
        return deepcopy(found)

    def all(self, plural: str) -> list[Object]:
        return [deepcopy(one) for (kind, _), one in list(self._objects.items()) if kind == plural]

    def put(self, plural: str, manifest: Object) -> Object:
        """Make an object, or replace it."""
        return self._in_loop(lambda: self._put(plural, manifest))

    def patch(self, plural: str, name: str, patch: Object) -> Object:
        """Merge a patch into an object."""
        return self._in_loop(lambda: self._merge((plural, name), patch, ""))

    def delete(self, plural: str, name: str) -> None:
        self._in_loop(lambda: self._delete((plural, name)))

    def _in_loop(self, act: Callable[[], Any]) -> Any:
        async def step() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(step(), self._loop).result(30)

    # Objects.

    def _store(self, key: Key, body: Object, kind: str = "MODIFIED") -> Object:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        metadata = body["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._objects.pop(key, None)
            kind = "DELETED"
        else:
            self._objects[key] = body
        if key[0] == ROUTES:
            for watcher in self._watchers:
                watcher.put_nowait({"type": kind, "object": deepcopy(body)})
        return deepcopy(body)

    def _put(self, plural: str, manifest: Object) -> Object:
        body = deepcopy(manifest)
        metadata = body.setdefault("metadata", {})
        if "generateName" in metadata:
            metadata["name"] = metadata.pop("generateName") + str(next(self._versions))
        key = (plural, metadata["name"])
        if key in self._objects:
            return self._merge(key, body, "")
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        metadata |= {"namespace": NAMESPACE, "uid": f"uid-{next(self._versions)}", "generation": 1}
        metadata.setdefault("creationTimestamp", at)
        body.pop("status", None)
        return self._store(key, body, "ADDED")

    def _merge(self, key: Key, patch: Object, subresource: str) -> Object:
        body = deepcopy(self._objects.get(key))
        if body is None:
            raise web.HTTPNotFound(text=json.dumps({"message": f"{key} not found"}))
        version = patch.get("metadata", {}).pop("resourceVersion", None)
        if version not in {None, body["metadata"]["resourceVersion"]}:
            raise web.HTTPConflict(text=json.dumps({"message": "the object has been modified"}))
        if subresource == "status" and key[0] != "pods":
            patch = {"status": patch.get("status", {})}
        else:
            patch.pop("status", None)
        merged = _merged(body, patch)
        if merged == body:
            return body
        if merged.get("spec") != body.get("spec"):
            merged["metadata"]["generation"] += 1
        return self._store(key, merged)

    def _apply(self, key: Key, manifest: Object) -> Object:
        before = self._applied.get(key)
        self._applied[key] = deepcopy(manifest)
        if key not in self._objects:
            return self._put(key[0], manifest)
        if before is not None:
            _take_back(self._objects[key], before, manifest)
        return self._merge(key, deepcopy(manifest), "")

    def _delete(self, key: Key) -> Object:
        body = self._objects.get(key)
        if body is None:
            raise web.HTTPNotFound(text=json.dumps({"message": f"{key} not found"}))
        body = deepcopy(body)
        if not body["metadata"].get("deletionTimestamp"):
            body["metadata"]["deletionTimestamp"] = datetime.now(UTC).isoformat()
            body["metadata"]["generation"] += 1
        self._applied.pop(key, None)
        return self._store(key, body)

    # HTTP.

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        application = web.Application(middlewares=[self._troubles])
        kinds = "/namespaces/{namespace}/{plural}"
        application.add_routes([
            web.get("/api/v1/status", self._dashboard),
            web.get("/api", _answer({"versions": ["v1"]})),
            web.get("/apis", _answer(_groups())),
            web.get("/openapi/v3/apis/dicomrs.io/v1alpha1", self._openapi),
        ])  # fmt: skip
        for root, plurals in _RESOURCES.items():
            application.add_routes([
                web.get(root, _answer(_resources(plurals))),
                web.get(root + kinds, self._list),
                web.post(root + kinds, self._create),
                web.get(root + kinds + "/{name}", self._read),
                web.delete(root + kinds + "/{name}", self._remove),
                web.patch(root + kinds + "/{name}", self._patch),
                web.patch(root + kinds + "/{name}/{subresource}", self._patch),
            ])  # fmt: skip
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, LOOPBACK, self.port).start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    @web.middleware
    async def _troubles(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.fails and request.path != "/api/v1/status":
            raise web.HTTPInternalServerError(text=json.dumps({"message": "etcd is not well"}))
        if request.method != "GET" and request.match_info.get("plural") == self.refuses:
            raise web.HTTPForbidden(text=json.dumps({"message": f"{self.refuses} is forbidden: exceeded quota"}))
        response: web.StreamResponse = await handler(request)
        if request.method != "GET":
            name = request.match_info.get("name", "")
            self.writes.append((request.method, request.match_info["plural"], name))
        return response

    async def _dashboard(self, request: web.Request) -> web.Response:
        secret = self.get("secrets", "dicomrs-dashboard-token")
        assert secret is not None
        token = base64.b64decode(secret["data"]["token"]).decode()
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.Response(status=401)
        if self.dashboard is None:
            return web.Response(status=503)
        return web.json_response(self.dashboard(self))

    async def _openapi(self, _: web.Request) -> web.Response:
        if self.schema is None:
            raise web.HTTPNotFound
        kind = {"group": "dicomrs.io", "version": "v1alpha1", "kind": "ClinicRoute"}
        spec = {"description": f"What the route does. [schema {self.schema}]"}
        schema = {"properties": {"spec": spec}, "x-kubernetes-group-version-kind": [kind]}
        return web.json_response({"components": {"schemas": {"io.dicomrs.v1alpha1.ClinicRoute": schema}}})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        if "watch" in request.query:
            return await self._watch(request)
        selector = request.query.get("labelSelector", "")
        wanted = dict(one.split("=") for one in selector.split(",") if one)
        items = [one for one in self.all(plural) if wanted.items() <= (one["metadata"].get("labels") or {}).items()]
        for one in items if plural == ROUTES else ():
            for field in self.vanishes:
                one["spec"]["receiver"].pop(field, None)
        metadata = {"resourceVersion": str(next(self._versions))}
        return web.json_response({"kind": _KINDS[plural] + "List", "metadata": metadata, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Object] = asyncio.Queue()
        since = int(request.query.get("resourceVersion") or 0)
        for one in self.all(request.match_info["plural"]):
            if int(one["metadata"]["resourceVersion"]) > since:
                queue.put_nowait({"type": "MODIFIED", "object": one})
        self._watchers.append(queue)
        try:
            while True:
                event = await queue.get()
                if not self.watch_is_deaf:
                    await response.write(json.dumps(event).encode() + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._watchers.remove(queue)

    async def _read(self, request: web.Request) -> web.Response:
        found = self.get(request.match_info["plural"], request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound(text=json.dumps({"message": "not found"}))
        return web.json_response(found)

    async def _create(self, request: web.Request) -> web.Response:
        return web.json_response(self._put(request.match_info["plural"], await request.json()), status=201)

    async def _remove(self, request: web.Request) -> web.Response:
        return web.json_response(self._delete((request.match_info["plural"], request.match_info["name"])))

    async def _patch(self, request: web.Request) -> web.Response:
        key = (request.match_info["plural"], request.match_info["name"])
        body = json.loads(await request.text())
        if request.content_type == "application/apply-patch+yaml":
            assert request.query["fieldManager"] == "dicomrs-operator"
            return web.json_response(self._apply(key, body))
        assert request.content_type == "application/merge-patch+json", request.content_type
        return web.json_response(self._merge(key, body, request.match_info.get("subresource", "")))


def _merged(present: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(present) if isinstance(present, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _take_back(present: Object, before: Object, now: Object) -> None:
    """Remove the fields that a manager applied before and does not name any more."""
    for key, value in before.items():
        if key not in now:
            present.pop(key, None)
        elif isinstance(value, dict) and isinstance(now[key], dict) and isinstance(present.get(key), dict):
            _take_back(present[key], value, now[key])


def _answer(body: Object) -> Any:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body)

    return handler


def _groups() -> Object:
    def group(root: str) -> Object:
        name, version = root.removeprefix("/apis/").split("/")
        versions = [{"groupVersion": f"{name}/{version}", "version": version}]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    return {"groups": [group(root) for root in _RESOURCES if root.startswith("/apis/")]}


def _resources(plurals: list[str]) -> Object:
    verbs = ["create", "delete", "get", "list", "patch", "watch"]
    return {
        "resources": [
            {"name": name, "singularName": _KINDS[plural].lower(), "kind": _KINDS[plural], "namespaced": True,
             "verbs": verbs}
            for plural in plurals
            for name in (plural, f"{plural}/status")
        ]
    }  # fmt: skip
