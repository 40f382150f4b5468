"""Requests from a person to the sending service, about objects: files under .control.

Whoever may write to the root may ask. What is asked is looked at all the same: a request names studies and objects, and
never a path.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import CONTROL, is_study_folder
from dicomrs.spool.mailbox import Answer, Kinds, Mailbox, must_be_texts

INSTANCE: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,64}")


class What(StrEnum):
    """Which objects of a study a person means: those that are not on their way."""

    QUARANTINED = "quarantined"
    DAMAGED = "damaged"
    PARKED = "parked"
    HELD = "held"
    NO_DESTINATION = "no-destination"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """who: the person; identified: how that is known; why: the reason, for the records.

    folder: the study's; destination, instance: only this destination, only this SOP Instance UID. "": all of them.
    """

    who: str
    why: str
    folder: str = ""
    destination: str = ""
    instance: str = ""
    identified: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what no person can have meant."""
        must_be_texts(**{one.name: getattr(self, one.name) for one in fields(self) if one.type is str})
        if not (self.who.strip() and self.why.strip()):
            raise ValueError("a request says who asks, and why")
        if self.folder and ("/" in self.folder or not is_study_folder(self.folder)):
            raise ValueError("folder must be the name of a study folder")
        if self.instance and not INSTANCE.fullmatch(self.instance):
            raise ValueError("instance must be a SOP Instance UID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(_Common):
    """Try again what is parked or held, and check again what is quarantined."""

    action: ClassVar[str] = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(_Common):
    """Send no more of a study until it is released."""

    action: ClassVar[str] = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend(_Common):
    """Send again what a destination has confirmed already, or would not take."""

    action: ClassVar[str] = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard(_Common):
    """Remove objects for good; what: which."""

    action: ClassVar[str] = "discard"
    what: tuple[What, ...]


def _discard(what: Iterable[str], **fields: Any) -> Discard:
    return Discard(what=tuple(map(What, what)), **fields)


Request: TypeAlias = Release | Hold | Resend | Discard
KINDS: Final[Kinds[Request]] = {
    Release.action: Release,
    Hold.action: Hold,
    Resend.action: Resend,
    Discard.action: _discard,
}


def ask(fs: FileSystem, root: str, request: Request, seconds: float, work_seconds: float = 600.0) -> Answer:
    """Put a request and wait for the service.

    Args:
        fs: the file system.
        root: the spool's.
        request: what is wanted.
        seconds: within which the service must take it.
        work_seconds: within which it must have done it then.

    Raises:
        NoAnswerError: no service is running, or it is busy.
        OSError: the root cannot be written to.
    """
    return _mailbox(fs, root).ask(request, seconds, work_seconds)


def serve(fs: FileSystem, root: str, handle: Callable[[Request], Answer]) -> None:
    """Take every request that is there, have it handled, and answer it. For one thread of the root's sending service.

    What was found taken by a service that has died is answered as failed.
    """
    _mailbox(fs, root).serve(KINDS, handle)


def _mailbox(fs: FileSystem, root: str) -> Mailbox:
    return Mailbox(fs, root, f"{root}/{CONTROL}", "the sending service")
