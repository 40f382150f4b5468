"""Storage commitment on a scanner's own association: what it asks for, and the reports that it has not answered yet."""

from collections import deque
from typing import Final

from dicomrs.spool.part import Origin
from dicomrs_scp.commitment import Desk, RequestError, read_request
from dicomrs_scp.reporting import log_outcome
from dicomrs_wire.commitment import RESOURCE_LIMITATION, Commitments
from dicomrs_wire.dimse import CommandSet
from dicomrs_wire.negotiation import AcceptedContext

MOST_REPORTS: Final = 8
ENOUGH_OBJECTS: Final = 10_000  # in unanswered reports: with as many or more, no other is begun
_MESSAGE_IDS: Final = 0xFFFF


class OpenReports:
    """Of one association, and for its thread."""

    def __init__(self, desk: Desk, origin: Origin) -> None:
        self._desk = desk
        self._origin = origin
        self._asked: deque[tuple[AcceptedContext, Commitments]] = deque()
        self._unanswered: dict[int, Commitments] = {}  # by message id
        self._message_id = 0

    def ask(self, command: CommandSet, dataset: bytes, context: AcceptedContext) -> None:
        """Take an N-ACTION. Once it has been answered, its report is the `next`.

        Raises:
            RequestError: it is no request for storage commitment, or too much is unanswered already.
        """
        reports = [*self._unanswered.values(), *(asked for _, asked in self._asked)]
        if len(reports) >= MOST_REPORTS or sum(report.objects for report in reports) >= ENOUGH_OBJECTS:
            raise RequestError(RESOURCE_LIMITATION, f"{len(reports)} reports have not been answered")
        self._asked.append((context, read_request(command, dataset, context.abstract_syntax, context.transfer_syntax)))

    def next(self) -> tuple[AcceptedContext, int, Commitments] | None:
        """Return a report, the context to send it in and the id of its message; None: there is none to send.

        Raises:
            OSError: the volume cannot be read.
        """
        if not self._asked:
            return None
        context, asked = self._asked.popleft()
        report = self._desk.report_on(asked, self._origin)
        self._message_id = self._message_id % _MESSAGE_IDS + 1
        self._unanswered[self._message_id] = report
        return context, self._message_id, report

    def answered(self, response: CommandSet) -> None:
        """Take an N-EVENT-REPORT-RSP."""
        report = self._unanswered.pop(response.responded_to or 0, None)
        if report is not None:
            log_outcome(self._origin.calling, report, response.status or 0, response.error_comment)

    def close(self) -> None:
        """The association has ended: what it did not answer is reported on one of our own."""
        for report in self._unanswered.values():
            self._desk.report_later(self._origin, report)
