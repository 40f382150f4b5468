"""TLS at the two ends of the router: before a receiver's associations, and before those to a destination."""

import contextlib
import socket
from functools import partial
from typing import Final

from dicomrs.causes import Cause
from dicomrs.route import Destination, Receiver
from dicomrs.route.secrets import SecretError, Secrets
from dicomrs_wire.errors import UNRECOGNISED_PDU, PeerClosed, ProtocolError, TlsFailed
from dicomrs_wire.pdu import PduType
from dicomrs_wire.tls.contexts import own_receiver_context, receiver_context, sender_context
from dicomrs_wire.tls.credentials import Credentials
from dicomrs_wire.tls.sentences import NO_TLS, PLAIN_DICOM, Side
from dicomrs_wire.tls.stream import TlsStream

HANDSHAKE: Final = 0x16
"""The first byte of every TLS connection (RFC 8446 5.1)."""


class TlsServer:
    """What a receiver answers connections with."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def begin(self, sock: socket.socket) -> TlsStream:
        """Begin with a connection that has something to read; until then it has cost nothing.

        Raises:
            TlsFailed: it speaks DICOM in plain, or there are no certificates.
            ProtocolError: it speaks neither.
            PeerClosed: it has ended.
            BlockingIOError: it had nothing to read.
        """
        try:
            first = sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise
        except OSError as error:
            raise PeerClosed(f"the connection broke: {error.strerror or error}") from error
        if not first:
            raise PeerClosed("the peer closed the connection")
        if first[0] == PduType.ASSOCIATE_RQ:
            raise TlsFailed(PLAIN_DICOM, Cause.TLS_NOT_SPOKEN)
        if first[0] != HANDSHAKE:
            raise ProtocolError(NO_TLS, UNRECOGNISED_PDU)
        try:
            return TlsStream(sock, self.credentials.context(), side=Side.RECEIVER)
        except SecretError as error:
            raise TlsFailed(str(error), Cause.TLS_OWN) from error


class TlsClient:
    """What makes a connection to a destination one over TLS."""

    def __init__(self, credentials: Credentials, server_name: str) -> None:
        """server_name: whom its certificate must name; "": nobody, its secret has the certificate itself."""
        self.credentials = credentials
        self._server_name = server_name

    def secure(self, sock: socket.socket, seconds: float) -> TlsStream:
        """Return a connection over `sock` with the handshake made, within so many seconds.

        Raises:
            TlsFailed: there is none, and `sock` is closed.
        """
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(sock.close)
            try:
                context = self.credentials.context()
                stream = TlsStream(sock, context, side=Side.SENDER, server_name=self._server_name)
            except SecretError as error:
                raise TlsFailed(str(error), Cause.TLS_OWN) from error
            except ValueError as error:
                why = f"{self._server_name!r} cannot be in a certificate: set tls.serverName"
                raise TlsFailed(why, Cause.TLS_OWN) from error
            stream.handshake(seconds)
            on_failure.pop_all()
        return stream


def receiver_tls(secrets: Secrets, receiver: Receiver) -> TlsServer | None:
    """What a receiver asks for, None if it speaks plain DICOM."""
    if receiver.tls is None:
        return None
    shown = receiver.tls.client_certificates == "Required"
    make = partial(receiver_context, clients_show_certificates=shown)
    return TlsServer(Credentials(secrets, receiver.tls.secret_name, make))


def destination_tls(secrets: Secrets, destination: Destination) -> TlsClient | None:
    """What a destination asks for, None if it speaks plain DICOM."""
    tls = destination.tls
    if tls is None:
        return None
    return TlsClient(Credentials(secrets, tls.secret_name, sender_context), tls.server_name or destination.host)


def own_receiver_tls(secrets: Secrets, receiver: Receiver) -> TlsClient | None:
    """What our own receiver is asked with, None if it speaks plain DICOM."""
    if receiver.tls is None:
        return None
    return TlsClient(Credentials(secrets, receiver.tls.secret_name, own_receiver_context), "")
