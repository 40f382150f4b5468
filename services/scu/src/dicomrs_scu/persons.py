"""Requests from persons: each is on record before it is carried out, and how it ended after that.

For the thread that looks for what waits: nothing becomes waiting, and no folder goes, while a request is served.
"""

from collections.abc import Callable
from typing import Any

from dicomrs.audit import AuditLog
from dicomrs.log import get_logger
from dicomrs.spool.control import Discard, Hold, Release, Request, Resend
from dicomrs.spool.mailbox import Answer
from dicomrs_scu.actions import Actions, Result, Target, identity
from dicomrs_scu.backlog import Backlog

logger = get_logger()


class Persons:
    """Serves the requests of one root."""

    def __init__(self, backlog: Backlog, breathe: Callable[[], None] = lambda: None) -> None:
        """breathe: called between objects where each takes its time."""
        self._backlog = backlog
        self._audit = AuditLog(backlog.outbox.fs, backlog.outbox.root)
        self._breathe = breathe

    def handle(self, request: Request) -> Answer:
        """Carry a request out. Without a record of it nothing is done."""
        if problem := self._problem(request):
            return Answer(0, (), problem)
        result = Result()
        actions = Actions(self._backlog, result, self._breathe)
        failed = ""
        try:
            targets = actions.to_discard(request) if isinstance(request, Discard) else []
            number = self._record(request, targets)
        except OSError as error:
            return Answer(0, (), f"nothing was done, for it cannot be put on record: {self._told(error)}")
        try:
            _carry_out(actions, request, targets)
        except OSError as error:
            failed = f"{self._told(error)}; what was done until then, is done"
        answer = Answer(result.objects, result.notes(), failed)
        self._record_end(request, number, answer)
        return answer

    def _problem(self, request: Request) -> str:
        if request.destination and request.destination not in self._backlog.queues:
            return f"the route has no destination {request.destination!r}"
        if not request.folder and not isinstance(request, Release):
            return "it must name a study"
        if isinstance(request, Resend) and not request.destination:
            return "it must name a destination"
        if isinstance(request, Discard) and request.destination:
            return "an object leaves the disk whole: it cannot be discarded for one destination"
        return ""

    def _told(self, error: OSError) -> str:
        return f"{error.filename or self._backlog.outbox.root}: {error.strerror}"

    def _record(self, request: Request, targets: list[Target]) -> int:
        """What is asked for, by whom and why; and of what will be gone for good, what it was."""
        fields: dict[str, Any] = {
            "action": request.action,
            "who": request.who,
            "identified": request.identified,
            "why": request.why,
            "study": self._key(request),
            "folder": request.folder,
            "destination": request.destination,
            "instance": request.instance,
        }
        if isinstance(request, Discard):
            fields |= {"what": list(request.what), "objects": [identity(one) for one in targets]}
        return self._append(fields)

    def _record_end(self, request: Request, number: int, answer: Answer) -> None:
        try:
            self._append(
                {"of": number, "objects": answer.objects, "notes": list(answer.notes), "failed": answer.failed}
            )
        except OSError as error:
            logger.error("the end of an action is not in the audit log", entry=number, reason=error.strerror)
        log = logger.error if answer.failed else logger.info
        log(
            "done for a person",
            action=request.action,
            who=request.who,
            study=self._key(request),
            destination=request.destination,
            objects=answer.objects,
            **({"reason": answer.failed} if answer.failed else {}),
        )

    def _append(self, fields: dict[str, Any]) -> int:
        """The line in the log is a place off this volume that knows the last hash."""
        head = self._audit.append(fields)
        logger.info("audit entry", number=head.number, hash=head.hash)
        return head.number

    def _key(self, request: Request) -> str:
        return self._backlog.key_of(request.folder) if request.folder else ""


def _carry_out(actions: Actions, request: Request, targets: list[Target]) -> None:
    match request:
        case Release():
            actions.release(request)
        case Hold():
            actions.hold(request)
        case Resend():
            actions.resend(request)
        case Discard():
            actions.discard(request, targets)
