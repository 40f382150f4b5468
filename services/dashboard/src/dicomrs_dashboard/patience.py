"""Calls that touch a volume, each on a thread of its own: one that hangs keeps no page waiting for ever."""

import asyncio
import errno
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future
from typing import Final, TypeVar

SECONDS: Final = 10.0
_MOST: Final = 16  # threads that may hang, before the next call is refused
_PLACE_SECONDS: Final = 2.0  # for one of them to come to its end
_LOOK_SECONDS: Final = 0.02

T = TypeVar("T")


class HangsError(OSError):
    """It takes too long, or so many calls hang already that it was not tried."""


def within(seconds: float, what: Callable[..., T], *words: object) -> T:
    """What a call returns, for programs that have no loop.

    Raises:
        HangsError: it takes longer than so many seconds; it goes on, and what it returns is lost.
        Exception: what it raises.
    """
    try:
        return _begun(what, words, lambda: None).result(seconds)
    except TimeoutError:
        raise _hangs(seconds) from None


def _begun(what: Callable[..., T], words: tuple[object, ...], end: Callable[[], object]) -> Future[T]:
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(what(*words))
        except BaseException as error:  # noqa: BLE001  # it is the asker's, who must not wait for ever
            done.set_exception(error)
        finally:
            end()

    threading.Thread(target=run, name="patience", daemon=True).start()
    return done


def _hangs(seconds: float) -> HangsError:
    return HangsError(errno.ETIMEDOUT, f"it takes longer than {seconds:g} s: a volume hangs or is very slow")


class Patience:
    """For calls of one kind."""

    def __init__(self, most: int = _MOST, seconds: float = SECONDS, place_seconds: float = _PLACE_SECONDS) -> None:
        """most: at once; seconds: of each; place_seconds: within which one of those must end, where there are more."""
        self._places = threading.Semaphore(most)
        self._seconds = seconds
        self._place_seconds = place_seconds

    async def call(self, what: Callable[..., T], *words: object, seconds: float | None = None) -> T:
        """What a call returns. seconds: that this one may take; None: as many as all of them.

        Raises:
            HangsError: it takes longer; it goes on, and what it returns is lost.
            Exception: what it raises.
        """
        patient_until = time.monotonic() + self._place_seconds
        while not self._places.acquire(blocking=False):  # many at once are no sign yet that a volume hangs
            if time.monotonic() > patient_until:
                raise HangsError(errno.EAGAIN, "too many calls hang already: a volume does not answer")
            await asyncio.sleep(_LOOK_SECONDS)
        waiting = asyncio.wrap_future(_begun(what, words, self._places.release))
        seconds = self._seconds if seconds is None else seconds
        await asyncio.wait([waiting], timeout=seconds)
        if not waiting.done():
            raise _hangs(seconds)
        return waiting.result()

    async def each(self, pieces: Generator[T], seconds: float | None = None) -> AsyncIterator[T]:
        """What a generator yields, for an answer that is long; seconds: of each piece, as of call.

        However the reader goes away, the generator is closed on a thread as well: what it does then waits for a volume.

        Raises:
            HangsError: as call; those before it were good.
        """
        try:
            while (piece := await self.call(next, pieces, None, seconds=seconds)) is not None:
                yield piece
        finally:
            _begun(pieces.close, (), lambda: None)
