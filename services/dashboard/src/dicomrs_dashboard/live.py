"""Live pages: server-sent events (WHATWG HTML 9.2) with a piece of a page whenever it has changed.

All pages that show the same share one channel: what they show is put together once a second, however many they are, and
not at all while nobody looks. A reader that is slow misses what came in between and gets the newest.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Final

from fastapi.sse import EventSourceResponse, format_sse_event

from dicomrs.log import get_logger

SECONDS: Final = 1.0
"""Between two looks."""
HEARTBEAT_SECONDS: Final = 5.0
"""So often something is sent even if nothing has changed, and a reader's right to see it is looked at anew."""
MOST_OF_ONE: Final = 40
"""Pages that one person may have open; another one is told so, and has its place once one of those is closed."""
EVENT: Final = "content"
SIGNED_OUT: Final = "signed-out"
CROWDED: Final = "crowded"
_RETRY_MILLISECONDS: Final = 10_000
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Render = Callable[[], Awaitable[str]]
logger = get_logger()


class _Channel:
    """The newest piece, and the task that keeps it so."""

    def __init__(self, render: Render, seconds: float) -> None:
        self._render = render
        self._seconds = seconds
        self._changed = asyncio.Condition()
        self.readers = 0
        self.version = 0
        self.event = b""
        self.task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        last: str | None = None
        failed = ""
        while True:
            try:
                piece: str | None = await self._render()
                failed = ""
            except Exception as error:
                # Once for each reason: a line a second for each page that is open would push all else out of the log.
                if failed != (failed := repr(error)):
                    logger.exception("a live page cannot be put together, it is tried again")
                piece = last
            if piece != last and piece is not None:
                last = piece
                async with self._changed:
                    self.version += 1
                    self.event = format_sse_event(data_str=piece, event=EVENT)
                    self._changed.notify_all()
            await asyncio.sleep(self._seconds)

    async def newer_than(self, version: int, seconds: float) -> bool:
        """Wait for a newer piece; whether one came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.version != version)
        return self.version != version


class Live:
    """The channels of a program, by what they show."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._channels: dict[Hashable, _Channel] = {}
        self._open: Counter[Hashable] = Counter()

    @property
    def readers(self) -> int:
        """Pages that are open."""
        return sum(channel.readers for channel in self._channels.values())

    def response(
        self, who: Hashable, key: Hashable, render: Render, may_see: Callable[[], bool]
    ) -> EventSourceResponse:
        """The stream of one page.

        Args:
            who: the reader.
            key: what the page shows: the same for pages that show the same in every detail (language, rights, filter).
            render: puts it together.
            may_see: whether the reader still may; the stream ends when not.
        """
        return EventSourceResponse(self._events(who, key, render, may_see), headers=HEADERS)

    async def _events(
        self, who: Hashable, key: Hashable, render: Render, may_see: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        if self._open[who] >= MOST_OF_ONE:
            yield format_sse_event(data_str="", event=CROWDED, retry=_RETRY_MILLISECONDS)
            return
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(render, self._seconds)
        channel.readers += 1
        self._open[who] += 1
        version = 0
        try:
            while may_see():
                if await channel.newer_than(version, HEARTBEAT_SECONDS):
                    if not may_see():
                        break  # who has signed out while it waited is shown nothing more
                    version = channel.version
                    yield channel.event
                else:
                    yield format_sse_event(comment="")
            yield format_sse_event(data_str="", event=SIGNED_OUT)
        finally:
            channel.readers -= 1
            self._open -= Counter([who])
            if channel.readers == 0:
                channel.task.cancel()
                self._channels.pop(key, None)
