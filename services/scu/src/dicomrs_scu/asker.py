"""Asks one destination for its storage commitment to what it has (PS3.4 J.3.2), and hears reports that come at once.

On associations of its own, beside those that send: neither ever waits for the other.
"""

import threading
import time
import uuid
from typing import Final

from dicomrs.causes import Cause
from dicomrs.log import get_logger
from dicomrs.route import Commitment, Destination
from dicomrs.spool.receipts import Kind
from dicomrs.spool.transactions import Asked, Transactions
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.backoff import TARGET_FIRST, TARGET_LIMIT, delay
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.reports import Reports
from dicomrs_scu.waiting import Waiting
from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_CONTEXTS,
    COMMITMENT_INSTANCE,
    IMPLICIT_LITTLE_ENDIAN,
    REQUEST_COMMITMENT,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.dimse import VERIFICATION, normalized_response
from dicomrs_wire.errors import Aborted, AssociationError, PeerClosed
from dicomrs_wire.requestor import Requestor
from dicomrs_wire.statuses import describe_status
from dicomrs_wire.tls.ends import TlsClient

MOST_OBJECTS: Final = 256  # in one transaction
LINGER_SECONDS: Final = 5.0  # an association stays open so long for reports that could as well come on another
_HEAR_SECONDS: Final = 0.2
_NOT_OFFERED_SECONDS: Final = 60.0  # a target that does not offer it is not asked again for so long
# Something that a target accepts which does not offer storage commitment: some reject an association without.
_CONTEXTS: Final = (*COMMITMENT_CONTEXTS, (VERIFICATION, IMPLICIT_LITTLE_ENDIAN))
_ENDED: Final = (
    "the association on which its report was awaited has ended; with commitment.listen it could come on another"
)
_TAKEN: Final = frozenset({0x0000, 0x0107, 0x0116})  # success, and the warnings of PS3.7 annex C

logger = get_logger()


class _UnwillingError(Exception):
    """The target answers, but does not do what it is asked; the message says who must see to it."""


