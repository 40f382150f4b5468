"""What destinations report about storage commitment (PS3.4 J.3.3): checked, made durable, acted upon.

A report counts only for a transaction that is open, and for objects of it that are still to be reported: what came of
the others is decided. Transaction UIDs are random, so that nobody who has not been asked can know one.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from dicomrs.dataset.source import MalformedError
from dicomrs.log import get_logger
from dicomrs.spool.outbox import Stored
from dicomrs.spool.receipts import Event, Kind
from dicomrs.spool.record import NewerFormatError, NotOursError
from dicomrs.spool.transactions import Asked, Transaction, Transactions
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.failures import Remedy, remedy
from dicomrs_scu.waiting import Waiting, waiting_of
from dicomrs_wire.commitment import (
    ALL_COMMITTED,
    COMMITMENT,
    PROCESSING_FAILURE,
    SOME_FAILED,
    Commitments,
    decode_commitments,
    describe_reason,
)
from dicomrs_wire.dimse import N_EVENT_REPORT_RQ, SUCCESS, UNRECOGNISED_OPERATION, CommandSet

_NO_SUCH_EVENT: Final = 0x0113
_INVALID_ARGUMENT: Final = 0x0115
_NO_SUCH_CLASS: Final = 0x0118

logger = get_logger()


@dataclass(frozen=True, slots=True)
class _Here:
    """An object that a destination has and has not committed to; event: the line that says so."""

    asked: Asked
    stored: Stored
    waiting: Waiting
    event: Event


class Reports:
    """Of one route, whichever association they come on; safe between threads."""

    def __init__(self, backlog: Backlog, transactions: Transactions) -> None:
        self._backlog = backlog
        self._transactions = transactions
        self._mutex = threading.Lock()  # two reports may contradict each other

    def take(self, command: CommandSet, dataset: bytes, transfer_syntax: str, address: str) -> int:
        """Return the status for the response to a request that may be a report; address: of the peer, for the log."""
        if command.field != N_EVENT_REPORT_RQ:
            return UNRECOGNISED_OPERATION
        if command.sop_class != COMMITMENT:
            return _NO_SUCH_CLASS
        if command.event_type not in (ALL_COMMITTED, SOME_FAILED):
            return _NO_SUCH_EVENT
        try:
            report = decode_commitments(dataset, transfer_syntax)
        except MalformedError as error:
            logger.warning("report refused", address=address, reason=str(error))
            return _INVALID_ARGUMENT
        if not (report.references or report.failed):
            logger.warning(
                "report refused",
                address=address,
                reason="it names no objects, so that nothing is committed to; whoever runs the target must mend that",
            )
            return _INVALID_ARGUMENT
        with self._mutex:
            return self._take(report, address)

    def _take(self, report: Commitments, address: str) -> int:
        transaction = self._transactions.find(report.transaction)
        if transaction is None or transaction.destination not in self._backlog.queues:
            if self._transactions.was_closed(report.transaction):
                return SUCCESS  # our answer to the first one got lost
            logger.warning("report refused", address=address, reason="its transaction is none of ours, or long over")
            return _INVALID_ARGUMENT
        reasons = {reference.sop_instance: reason for reference, reason in report.failed}
        references = {*report.references, *(reference for reference, _ in report.failed)}
        objects = {uid: transaction.objects.get(uid) for _, uid in references}
        if any((asked := objects[uid]) is None or asked.sop_class != sop_class for sop_class, uid in references):
            logger.warning(
                "report refused",
                address=address,
                reason="it names objects that were not asked about in its transaction",
            )
            return _INVALID_ARGUMENT
        found = [asked for uid, asked in objects.items() if asked is not None and uid in transaction.left]
        try:
            self._act(transaction, found, reasons)
        except OSError as error:
            logger.error("report not taken, it may come again", reason=f"{error.strerror}; check the disk")
            return PROCESSING_FAILURE
        self._transactions.answered(transaction.uid, objects)
        failed = len(reasons)
        logger.info(
            "storage commitment reported",
            destination=transaction.destination,
            address=address,
            committed=len(objects) - failed,
            failed=failed,
        )
        return SUCCESS

    def _act(self, transaction: Transaction, objects: list[Asked], reasons: dict[str, int]) -> None:
        to = transaction.destination
        for reason, number in Counter(reasons.values()).items():
            why, what = _why(reason), remedy(reason).value
            logger.warning("not committed to", destination=to, objects=number, reason=why, remedy=what)

        def in_study(here: list[_Here]) -> None:
            committed = [one for one in here if one.asked.sop_instance not in reasons]
            self._committed(to, committed, f"committed to in transaction {transaction.uid}")
            for reason in set(reasons.values()):
                self._fail(to, [one for one in here if reasons.get(one.asked.sop_instance) == reason], reason)

        self._by_study(to, objects, in_study)

    def deliver(self, destination: str, objects: Iterable[Asked], why: str) -> None:
        """Make receipts durable for objects that a destination has, and remove those that are complete.

        Raises:
            OSError: the volume refuses; those of a study that it refused stay as they are.
        """
        with self._mutex:
            self._by_study(destination, objects, lambda here: self._committed(destination, here, why))

    def _by_study(self, destination: str, objects: Iterable[Asked], act: Callable[[list[_Here]], None]) -> None:
        """Act on objects, study by study. One of which nothing can be written down keeps no other back.

        Raises:
            OSError: the last of those that were met. What it was about is asked about again.
        """
        failed: OSError | None = None
        for _, group in groupby(sorted(objects, key=_folder), key=_folder):
            of_study = list(group)
            try:
                if here := list(self._here(destination, of_study)):
                    act(here)
            except OSError as error:
                failed = error
                for asked in of_study:
                    self._later(destination, asked, f"receipts cannot be written: {error.strerror}; check the disk")
        if failed is not None:
            raise failed

    def _committed(self, destination: str, here: list[_Here], why: str) -> None:
        """Of one study."""
        results = [
            (
                one.stored,
                one.stored.event(
                    Kind.DELIVERED,
                    destination,
                    status=one.event.status,
                    association=one.event.association,
                    why=why,
                    named=",".join(one.waiting.named),
                ),
            )
            for one in here
        ]
        if results:
            self._backlog.settle(here[0].asked.folder, results)
        for one in here:
            self._backlog.queues[destination].discard(one.waiting)
        self._transactions.drop(destination, [one.asked for one in here])

    def _fail(self, destination: str, here: list[_Here], reason: int) -> None:
        """Of one study."""
        why, what = _why(reason), remedy(reason)
        queue = self._backlog.queues[destination]
        if what is Remedy.ASK_AGAIN:
            for one in here:
                self._later(destination, one.asked, why)
            return
        kind = Kind.UNCOMMITTED if what is Remedy.SEND_AGAIN else Kind.PARKED
        if here:
            events = [one.stored.event(kind, destination, status=f"{reason:04X}", why=why) for one in here]
            self._backlog.note(here[0].waiting, events)
        for one in here:
            if what is Remedy.PARK:
                queue.discard(one.waiting)
            elif queue.refused(one.waiting, why, of_target=False):
                queue.discard(one.waiting)
                self._backlog.park(one.waiting, destination, why, why)
            else:
                self._backlog.requeue(one.waiting)  # unless the study is held
        self._transactions.drop(destination, [one.asked for one in here])

    def _here(self, destination: str, objects: Iterable[Asked]) -> Iterable[_Here]:
        """Those that are still on the disk and not committed to; the others were settled or removed meanwhile."""
        for asked in objects:
            try:
                event = self._backlog.last(asked.folder, asked.arrival, destination)
                if event is None or event.kind is not Kind.STORED:
                    continue
                stored = self._backlog.outbox.stored(asked.folder, asked.name)
            except (FileNotFoundError, NewerFormatError):
                continue  # the next rescan sees to it
            except NotOursError as error:
                self._damaged(destination, asked, str(error))
                continue
            except OSError as error:
                self._later(destination, asked, f"it cannot be read from the disk: {error.strerror}; check the disk")
                continue
            if stored.arrival == asked.arrival:
                yield _Here(asked, stored, waiting_of(self._backlog.route, stored), event)

    def _damaged(self, destination: str, asked: Asked, reason: str) -> None:
        try:
            self._backlog.damaged(asked.folder, asked.name, reason, asked.arrival)
        except OSError as error:
            self._later(destination, asked, f"{reason}; it could not be moved to _DAMAGED: {error.strerror}")

    def _later(self, destination: str, asked: Asked, why: str) -> None:
        self._backlog.queues[destination].uncommitted.later(asked.arrival, why)


def _why(reason: int) -> str:
    return f"storage commitment: {describe_reason(reason)}"


def _folder(asked: Asked) -> str:
    return asked.folder
