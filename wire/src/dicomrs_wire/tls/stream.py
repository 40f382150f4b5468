"""TLS over a connected socket, with as much of a socket's interface as PDUs are read and sent through."""

import contextlib
import select
import socket
import ssl
import time
from typing import Any, Final

from dicomrs.causes import Cause
from dicomrs_wire.errors import TlsFailed
from dicomrs_wire.stream import wait_for
from dicomrs_wire.tls.sentences import HUNG_UP, HUNG_UP_AFTERWARDS, SLOW, UNREAD, Side, explain

_BATCH: Final = 256 * 1024  # bytes that one system call takes off the network, or puts on it
_RECORD: Final = 17 * 1024  # bytes of the longest there is, and some (RFC 8446 5.2)
_MOST_UNSENT: Final = 4 * _BATCH  # bytes that wait for room: what is being sent, and what TLS itself has to say


class TlsStream:
    """An SSLObject between two memory BIOs: the socket stays ours, so that no call waits, and many records go at once.

    Reading waits only for the peer's bytes, and sending only for room, because nobody renegotiates (`contexts`).
    The handshake is made by whatever reads first. All but `shutdown` belongs to one thread.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, side: Side, server_name: str = "") -> None:
        """Speak TLS over `sock`, which becomes this object's; server_name: whom the certificate must name, if anybody.

        Raises:
            ValueError: a server name that cannot be one.
        """
        self._sock = sock
        self._side = side
        self._arriving, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._arriving, self._leaving, server_side=side is Side.RECEIVER, server_hostname=server_name or None
        )
        self._unsent = memoryview(b"")
        self._taken = 0
        self._heard = False
        self._failure: TlsFailed | None = None

    @property
    def established(self) -> bool:
        """Whether the handshake is done."""
        return self._tls.version() is not None

    def handshake(self, seconds: float) -> None:
        """Make the handshake now.

        Raises:
            TlsFailed: there is none; its text says which side refused, why, and who can mend it.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                raise self._failed(error) from error
            self._push()
            if self.established:
                return
            left = deadline - time.monotonic()
            if left <= 0 or not wait_for(self._sock, select.POLLIN, left):
                raise TlsFailed(SLOW.format(seconds=seconds), Cause.TLS_NOT_SPOKEN)
            with contextlib.suppress(BlockingIOError):
                self._take_in(_RECORD)

    def recv_into(self, buffer: memoryview, _nbytes: int = 0, _flags: int = 0) -> int:
        """Fill `buffer` with what is at hand; how many bytes that is, 0 once the peer has ended.

        Raises:
            BlockingIOError: nothing is, and what comes next will show at the socket. However much a peer sends that
                is no data, a call takes from it but once.
            TlsFailed: the handshake failed, or what came is not what was sent.
            OSError: the connection broke.
        """
        count, ended = self._decrypt(buffer)
        if count or ended:
            return count
        # Who wants little gets little: what is no data costs time, and the front door has one thread for everybody.
        if not self._take_in(min(max(len(buffer), _RECORD), _BATCH)):
            return 0
        count, ended = self._decrypt(buffer)
        self._push()
        if len(self._unsent) > _MOST_UNSENT:  # each KeyUpdate may ask for one of ours (RFC 8446 4.6.3)
            raise TlsFailed(UNREAD, Cause.TLS_PEER)
        if count or ended:
            return count
        raise BlockingIOError

    def recv(self, count: int) -> bytes:
        """As `recv_into`."""
        buffer = memoryview(bytearray(count))
        return bytes(buffer[: self.recv_into(buffer)])

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        """Send some of `data`; how many bytes, all of which the socket has taken.

        Raises:
            BlockingIOError: the socket takes no more for now. The call is to be repeated with the same data.
            TlsFailed: TLS has ended.
            OSError: the connection broke.
        """
        if not self._taken:
            self._taken = self._encrypt(memoryview(data)[:_BATCH])
        try:
            self._flush(flags)
        except BlockingIOError:
            raise
        except OSError:
            if not self._heard:  # the reason may have come in before the end
                with contextlib.suppress(BlockingIOError):
                    self.recv(1)
            raise
        taken, self._taken = self._taken, 0
        return taken

    def fileno(self) -> int:
        """For poll()."""
        return self._sock.fileno()

    def getsockname(self) -> Any:
        """As of a socket."""
        return self._sock.getsockname()

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """As of a socket."""
        self._sock.setsockopt(level, option, value)

    def settimeout(self, seconds: float | None) -> None:
        """As of a socket; no call waits, whatever it says."""
        self._sock.settimeout(seconds)

    def shutdown(self, how: int) -> None:
        """As of a socket. SHUT_RD alone may be called from any thread."""
        if how != socket.SHUT_RD:
            self._say_goodbye()
        self._sock.shutdown(how)

    def close(self) -> None:
        """Say that nothing more comes, if that can be said at once, and close the socket."""
        self._say_goodbye()
        self._sock.close()

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError, ValueError):  # it was never established, or the peer has not ended yet
            self._tls.unwrap()
        self._push()

    def _decrypt(self, buffer: memoryview) -> tuple[int, bool]:
        """How many bytes are in `buffer` now, and whether the peer has ended in good order."""
        if self._failure is not None:
            raise self._failure
        count = 0
        try:
            while count < len(buffer):
                got: Any = self._tls.read(len(buffer) - count, buffer[count:])  # with a buffer, how many
                if not got:
                    return count, True
                count += got
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._failure = self._failed(error)
            if not count:
                raise self._failure from error
        self._heard = self._heard or count > 0
        return count, False

    def _encrypt(self, data: memoryview) -> int:
        done = 0
        try:
            while done < len(data):
                done += self._tls.write(data[done:])
        except ssl.SSLError as error:
            raise self._failed(error) from error
        return done

    def _take_in(self, most: int) -> bool:
        """Take what the socket has, up to so many bytes; False: the peer has closed."""
        try:
            data = self._sock.recv(most, socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise
        except OSError:
            if self._heard:
                raise
            data = b""
        if data:
            self._arriving.write(data)
        elif not self.established:
            raise TlsFailed(HUNG_UP[self._side], Cause.TLS_NOT_SPOKEN)
        elif not self._heard and self._side is Side.SENDER:
            # TLS 1.3 lets a client believe that all is well before its certificate has been looked at.
            raise TlsFailed(HUNG_UP_AFTERWARDS, Cause.TLS_PEER)
        return bool(data)

    def _failed(self, error: ssl.SSLError) -> TlsFailed:
        """What to raise; the peer is told too."""
        self._push()
        return TlsFailed(*explain(error, self._side))

    def _push(self) -> None:
        """Send what TLS itself has to say, as far as that can be done at once."""
        with contextlib.suppress(OSError):
            self._flush()

    def _flush(self, flags: int = 0) -> None:
        if self._leaving.pending:
            self._unsent = memoryview(bytes(self._unsent) + self._leaving.read())
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent, flags | socket.MSG_DONTWAIT) :]
