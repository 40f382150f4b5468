"""Whether a service lives and is ready, over HTTP for the probes of a cluster: GET /livez/<name> and /readyz/<name>.

The name says whose service it is: a pod on its node's own network shares 127.0.0.1 with those of other releases, and
the answer of another's server must not count for it.

One thread with an event loop. A connection has so many seconds for everything it wants, and where there are too many
the oldest gives way, so that one that is silent or slow costs the probes nothing. (http.server has a time limit for
each read only, which a slow peer never exceeds.)
"""

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

from dicomrs.exits import Exit
from dicomrs.log import get_logger
from dicomrs.program import HealthPlace

SECONDS: Final = 2.0  # for a whole request and its answer
CONNECTIONS: Final = 32
_LONGEST: Final = 4096  # bytes of a request
_STALE_SECONDS: Final = 15.0
_TITLES: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}

logger = get_logger()


class Readiness:
    """Why a service is not ready, as its main loop tells about once a second. Callable from any thread."""

    def __init__(self) -> None:
        self._told: tuple[float, tuple[str, ...]] = (time.monotonic(), ("it is starting",))

    def tell(self, reasons: Iterable[str]) -> None:
        """Replace what was told before; no reason: it is ready."""
        self._told = (time.monotonic(), tuple(reasons))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences; none: it is ready."""
        at, reasons = self._told
        age = time.monotonic() - at
        if age > _STALE_SECONDS:
            return (*reasons, f"it has not looked at its manifests for {age:.0f} s: their volume may hang")
        return reasons


class Subject(Protocol):
    """The service that is asked about."""

    readiness: Readiness

    @property
    def alive(self) -> bool:
        """Whether its threads live."""


def run_with_health(place: HealthPlace | None, subject: Subject, run: Callable[[], Exit]) -> Exit:
    """Run a service, and tell of it at a place meanwhile, if there is one; the exit code.

    Where nothing can listen at the place, the service does not run: nobody would know of it.
    """
    if place is None:
        return run()
    try:
        server = HealthServer(place, subject)
    except OSError as error:
        logger.error("health cannot be told, not started", reason=_explained(error, place))
        return Exit.PORT_IN_USE if error.errno == errno.EADDRINUSE else Exit.USAGE
    with server:
        return run()


def _explained(error: OSError, place: HealthPlace) -> str:
    where = f"{place.host} port {place.port} (--health)"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where} is used by another program, on a node's own network perhaps by another release: choose another "
            "port (value scp.healthPort of the chart)"
        )
    return f"{where}: {error.strerror or error}; choose an address of this machine and a port from 1024 up"


class HealthServer:
    """Listens from the beginning; answers while it is entered."""

    def __init__(self, place: HealthPlace, subject: Subject) -> None:
        """OSError if it cannot listen."""
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        self._listener = socket.create_server((place.host, place.port), family=family, backlog=CONNECTIONS)
        self._name = place.name
        self._subject = subject
        self._open: dict[asyncio.Task[None] | None, None] = {}  # oldest first
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._attend, sock=self._listener, limit=_LONGEST)
        await self._over.wait()
        server.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._open[task] = None
        if len(self._open) > CONNECTIONS and (oldest := next(iter(self._open))) is not None:
            oldest.cancel()
        try:
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_packed(*answer(head, self._name, self._subject)))
                writer.close()
                await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            del self._open[task]


def answer(head: bytes, name: str, subject: Subject) -> tuple[int, str]:
    """Return the status and the text with which a request is answered.

    head: the request up to its empty line, whatever it is; name: ours.
    """
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        return 400, "this is no HTTP request"
    if method != b"GET":
        return 405, "there is only GET"
    path = target.partition(b"?")[0]
    if path == f"/livez/{name}".encode():
        if subject.alive:
            return 200, "it lives"
        return 503, "a thread has ended by a fault of ours, which the log tells: it is to be started anew"
    if path == f"/readyz/{name}".encode():
        reasons = subject.readiness.reasons
        return (503, "\n".join(reasons)) if reasons else (200, "it is ready")
    return 404, (
        f"here {name} answers, at /livez/{name} and /readyz/{name}. If another release is meant, both use one port of "
        "this node: give each its own (value scp.healthPort of the chart)"
    )


def _packed(status: int, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status} {_TITLES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
