"""uvicorn's connections with an end: by itself it waits for ever for a request's head, on any number of them."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

SECONDS: Final = 5.0
"""A connection that has sent no whole request for so long, or for twice that, is closed."""
CONNECTIONS: Final = 100
"""Where there are more, the oldest gives way, as a process that is out of descriptors answers nobody."""
STREAMS: Final = 400
"""Live pages are counted apart: they stay for hours, and must not push out who signs in."""


class BoundedConnection(H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to count its time."""
        super().connection_made(transport)
        self.began = self.loop.time()
        self.loop.call_later(SECONDS, self._look, None)
        alive = [one for one in self.connections if isinstance(one, BoundedConnection) and one.is_open]
        for most, some in (
            (CONNECTIONS, [one for one in alive if not one.is_stream]),
            (STREAMS, [one for one in alive if one.is_stream]),
        ):
            if len(some) > most:
                min(some, key=lambda one: one.began).transport.abort()

    @property
    def is_stream(self) -> bool:
        """Whether what it is answered goes on and on: who answers has said so (Site.stream)."""
        return self.cycle is not None and bool(self.cycle.scope.get("state", {}).get("stream"))

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it yet."""
        return not self.transport.is_closing()

    def shutdown(self) -> None:
        """The program ends: a live page has no end of its own that could be waited for; its browser connects again."""
        if self.is_stream:
            self.transport.close()
        else:
            super().shutdown()

    def _look(self, before: RequestResponseCycle | None) -> None:
        """before: the last request, as of the look before. One that is being answered may take its time."""
        if not self.is_open:
            return
        last = self.cycle
        if last is before and (last is None or last.response_complete):
            self.transport.close()
            self.loop.call_later(SECONDS, self.transport.abort)  # whatever it has not read by then
            return
        self.loop.call_later(SECONDS, self._look, last)
