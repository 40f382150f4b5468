"""Keeps one route's receiver, on a thread of its own: a volume that hangs keeps no other route waiting.

What is wanted of it is told by other threads, which never wait for the volume.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from dicomrs.answering import Answering
from dicomrs.causes import Cause
from dicomrs.exits import Exit
from dicomrs.log import get_logger
from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.proof import VolumeError
from dicomrs_scp import listening
from dicomrs_scp.examining import Trouble
from dicomrs_scp.frontdoor import FrontDoor
from dicomrs_scp.listening import ListenError
from dicomrs_scp.receiver import BusyError, RunningReceiver, volume_cause

_BEAT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 2.0
_CUT_SECONDS: Final = 4.0  # for a receiver to end once its associations are cut off

_EXITS: Final = {listening.Trouble.IN_USE: Exit.PORT_IN_USE, listening.Trouble.NOT_ALLOWED: Exit.NOT_ALLOWED}

logger = get_logger()


class Keeper(threading.Thread):
    """Start it, stop() and join() it; of one route with one root."""

    def __init__(
        self, fs: FileSystem, route: ClinicRoute, door: FrontDoor, secrets: Secrets, restart: Callable[[], None]
    ) -> None:
        """restart: has the whole service end and be started again."""
        super().__init__(name=f"route-{route.metadata.name}", daemon=True)
        self.route = route
        self._make = partial(RunningReceiver, fs, door=door, secrets=secrets, restart=restart)
        self.receiver: RunningReceiver | None = None
        """Once the root is ours."""
        self.hopeless: Exit | None = None
        """The exit code that says why it does not receive, if waiting will not help."""
        self.refused = ""
        """The problem of newer manifests, for the status file."""
        self.tried = threading.Event()
        """Once it is known whether it can receive."""
        self._trouble: Trouble | None = None  # why it does not receive
        self._unready = "it is starting"
        # Held by whoever opens or closes the receiver's sockets; nobody asks the volume for anything meanwhile.
        self._mutex = threading.Lock()
        self._wanted = threading.Event()
        self._deadline: float | None = None
        self._answering = Answering(route.spec.storage.root)

    def take_over(self, route: ClinicRoute) -> bool:
        """Go on under a changed route; whether it can: not with another root."""
        if route.spec.storage.root != self.route.spec.storage.root:
            return False
        with self._mutex:
            self.route = route
            if self.receiver is not None:
                self.receiver.take_over(route)
        self._wanted.set()
        return True

    def stop(self, deadline: float) -> None:
        """Take no further association, and have those that are open end by a moment of time.monotonic().

        On a volume that hangs nothing can be finished: they are cut off at once.
        """
        with self._mutex:
            self._deadline = time.monotonic() if self._answering.trouble else deadline
            if self.receiver is not None:
                self.receiver.end()
        self._wanted.set()

    def wait(self) -> None:
        """Until it has ended, once it was told to stop; one that hangs is not waited for."""
        self.join(max(0.0, (self._deadline or 0.0) + _CUT_SECONDS - time.monotonic()))

    @property
    def healthy(self) -> bool:
        """Whether its thread lives; it ends only when stopped, or by a fault of ours."""
        return self.is_alive() or self._deadline is not None

    @property
    def unready(self) -> str:
        """Why objects that should be received cannot be, "" if they can; it asks nobody."""
        if self.route.draining or self.route.spec.receiver.suspend:
            return ""
        return self._answering.trouble or self._unready

    def run(self) -> None:
        """Until stopped. Whatever goes wrong in one round is logged and tried again in the next."""
        retry_at = 0.0
        while self._deadline is None:
            try:
                if (now := time.monotonic()) >= retry_at:
                    retry_at = now + _RETRY_SECONDS
                    self._try_again()
                self._tell()
            except Exception:
                logger.exception("round failed, it is tried again", route=self.route.metadata.name)
            self.tried.set()
            self._answering.now()
            if self._wanted.wait(_BEAT_SECONDS):
                self._wanted.clear()
                retry_at = 0.0
        if self.receiver is not None:
            self.receiver.stop(self._deadline)

    def _try_again(self) -> None:
        """Bring the receiver up, if it is not."""
        try:
            if self.receiver is None:
                self._take_root()
            self._listen()
        except VolumeError as error:
            self._note((str(error), volume_cause(error)), Exit.FULL if error.full else Exit.ROOT)
        except ListenError as error:
            self._note((str(error), error.cause), _EXITS.get(error.trouble))
        except BusyError as error:
            self._note((str(error), Cause.ROOT_UNUSABLE), None)
        else:
            self._note(None, None)

    def _take_root(self) -> None:
        receiver = self._make(self.route)
        with self._mutex:
            receiver.take_over(self.route)  # it may have changed meanwhile
            self.receiver = receiver

    def _listen(self) -> None:
        with self._mutex:
            receiver = self.receiver
            if receiver is None or self._deadline is not None:
                return
            receiver.follow_the_address()
            if not receiver.listening and not receiver.route.draining:
                receiver.listen()

    def _note(self, trouble: Trouble | None, hopeless: Exit | None) -> None:
        """Remember why it does not receive, and the cause; say it once."""
        if trouble is not None and (self._trouble is None or trouble[0] != self._trouble[0]):
            logger.error("not receiving", route=self.route.metadata.name, reason=trouble[0])
        self._trouble, self.hopeless = trouble, hopeless

    def _tell(self) -> None:
        """How it stands, in the status file and for the probes."""
        receiver = self.receiver
        if receiver is not None:
            receiver.beat(self._trouble, self.refused)
        self._unready = self._trouble[0] if self._trouble else receiver.unready if receiver is not None else ""
