"""The sending service: one thread per route that the manifests name, through reloads, until told to stop."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

from dicomrs.exits import Exit
from dicomrs.log import get_logger
from dicomrs.program import POLL_SECONDS, changed_routes
from dicomrs.route import ClinicRoute, Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs_scu.running import RunningRoute
from dicomrs_wire.health import Readiness

_START_SECONDS: Final = 1.0  # in which a root that cannot be used is found out
STOP_SECONDS: Final = 25.0  # for the objects in hand; one that is not confirmed by then is sent again

logger = get_logger()


class ScuService:
    """Call run() in the main thread; it returns the exit code."""

    def __init__(self, fs: FileSystem, manifests: Manifests, secrets: Secrets) -> None:
        self._fs = fs
        self._manifests = manifests
        self._secrets = secrets
        self._running: dict[str, RunningRoute] = {}
        self._draining: list[RunningRoute] = []
        self._restart = threading.Event()
        self.readiness = Readiness()

    @property
    def alive(self) -> bool:
        """Whether its threads live."""
        return all(running.healthy for running in list(self._running.values()))

    def run(self, stop: threading.Event) -> Exit:
        """Serve until stop is set, or a person asks for a restart.

        Where at the start no root at all can be used, the exit code says so; but not where manifests are awaited, for
        others may come.
        """
        self._apply(self._manifests.routes)
        try:
            stop.wait(_START_SECONDS)
            if (exit_code := self._hopeless()) is not None:
                return exit_code
            while not stop.wait(POLL_SECONDS):
                if not self.alive:
                    return Exit.INTERNAL  # to be started anew
                if self._restart.is_set():
                    return Exit.RESTART
                if (routes := changed_routes(self._manifests)) is not None:
                    self._apply(routes)
                for running in self._running.values():
                    running.refused = self._manifests.refused
                self._let_go_of_drained()
                self.readiness.tell(self._unready())
        finally:
            self.readiness.tell(["it is stopping"])
            self._stop()
        return Exit.OK

    def _unready(self) -> Iterator[str]:
        """Sentences about what should be sent and cannot be, as far as it is not a target that is away."""
        if not self._manifests.routes and (refused := self._manifests.refused):
            yield f"manifest refused: {refused}"
        for name, running in self._running.items():
            if why := running.unready:
                yield f"route {name} is not sending: {why}"

    def _hopeless(self) -> Exit | None:
        troubles = [running.trouble for running in self._running.values()]
        if self._manifests.awaited or not troubles or any(trouble is None or trouble.full for trouble in troubles):
            return None
        return Exit.ROOT

    def _apply(self, routes: Iterable[ClinicRoute]) -> None:
        """Stop what is gone or asks for something else; start what is new. All others go on undisturbed.

        A root that no route names any more is drained first, under the last route that named it. An operator has that
        done before it takes a route away: what waits then was let go by force, and must not be sent.
        """
        wanted = {route.metadata.name: route for route in routes}
        roots = {route.spec.storage.root for route in wanted.values()}
        ending: list[RunningRoute] = []
        for name, running in list(self._running.items()):
            if not running.take_over(wanted.get(name)):
                ending.append(self._running.pop(name))
        for running in [*ending, *self._draining]:
            root = running.route.spec.storage.root
            if root in roots or not running.waiting:
                running.stop()
            elif running.route.revision:
                logger.warning(
                    "the route was taken away by force: what waits stays and is not sent",
                    root=root,
                    waiting=running.waiting,
                )
                running.stop()
            elif running not in self._draining:
                logger.warning(
                    "no route names this root any more: it is drained first", root=root, waiting=running.waiting
                )
                self._draining.append(running)
        before = {running.route.spec.storage.root: running for running in [*self._draining, *ending]}
        for name, route in wanted.items():
            if name not in self._running:
                after = before.get(route.spec.storage.root)
                running = RunningRoute(self._fs, route, self._secrets, self._restart.set, after=after)
                running.start()
                self._running[name] = running

    def _let_go_of_drained(self) -> None:
        for running in [running for running in self._draining if not running.waiting]:
            logger.info("root drained", root=running.route.spec.storage.root)
            running.stop()
        self._draining = [running for running in self._draining if not running.stopping]

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        serving = [*self._running.values(), *self._draining]
        answering = [route for route in serving if not route.hangs]  # from a volume that hangs nothing is finished
        for route in serving:
            route.stop()
        for route in answering:
            route.join(max(0.0, deadline - time.monotonic()))
