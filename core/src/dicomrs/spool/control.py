"""Requests from a person to a running service: one file each under .control, answered by a file beside it.

Whoever may write to the root may ask: the file system's rights are the guard.
"""

import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

from dicomrs.spool.fs import FileSystem, put_file, read_all
from dicomrs.spool.layout import CONTROL

_REQUEST: Final = ".request.json"
_ANSWER: Final = ".answer.json"


@dataclass(frozen=True, slots=True)
class Release:
    """Try again what is parked or held: of one study (its folder's name), or of all; for one destination, or all."""

    who: str
    why: str
    folder: str = ""
    destination: str = ""


class NoAnswerError(Exception):
    """The service did not answer in time; the request was taken back."""


def ask(fs: FileSystem, root: str, request: Release, seconds: float) -> int:
    """Put a request and wait for the service: how many objects it concerned.

    Raises:
        NoAnswerError: no service is running, or it is busy.
        OSError: the root cannot be written to.
    """
    base = f"{root}/{CONTROL}/{uuid.uuid4().hex[:12]}"
    put_file(fs, f"{base}.draft", json.dumps(asdict(request)).encode())
    fs.rename(f"{base}.draft", f"{base}{_REQUEST}")
    deadline = time.monotonic() + seconds
    while not fs.exists(f"{base}{_ANSWER}"):
        if time.monotonic() > deadline:
            with suppress(FileNotFoundError):
                fs.unlink(f"{base}{_REQUEST}")
            raise NoAnswerError(f"the sending service of {root} did not answer within {seconds:g} s; is it running?")
        time.sleep(0.05)
    answer = json.loads(read_all(fs, f"{base}{_ANSWER}"))
    fs.unlink(f"{base}{_ANSWER}")
    return int(answer["objects"])


def serve(fs: FileSystem, root: str, handle: Callable[[Release], int]) -> None:
    """Take every request that is there, have it handled, and answer it. One that cannot be read is removed."""
    folder = f"{root}/{CONTROL}"
    for name in sorted(fs.listdir(folder)):
        if not name.endswith(_REQUEST):
            continue
        try:
            request = Release(**json.loads(read_all(fs, f"{folder}/{name}")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError):
            fs.unlink(f"{folder}/{name}")
            continue
        answer = json.dumps({"objects": handle(request)}).encode()
        draft = f"{folder}/{name.removesuffix(_REQUEST)}"
        with suppress(FileExistsError):
            put_file(fs, f"{draft}.draft", answer)
        fs.unlink(f"{folder}/{name}")
        fs.rename(f"{draft}.draft", f"{draft}{_ANSWER}")
