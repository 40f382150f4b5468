"""Requests from a person to a service about itself: files under .control/<service>/, served by a thread of their own.

The requests about objects (spool.control) wait for the thread that finds what is to be sent; these must not: a service
that is busy or stuck is the very one that somebody wants to examine, or to restart.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import ClassVar, Final, TypeAlias

from dicomrs.audit import AuditLog
from dicomrs.log import get_logger
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import CONTROL
from dicomrs.spool.mailbox import Answer, Kinds, Mailbox, must_be_texts

LOOK_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 2.0
_JOIN_SECONDS: Final = 2.0  # a volume that hangs keeps no service from ending

logger = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """who: the person; identified: how that is known; why: the reason, for the records."""

    who: str
    why: str
    identified: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what no person can have meant."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.type is str:
                must_be_texts(**{one.name: value})
            elif type(value) is not one.type:
                raise ValueError(f"{one.name} must be true or false")
        if not (self.who.strip() and self.why.strip()):
            raise ValueError("a request says who asks, and why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(_Common):
    """End after the objects in hand, and be started again."""

    action: ClassVar[str] = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examine(_Common):
    """See step by step whether images can come (scp), or go to a destination (scu).

    destination: which ("" for scp); send_image: send it a test image as well; probe: ask it what it can take.
    """

    action: ClassVar[str] = "examine"
    destination: str = ""
    send_image: bool = False
    probe: bool = False


ServiceRequest: TypeAlias = Restart | Examine
KINDS: Final[Kinds[ServiceRequest]] = {Restart.action: Restart, Examine.action: Examine}


Examiner: TypeAlias = Callable[[Examine], Answer]
"""Begins an examination on a thread of its own and returns its id as Answer.run, or why it does not."""


def ask_service(
    fs: FileSystem, root: str, service: str, request: ServiceRequest, seconds: float, work_seconds: float = 30.0
) -> Answer:
    """Put a request to the service (scp, scu) that works on a root, and wait for its answer.

    A restart is answered before it is done, an examination once it has begun: Answer.run names it.

    Args:
        fs: the file system.
        root: the spool's.
        service: scp or scu.
        request: what is wanted.
        seconds: within which the service must take it.
        work_seconds: within which it must have answered then.

    Raises:
        NoAnswerError: the service is not running, or it is busy.
        OSError: the root cannot be written to.
    """
    return _mailbox(fs, root, service).ask(request, seconds, work_seconds)


def _mailbox(fs: FileSystem, root: str, service: str) -> Mailbox:
    """Its folder is made by whoever comes first."""
    folder = f"{root}/{CONTROL}/{service}"
    with suppress(FileExistsError):
        fs.mkdir(folder)
    return Mailbox(fs, root, folder, service)


class Desk:
    """Serves the requests of one root on a thread of its own, for a process that holds the root's lock of its role."""

    def __init__(
        self, fs: FileSystem, root: str, service: str, restart: Callable[[], None], examine: Examiner | None = None
    ) -> None:
        """Nothing is served before start().

        Args:
            fs: the file system.
            root: the spool's; prepared.
            service: scp or scu.
            restart: asks the service to end with Exit.RESTART; returns at once.
            examine: what begins examinations, if the service can be examined.
        """
        self._fs = fs
        self._service = service
        self._restart = restart
        self._examine = examine
        self._root = root
        self._audit = AuditLog(fs, root)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"desk-{service}", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests; one that is being answered is answered, as far as the volume lets it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        """Whatever goes wrong (a volume that fails, a folder that somebody removed) is tried again, and told once."""
        trouble, pause = "", 0.0
        while not self._stop.wait(pause):
            try:
                _mailbox(self._fs, self._root, self._service).serve(KINDS, self._handle)
                trouble, pause = "", LOOK_SECONDS
            except Exception as error:  # noqa: BLE001 (this thread lives as long as the service)
                if str(error) != trouble:
                    logger.error("requests cannot be served, it is tried again", reason=str(error))
                trouble, pause = str(error), _RETRY_SECONDS

    def _handle(self, request: ServiceRequest) -> Answer:
        """Carry a request out. Without a record of it nothing is done."""
        try:
            number = self._record({"action": request.action, "service": self._service, **asdict(request)})
        except OSError as error:
            where = error.filename or self._root
            return Answer(0, (), f"nothing was done, for it cannot be put on record: {where}: {error.strerror}")
        answer = self._carry_out(request)
        try:
            self._record({"of": number, "run": answer.run, "notes": list(answer.notes), "failed": answer.failed})
        except OSError as error:
            logger.error("the end of an action is not in the audit log", entry=number, reason=error.strerror)
        log = logger.error if answer.failed else logger.info
        reason = {"reason": answer.failed} if answer.failed else {}
        log("done for a person", action=request.action, who=request.who, **reason)
        return answer

    def _carry_out(self, request: ServiceRequest) -> Answer:
        match request:
            case Restart():
                self._restart()
                return Answer(0)
            case Examine():
                return self._examine(request) if self._examine else Answer(0, (), f"{self._service} examines nothing")

    def _record(self, told: dict[str, object]) -> int:
        """The line in the log is a place off this volume that knows the last hash."""
        head = self._audit.append(told)
        logger.info("audit entry", number=head.number, hash=head.hash)
        return head.number
