"""The receiving service: keeps the receivers that the manifests ask for, through reloads and trouble."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

from dicomrs.exits import Exit
from dicomrs.program import POLL_SECONDS, changed_routes
from dicomrs.route import ClinicRoute, Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs_scp.frontdoor import FrontDoor
from dicomrs_scp.keeper import Keeper
from dicomrs_scp.receiver import STOP_SECONDS
from dicomrs_wire.health import Readiness
from dicomrs_wire.stream import Connection

_START_SECONDS: Final = 10.0  # in which it is found out that no receiver can serve


class ScpService:
    """Call run() in the main thread, which asks no volume for anything; it returns the exit code."""

    def __init__(self, fs: FileSystem, manifests: Manifests, secrets: Secrets) -> None:
        self._fs = fs
        self._manifests = manifests
        self._secrets = secrets
        self._keepers: dict[str, Keeper] = {}
        self._leaving: list[Keeper] = []
        self._door = FrontDoor(self._admit, self._artim)
        self._restart = threading.Event()
        self.readiness = Readiness()

    @property
    def alive(self) -> bool:
        """Whether its threads live."""
        return self._door.alive and all(keeper.healthy for keeper in list(self._keepers.values()))

    def run(self, stop: threading.Event) -> Exit:
        """Serve until stop is set, or a person asks for a restart.

        Where at the start no receiver at all can serve, and waiting will not help, the exit code says why; but not
        where manifests are awaited, for others may come.
        """
        self._door.start()
        try:
            self._apply(self._manifests.routes)
            if (exit_code := self._no_hope()) is not None:
                return exit_code
            while not stop.wait(POLL_SECONDS):
                if not self.alive:
                    return Exit.INTERNAL  # to be started anew
                if self._restart.is_set():
                    return Exit.RESTART
                if (routes := changed_routes(self._manifests)) is not None:
                    self._apply(routes)
                for keeper in self._keepers.values():
                    keeper.refused = self._manifests.refused
                self.readiness.tell(self._unready())
        finally:
            self.readiness.tell(["it is stopping"])
            self._stop()
        return Exit.OK

    def _no_hope(self) -> Exit | None:
        if self._manifests.awaited or not self._keepers:
            return None
        deadline = time.monotonic() + _START_SECONDS
        for keeper in self._keepers.values():
            keeper.tried.wait(max(0.0, deadline - time.monotonic()))
        codes = [keeper.hopeless for keeper in self._keepers.values()]
        return None if None in codes else codes[0]

    def _admit(self, receiver: str, sock: Connection, address: str, request: bytes) -> None:
        keeper = self._keepers.get(receiver)
        if keeper is None or keeper.receiver is None:
            sock.close()
            return
        keeper.receiver.admit(sock, address, request)

    def _artim(self, receiver: str) -> float:
        keeper = self._keepers.get(receiver)
        return 0.0 if keeper is None else keeper.route.spec.receiver.limits.artim.seconds

    def _apply(self, routes: Iterable[ClinicRoute]) -> None:
        """Stop what is gone or has another root; hand changed routes to what goes on; start what is new."""
        wanted = {route.metadata.name: route for route in routes}
        self._leaving = [keeper for keeper in self._leaving if keeper.is_alive()]
        for name, keeper in list(self._keepers.items()):
            route = wanted.get(name)
            if route is None or not keeper.take_over(route):
                del self._keepers[name]
                keeper.stop(time.monotonic() + STOP_SECONDS)
                self._leaving.append(keeper)
        for name, route in wanted.items():
            if name not in self._keepers:
                keeper = Keeper(self._fs, route, self._door, self._secrets, self._restart.set)
                keeper.start()
                self._keepers[name] = keeper

    def _unready(self) -> Iterator[str]:
        """Sentences about what should be received and cannot be."""
        if not self._manifests.routes and (refused := self._manifests.refused):
            yield f"manifest refused: {refused}"
        for name, keeper in self._keepers.items():
            if why := keeper.unready:
                yield f"route {name} is not receiving: {why}"

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for keeper in self._keepers.values():
            keeper.stop(deadline)
        self._door.stop()
        for keeper in [*self._keepers.values(), *self._leaving]:
            keeper.wait()
