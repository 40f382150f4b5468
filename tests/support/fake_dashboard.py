"""What a release's dashboard would say: services that have loaded the operator's routes, and fare as a test tells."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dicomrs.status_api import RouteStatus, StatusReport
from dicomrs_operator.routes import ROUTES_KEY, Running, read_routes_yaml
from support.fake_cluster import FakeCluster

Change = Callable[[dict[str, Any]], None]


def healthy(running: Running) -> dict[str, Any]:
    """The status of a route whose services have loaded this version and have nothing to do."""
    at = datetime.now(UTC).isoformat()  # heartbeats tell whole seconds
    stopped = running.draining or running.route.spec.receiver.suspend
    return {
        "name": running.name,
        "revision": running.revision,
        "root": running.route.spec.storage.root,
        "lookedAt": at,
        "disk": {"free": 500, "total": 1000, "reserve": 120, "inodesFree": 9, "aboveReserve": True, "writable": True},
        "scp": {"alive": True, "at": at, "revision": running.revision, "listening": not stopped},
        "scu": {"alive": True, "at": at, "revision": running.revision},
        "destinations": [{"name": one.name} for one in running.route.spec.destinations],
    }


class FakeDashboard:
    """Set `changes` by route name to have it say something else of a route."""

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}
        self.knows = True  # of any route

    def __call__(self, cluster: FakeCluster) -> dict[str, Any]:
        config_map = cluster.get("configmaps", "dicomrs-routes") or {"data": {ROUTES_KEY: ""}}
        at = datetime.now(UTC).isoformat()
        routes = []
        for running in read_routes_yaml(config_map["data"][ROUTES_KEY]).values() if self.knows else ():
            status = healthy(running)
            self.changes.get(running.name, lambda _: None)(status)
            routes.append(RouteStatus.model_validate(status))
        return StatusReport(version="0", at=at, routes=tuple(routes)).model_dump(by_alias=True)
