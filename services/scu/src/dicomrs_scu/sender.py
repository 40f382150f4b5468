"""One sender: a thread that keeps one destination's queue moving over one association at a time, for ever.

Nothing gives up. A target that cannot be had is asked again after a back-off; an object that it will not take waits
or is parked by itself, and those behind it go on.
"""

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final

from dicomrs.causes import Cause
from dicomrs.log import get_logger
from dicomrs.route import Destination
from dicomrs.spool.digest import Digest
from dicomrs.spool.fs import READ, FileSystem
from dicomrs.spool.outbox import Outbox, Stored
from dicomrs.spool.receipts import Kind
from dicomrs.spool.record import Head, NotOursError, read_head
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.settling import Settler
from dicomrs_scu.verdict import Verdict, verdict
from dicomrs_scu.waiting import Pair, Waiting
from dicomrs_wire.association import MAX_CONTEXTS
from dicomrs_wire.errors import (
    Aborted,
    AssociationError,
    DigestMismatch,
    PeerClosed,
    ProtocolError,
    Rejected,
    Unreachable,
)
from dicomrs_wire.requestor import Requestor, StoreReply
from dicomrs_wire.statuses import cause_of_status, describe_status
from dicomrs_wire.tls.ends import TlsClient

LINGER_SECONDS: Final = 1.0  # an association stays open so long for what arrives next
OBJECTS_PER_SENDER: Final = 4

logger = get_logger()


class _ReopenError(Exception):
    """The association was given up for a reason that is not the target's."""


class Ready:
    """An object about to be sent, open, its head read; or why that failed."""

    def __init__(self, outbox: Outbox, waiting: Waiting) -> None:
        self.waiting = waiting
        self._fs = outbox.fs
        self._fd = -1
        self._stored: Stored | None = None
        self._failure: Exception | None = None
        try:
            self._fd = self._fs.open(f"{outbox.root}/{waiting.folder}/{waiting.name}", READ)
            self._stored = Stored(waiting.folder, waiting.name, waiting.number, read_head(self._fs, self._fd))
        except (OSError, NotOursError) as error:
            self._failure = error

    def opened(self) -> tuple[Stored, int]:
        """The object and its descriptor; OSError or NotOursError if there is none."""
        if self._stored is None:
            assert self._failure is not None
            raise self._failure
        return self._stored, self._fd

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._fs.close(fd)


def send_object(
    association: Requestor, fs: FileSystem, head: Head, fd: int, meanwhile: Callable[[], None] | None = None
) -> StoreReply:
    """Send the object in an open file, whose last fragment goes out only if the digest is the one of its arrival.

    Raises as `Requestor.store`, whose `meanwhile` this is.
    """
    digest = Digest(head.transfer_syntax)
    expected: Callable[[], bool] = lambda: digest.text == head.record.digest  # noqa: E731 (asked at the last fragment)
    return association.store(
        head.sop_class,
        head.sop_instance,
        head.transfer_syntax,
        fd,
        head.start,
        fs.size(fd) - head.start,
        digest=digest.update,
        check=expected,
        meanwhile=meanwhile,
    )