class Asker(threading.Thread):
    """Start it; stop() and join() it."""

    def __init__(
        self,
        backlog: Backlog,
        destination: Destination,
        transactions: Transactions,
        reports: Reports,
        tls: TlsClient | None = None,
    ) -> None:
        """The destination has `commitment`."""
        super().__init__(name=f"asker-{destination.name}", daemon=True)
        assert destination.commitment is not None
        self._backlog = backlog
        self._destination = destination
        self._commitment: Commitment = destination.commitment
        self._queue: DestinationQueue = backlog.queues[destination.name]
        self._uncommitted = self._queue.uncommitted
        self._transactions = transactions
        self._reports = reports
        self._tls = tls
        self._stopping = threading.Event()
        self._failures = 0
        self._waived_until = 0.0
        self.trouble = ""
        """Why nothing can be asked for now."""
        self.cause = Cause.NOT_COMMITTED
        """Of the trouble."""

    def stop(self) -> None:
        """Ask nothing further; callable from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped. Whatever goes wrong, those that could not be asked about are asked about later."""
        while not self._stopping.is_set():
            try:
                self._round()
            except AssociationError as error:
                self._failed(str(error), error.cause)
            except _UnwillingError as error:
                self._failed(str(error))
            except Exception as error:
                logger.exception("asking failed", destination=self._destination.name)
                self._failed(f"a fault of the router: {type(error).__name__}, see its log", Cause.UNKNOWN)

    def _failed(self, why: str, cause: Cause = Cause.NOT_COMMITTED) -> None:
        why = f"storage commitment: {why}"
        if why != self.trouble:
            logger.warning("storage commitment not asked", destination=self._destination.name, reason=why)
        self.trouble, self.cause = why, cause
        self._failures += 1
        self._stopping.wait(delay(self._failures, TARGET_FIRST, TARGET_LIMIT))

    def _round(self) -> None:
        if not self._uncommitted.wait(1.0):
            if not len(self._uncommitted):
                self._failures, self.trouble = 0, ""
            return
        if time.monotonic() < self._waived_until:
            self._waive()
            return
        to = self._destination
        with Requestor.connect(
            to.host, to.port, calling=to.calling_ae_title, called=to.ae_title, contexts=_CONTEXTS, tls=self._tls
        ) as association:
            if any(association.accepted(*context) for context in COMMITMENT_CONTEXTS):
                self._converse(association)
            elif self._commitment.mode == "WhenOffered":
                self._waived_until = time.monotonic() + _NOT_OFFERED_SECONDS
            else:
                raise _UnwillingError(
                    f"the target does not offer it (SOP class {COMMITMENT}): whoever runs it must switch it on, "
                    "or commitment.mode must be WhenOffered"
                )

    def _waive(self) -> None:
        """The target does not offer storage commitment, and the route does not insist: what it has is delivered."""
        timeout = self._commitment.timeout.seconds
        while batch := self._uncommitted.batch(MOST_OBJECTS, timeout):
            try:
                self._reports.deliver(self._destination.name, self._asked(batch), "storage commitment not offered")
            except OSError as error:
                self._uncommitted.put_back(batch)
                raise _UnwillingError(f"receipts cannot be written ({error.strerror}); check the disk") from error
        self._failures, self.trouble = 0, ""

    def _converse(self, association: Requestor) -> None:
        """Ask about all that is due, and hear reports for a while."""
        asked: set[str] = set()
        deadline = 0.0
        try:
            while not self._stopping.is_set():
                batch = self._uncommitted.batch(MOST_OBJECTS, self._commitment.timeout.seconds)
                if objects := self._asked(batch):
                    asked.add(self._ask(association, batch, objects))
                    deadline = time.monotonic() + self._patience
                asked = {uid for uid in asked if self._transactions.find(uid) is not None}
                if not asked:
                    deadline = min(deadline, time.monotonic() + LINGER_SECONDS)
                if time.monotonic() >= deadline:
                    return
                try:
                    self._hear(association)
                except (PeerClosed, Aborted):
                    return  # it has nothing more to say here
        finally:
            if self._commitment.listen is None and time.monotonic() < deadline:
                self._ask_soon(asked)

    def _ask_soon(self, transactions: set[str]) -> None:
        """Their reports could have come on this association only, and it has ended: the time-out may be a day."""
        for uid in transactions:
            if (transaction := self._transactions.find(uid)) is not None:
                for sop_instance in tuple(transaction.left):
                    self._uncommitted.later(transaction.objects[sop_instance].arrival, _ENDED)

    @property
    def _patience(self) -> float:
        """Seconds that reports are awaited on an association of ours."""
        return self._commitment.timeout.seconds if self._commitment.listen is None else LINGER_SECONDS

    def _asked(self, batch: list[Waiting]) -> list[Asked]:
        """Those of a batch that the destination still has and has not committed to."""
        found = []
        for waiting in batch:
            try:
                event = self._backlog.last(waiting.folder, waiting.arrival, self._destination.name)
            except OSError as error:  # the others of the batch may be of other studies
                self._uncommitted.later(waiting.arrival, f"its study cannot be read: {error.strerror}; check the disk")
                continue
            if event is None or event.kind is Kind.DELIVERED:
                self._queue.discard(waiting)  # settled while a rescan looked at it
                continue
            if event.kind is not Kind.STORED:
                # Reported in this moment, or by a report that could not be carried out to its end.
                self._queue.discard(waiting)
                self._backlog.requeue(waiting)
                continue
            found.append(Asked(waiting.folder, waiting.name, waiting.arrival, waiting.pair[0], event.uid))
        return found

    def _ask(self, association: Requestor, batch: list[Waiting], objects: list[Asked]) -> str:
        """Ask about objects in a new transaction; its UID."""
        uid = f"2.25.{uuid.uuid4().int}"
        self._transactions.open(uid, self._destination.name, objects)
        asked = Commitments(uid, tuple(Reference(one.sop_class, one.sop_instance) for one in objects))
        try:
            status, _ = association.action(
                COMMITMENT, COMMITMENT_INSTANCE, REQUEST_COMMITMENT, lambda syntax: encode_commitments(asked, syntax)
            )
            if status not in _TAKEN:
                raise _UnwillingError(
                    f"the target refuses the request ({describe_status(status)}); whoever runs it must look in its log"
                )
        except BaseException:
            self._uncommitted.put_back(batch)
            raise
        logger.info("storage commitment asked", destination=self._destination.name, objects=len(objects))
        self._failures, self.trouble = 0, ""
        return uid

    def _hear(self, association: Requestor) -> None:
        message = association.next_request(_HEAR_SECONDS)
        if message is None:
            return
        syntax = association.transfer_syntax(message.context_id)
        status = self._reports.take(message.command, message.dataset, syntax, self._destination.host)
        association.answer(message, normalized_response(message.command, status))
