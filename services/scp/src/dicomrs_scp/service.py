"""The receiving service: keeps the receivers that the manifests ask for, through reloads and trouble."""

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

from dicomrs.causes import Cause
from dicomrs.exits import Exit
from dicomrs.log import get_logger
from dicomrs.program import POLL_SECONDS, changed_routes
from dicomrs.route import ClinicRoute, Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.proof import VolumeError
from dicomrs_scp.frontdoor import FrontDoor
from dicomrs_scp.listening import ListenError, Trouble
from dicomrs_scp.receiver import STOP_SECONDS, BusyError, RunningReceiver, volume_cause
from dicomrs_wire.health import Readiness
from dicomrs_wire.stream import Connection

_BEAT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 2.0

_EXITS: Final = {Trouble.IN_USE: Exit.PORT_IN_USE, Trouble.NOT_ALLOWED: Exit.NOT_ALLOWED}

logger = get_logger()


class ScpService:
    """Call run() in the main thread; it returns the exit code."""

    def __init__(self, fs: FileSystem, manifests: Manifests, secrets: Secrets) -> None:
        self._fs = fs
        self._manifests = manifests
        self._secrets = secrets
        self._running: dict[str, RunningReceiver] = {}
        self._trouble: dict[str, tuple[str, Cause]] = {}  # why a receiver does not receive
        self._hopeless: dict[str, Exit] = {}
        self._door = FrontDoor(self._admit, self._artim)
        self._restart = threading.Event()
        self.readiness = Readiness()

    @property
    def alive(self) -> bool:
        """Whether its threads live."""
        return self._door.alive

    def run(self, stop: threading.Event) -> Exit:
        """Serve until stop is set, or a person asks for a restart.

        Where at the start no receiver at all can serve, and waiting will not help, the exit code says why; but not
        where manifests are awaited, for others may come.
        """
        self._door.start()
        try:
            self._apply(self._manifests.routes)
            self._try_again()
            if (exit_code := self._no_hope()) is not None:
                return exit_code
            retry_at, beat_at = time.monotonic() + _RETRY_SECONDS, 0.0
            while not stop.wait(POLL_SECONDS):
                if not self.alive:
                    return Exit.INTERNAL  # to be started anew
                if self._restart.is_set():
                    return Exit.RESTART
                if (routes := changed_routes(self._manifests)) is not None:
                    self._apply(routes)
                    retry_at = beat_at = 0.0
                if time.monotonic() >= retry_at:
                    self._try_again()
                    retry_at = time.monotonic() + _RETRY_SECONDS
                if time.monotonic() >= beat_at:
                    self._beat()
                    self.readiness.tell(self._unready())
                    beat_at = time.monotonic() + _BEAT_SECONDS
        finally:
            self.readiness.tell(["it is stopping"])
            self._stop()
        return Exit.OK

    def _no_hope(self) -> Exit | None:
        if self._manifests.awaited or not self._hopeless or len(self._hopeless) < len(self._manifests.routes):
            return None
        return next(iter(self._hopeless.values()))

    def _admit(self, receiver: str, sock: Connection, address: str, request: bytes) -> None:
        running = self._running.get(receiver)
        if running is None:
            sock.close()
            return
        running.admit(sock, address, request)

    def _artim(self, receiver: str) -> float:
        running = self._running.get(receiver)
        return 0.0 if running is None else running.route.spec.receiver.limits.artim.seconds

    def _apply(self, routes: Iterable[ClinicRoute]) -> None:
        """Stop what is gone or has another root; hand changed routes to what goes on."""
        wanted = {route.metadata.name: route for route in routes}
        for name, running in list(self._running.items()):
            route = wanted.get(name)
            if route is None or route.spec.storage.root != running.inbox.root:
                del self._running[name]
                threading.Thread(target=running.stop, args=(time.monotonic() + STOP_SECONDS,)).start()
            else:
                running.take_over(route)
        for name in [name for name in self._trouble if name not in wanted]:
            del self._trouble[name]

    def _try_again(self) -> None:
        """Bring up every receiver that is not up."""
        for route in self._manifests.routes:
            name = route.metadata.name
            running = self._running.get(name)
            try:
                if running is None:
                    running = self._running[name] = RunningReceiver(
                        self._fs, route, self._door, self._secrets, self._restart.set
                    )
                running.follow_the_address()
                if not running.listening and not route.draining:
                    running.listen()
            except VolumeError as error:
                self._note(name, (str(error), volume_cause(error)), Exit.FULL if error.full else Exit.ROOT)
            except ListenError as error:
                self._note(name, (str(error), error.cause), _EXITS.get(error.trouble))
            except BusyError as error:
                self._note(name, (str(error), Cause.ROOT_UNUSABLE), None)
            else:
                self._note(name, None, None)

    def _note(self, name: str, trouble: tuple[str, Cause] | None, hopeless: Exit | None) -> None:
        """Remember a receiver's trouble and its cause; say it once."""
        before = self._trouble.pop(name, None)
        if trouble is not None:
            if before is None or trouble[0] != before[0]:
                logger.error("not receiving", route=name, reason=trouble[0])
            self._trouble[name] = trouble
        if hopeless is None:
            self._hopeless.pop(name, None)
        else:
            self._hopeless[name] = hopeless

    def _beat(self) -> None:
        for name, running in self._running.items():
            running.beat(self._trouble.get(name), self._manifests.refused)

    def _unready(self) -> Iterator[str]:
        """Sentences about what should be received and cannot be."""
        routes = self._manifests.routes
        if not routes and (refused := self._manifests.refused):
            yield f"manifest refused: {refused}"
        for route in routes:
            if route.draining or route.spec.receiver.suspend:
                continue
            running = self._running.get(route.metadata.name)
            noted = self._trouble.get(route.metadata.name)
            trouble = noted[0] if noted is not None else running.unready if running is not None else ""
            if trouble:
                yield f"route {route.metadata.name} is not receiving: {trouble}"

    def _stop(self) -> None:
        for running in self._running.values():
            running.stop_listening()
        self._door.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for running in self._running.values():
            running.end()
        for running in self._running.values():
            running.stop(deadline)
