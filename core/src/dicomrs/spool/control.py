"""Requests from a person to the sending service: one file each under .control, answered by a file beside it.

Whoever may write to the root may ask: the file system's rights are the guard. What is asked is looked at all the same:
a request names studies and objects, and never a path.
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from dicomrs.spool.fs import READ, FileSystem, put_file
from dicomrs.spool.layout import CONTROL, is_study_folder

_REQUEST: Final = ".request.json"
_TAKEN: Final = ".taken.json"
_ANSWER: Final = ".answer.json"
_DRAFT: Final = ".draft"
LONGEST_TEXT: Final = 1000  # characters
_LARGEST_REQUEST: Final = 16 * 1024  # bytes
_LARGEST_ANSWER: Final = 1024 * 1024
_UNCLAIMED_SECONDS: Final = 3600.0  # then whoever asked has died: an answer is looked for twenty times a second
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
        for one in fields(self):
            value = getattr(self, one.name)
            if one.type is str and not (isinstance(value, str) and len(value) <= LONGEST_TEXT):
                raise ValueError(f"{one.name} must be a text of at most {LONGEST_TEXT} characters")
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


Request: TypeAlias = Release | Hold | Resend | Discard
_KINDS: Final[dict[str, type[Release] | type[Hold] | type[Resend] | type[Discard]]] = {
    kind.action: kind for kind in (Release, Hold, Resend, Discard)
}


@dataclass(frozen=True, slots=True)
class Answer:
    """objects: how many it was done to; notes: a sentence for each reason why it was not done to others.

    failed: why the request as a whole was not carried out to its end, "" if it was.
    """

    objects: int
    notes: tuple[str, ...] = ()
    failed: str = ""


class NoAnswerError(Exception):
    """The service did not take the request in time, and it was taken back; or it does not come to an end with it."""


def pack(request: Request) -> bytes:
    """A request as it lies in a file."""
    return json.dumps({"action": request.action, **asdict(request)}).encode()


def unpack(data: bytes) -> Request:
    """The reverse of pack.

    Raises:
        ValueError: it is no request.
    """
    try:
        found: dict[str, Any] = json.loads(data)
        kind = _KINDS[found.pop("action")]
        if kind is Discard:
            found["what"] = tuple(What(what) for what in found["what"])
        return kind(**found)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not a request") from error


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
    base = f"{root}/{CONTROL}/{uuid.uuid4().hex[:12]}"
    put_file(fs, f"{base}{_DRAFT}", pack(request))
    fs.rename(f"{base}{_DRAFT}", f"{base}{_REQUEST}")
    deadline = time.monotonic() + seconds
    taken = False
    while not fs.exists(f"{base}{_ANSWER}"):
        if time.monotonic() > deadline:
            if taken:
                raise NoAnswerError(f"the sending service is still at it; `dicomrs audit show --root {root}` tells")
            taken = not _taken_back(fs, f"{base}{_REQUEST}")
            if not taken:
                raise NoAnswerError(
                    f"the sending service of {root} did not answer within {seconds:g} s; is it running?"
                )
            deadline += work_seconds
        time.sleep(0.05)
    answer = json.loads(_read(fs, f"{base}{_ANSWER}", _LARGEST_ANSWER))
    fs.unlink(f"{base}{_ANSWER}")
    return Answer(int(answer["objects"]), tuple(answer["notes"]), answer["failed"])


def _taken_back(fs: FileSystem, path: str) -> bool:
    try:
        fs.unlink(path)
    except FileNotFoundError:
        return False
    return True


def serve(fs: FileSystem, root: str, handle: Callable[[Request], Answer]) -> None:
    """Take every request that is there, have it handled, and answer it. Each is handled once at most.

    What those who asked and died have left is removed.

    For one thread of the one sending service of a root: what is found taken was taken by a process that has died.
    """
    folder = f"{root}/{CONTROL}"
    for name in sorted(fs.listdir(folder)):
        if name.endswith(_TAKEN):
            base = f"{folder}/{name.removesuffix(_TAKEN)}"
            _answer(fs, base, Answer(0, (), "the sending service ended meanwhile: see the audit log, and ask again"))
        elif name.endswith(_REQUEST):
            base = f"{folder}/{name.removesuffix(_REQUEST)}"
            try:
                fs.rename(f"{base}{_REQUEST}", f"{base}{_TAKEN}")
            except FileNotFoundError:
                continue  # taken back
            _answer(fs, base, _handled(fs, f"{base}{_TAKEN}", handle))
        elif name.endswith((_ANSWER, _DRAFT)):
            with suppress(OSError):  # fetched meanwhile, or of no matter: requests come first
                if fs.age(f"{folder}/{name}") > _UNCLAIMED_SECONDS:
                    fs.unlink(f"{folder}/{name}")


def _handled(fs: FileSystem, path: str, handle: Callable[[Request], Answer]) -> Answer:
    try:
        request = unpack(_read(fs, path, _LARGEST_REQUEST))
    except (OSError, ValueError) as error:
        return Answer(0, (), f"the request cannot be understood: {error}")
    return handle(request)


def _answer(fs: FileSystem, base: str, answer: Answer) -> None:
    with suppress(FileNotFoundError):
        fs.unlink(f"{base}{_DRAFT}")
    put_file(fs, f"{base}{_DRAFT}", json.dumps(asdict(answer)).encode())
    fs.rename(f"{base}{_DRAFT}", f"{base}{_ANSWER}")
    fs.unlink(f"{base}{_TAKEN}")


def _read(fs: FileSystem, path: str, limit: int) -> bytes:
    """A small file; ValueError if it is not small."""
    fd = fs.open(path, READ)
    try:
        data = fs.pread(fd, limit + 1, 0)
    finally:
        fs.close(fd)
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data
