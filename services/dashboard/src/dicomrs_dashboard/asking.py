"""What a person asks of the sending service about a study, put on record and sent, and what came of it in words.

The requests are those of the commands (dicomrs.spool.control), and the service is the same that carries them out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dicomrs.route import ClinicRoute
from dicomrs.spool.control import Discard, Hold, Release, Request, Resend, ask
from dicomrs.spool.mailbox import NoAnswerError
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.people import Person
from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.language import N_, Language
from dicomrs_dashboard.patience import Patience

_TAKE_SECONDS: Final = 15.0  # the service looks for requests once a second
_WORK_SECONDS: Final = 30.0  # a browser does not wait longer; the service goes on

SAY_WHY: Final = N_("Say why: it goes on record.")
_FAILED: Final = N_("It failed: %(reason)s")
_NOT_ALL: Final = N_("Not done to all: %(notes)s")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it, in the reader's language."""

    text: str
    failed: bool = False


def identity_of(person: Person) -> dict[str, str]:
    """The fields of a request that say who asks."""
    return {"who": person.name, "identified": f"{person.identified}, from {person.address}"}


class Asking:
    """Of one program."""

    def __init__(self, board: Board, record: Record, patience: Patience) -> None:
        self._board = board
        self._record = record
        self._patience = patience

    async def do(
        self, route: ClinicRoute, study: str, person: Person, make: Callable[[], Request], language: Language
    ) -> Told:
        """Have it done.

        Args:
            route: the one that it is about.
            study: the study's key.
            person: who asks.
            make: the request; ValueError if it cannot be one.
            language: the person's.
        """
        try:
            request = make()
        except ValueError as error:
            return Told(language.say(_FAILED, reason=error), failed=True)
        told = {"request": request.action, "route": route.metadata.name, "study": study, "why": request.why}
        try:
            await self._record.note(person, "ask", **told, destination=request.destination)
            root = route.spec.storage.root
            words = (self._board.fs, root, request, _TAKE_SECONDS, _WORK_SECONDS)
            answer = await self._patience.call(ask, *words, seconds=2 * (_TAKE_SECONDS + _WORK_SECONDS))
        except (NoAnswerError, OSError) as error:
            return Told(language.say(_FAILED, reason=error), failed=True)
        finally:
            self._board.has_changed(route.spec.storage.root)
        if answer.failed:
            return Told(language.say(_FAILED, reason=answer.failed), failed=True)
        text = _done(language, request, answer.objects)
        if answer.notes:
            text = f"{text} {language.say(_NOT_ALL, notes='; '.join(answer.notes))}"
        return Told(text, failed=bool(answer.notes))


def _done(language: Language, request: Request, objects: int) -> str:
    match request:
        case Release():
            return language.say_number("%(n)s object released.", "%(n)s objects released.", objects)
        case Hold():
            return language.say_number(
                "%(n)s object held, and whatever else comes of this study.",
                "%(n)s objects held, and whatever else comes of this study.",
                objects,
            )
        case Resend():
            return language.say_number("%(n)s object will be sent again.", "%(n)s objects will be sent again.", objects)
        case Discard():
            return language.say_number("%(n)s object discarded.", "%(n)s objects discarded.", objects)
