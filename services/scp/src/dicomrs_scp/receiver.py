"""One receiver: a route's listening sockets, its inbox, and the associations that are open to it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from dicomrs import desk
from dicomrs.causes import Cause
from dicomrs.dataset import is_storage
from dicomrs.heartbeat import read_heartbeat, write_heartbeat
from dicomrs.log import get_logger
from dicomrs.received import FIELD as RECEIVED
from dicomrs.received import ReceivedBytes
from dicomrs.route import ClinicRoute, Receiver
from dicomrs.route.secrets import SecretError, Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.layout import LOCKS
from dicomrs.spool.part import Origin
from dicomrs.spool.proof import VolumeError, prepare_root
from dicomrs.spool.space import is_full
from dicomrs_scp import admission, listening
from dicomrs_scp.admission import Refusal
from dicomrs_scp.association import AcceptedAssociation, Ending, Tally
from dicomrs_scp.commitment import Desk
from dicomrs_scp.examining import ReceiverExaminer, Trouble
from dicomrs_scp.frontdoor import FrontDoor
from dicomrs_scp.listening import ListenError, listen, place_of
from dicomrs_scp.peers import Peers
from dicomrs_wire import negotiation
from dicomrs_wire.association import decode_request, encode_reject
from dicomrs_wire.commitment import COMMITMENT
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError, ProtocolError
from dicomrs_wire.pdu import HEADER, pack_abort
from dicomrs_wire.stream import Connection, linger, send, tune
from dicomrs_wire.tls.ends import TlsServer, receiver_tls

_SEND_SECONDS: Final = 10.0
STOP_SECONDS: Final = 30.0  # for the objects in hand; then what is left is cut off, never acknowledged
_CUT_SECONDS: Final = 2.0  # for associations that are cut off to end

logger = get_logger()


class BusyError(Exception):
    """Another scp has this root; it may be going, as in an upgrade."""


def wanted(abstract_syntax: str) -> bool:
    """Every storage SOP class, private ones too, Verification and storage commitment (PS3.4 annexes A, B and J)."""
    return abstract_syntax in (VERIFICATION, COMMITMENT) or is_storage(abstract_syntax)


class RunningReceiver:
    """A root taken for this process; listening is a step of its own, which the service tries until it succeeds."""

    def __init__(
        self, fs: FileSystem, route: ClinicRoute, door: FrontDoor, secrets: Secrets, restart: Callable[[], None]
    ) -> None:
        """Prove the root, take it for this process, and be ready to listen.

        restart: has the whole service end and be started again.

        Raises:
            VolumeError: the root cannot carry a spool.
            BusyError: another process receives into it.
        """
        self.route = route
        self._fs = fs
        self._door = door
        self._secrets = secrets
        self._tls: TlsServer | None = None
        self._listeners: list[socket.socket] = []
        self._place: tuple[str, str, int] | None = None
        self._associations: set[AcceptedAssociation] = set()
        self._threads: dict[threading.Thread, str] = {}  # with the peer's address
        self._ending = False
        self._unwritable = ""
        self._mutex = threading.Lock()
        self._total = Tally()
        self._last: dict[str, Any] = {}
        self._peers = Peers()
        self._noted: Trouble | None = None
        root = route.spec.storage.root
        prepare_root(fs, root)
        with contextlib.ExitStack() as on_failure:
            self._lock = self._take(root)
            on_failure.callback(fs.close, self._lock)
            try:
                self.inbox = Inbox(fs, root, route.spec.storage.reserve.bytes_of)
            except OSError as error:
                raise VolumeError(f"{root}: {error.strerror}; check the disk", full=is_full(error)) from error
            on_failure.callback(self.inbox.close)
            self._received = ReceivedBytes(read_heartbeat(root, "scp"), datetime.now().astimezone())
            self._desk = Desk(fs, root, lambda: self.route.spec.receiver)
            examiner = ReceiverExaminer(
                fs, lambda: self.route, secrets, self._obstacle, lambda: self.listening, self._callers
            )
            self._service_desk = desk.Desk(fs, root, "scp", restart, examiner.begin)
            self._service_desk.start()
            on_failure.pop_all()

    def _take(self, root: str) -> int:
        try:
            return self._fs.lock(f"{root}/{LOCKS}/scp", wait=False)
        except BlockingIOError:
            raise BusyError(f"another receiving service has {root}; waiting until it has gone") from None
        except OSError as error:
            raise VolumeError(f"{root}/{LOCKS}/scp: {error.strerror}") from error

    @property
    def listening(self) -> bool:
        """Whether scanners can connect."""
        return bool(self._listeners)

    def listen(self) -> None:
        """Open the listening sockets.

        Raises:
            ListenError: with one line that says what to do.
        """
        self._place = place_of(self.route.spec.receiver)
        receiver = self.route.spec.receiver
        self._tls = _tls_of(receiver, self._secrets)
        self._listeners = listen(receiver)
        for sock in self._listeners:
            self._door.add(self.route.metadata.name, sock, self._tls)
        place = receiver.bind_address or receiver.interface
        logger.info(
            "listening",
            route=self.route.metadata.name,
            place=place,
            port=receiver.port,
            ae_title=receiver.ae_title,
            tls=receiver.tls is not None,
        )

    def follow_the_address(self) -> None:
        """Stop listening if the address has gone, or is on another interface now: the sockets would hear nothing."""
        if self._listeners and place_of(self.route.spec.receiver) != self._place:
            logger.warning("the receiver's address has moved or gone", route=self.route.metadata.name)
            self.stop_listening()

    def stop_listening(self) -> None:
        """Close the listening sockets; associations go on."""
        listeners, self._listeners = self._listeners, []
        for sock in listeners:
            self._door.remove(sock)

    def take_over(self, route: ClinicRoute) -> None:
        """Go on under a changed route of the same name and root: for associations from now on.

        One that is being deleted keeps the root, so that it can be told how it stands, and receives nothing more.
        """
        if _door_of(self.route.spec.receiver) != _door_of(route.spec.receiver):
            self.stop_listening()  # before the status file can name the new version as one that listens
        old, self.route = self.route, route
        self.inbox.reserve = route.spec.storage.reserve.bytes_of
        if route.draining and not old.draining:
            self._drain()

    def admit(self, sock: Connection, address: str, request: bytes) -> None:
        """Start an association for a connection that has sent its request; never blocks."""
        with self._mutex:
            open_here = list(self._threads.values())
            refusal = admission.crowded(self.route.spec.receiver, len(open_here), open_here.count(address))
            if self._ends:
                refusal = admission.closed("the route has ended")
            if refusal is None:
                thread = threading.Thread(target=self._run, args=(sock, address, request), daemon=True)
                self._threads[thread] = address
        if refusal is not None:
            self._log_rejection(refusal, address=address)
            with contextlib.suppress(OSError, AssociationError):
                sock.send(encode_reject(*refusal.numbers))
            sock.close()
            return
        try:
            thread.start()
        except RuntimeError:  # the system allows no more threads
            with self._mutex:
                self._threads.pop(thread, None)
            raise

    def _run(self, sock: Connection, address: str, request: bytes) -> None:
        try:
            tune(sock)
            self._associate(sock, address, request)
        except AssociationError as error:
            logger.info("association failed", route=self.route.metadata.name, address=address, reason=str(error))
        except Exception:
            logger.exception("association ended by a fault of ours", address=address)
        finally:
            sock.close()
            with self._mutex:
                self._threads.pop(threading.current_thread(), None)

    def _associate(self, sock: Connection, address: str, data: bytes) -> None:
        try:
            request = decode_request(data[HEADER.size :])
        except ProtocolError as error:
            send(sock, pack_abort(2, error.reason), _SEND_SECONDS)
            raise
        origin = Origin(request.calling, request.called, address)
        receiver = self.route.spec.receiver
        refusal = admission.refusal(request, address, str(sock.getsockname()[0]), receiver)
        if refusal is None and (found := self._closed()):
            refusal = admission.closed(found[0])
        if refusal is not None:
            with self._mutex:
                self._peers.note(origin.calling, origin.address, refusal.why)
            self._log_rejection(refusal, calling=origin.calling, called=origin.called, address=address)
            send(sock, encode_reject(*refusal.numbers), _SEND_SECONDS)
            return
        answer, contexts = negotiation.accept(request, wanted, receiver.limits.pdu.bytes, receiver.transfer_syntaxes)
        association = AcceptedAssociation(
            sock, self.inbox, self._desk, origin, contexts, request.peer.max_pdu, receiver.limits
        )
        with self._mutex:
            self._associations.add(association)
            if self._ends:
                association.stop()
        try:
            send(sock, answer, _SEND_SECONDS)
            self._serve(association, origin, sock)
        finally:
            with self._mutex:
                self._associations.discard(association)

    def _obstacle(self) -> Trouble | None:
        """Why no association is accepted for now, of whatever kind, and the cause."""
        return self._noted or self._closed()

    def _callers(self) -> list[str]:
        """Addresses that have associated lately, newest first."""
        with self._mutex:
            return [peer["address"] for peer in self._peers.newest_first()]

    def _trouble(self) -> Trouble | None:
        """What keeps it from receiving though it listens, or soon will, and the cause."""
        if self._tls is not None and (trouble := self._tls.credentials.trouble):
            return trouble, Cause.TLS_OWN
        return self._closed()

    def _closed(self) -> Trouble | None:
        """Why no association is accepted for now, and the cause; None if one is."""
        if self.route.draining:
            return "the route is being deleted: nothing more is received for it", Cause.SUSPENDED
        if self.route.spec.receiver.suspend:
            return "the receiver is suspended (spec.receiver.suspend)", Cause.SUSPENDED
        why = self.inbox.no_room()
        return (why, Cause.DISK_FULL if self._is_full() else Cause.ROOT_UNUSABLE) if why else None

    def _log_rejection(self, refusal: Refusal, **who: str) -> None:
        logger.warning("association rejected", route=self.route.metadata.name, **who, reason=refusal.why)

    def _serve(self, association: AcceptedAssociation, origin: Origin, sock: Connection) -> None:
        started = time.monotonic()
        ending, detail = association.serve()
        if ending in (Ending.PROTOCOL, Ending.STOPPED):
            linger(sock)
        tally = association.tally
        with self._mutex:
            self._total.add(tally)
            self._associations.discard(association)  # or its bytes would be counted twice
            self._last = {"calling": origin.calling, "address": origin.address, "ended": ending.value}
            self._peers.note(origin.calling, origin.address)
        logger.info(
            "association",
            route=self.route.metadata.name,
            calling=origin.calling,
            called=origin.called,
            address=origin.address,
            ended=ending.value,
            **({"detail": detail} if detail else {}),
            **tally.figures(),
            seconds=round(time.monotonic() - started, 3),
        )

    def beat(self, noted: Trouble | None, refused: str) -> None:
        """Write the service's status file for this root.

        noted: why it does not listen, with the cause; refused: the problem of newer manifests, "" if none.
        """
        # Both ask the volume, which may hang: not while holding the mutex.
        self._noted = noted
        trouble, cause = noted or self._trouble() or ("", None)
        full = self._is_full()
        with self._mutex:
            acknowledged = self._total.bytes + sum(one.tally.bytes for one in self._associations)
            self._received.count(acknowledged, datetime.now().astimezone())
            figures: dict[str, Any] = {
                "route": self.route.metadata.name,
                "revision": self.route.revision,
                "refused": refused,
                "listening": self.listening,
                "trouble": trouble,
                "cause": cause,
                "full": full,
                "associations": len(self._associations),
                "sinceStart": self._total.figures(),
                "lastAssociation": self._last,
                "peers": self._peers.newest_first(),
                RECEIVED: self._received.figures(),
            }
        self._unwritable = write_heartbeat(self.inbox.root, "scp", figures)

    def _is_full(self) -> bool:
        try:
            return bool(self.inbox.shortage())
        except OSError:
            return False

    @property
    def unready(self) -> str:
        """Why objects cannot be taken though they should, "" if they can; as far as the root is to blame."""
        return self.inbox.no_room() or self._unwritable

    def end(self) -> None:
        """Take no further association, and end those that are open after the object in hand."""
        self._ending = True
        self._dismiss()

    def stop(self, deadline: float) -> None:
        """End; cut off what goes on at a moment of time.monotonic(), so that nothing more of it is acknowledged.

        Then the root is another's.
        """
        self.end()
        self._cut_off(deadline)
        self._desk.close()
        self._service_desk.stop()
        self.inbox.close()
        self._fs.close(self._lock)

    def _drain(self) -> None:
        """Receive nothing more, as if the route had gone; the root stays ours."""
        logger.info("the route is being deleted: nothing more is received", route=self.route.metadata.name)
        self._dismiss()
        deadline = time.monotonic() + STOP_SECONDS
        threading.Thread(target=self._cut_off, args=(deadline,), name="drain", daemon=True).start()

    @property
    def _ends(self) -> bool:
        return self._ending or self.route.draining

    def _dismiss(self) -> None:
        """To be called once no association is taken any more."""
        self.stop_listening()
        with self._mutex:
            associations = list(self._associations)
        for association in associations:
            association.stop()

    def _cut_off(self, deadline: float) -> None:
        with self._mutex:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._mutex:
            # A route of the same name may have been made meanwhile, after one that was drained.
            associations = list(self._associations) if self._ends else []
        for association in associations:
            association.stop(at_once=True)
        cut = time.monotonic() + _CUT_SECONDS
        for thread in threads:
            thread.join(max(0.0, cut - time.monotonic()))


def volume_cause(error: VolumeError) -> Cause:
    """In one word why a volume cannot carry a root."""
    return Cause.DISK_FULL if error.full else Cause.ROOT_UNUSABLE


def _door_of(receiver: Receiver) -> tuple[object, ...]:
    """What cannot change without listening anew."""
    return receiver.bind_address, receiver.interface, receiver.port, receiver.tls


def _tls_of(receiver: Receiver, secrets: Secrets) -> TlsServer | None:
    """What the receiver's connections are answered with; ListenError if its certificates cannot be used."""
    tls = receiver_tls(secrets, receiver)
    if tls is not None:
        try:
            tls.credentials.context()
        except SecretError as error:
            raise ListenError(listening.Trouble.OTHER, f"spec.receiver.tls: {error}", Cause.TLS_OWN) from error
    return tls
