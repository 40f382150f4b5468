"""Storage commitment asked of us (PS3.4 annex J): what a scanner's N-ACTION is answered, and what the report says."""

import threading
import time
from collections.abc import Callable
from typing import Final

from dicomrs.dataset.source import MalformedError
from dicomrs.log import get_logger
from dicomrs.route import Receiver
from dicomrs.spool.custody import Custody, custody
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.part import Origin
from dicomrs_scp.reporting import LateReport, Reporter
from dicomrs_wire.commitment import (
    CLASS_CONFLICT,
    COMMITMENT,
    COMMITMENT_INSTANCE,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    REQUEST_COMMITMENT,
    Commitments,
    decode_commitments,
)
from dicomrs_wire.dimse import CommandSet

_REASONS: Final = {
    Custody.OTHER_CLASS: CLASS_CONFLICT,
    Custody.SET_ASIDE: PROCESSING_FAILURE,
    Custody.UNKNOWN: NO_SUCH_INSTANCE,
}
_INVALID_ARGUMENT: Final = 0x0115
_NO_SUCH_CLASS: Final = 0x0118
_NO_SUCH_ACTION: Final = 0x0123

logger = get_logger()


class RequestError(Exception):
    """A request that is not done: the status to answer, and a comment on it."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status
        self.comment = comment


def read_request(command: CommandSet, dataset: bytes, abstract_syntax: str, transfer_syntax: str) -> Commitments:
    """Return what an N-ACTION asks for (PS3.4 J.3.2).

    Raises:
        RequestError: it is no request for storage commitment.
    """
    if not command.sop_class == abstract_syntax == COMMITMENT:
        raise RequestError(_NO_SUCH_CLASS, "only storage commitment knows actions here, in a context of its own")
    if command.sop_instance != COMMITMENT_INSTANCE:
        raise RequestError(NO_SUCH_INSTANCE, f"storage commitment is asked of {COMMITMENT_INSTANCE}")
    if command.action_type != REQUEST_COMMITMENT:
        raise RequestError(_NO_SUCH_ACTION, "storage commitment has action type 1 only")
    try:
        asked = decode_commitments(dataset, transfer_syntax)
    except MalformedError as error:
        raise RequestError(_INVALID_ARGUMENT, str(error)) from error
    if not asked.references:
        raise RequestError(_INVALID_ARGUMENT, "it names no object")
    return asked


class Desk:
    """One receiver's: looks up what is asked about, and sees to reports that come too late for their association."""

    def __init__(self, fs: FileSystem, root: str, receiver: Callable[[], Receiver]) -> None:
        """receiver: the route's section as it is now."""
        self._fs = fs
        self._root = root
        self._reporter = Reporter(receiver)
        self._looking = threading.Lock()

    def report_on(self, asked: Commitments, origin: Origin) -> Commitments:
        """Return what is true now of the objects asked about; one look at a time, so that receiving goes on.

        Raises:
            OSError: the volume cannot be read.
        """
        began = time.monotonic()
        with self._looking:
            found = custody(self._fs, self._root, {one.sop_instance: one.sop_class for one in asked.references})
        judged = [(one, found[one.sop_instance]) for one in asked.references]
        report = Commitments(
            asked.transaction,
            tuple(one for one, state in judged if state is Custody.ANSWERED_FOR),
            tuple((one, _REASONS[state]) for one, state in judged if state is not Custody.ANSWERED_FOR),
        )
        logger.info(
            "storage commitment asked",
            calling=origin.calling,
            address=origin.address,
            committed=len(report.references),
            failed=len(report.failed),
            seconds=round(time.monotonic() - began, 3),
        )
        return report

    def report_later(self, origin: Origin, report: Commitments) -> None:
        """The association has ended without an answer to its report: report on one of our own."""
        self._reporter.add(LateReport(origin.calling, report))

    def close(self) -> None:
        """Give up what could not be reported yet; whoever asked asks again."""
        self._reporter.stop()
