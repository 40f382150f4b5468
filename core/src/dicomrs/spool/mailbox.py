"""Requests to a service in a folder of a root: one file each, answered by a file beside it, handled once at most.

Whoever may write to the root may ask: the file system's rights are the guard. What a request says is the business of
those who use this: requests about objects (spool.control), and about a service itself (desk).
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Protocol, TypeAlias, TypeVar

from dicomrs.spool.fs import FileSystem, put_file, read_all

Request = TypeVar("Request")
Kinds: TypeAlias = Mapping[str, Callable[..., Request]]
"""What makes requests of the fields in a file, by their actions; it raises ValueError or TypeError for what is none."""

LONGEST_TEXT: Final = 1000  # characters of a text in a request
_REQUEST: Final = ".request.json"
_TAKEN: Final = ".taken.json"
_ANSWER: Final = ".answer.json"
_DRAFT: Final = ".draft"
_LARGEST_REQUEST: Final = 16 * 1024  # bytes
_LARGEST_ANSWER: Final = 1024 * 1024
_UNCLAIMED_SECONDS: Final = 3600.0  # then whoever asked has died: nobody waits so long for a request or its answer


@dataclass(frozen=True, slots=True)
class Answer:
    """objects: how many it was done to; notes: a sentence for each reason why it was not done to others.

    failed: why the request as a whole was not carried out to its end, "" if it was; run: the examination that has begun
    on the strength of it (dicomrs.doctor), "" if none has.
    """

    objects: int
    notes: tuple[str, ...] = ()
    failed: str = ""
    run: str = ""


class NoAnswerError(Exception):
    """The service did not take the request in time, and it was taken back; or it does not come to an end with it."""


def must_be_texts(**texts: object) -> None:
    """Raise ValueError for a field of a request that is no text, or longer than any that a person types."""
    for name, value in texts.items():
        if not (isinstance(value, str) and len(value) <= LONGEST_TEXT):
            raise ValueError(f"{name} must be a text of at most {LONGEST_TEXT} characters")


class Packable(Protocol):
    """A request: a dataclass, of a kind that is called so."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    action: ClassVar[str]


def pack(request: Packable) -> bytes:
    """A request as it lies in a file."""
    return json.dumps({"action": request.action, **asdict(request)}).encode()


def unpack(kinds: Kinds[Request], data: bytes) -> Request:
    """The reverse.

    Raises:
        ValueError: it is no request.
    """
    try:
        found: dict[str, Any] = json.loads(data)
        return kinds[found.pop("action")](**found)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not a request") from error


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A service's folder of requests. service: what sentences call it; root: the spool's."""

    fs: FileSystem
    root: str
    folder: str
    service: str

    def ask(self, request: Packable, seconds: float, work_seconds: float) -> Answer:
        """Put a request and wait for its answer.

        Args:
            request: what is wanted.
            seconds: within which the service must take it.
            work_seconds: within which it must have done it then.

        Raises:
            NoAnswerError: no service is running, or it is busy.
            OSError: the folder cannot be written to.
        """
        fs, base = self.fs, f"{self.folder}/{uuid.uuid4().hex[:12]}"
        put_file(fs, f"{base}{_DRAFT}", pack(request))
        fs.rename(f"{base}{_DRAFT}", f"{base}{_REQUEST}")
        deadline = time.monotonic() + seconds
        taken = False
        while not fs.exists(f"{base}{_ANSWER}"):
            if time.monotonic() > deadline:
                if taken:
                    raise NoAnswerError(
                        f"{self.service} is still at it; `dicomrs audit show --root {self.root}` tells how it ends"
                    )
                taken = not self._taken_back(base)
                if not taken:
                    raise NoAnswerError(
                        f"{self.service} of {self.root} did not answer within {seconds:g} s; is it running?"
                    )
                deadline += work_seconds
            time.sleep(0.05)
        told = json.loads(read_all(fs, f"{base}{_ANSWER}", _LARGEST_ANSWER))
        fs.unlink(f"{base}{_ANSWER}")
        return Answer(**{**told, "notes": tuple(told["notes"])})

    def _taken_back(self, base: str) -> bool:
        try:
            self.fs.unlink(f"{base}{_REQUEST}")
        except FileNotFoundError:
            return False
        return True

    def serve(self, kinds: Kinds[Request], handle: Callable[[Request], Answer]) -> None:
        """Take every request that is there, have it handled, and answer it.

        What those who asked and died have left is not done any more, and removed.

        For one thread of the one process that the folder is for: what is found taken was taken by one that has died.

        Raises:
            OSError: the folder cannot be read, or something in it is in the way; every other request has been served.
        """
        failure = None
        for name in sorted(self.fs.listdir(self.folder)):
            try:
                self._serve_file(f"{self.folder}/{name}", kinds, handle)
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _serve_file(self, path: str, kinds: Kinds[Request], handle: Callable[[Request], Answer]) -> None:
        if path.endswith(_TAKEN):
            failed = f"{self.service} ended meanwhile: see the audit log, and ask again"
            self._answer(path.removesuffix(_TAKEN), Answer(0, (), failed))
        elif path.endswith(_REQUEST):
            base = path.removesuffix(_REQUEST)
            try:
                unclaimed = self._unclaimed(path)
                self.fs.rename(path, f"{base}{_TAKEN}")
            except FileNotFoundError:
                return  # taken back
            late = Answer(0, (), "nobody has waited for it any more: ask again")
            self._answer(base, late if unclaimed else self._handled(f"{base}{_TAKEN}", kinds, handle))
        elif path.endswith((_ANSWER, _DRAFT)):
            with suppress(OSError):  # fetched meanwhile, or of no matter: requests come first
                if self._unclaimed(path):
                    self.fs.unlink(path)

    def _unclaimed(self, path: str) -> bool:
        return self.fs.age(path) > _UNCLAIMED_SECONDS

    def _handled(self, path: str, kinds: Kinds[Request], handle: Callable[[Request], Answer]) -> Answer:
        try:
            request = unpack(kinds, read_all(self.fs, path, _LARGEST_REQUEST))
        except (OSError, ValueError) as error:
            return Answer(0, (), f"the request cannot be understood: {error}")
        return handle(request)

    def _answer(self, base: str, answer: Answer) -> None:
        with suppress(FileNotFoundError):
            self.fs.unlink(f"{base}{_DRAFT}")
        put_file(self.fs, f"{base}{_DRAFT}", json.dumps(asdict(answer)).encode())
        self.fs.rename(f"{base}{_DRAFT}", f"{base}{_ANSWER}")
        self.fs.unlink(f"{base}{_TAKEN}")
