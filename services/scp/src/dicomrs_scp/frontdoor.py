"""The front door: all listening sockets, and all connections that have not yet said who they are, in one thread.

A connection counts only once its whole A-ASSOCIATE-RQ is here: until then it costs a file descriptor and a little
memory, so that port scans, silent clients and slow ones burn no processor and block nobody. Then it is handed on,
with its request.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dicomrs.causes import Cause
from dicomrs.log import get_logger
from dicomrs_wire.errors import UNEXPECTED_PDU, UNRECOGNISED_PDU, AssociationError, PeerClosed, ProtocolError, TlsFailed
from dicomrs_wire.pdu import HEADER, PduType, pack_abort, parse_header
from dicomrs_wire.stream import Connection
from dicomrs_wire.tls.ends import HANDSHAKE, TlsServer
from dicomrs_wire.tls.sentences import TLS_TO_PLAIN_PORT

REQUEST_LIMIT: Final = 256 * 1024  # bytes of an A-ASSOCIATE-RQ; 128 contexts with 50 transfer syntaxes have 200 KB
PENDING_LIMIT: Final = 256  # connections that have not said who they are; beyond it the most numerous lose their oldest
_PROVIDER: Final = 2

Admit = Callable[[str, Connection, str, bytes], None]
Artim = Callable[[str], float]
logger = get_logger()


@dataclass(frozen=True, slots=True)
class _Listening:
    """What a listening socket is for."""

    receiver: str
    tls: TlsServer | None


@dataclass(slots=True)
class _Pending:
    """A connection that has not yet sent its whole request."""

    receiver: str
    sock: socket.socket
    address: str
    deadline: float
    tls: TlsServer | None
    stream: Connection | None = None
    """What the request is read from, once the connection has something to say."""
    data: bytearray = field(default_factory=bytearray)
    wanted: int = HEADER.size


class FrontDoor:
    """Call listen() and close() from any thread; admit() is called from the door's own thread and must not block."""

    def __init__(self, admit: Admit, artim: Artim) -> None:
        """What happens to a connection.

        Args:
            admit: (receiver, socket, address, request) takes the blocking socket over, with a whole A-ASSOCIATE-RQ.
            artim: (receiver) seconds that a connection has for its whole request (PS3.8 9.1.4).
        """
        self._admit = admit
        self._artim = artim
        self._selector = selectors.DefaultSelector()
        self._pending: dict[socket.socket, _Pending] = {}
        self._mutex = threading.Lock()
        self._stopping = False
        self._wake, waker = socket.socketpair()
        self._waker = waker
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="front-door", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the door's thread has not ended by a fault of ours."""
        return self._thread.is_alive() or self._thread.ident is None or self._stopping

    def add(self, receiver: str, listener: socket.socket, tls: TlsServer | None) -> None:
        """Serve a listening socket for a receiver; tls: what its connections begin with, if they do."""
        listener.setblocking(False)
        with self._mutex:
            self._selector.register(listener, selectors.EVENT_READ, _Listening(receiver, tls))
        self._waker.send(b"\0")

    def remove(self, listener: socket.socket) -> None:
        """Stop listening; associations that were admitted go on."""
        with self._mutex:
            self._selector.unregister(listener)
        listener.close()
        self._waker.send(b"\0")

    def stop(self) -> None:
        """Close all that is not yet an association, and end the thread."""
        self._stopping = True
        self._waker.send(b"\0")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            with contextlib.suppress(OSError):
                key.fileobj.close()  # type: ignore[union-attr]
        self._waker.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._stopping:
            timeout = 1.0 if self._pending else None
            for key, _ in self._selector.select(timeout):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                try:
                    self._serve(sock, key.data)
                except Exception:
                    logger.exception("connection not served")
            self._drop_silent()

    def _serve(self, sock: socket.socket, data: "_Pending | _Listening | None") -> None:
        if isinstance(data, _Pending):
            if sock in self._pending:  # it may have been dropped for the sake of one that came in the same moment
                self._read(data)
        elif data is None:
            sock.recv(4096)  # woken
        else:
            self._accept(sock, data)

    def _accept(self, listener: socket.socket, of: "_Listening") -> None:
        try:
            sock, peer = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if listener.fileno() < 0:  # it was removed in this moment
                return
            # Out of descriptors or memory: what is pending times out or is admitted; the peer waits in the backlog.
            logger.error("connection not accepted", receiver=of.receiver, reason=error.strerror)
            self._drop_oldest()
            time.sleep(0.05)
            return
        if len(self._pending) >= PENDING_LIMIT:
            self._drop_oldest()
        sock.setblocking(False)
        pending = _Pending(of.receiver, sock, str(peer[0]), time.monotonic() + self._artim(of.receiver), of.tls)
        self._pending[sock] = pending
        with self._mutex:
            self._selector.register(sock, selectors.EVENT_READ, pending)

    def _read(self, pending: _Pending) -> None:
        try:
            while self._take(pending):
                pass
        except (BlockingIOError, InterruptedError):
            pass
        except (TlsFailed, ProtocolError) as error:
            reason = error.reason if isinstance(error, ProtocolError) else UNRECOGNISED_PDU
            with contextlib.suppress(OSError, AssociationError):
                (pending.stream or pending.sock).send(pack_abort(_PROVIDER, reason))
            self._drop(pending, str(error), loudly=isinstance(error, TlsFailed))
        except (OSError, PeerClosed):
            self._drop(pending, "closed before saying who it is")

    def _take(self, pending: _Pending) -> bool:
        """Take what has come of a request; whether more of it may be at hand.

        Never past the request: what follows belongs to the association.
        """
        if pending.stream is None:
            pending.stream = pending.sock if pending.tls is None else pending.tls.begin(pending.sock)
        data = pending.stream.recv(min(pending.wanted - len(pending.data), 1 << 16))
        if not data:
            raise PeerClosed("the peer closed the connection")
        pending.data += data
        if len(pending.data) < pending.wanted:
            return True
        if pending.wanted > HEADER.size:
            self._hand_over(pending, pending.stream)
            return False
        pending.wanted += _request_length(pending.data)
        return True

    def _hand_over(self, pending: _Pending, stream: Connection) -> None:
        self._forget(pending)
        pending.sock.setblocking(True)
        try:
            self._admit(pending.receiver, stream, pending.address, bytes(pending.data))
        except Exception:
            # Out of threads or memory: this connection is lost, the door stays open.
            logger.exception("association not started", receiver=pending.receiver, address=pending.address)
            stream.close()

    def _forget(self, pending: _Pending) -> None:
        del self._pending[pending.sock]
        with self._mutex:
            self._selector.unregister(pending.sock)

    def _drop(self, pending: _Pending, reason: str, *, loudly: bool = False) -> None:
        self._forget(pending)
        (pending.stream or pending.sock).close()
        if loudly:
            logger.warning("TLS failed", route=pending.receiver, address=pending.address, reason=reason)
        else:
            # Probes of monitoring systems come here many times a day: not at INFO.
            logger.debug("connection dropped", receiver=pending.receiver, address=pending.address, reason=reason)

    def _drop_oldest(self) -> None:
        """Of the address that has most of them: a stranger's crowd is to cost nobody else a place."""
        crowds = Counter(pending.address for pending in self._pending.values())
        for address, _ in crowds.most_common(1):
            oldest = next(pending for pending in self._pending.values() if pending.address == address)
            self._drop(oldest, f"more than {PENDING_LIMIT} connections have not said who they are")

    def _drop_silent(self) -> None:
        now = time.monotonic()
        for pending in [pending for pending in self._pending.values() if pending.deadline <= now]:
            self._drop(pending, "did not say who it is in time (spec.receiver.limits.artim)")


def _request_length(header: bytearray) -> int:
    """Length of the A-ASSOCIATE-RQ's body; ProtocolError or TlsFailed if the connection starts with something else."""
    if header[0] == HANDSHAKE:
        raise TlsFailed(TLS_TO_PLAIN_PORT, Cause.TLS_EXPECTED)
    kind, length = parse_header(bytes(header))
    if kind is not PduType.ASSOCIATE_RQ:
        raise ProtocolError(f"it begins with {kind.name} instead of an association request", UNEXPECTED_PDU)
    if not 0 < length <= REQUEST_LIMIT:
        raise ProtocolError(f"its association request claims {length} bytes")
    return length
