"""The steps of an examination over a TCP connection: TLS, association, C-ECHO, test image, capabilities."""

import contextlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dicomrs.causes import Cause
from dicomrs.doctor import Check, State
from dicomrs_wire.capabilities import probe
from dicomrs_wire.dialing import dial
from dicomrs_wire.echo import ECHO, Probe, Question
from dicomrs_wire.errors import Aborted, AssociationError, PeerClosed, ProtocolError, Timeout, TlsFailed
from dicomrs_wire.examination import Examination, Finding, failed
from dicomrs_wire.requestor import Requestor, Timeouts
from dicomrs_wire.statuses import cause_of_status, describe_status
from dicomrs_wire.stream import Connection

TIMEOUTS: Final = Timeouts(connect=5.0, association=10.0, network=10.0, response=10.0)
_LISTEN_SECONDS: Final = 1.5
_LONGEST_GREETING: Final = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a peer besides a C-ECHO."""

    store: Question | None = None
    probe: bool = False

    def steps(self, *, tls: bool) -> tuple[Check, ...]:
        """The steps that ask it, in their order."""
        wanted = {Check.TLS: tls, Check.STORE: self.store is not None, Check.PROBE: self.probe}
        steps = (Check.TLS, Check.ASSOCIATION, Check.ECHO, Check.STORE, Check.PROBE)
        return tuple(step for step in steps if wanted.get(step, True))


def interview(examination: Examination, sock: socket.socket, peer: Probe, wish: Wish) -> None:
    """Make the steps over a connection, which is closed at the end."""
    connection = _secured(examination, sock, peer)
    if connection is None:
        return
    contexts = [*ECHO.contexts, *(wish.store.contexts if wish.store is not None else ())]
    opened: list[Requestor] = []
    examination.check(Check.ASSOCIATION, lambda: _associate(examination, connection, peer, contexts, opened))
    if not opened:
        return
    association = opened[0]
    with contextlib.suppress(AssociationError):
        examination.check(Check.ECHO, lambda: _asked(association, ECHO))
        store = wish.store
        if store is not None:
            examination.check(Check.STORE, lambda: _asked(association, store))
        association.release()
    if wish.probe:
        examination.check(Check.PROBE, lambda: _probe(examination, peer))


def _secured(examination: Examination, sock: socket.socket, peer: Probe) -> Connection | None:
    tls = peer.tls
    if tls is None:
        return sock
    secured: list[Connection] = []

    def handshake() -> Finding:
        secured.append(tls.secure(sock, TIMEOUTS.connect))
        return Finding(detail="the certificates pass")

    return secured[0] if examination.check(Check.TLS, handshake) else None


def _associate(
    examination: Examination,
    connection: Connection,
    peer: Probe,
    contexts: Sequence[tuple[str, str]],
    opened: list[Requestor],
) -> Finding:
    try:
        association = Requestor.over(
            connection, calling=peer.calling, called=peer.called, contexts=contexts, timeouts=TIMEOUTS
        )
    except TlsFailed as error:
        examination.revise(Check.TLS, error)
        return Finding(State.SKIPPED)
    except (Aborted, PeerClosed, ProtocolError, Timeout) as error:
        if peer.tls is None and error.cause is not Cause.TLS_EXPECTED and (found := _who_is_there(peer)) is not None:
            return found
        raise
    opened.append(association)
    user = association.peer
    said = f"accepted by {user.version_name or user.class_uid or 'a peer that does not say what it is'}"
    return Finding(detail=said, params={"implementation": user.version_name, "max_pdu": str(user.max_pdu)})


def _asked(association: Requestor, question: Question) -> Finding:
    try:
        status = question.put(association)
    except LookupError as error:
        return failed(Cause.NOT_OFFERED, str(error))
    said = describe_status(status)
    if status in question.good:
        return Finding(detail=said, params={"status": f"{status:04X}"})
    return failed(cause_of_status(status), said, status=f"{status:04X}")


def _probe(examination: Examination, peer: Probe) -> Finding:
    found = probe(peer, TIMEOUTS)
    examination.can(found)
    return Finding(detail=f"takes {len(found.sop_classes)} of {found.asked} storage SOP classes")


def _who_is_there(peer: Probe) -> Finding | None:
    """Whoever did not answer an association request: does it speak TLS, or greet like a server of another kind?"""
    if _speaks_tls(peer):
        why = "it speaks TLS on this port: give the destination tls, or ask its administrator for the port without"
        return failed(Cause.TLS_EXPECTED, why)
    greeting = _greeting(peer)
    if not greeting:
        return None
    return failed(Cause.NOT_DICOM, f"another program answers on this port: {greeting!r}", greeting=greeting)


def _speaks_tls(peer: Probe) -> bool:
    """Whether a TLS handshake gets an answer in TLS; nothing is trusted, nothing is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arriving, leaving)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    answer = _exchange(peer, leaving.read())
    return answer[:2] in (b"\x16\x03", b"\x15\x03")  # a handshake or an alert (RFC 8446 5.1)


def _greeting(peer: Probe) -> str:
    """The first line that a server of another kind says to a question of the web, as far as it can be read."""
    answer = _exchange(peer, b"GET / HTTP/1.0\r\n\r\n")
    if not answer or answer[0] <= max(_DICOM):
        return ""
    line = answer.split(b"\n", 1)[0][:_LONGEST_GREETING].decode("ascii", "replace")
    return "".join(sign if sign.isprintable() and sign != "\ufffd" else "?" for sign in line.strip())


_DICOM: Final = range(1, 8)  # types of PDUs


def _exchange(peer: Probe, said: bytes) -> bytes:
    """What a new connection answers first."""
    with contextlib.suppress(AssociationError, OSError), dial(peer.host, peer.port, _LISTEN_SECONDS) as sock:
        sock.settimeout(_LISTEN_SECONDS)
        sock.sendall(said)
        return sock.recv(1024)
    return b""
