"""One route while it is being served: looks for what waits, keeps the senders, and tells how it stands."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from dicomrs.answering import Answering
from dicomrs.causes import Cause
from dicomrs.desk import Desk
from dicomrs.heartbeat import write_heartbeat
from dicomrs.log import get_logger
from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs.spool import control
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import LOCKS
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.proof import VolumeError, prepare_root
from dicomrs.spool.space import drop_ballast, lay_ballast
from dicomrs.watched import is_watched
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.commitments import Commitments
from dicomrs_scu.examining import TargetExaminer
from dicomrs_scu.persons import Persons
from dicomrs_scu.prober import Prober, probe_of
from dicomrs_scu.queue import DestinationQueue, Figures
from dicomrs_scu.retention import retire_old
from dicomrs_scu.sender import Sender
from dicomrs_wire.tls.ends import destination_tls

HINT_SECONDS: Final = 0.025
BEAT_SECONDS: Final = 1.0
RESCAN_SECONDS: Final = 60.0
RETIRE_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 2.0
_PLENTY: Final = 2000  # objects that may be sent: some tenths of a second's work
_LEISURE: Final = 3.0  # times as long as it has looked, a rescan rests while there is plenty to send

logger = get_logger()


@dataclass(slots=True)
class _Chore:
    """Something to do every so many seconds; due: of time.monotonic()."""

    every: float
    do: Callable[[], None]
    due: float = 0.0


class RunningRoute(threading.Thread):
    """Start it; stop() and join() it. A route that changes is stopped and started anew: all it knows is on disk."""

    def __init__(
        self,
        fs: FileSystem,
        route: ClinicRoute,
        secrets: Secrets,
        restart: Callable[[], None],
        *,
        after: "RunningRoute | None" = None,
    ) -> None:
        """restart: has the whole service end and be started again.

        after: who has served the root until now, and was told to stop.
        """
        super().__init__(name=f"route-{route.metadata.name}", daemon=True)
        self.route = route
        self._fs = fs
        self._root = route.spec.storage.root
        self._after = after
        self._stopping = threading.Event()
        self._queues = {
            to.name: DestinationQueue(to.park, time.monotonic, commits=to.commitment is not None)
            for to in route.spec.destinations
        }
        self._tls = {to.name: destination_tls(secrets, to) for to in route.spec.destinations}
        self._backlog = Backlog(Outbox(fs, self._root), route, self._queues)
        self._senders: list[Sender] = []
        self._probers: list[Prober] = []
        self._commitments: Commitments | None = None
        examiner = TargetExaminer(fs, lambda: self.route, self._tls)
        self._desk = Desk(fs, self._root, "scu", restart, examiner.begin)
        self.trouble: VolumeError | None = None
        """Why the root cannot be used."""
        self._obstacle = "it is starting"  # why the root is not ours, "" once it is
        self._answering = Answering(self._root)
        self.refused = ""
        """The problem of newer manifests, for the status file."""

    def take_over(self, route: ClinicRoute | None) -> bool:
        """Go on under another version of the route that asks for the same; whether it does.

        What may differ is its metadata: on a cluster the operator's annotations, in the middle of a transfer.
        """
        if route is None or route.spec != self.route.spec:
            return False
        self.route = route
        return True

    def stop(self) -> None:
        """Finish the objects in hand, then end."""
        self._stopping.set()

    @property
    def unready(self) -> str:
        """Why nothing can be sent from the root, "" if it can; it asks nobody."""
        return self._obstacle or self.hangs

    @property
    def hangs(self) -> str:
        """That its volume hangs, in a sentence; "" if it does not."""
        return self._answering.trouble

    @property
    def healthy(self) -> bool:
        """Whether its threads live; they end only when stopped, or by a fault of ours."""
        if self._stopping.is_set():
            return True
        senders = all(sender.is_alive() for sender in list(self._senders))
        return self.is_alive() and senders and (self._commitments is None or self._commitments.healthy)

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    @property
    def waiting(self) -> int:
        """How many deliveries are still to be made, or to be committed to."""
        figures = [queue.figures() for queue in self._queues.values()]
        return sum(one.waiting + one.uncommitted for one in figures)

    def run(self) -> None:
        """Serve until stopped."""
        if self._after is not None:
            self._obstacle = "the objects in hand are finished under the route as it was"
            self._after.join()
            self._after = None
        lock = self._take_root()
        if lock is None:
            return
        self._answering.now()
        self._obstacle = ""
        try:
            self._desk.start()
            self._start_senders()
            self._commitments = Commitments(self._backlog, self.route, self._tls)
            self._commitments.start(suspended=self.route.spec.suspend)
            self._work()
        except Exception:
            logger.exception("route ended by a fault of ours", route=self.route.metadata.name)
        finally:
            ending: tuple[Sender | Prober, ...] = (*self._senders, *self._probers)
            for one in ending:
                one.stop()
            if self._commitments is not None:
                self._commitments.stop()
            for sender in self._senders:
                sender.join()
            self._backlog.write_progress()
            self._desk.stop()
            self._fs.close(lock)

    def _take_root(self) -> int | None:
        """The lock of this root, once it can be had on a volume that proves itself; None if stopped before."""
        while not self._stopping.is_set():
            try:
                self._prove()
                self.trouble = None
                return self._fs.lock(f"{self._root}/{LOCKS}/scu", wait=False)
            except VolumeError as error:
                self.trouble, now = error, str(error)
            except BlockingIOError:
                now = f"another sending service has {self._root}; waiting until it has gone"
            except OSError as error:
                now = f"{self._root}: {error.strerror}"
            if now != self._obstacle:
                logger.error("not sending", route=self.route.metadata.name, reason=now)
                self._obstacle = now
            self._stopping.wait(_RETRY_SECONDS)
        return None

    def _prove(self) -> None:
        """A full volume is no obstacle as long as the ballast makes room for receipts: sending is what empties it."""
        try:
            prepare_root(self._fs, self._root)
        except VolumeError as error:
            if not error.full or not drop_ballast(self._fs, self._root):
                raise
            prepare_root(self._fs, self._root)

    def _start_senders(self) -> None:
        if self.route.spec.suspend:
            logger.info("sending is suspended (spec.suspend)", route=self.route.metadata.name)
            return
        for to in self.route.spec.destinations:
            probe = probe_of(self.route, to, self._tls[to.name], to.name)
            prober = Prober(probe, self._queues[to.name], partial(is_watched, self._fs, self._root))
            prober.start()
            self._probers.append(prober)
            for index in range(to.associations):
                sender = Sender(self._backlog, to, self._queues[to.name], index, self._tls[to.name])
                sender.start()
                self._senders.append(sender)

    def _work(self) -> None:
        """Follow the hints closely, rescan now and then, and keep the figures fresh.

        Whatever goes wrong in one round is logged and tried again in the next: nothing here may stop for good.
        """
        quick = [
            _Chore(HINT_SECONDS, self._backlog.follow_hints),
            _Chore(BEAT_SECONDS, self._beat),
        ]
        persons = Persons(self._backlog, lambda: self._do_due(quick))
        asked = _Chore(BEAT_SECONDS, lambda: control.serve(self._fs, self._root, persons.handle))
        chores = [
            _Chore(RESCAN_SECONDS, lambda: self._rescan([*quick, asked])),
            *quick,
            asked,
            _Chore(RETIRE_SECONDS, self._retire),
        ]
        while not self._stopping.wait(HINT_SECONDS):
            self._do_due(chores)

    def _do_due(self, chores: list[_Chore]) -> None:
        """A chore that fails keeps no other from being done."""
        for chore in chores:
            if time.monotonic() < chore.due:
                continue
            chore.due = time.monotonic() + chore.every
            try:
                chore.do()
            except Exception:
                logger.exception("chore failed, it is tried again", route=self.route.metadata.name)
                chore.due = time.monotonic() + max(chore.every, _RETRY_SECONDS)

    def _rescan(self, meanwhile: list[_Chore]) -> None:
        """At leisure while every destination has plenty to do, for looking and sending share one interpreter.

        meanwhile: what falls due between two folders.
        """
        began = time.monotonic()

        def pause() -> None:
            nonlocal began
            if self._senders and all(queue.has_plenty(_PLENTY) for queue in self._queues.values()):
                self._stopping.wait(min(BEAT_SECONDS, _LEISURE * (time.monotonic() - began)))
            self._do_due(meanwhile)
            began = time.monotonic()

        self._backlog.rescan(pause)
        if self._commitments is not None:
            self._commitments.prune()
        self._keep_ballast()

    def _retire(self) -> None:
        keep = timedelta(seconds=self.route.spec.storage.retention.seconds)
        retire_old(self._backlog.outbox, datetime.now().astimezone() - keep)

    def _keep_ballast(self) -> None:
        free, total, _ = self._fs.free(self._root)
        if free > self.route.spec.storage.reserve.bytes_of(total) / 2:
            lay_ballast(self._fs, self._root)

    def _beat(self) -> None:
        self._backlog.write_progress()
        self._answering.now()
        destinations: dict[str, Any] = {}
        for name, queue in self._queues.items():
            figures = queue.figures()
            trouble, cause = self._trouble(name, figures)
            told = {"trouble": trouble, "cause": cause, "suspended": self.route.spec.suspend}
            destinations[name] = {**asdict(figures), **told}
        beat = {
            "route": self.route.metadata.name,
            "revision": self.route.revision,
            "refused": self.refused,
            "destinations": destinations,
        }
        write_heartbeat(self._root, "scu", beat)

    def _trouble(self, name: str, figures: Figures) -> tuple[str, Cause | None]:
        """Why a destination is not sent to or does not commit to what it has, the most urgent first, and the cause."""
        tls, commitments = self._tls[name], self._commitments
        if figures.trouble:
            return figures.trouble, figures.cause
        if tls is not None and (trouble := tls.credentials.trouble):
            return trouble, Cause.TLS_OWN
        if commitments is not None and (found := commitments.trouble(name))[0]:
            return found
        return "", None
