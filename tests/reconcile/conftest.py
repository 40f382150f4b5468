"""The operator as a process, a cluster in miniature, and a dashboard that a test can have say what it wants."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.clinic_routes import manifest
from support.fake_cluster import NAMESPACE, ROUTES, FakeCluster
from support.fake_dashboard import FakeDashboard
from support.operator_process import Operator
from support.polling import eventually
from support.processes import tail


class World:
    """What a test acts on and looks at."""

    def __init__(self, cluster: FakeCluster, operator: Operator) -> None:
        self.cluster = cluster
        self.operator = operator
        self.dashboard = FakeDashboard()
        cluster.dashboard = self.dashboard

    def apply(self, name: str = "hospital-a", **fields: Any) -> dict[str, Any]:
        """As `kubectl apply` does."""
        return self.cluster.put(ROUTES, manifest(name, **fields))

    def delete(self, name: str = "hospital-a") -> None:
        self.cluster.delete(ROUTES, name)

    def route(self, name: str = "hospital-a") -> dict[str, Any]:
        return self.cluster.get(ROUTES, name) or {}

    def conditions(self, name: str = "hospital-a") -> dict[str, dict[str, Any]]:
        listed = self.route(name).get("status", {}).get("conditions", [])
        return {one["type"]: one for one in listed}

    def eventually_is(self, condition: str, status: str, reason: str = "", name: str = "hospital-a") -> dict[str, Any]:
        """Return the condition once it has this status, and this reason if one is given, for the newest generation."""

        def probe() -> dict[str, Any] | None:
            found = self.conditions(name).get(condition, {})
            newest = (
                self.route(name).get("status", {}).get("observedGeneration")
                == self.route(name)["metadata"]["generation"]
            )
            right = found.get("status") == status and reason in {"", found.get("reason")}
            return found if right and newest else None

        found = eventually(probe, f"{condition} of {name} is {status} {reason}: {self.conditions(name)}")
        assert found is not None
        return found

    def told(self) -> str:
        """What the services are told."""
        config_map = self.cluster.get("configmaps", "dicomrs-routes")
        return "" if config_map is None else str(config_map["data"]["routes.yaml"])

    def tidy(self) -> None:
        """Make all well, and take away what a person made; the operator runs."""
        self.cluster.make_well()
        self.dashboard = self.cluster.dashboard = FakeDashboard()
        if self.operator.child is None or not self.operator.child.alive:
            self.operator.start()
        for route in self.cluster.all(ROUTES):
            name = route["metadata"]["name"]
            self.cluster.patch(ROUTES, name, {"metadata": {"annotations": {"dicomrs.io/force-delete": "true"}}})
            self.delete(name)
        eventually(lambda: not self.cluster.all(ROUTES) and "items: []" in self.told(), "no routes are left")
        for plural in ("events", "pods", "secrets"):
            for one in self.cluster.all(plural):
                if not one["metadata"]["name"].startswith("dicomrs-"):
                    self.cluster.delete(plural, one["metadata"]["name"])

    def events(self) -> list[tuple[str, str]]:
        return [(one["reason"], one["message"]) for one in self.cluster.all("events")]


@contextmanager
def _worlds(folder: Path) -> Iterator[Callable[..., World]]:
    with ExitStack() as ending:

        def make(*, start: bool = True, **environment: str) -> World:
            cluster = ending.enter_context(FakeCluster().running())
            operator = Operator(folder, cluster.url, cluster.url, NAMESPACE, **environment)
            ending.callback(operator.kill)
            world = World(cluster, operator)
            if start:
                operator.start()
                eventually(world.told, "the operator has written its ConfigMap")
            return world

        yield make


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world of the test's own; its operator runs unless the test starts it."""
    with _worlds(tmp_path) as make:
        yield make
    print(tail(tmp_path / "operator.log", 60))


@pytest.fixture(scope="module")
def _shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with _worlds(tmp_path_factory.mktemp("operator")) as make:
        yield make()


@pytest.fixture
def world(_shared_world: World) -> Iterator[World]:
    """A running operator in a cluster without routes; tests of a module share it, and may kill it."""
    began = _shared_world.operator.log.stat().st_size
    yield _shared_world
    print(_shared_world.operator.log.read_text()[began:])
    _shared_world.tidy()