class Sender(threading.Thread):
    """Start it; stop() has it finish the object in hand."""

    def __init__(
        self,
        backlog: Backlog,
        destination: Destination,
        queue: DestinationQueue,
        index: int,
        tls: TlsClient | None = None,
    ) -> None:
        """index: from 0 among the destination's senders; later ones step in only when there is more to do."""
        super().__init__(name=f"sender-{destination.name}", daemon=True)
        self._backlog = backlog
        self._destination = destination
        self._queue = queue
        self._tls = tls
        self._skip = index * OBJECTS_PER_SENDER
        self._most_contexts = MAX_CONTEXTS
        self._stopping = threading.Event()
        self._settler = Settler(backlog, queue)
        self._ready: Ready | None = None

    def stop(self) -> None:
        """Take no further object; callable from any thread."""
        self._stopping.set()
        self._queue.wake()

    def run(self) -> None:
        """Until stopped. A fault of ours is logged and treated like a target's: back off, go on."""
        while not self._stopping.is_set():
            try:
                self._round()
            except _ReopenError:
                continue
            except AssociationError as error:
                self._failed(str(error), error.cause, expected=isinstance(error, Unreachable | Rejected))
            except Exception as error:
                logger.exception("sending failed", destination=self._destination.name)
                why = f"a fault of the router: {type(error).__name__}, see its log"
                self._failed(why, Cause.UNKNOWN, expected=False)
        self._settler.end()

    def _round(self) -> None:
        pairs = self._queue.pairs(self._most_contexts, self._skip)
        if pairs:
            self._associate(pairs)
        else:
            self._queue.wait(1.0)

    def _failed(self, why: str, cause: Cause, *, expected: bool) -> None:
        log = logger.info if expected else logger.warning
        log("destination failed", destination=self._destination.name, reason=why)
        self._queue.target_failed(why, cause)

    def _associate(self, pairs: list[Pair]) -> None:
        """Open an association for these contexts, and send over it as long as there is something for it."""
        to = self._destination
        number = uuid.uuid4().hex[:8]
        started, sent = time.monotonic(), 0
        with self._open(pairs) as association:
            accepted = {pair for pair in pairs if association.accepted(*pair)}
            self._refuse_contexts([pair for pair in pairs if pair not in accepted])
            try:
                while (ready := self._next(accepted)) is not None:
                    sent += self._deliver(association, ready, accepted, number)
            finally:
                self._put_ready_back()
                self._settler.drain()
                seconds = round(time.monotonic() - started, 3)
                logger.info("association", destination=to.name, association=number, delivered=sent, seconds=seconds)

    def _open(self, pairs: list[Pair]) -> Requestor:
        """Negotiate. A target that ends the negotiation itself may choke on one of the contexts: then fewer are tried.

        An object whose context chokes it when proposed alone has had a try like any other that is refused.
        """
        to = self._destination
        try:
            association = Requestor.connect(
                to.host, to.port, calling=to.calling_ae_title, called=to.ae_title, contexts=pairs, tls=self._tls
            )
        except (Aborted, PeerClosed, ProtocolError) as error:
            self._most_contexts = max(1, len(pairs) // 2)
            if len(pairs) == 1 and (waiting := self._queue.take(pairs)) is not None:
                self._refused(waiting, str(error), error.cause)
            raise
        self._most_contexts = MAX_CONTEXTS
        return association

    def _next(self, accepted: set[Pair]) -> "Ready | None":
        """The next object for this association; None: nothing for a while, or it is time to stop or to back off."""
        deadline = time.monotonic() + LINGER_SECONDS
        while not self._stopping.is_set() and not self._queue.resting:
            if self._ready is None:
                self._make_ready(accepted)
            if self._ready is not None:
                ready, self._ready = self._ready, None
                if self._queue.begin(ready.waiting):
                    return ready
                ready.close()  # a person has held it meanwhile
                continue
            if self._queue.pairs(1) or (left := deadline - time.monotonic()) <= 0:
                return None  # what may go needs other contexts, or nothing came
            self._queue.wait(left)
        return None

    def _make_ready(self, accepted: set[Pair]) -> None:
        """Take the next object off the queue and open it, if there is one: while the target is busy with another."""
        waiting = self._queue.take(accepted)
        if waiting is not None:
            self._ready = Ready(self._backlog.outbox, waiting)

    def _put_ready_back(self) -> None:
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.close()
            self._queue.put_back(ready.waiting)

    def _refuse_contexts(self, pairs: list[Pair]) -> None:
        """The target takes no object of these kinds now: each of them has had a try."""
        if not pairs:
            return
        self._settler.drain()  # what was confirmed before counts
        why = {
            (sop_class, syntax): f"it does not accept SOP class {sop_class} in transfer syntax {syntax}"
            for sop_class, syntax in pairs
        }
        tried, spent = self._queue.kinds_refused(why)
        for pair, objects in tried.items():
            to = self._destination.name
            logger.warning("objects not taken", destination=to, objects=objects, reason=why[pair])
        for waiting in spent:
            self._park(waiting, why[waiting.pair])

    def _deliver(self, association: Requestor, ready: "Ready", accepted: set[Pair], number: str) -> bool:
        """Send one object; whether the target confirmed it. Whatever happens, the queue hears what became of it."""
        waiting = ready.waiting
        started = time.monotonic()
        try:
            stored, fd = ready.opened()
            meanwhile = partial(self._make_ready, accepted)
            reply = send_object(association, self._backlog.outbox.fs, stored.head, fd, meanwhile)
        except FileNotFoundError:
            self._backlog.forget(waiting)  # somebody removed it
            return False
        except (DigestMismatch, NotOursError) as error:
            self._damaged(waiting, str(error))
            raise _ReopenError from error
        except AssociationError as error:
            self._refused(waiting, str(error), error.cause)
            raise
        except OSError as error:
            why = f"it cannot be read from the disk: {error.strerror}"
            self._refused(waiting, why, Cause.DAMAGED, countable=False, of_target=False)
            raise _ReopenError from error
        except Exception as error:
            # Whatever it is, those behind this object must have their turn before it is tried again.
            why = f"{type(error).__name__}, see the log"
            self._refused(waiting, why, Cause.UNKNOWN, countable=False, of_target=False)
            raise
        finally:
            ready.close()
        return self._judge(waiting, stored, reply, number, time.monotonic() - started)

    def _damaged(self, waiting: Waiting, reason: str) -> None:
        try:
            self._backlog.damaged(waiting.folder, waiting.name, reason, waiting.arrival)
        except OSError as error:
            why = f"{reason}; it could not be moved to _DAMAGED: {error.strerror}"
            self._refused(waiting, why, Cause.DAMAGED, countable=False, of_target=False)

    def _judge(self, waiting: Waiting, stored: Stored, reply: StoreReply, number: str, seconds: float) -> bool:
        """Act on the target's answer."""
        meaning = verdict(reply.status)
        said = describe_status(reply.status)
        # What the target says of its own may name the patient: into the receipts, not into the log, nor into the
        # figures, which go into the status of a ClinicRoute.
        told = said + (f" ({reply.comment})" if reply.comment else "")
        if meaning is Verdict.DELIVERED:
            logger.info(
                "delivered" if self._destination.commitment is None else "stored",
                destination=self._destination.name,
                study=self._backlog.key_of(waiting.folder),
                arrival=waiting.arrival,
                bytes=stored.head.record.length,
                status=said,
                association=number,
                seconds=round(seconds, 4),
            )
            note = reply.comment if reply.status else ""
            kind = Kind.DELIVERED if self._destination.commitment is None else Kind.STORED
            event = stored.event(
                kind,
                self._destination.name,
                status=f"{reply.status:04X}",
                association=number,
                why=note,
                named=",".join(waiting.named),
            )
            self._settler.add((waiting, stored, event))
            return True
        if meaning is Verdict.PERMANENT:
            self._park(waiting, said, told)
        else:
            self._refused(waiting, said, cause_of_status(reply.status), told, countable=meaning is Verdict.VAGUE)
        return False

    def _refused(
        self,
        waiting: Waiting,
        why: str,
        cause: Cause,
        told: str = "",
        *,
        countable: bool = True,
        of_target: bool = True,
    ) -> None:
        """why: for log and figures; told: for the receipts, with the target's own words."""
        self._settler.drain()  # what was confirmed before counts
        logger.warning(
            "object not taken",
            destination=self._destination.name,
            study=self._backlog.key_of(waiting.folder),
            arrival=waiting.arrival,
            reason=why,
        )
        if self._queue.refused(waiting, why, cause, countable=countable, of_target=of_target):
            self._park(waiting, why, told)

    def _park(self, waiting: Waiting, why: str, told: str = "") -> None:
        # Out of the queue first: a release that comes between must find its way back into it.
        self._queue.discard(waiting)
        try:
            self._backlog.park(waiting, self._destination.name, why, told or why)
        except OSError as error:
            logger.error("object not parked, it will be tried again", reason=error.strerror)
            self._backlog.requeue(waiting)  # unless a person has held it meanwhile
            self._queue.refused(waiting, why, Cause.ROOT_UNUSABLE, countable=False, of_target=False)
