"""TCP: a connection, whole PDUs in, bytes out, each with a deadline."""

import contextlib
import select
import socket
import time
from typing import Any, Final, Protocol

from dicomrs_wire.errors import AssociationError, PeerClosed, ProtocolError, Timeout
from dicomrs_wire.pdu import HEADER, PduType, parse_header

ASSOCIATION_PDU_LIMIT = 1024 * 1024
"""Longest PDU body in bytes that a `PduReader` takes unless told otherwise; association PDUs have no other limit."""

_LITTLE: Final = 4096  # bytes that cost nothing to move


class Connection(Protocol):
    """What is asked of a socket. TLS (`tls.stream.TlsStream`) has the same, so that plain TCP costs nothing more."""

    def send(self, data: bytes | memoryview, flags: int = ..., /) -> int: ...  # noqa: D102 (the socket's)
    def recv(self, count: int, /) -> bytes: ...  # noqa: D102
    def recv_into(self, buffer: memoryview, nbytes: int = ..., flags: int = ..., /) -> int: ...  # noqa: D102
    def fileno(self) -> int: ...  # noqa: D102
    def getsockname(self) -> Any: ...  # noqa: D102
    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...  # noqa: D102
    def settimeout(self, seconds: float | None, /) -> None: ...  # noqa: D102
    def shutdown(self, how: int, /) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


def tune(sock: Connection) -> None:
    """Send small segments at once: an answer must not wait for the acknowledgement of what went before it."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def quickack(sock: Connection) -> None:
    """Acknowledge what arrives next at once (Linux; elsewhere nothing happens).

    A peer that leaves Nagle's algorithm on and answers in two segments otherwise waits 40 ms for each answer.
    The kernel forgets the option, so it is set again before each wait.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def send(sock: Connection, data: bytes | memoryview, timeout: float, flags: int = 0) -> None:
    """Send all of `data` within `timeout` seconds.

    Raises:
        Timeout: the peer does not read. A part of `data` may have gone out, so the connection is of no more use.
        PeerClosed: the connection is gone.
    """
    view = memoryview(data)
    deadline = 0.0
    while view:
        try:
            view = view[sock.send(view, flags | socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            now = time.monotonic()
            deadline = deadline or now + timeout
            if now >= deadline or not wait_for(sock, select.POLLOUT, deadline - now):
                raise Timeout(f"the peer has not taken {len(data)} bytes within {timeout:g} s") from None
        except OSError as error:
            raise PeerClosed(f"the connection broke while sending: {error.strerror or error}") from error


def wait_for(sock: Connection, event: int, seconds: float) -> bool:
    """Wait until the socket is ready for reading (POLLIN) or writing (POLLOUT); False: it was not in time."""
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(seconds * 1000))


def linger(sock: Connection, seconds: float = 0.5) -> None:
    """Let the peer read what was sent last: to close over unread bytes would reset the connection and take it back."""
    unread = memoryview(bytearray(1 << 16))
    with contextlib.suppress(OSError, AssociationError):
        sock.shutdown(socket.SHUT_WR)
        for _ in range(64):
            with contextlib.suppress(BlockingIOError):
                if not wait_for(sock, select.POLLIN, seconds) or not sock.recv_into(unread, 0, socket.MSG_DONTWAIT):
                    return


class PduReader:
    """Takes whole PDUs off a socket through one reused buffer, as many per system call as have arrived."""

    def __init__(
        self, sock: Connection, limit: int = ASSOCIATION_PDU_LIMIT, *, quick: bool = False, room: int = 0
    ) -> None:
        """Read from `sock` PDUs with bodies of up to `limit` bytes; `quick` re-arms TCP_QUICKACK for each wait.

        The socket's own timeout is taken off: one system call tries, and only what has to wait costs another.
        `room` is the size of the buffer in bytes, if that is more than one PDU needs. The buffer's pages cost memory
        only once they have been used.
        """
        sock.settimeout(None)
        self._sock = sock
        self._quick = quick
        self._limit = limit
        self._buffer = memoryview(bytearray(max(HEADER.size + limit, room)))
        self._start = self._end = 0

    def read(self, timeout: float) -> tuple[PduType, memoryview]:
        """Return type and body of the next PDU, which must be complete within `timeout` seconds.

        The body is a slice of the buffer, valid until the next call that finds `another` False.

        Raises:
            Timeout: it is not complete in time. Further reads go on where this one stopped.
            PeerClosed: the peer closed or reset the connection.
            ProtocolError: not a PDU, or longer than the limit.
        """
        deadline = 0.0
        while (length := self._length()) > self._end - self._start:
            now = time.monotonic()
            deadline = deadline or now + timeout
            if now >= deadline:
                raise Timeout(f"the peer has sent no complete PDU within {max(timeout, 0):.3g} s")
            self._make_room(length)
            if not self._receive():
                if self._quick:
                    quickack(self._sock)
                wait_for(self._sock, select.POLLIN, deadline - now)
        kind, _ = parse_header(self._buffer, self._start)
        body = self._buffer[self._start + HEADER.size : self._start + length]
        self._start += length
        return kind, body

    @property
    def another(self) -> bool:
        """Whether a whole PDU is at hand: the next `read` leaves what earlier ones returned as it is."""
        return self._length() <= self._end - self._start

    def peek(self) -> int | None:
        """Return the type byte of the next PDU without waiting, or None if nothing of it has arrived.

        Raises:
            PeerClosed: the peer closed or reset the connection.
        """
        if self._start == self._end:
            self._make_room(HEADER.size)
            self._receive()
        return self._buffer[self._start] if self._start < self._end else None

    def _length(self) -> int:
        """Return the length of the next PDU, or of its header as long as that is not complete."""
        if self._end - self._start < HEADER.size:
            return HEADER.size
        _, length = parse_header(self._buffer, self._start)
        if length > self._limit:
            raise ProtocolError(f"a PDU of {length} bytes is longer than the {self._limit} allowed")
        return HEADER.size + length

    def _make_room(self, length: int) -> None:
        """Move what has arrived of the next PDU to the front if it is little, or the rest would not fit behind."""
        arrived = self._end - self._start
        if arrived < _LITTLE or self._start + length > len(self._buffer):
            self._buffer[:arrived] = self._buffer[self._start : self._end]
            self._start, self._end = 0, arrived

    def _receive(self) -> bool:
        """Take what has arrived; False: nothing has."""
        try:
            count = self._sock.recv_into(self._buffer[self._end :], 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            raise PeerClosed(f"the connection broke: {error.strerror or error}") from error
        if not count:
            where = " in the middle of a PDU" if self._start < self._end else ""
            raise PeerClosed(f"the peer closed the connection{where}")
        self._end += count
        return True
