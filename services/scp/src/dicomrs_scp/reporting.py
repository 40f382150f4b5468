"""Storage commitment reports on associations of our own (PS3.4 J.3.3), to the places in spec.receiver.peers[]."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dicomrs.log import get_logger
from dicomrs.route import Receiver
from dicomrs_wire.commitment import (
    ALL_COMMITTED,
    COMMITMENT,
    COMMITMENT_CONTEXTS,
    COMMITMENT_INSTANCE,
    SOME_FAILED,
    Commitments,
    encode_commitments,
)
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor
from dicomrs_wire.statuses import describe_status

FIRST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 600.0
GIVE_UP_SECONDS: Final = 86400.0
MOST_OBJECTS: Final = 100_000  # in all reports that wait
_STOPPED: Final = "the receiving service was stopped; whoever asked must ask again"

logger = get_logger()


@dataclass(slots=True)
class LateReport:
    """A report for the application entity that asked; due, since: of time.monotonic()."""

    calling: str
    report: Commitments
    due: float = 0.0
    pause: float = FIRST_SECONDS
    since: float = field(default_factory=time.monotonic)


def event_type(report: Commitments) -> int:
    """Return the event type of a report's N-EVENT-REPORT."""
    return SOME_FAILED if report.failed else ALL_COMMITTED


class Reporter:
    """A thread that starts with the first report. What is not reported when it stops is not reported."""

    def __init__(self, receiver: Callable[[], Receiver]) -> None:
        self._receiver = receiver
        self._changed = threading.Condition()
        self._reports: list[LateReport] = []
        self._thread: threading.Thread | None = None
        self._stopping = False

    def add(self, late: LateReport) -> None:
        """Report soon, and again with growing pauses for a day if the peer cannot be had."""
        if self._place(late.calling) is None:
            _not_reported(
                late,
                f'"{late.calling}" ended its association before it took the report, and spec.receiver.peers[] does '
                "not say where it listens: add its AE title, host and port there",
            )
            return
        with self._changed:
            if self._stopping or sum(one.report.objects for one in self._reports) + late.report.objects > MOST_OBJECTS:
                _not_reported(late, f"{len(self._reports)} reports wait already, or the service is stopping")
                return
            self._reports.append(late)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="commitment-reports", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Forget what is left, and end the thread after the report in hand."""
        with self._changed:
            self._stopping = True
            left, self._reports = self._reports, []
            self._changed.notify_all()
        for late in left:
            _not_reported(late, _STOPPED)

    def _run(self) -> None:
        while (late := self._next()) is not None:
            try:
                self._report(late)
            except AssociationError as error:
                self._again(late, str(error))
            except Exception as error:
                logger.exception("storage commitment report failed", calling=late.calling)
                self._again(late, f"a fault of the router: {type(error).__name__}, see its log")

    def _next(self) -> LateReport | None:
        """The report that is due first, when it is; None when stopping."""
        with self._changed:
            while not self._stopping:
                late = min(self._reports, key=lambda one: one.due, default=None)
                seconds = None if late is None else late.due - time.monotonic()
                if late is not None and seconds is not None and seconds <= 0:
                    self._reports.remove(late)
                    return late
                self._changed.wait(seconds)
            return None

    def _again(self, late: LateReport, why: str) -> None:
        now = time.monotonic()
        if now - late.since >= GIVE_UP_SECONDS:
            _not_reported(late, f"given up after a day; {why}")
            return
        logger.info("storage commitment report not taken yet", calling=late.calling, reason=why)
        late.due, late.pause = now + late.pause, min(2 * late.pause, LONGEST_SECONDS)
        with self._changed:
            if self._stopping:
                _not_reported(late, _STOPPED)
                return
            self._reports.append(late)
            # All of a peer wait together, or one that is switched off would have each in turn fail before others'.
            same = [one for one in self._reports if one.calling == late.calling]
            due, pause = max(one.due for one in same), max(one.pause for one in same)
            for one in same:
                one.due, one.pause = due, pause

    def _place(self, calling: str) -> tuple[str, int] | None:
        peers = self._receiver().peers
        return next(((peer.host, peer.port) for peer in peers if peer.ae_title == calling), None)

    def _report(self, late: LateReport) -> None:
        place = self._place(late.calling)
        if place is None:
            _not_reported(late, f'"{late.calling}" is not in spec.receiver.peers[] any more')
            return
        with Requestor.connect(
            *place,
            calling=self._receiver().ae_title,
            called=late.calling,
            contexts=COMMITMENT_CONTEXTS,
            roles={COMMITMENT: (False, True)},
        ) as association:
            try:
                status, comment = association.event_report(
                    COMMITMENT,
                    COMMITMENT_INSTANCE,
                    event_type(late.report),
                    lambda syntax: encode_commitments(late.report, syntax),
                )
            except LookupError:
                self._again(late, "it does not accept storage commitment there; whoever runs it must switch that on")
                return
        log_outcome(late.calling, late.report, status, comment)


def log_outcome(calling: str, report: Commitments, status: int, comment: str) -> None:
    """Say how a report was taken. One that was refused is not repeated."""
    log = logger.warning if status else logger.info
    log(
        "storage commitment reported",
        calling=calling,
        committed=len(report.references),
        failed=len(report.failed),
        status=describe_status(status),
        **({"comment": comment} if comment else {}),
    )


def _not_reported(late: LateReport, why: str) -> None:
    logger.warning("storage commitment not reported", calling=late.calling, reason=why)
