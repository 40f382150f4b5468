"""One outgoing association: propose, echo, store files' bytes, release (PS3.8 7, PS3.7 9.1). One thread, one socket."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dicomrs_wire import dimse
from dicomrs_wire.association import PeerUser, decode_accept, decode_reject, encode_request
from dicomrs_wire.commitment import DATASET_LIMIT
from dicomrs_wire.dialing import dial
from dicomrs_wire.dimse import CommandSet
from dicomrs_wire.errors import (
    Aborted,
    AssociationError,
    DigestMismatch,
    PeerClosed,
    ProtocolError,
    Rejected,
    Timeout,
)
from dicomrs_wire.frames import FrameBuffer
from dicomrs_wire.messages import Assembler, Message, pack_message
from dicomrs_wire.pdu import (
    RELEASE_RP,
    RELEASE_RQ,
    PduType,
    fragment_size,
    pack_abort,
    pack_command,
    parse_abort,
    split_pdata,
)
from dicomrs_wire.stream import Connection, PduReader, send, tune
from dicomrs_wire.tls.ends import TlsClient

_OWN_MAX_PDU = 16 * 1024  # we are sent nothing but responses
_ABORT_TIMEOUT = 1.0  # seconds for an A-ABORT to go out, or for the peer's to come in once all is lost
_MOST_REQUESTS = 8  # of the peer's that may wait for our answer; without a window of its own it has one (PS3.7 D.3.3.3)
_LAST_WORDS = 16  # PDUs looked through for the A-ABORT that explains a broken connection
_MORE = getattr(socket, "MSG_MORE", 0)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the peer."""

    connect: float = 10.0
    """for the TCP connection, per address of its name, and for the TLS handshake"""
    association: float = 30.0
    """for its answer to A-ASSOCIATE-RQ and A-RELEASE-RQ"""
    network: float = 60.0
    """for it to take 256 KiB of an object"""
    response: float = 120.0
    """for its response once a message is sent"""


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class StoreReply:
    """The peer's answer to a C-STORE: status (PS3.4 table B.2-1) and error comment."""

    status: int
    comment: str


class Requestor:
    """An established association. Every `AssociationError` that a method raises has ended it.

    As a context manager it is released at the end, or aborted if an exception leaves the block.
    """

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        *,
        calling: str,
        called: str,
        contexts: Sequence[tuple[str, str]],
        roles: Mapping[str, tuple[bool, bool]] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        tls: TlsClient | None = None,
    ) -> Self:
        """Connect to `host`:`port` and propose each (SOP class, transfer syntax) as a context of its own.

        `roles` says for SOP classes of which we are not merely SCU whether we would be SCU, SCP.

        Raises:
            Unreachable: no TCP connection.
            TlsFailed: no TLS, where `tls` asks for it. TLS 1.3 may say so only after the handshake.
            Rejected: A-ASSOCIATE-RJ.
            Aborted, PeerClosed, Timeout, ProtocolError: the peer did not negotiate.
            ValueError: an AE title that is none, or not 1 to 128 contexts.
        """
        request = encode_request(calling, called, contexts, _OWN_MAX_PDU, roles)
        sock = dial(host, port, timeouts.connect)
        connection = sock if tls is None else tls.secure(sock, timeouts.connect)
        return cls(connection, request, contexts, timeouts)

    @classmethod
    def over(
        cls,
        connection: Connection,
        *,
        calling: str,
        called: str,
        contexts: Sequence[tuple[str, str]],
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> Self:
        """Do the same over a connection that is there, with TLS already where it is to be; it becomes this object's."""
        return cls(connection, encode_request(calling, called, contexts, _OWN_MAX_PDU), contexts, timeouts)

    def __init__(
        self, sock: Connection, request: bytes, contexts: Sequence[tuple[str, str]], timeouts: Timeouts
    ) -> None:
        """Negotiate on the connected `sock`, which becomes this object's; see `connect`."""
        self._sock = sock
        self._timeouts = timeouts
        self._reader = PduReader(sock, quick=True)
        self._message_id = 0
        self._open = True
        self._mid_pdu = False
        self._assembler = Assembler(DATASET_LIMIT)
        self._complete: deque[Message] = deque()
        self._requests: deque[Message] = deque()
        with self._ending_on_failure():
            tune(sock)
            send(sock, request, timeouts.network)
            accepted = decode_accept(self._expect(PduType.ASSOCIATE_AC, timeouts.association))
            self.peer: PeerUser = accepted.peer
            self._fragment = fragment_size(accepted.peer.max_pdu)
        self._frames = FrameBuffer(self._fragment)
        proposed = {2 * index + 1: context for index, context in enumerate(contexts)}
        self._context_ids = {
            proposed[context_id]: context_id
            for context_id, transfer_syntax in accepted.contexts.items()
            if context_id in proposed and proposed[context_id][1] == transfer_syntax
        }
        self._contexts = {context_id: context for context, context_id in self._context_ids.items()}

    def accepted(self, sop_class: str, transfer_syntax: str) -> bool:
        """Return whether the peer takes objects of this SOP class in this transfer syntax."""
        return (sop_class, transfer_syntax) in self._context_ids

    def echo(self) -> int:
        """Send a C-ECHO and return the status of its response; Verification must have been accepted.

        Raises:
            LookupError: it was not. The association goes on.
            Aborted, PeerClosed, Timeout, ProtocolError: the association has ended.
        """
        context_id = next((i for (sop, _), i in self._context_ids.items() if sop == dimse.VERIFICATION), None)
        if context_id is None:
            raise LookupError("the peer did not accept Verification")
        message_id = self._next_message_id()
        with self._ending_on_failure():
            self._send(pack_command(context_id, dimse.echo_request(message_id), self._fragment))
            return self._response(dimse.C_ECHO_RSP, message_id)[0]

    def store(
        self,
        sop_class: str,
        sop_instance: str,
        transfer_syntax: str,
        fd: int,
        start: int,
        length: int,
        *,
        digest: Callable[[memoryview], None] | None = None,
        check: Callable[[], bool] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> StoreReply:
        """Send a C-STORE with the `length` bytes at `start` of the open file `fd` as its dataset, as they are.

        Args:
            sop_class: Affected SOP Class UID.
            sop_instance: Affected SOP Instance UID.
            transfer_syntax: UID of the dataset's; with `sop_class` it must have been `accepted`.
            fd: descriptor of the file.
            start: offset of the dataset in the file in bytes.
            length: its length in bytes.
            digest: is given every fragment in turn, as a view that is valid only during the call.
            check: is asked once all bytes are read. The last fragment goes out only if it says yes, so that the
                peer cannot have a whole object whose bytes are wrong.
            meanwhile: is called once all is sent, while the peer makes up its answer.

        Raises:
            LookupError: the context was not accepted. The association goes on.
            DigestMismatch: `check` said no or the file is too short; the association was aborted.
            OSError: the file cannot be read; the association was aborted.
            Aborted, PeerClosed, Timeout, ProtocolError: the association has ended.
        """
        context_id = self._context_ids[sop_class, transfer_syntax]
        message_id = self._next_message_id()
        command = dimse.store_request(message_id, sop_class, sop_instance)
        with self._ending_on_failure():
            self._send(pack_command(context_id, command, self._fragment), _MORE)
            for offset in range(0, max(length, 1), self._frames.capacity):
                count = min(self._frames.capacity, length - offset)
                last = offset + count == length
                try:
                    pdus, fragments = self._frames.load(context_id, fd, start + offset, count, last=last)
                except EOFError as error:
                    raise DigestMismatch(str(error)) from error
                if digest is not None:
                    for fragment in fragments:
                        digest(fragment)
                if last and check is not None and not check():
                    raise DigestMismatch("the file's bytes are not those that arrived")
                self._send(pdus)
            if meanwhile is not None:
                meanwhile()
            return StoreReply(*self._response(dimse.C_STORE_RSP, message_id))

    def action(
        self, sop_class: str, sop_instance: str, action_type: int, information: Callable[[str], bytes]
    ) -> tuple[int, str]:
        """Send an N-ACTION (PS3.7 10.1.4); return the status and error comment of its response.

        `information` makes the dataset, given the transfer syntax. What the peer requests before it responds is kept
        for `next_request`.

        Raises:
            LookupError: the SOP class was not accepted. The association goes on.
            Aborted, PeerClosed, Timeout, ProtocolError: the association has ended.
        """
        message_id = self._next_message_id()
        command = dimse.action_request(message_id, sop_class, sop_instance, action_type)
        return self._exchange(sop_class, command, information, (dimse.N_ACTION_RSP, message_id))

    def event_report(
        self, sop_class: str, sop_instance: str, event_type: int, information: Callable[[str], bytes]
    ) -> tuple[int, str]:
        """Send an N-EVENT-REPORT (PS3.7 10.1.1); else as `action`."""
        message_id = self._next_message_id()
        command = dimse.event_report_request(message_id, sop_class, sop_instance, event_type)
        return self._exchange(sop_class, command, information, (dimse.N_EVENT_REPORT_RSP, message_id))

    def _exchange(
        self, sop_class: str, command: bytes, information: Callable[[str], bytes], expected: tuple[int, int]
    ) -> tuple[int, str]:
        """Send a message and wait for its response: expected are the response's command field and message id."""
        context_id = next((i for i, (sop, _) in self._contexts.items() if sop == sop_class), None)
        if context_id is None:
            raise LookupError(f"the peer did not accept {sop_class}")
        deadline = time.monotonic() + self._timeouts.response
        with self._ending_on_failure():
            self._send(pack_message(context_id, command, information(self._contexts[context_id][1]), self._fragment))
            while True:
                message = self._message(deadline - time.monotonic())
                response = message.command
                if response.expects_response:
                    if len(self._requests) == _MOST_REQUESTS:
                        raise ProtocolError(f"{_MOST_REQUESTS} requests before the response that was awaited")
                    self._requests.append(message)
                elif (response.field, response.responded_to) == expected and response.status is not None:
                    return response.status, response.error_comment
                else:
                    raise ProtocolError(f"response {response.field:04X} to {response.responded_to} answers nothing")

    def next_request(self, timeout: float) -> Message | None:
        """Return what the peer requests of us within `timeout` seconds, to be given an `answer`; None: nothing.

        Raises:
            Aborted, PeerClosed, ProtocolError: the association has ended.
        """
        if self._requests:
            return self._requests.popleft()
        with self._ending_on_failure():
            try:
                message = self._message(timeout)
            except Timeout:
                return None
            if not message.command.expects_response:
                raise ProtocolError(f"command {message.command.field:04X} is out of place")
            return message

    def transfer_syntax(self, context_id: int) -> str:
        """Return the transfer syntax of an accepted presentation context.

        Raises:
            LookupError: it was not accepted.
        """
        return self._contexts[context_id][1]

    def answer(self, request: Message, response: bytes) -> None:
        """Answer a request of the peer's with a command set.

        Raises:
            Aborted, PeerClosed, Timeout, ProtocolError: the association has ended.
        """
        with self._ending_on_failure():
            self._send(pack_command(request.context_id, response, self._fragment))

    def _message(self, timeout: float) -> Message:
        """Return the next whole message. After a Timeout the next call goes on where this one stopped."""
        deadline = time.monotonic() + timeout
        while not self._complete:
            for pdv in split_pdata(self._expect(PduType.P_DATA_TF, deadline - time.monotonic())):
                if pdv.context_id not in self._contexts:
                    raise ProtocolError(f"presentation context {pdv.context_id} was not accepted")
                if (message := self._assembler.add(pdv)) is not None:
                    self._complete.append(message)
        return self._complete.popleft()

    def release(self) -> None:
        """End the association in good order (PS3.8 7.2). What the peer makes of it does not matter any more."""
        if not self._open:
            return
        with suppress(AssociationError):
            self._send(RELEASE_RQ)
            deadline = time.monotonic() + self._timeouts.association
            while (kind := self._reader.read(deadline - time.monotonic())[0]) != PduType.RELEASE_RP:
                if kind == PduType.ABORT:
                    break
                if kind == PduType.RELEASE_RQ:  # both at once: the requestor answers first (PS3.8 table 9-10)
                    send(self._sock, RELEASE_RP, _ABORT_TIMEOUT)
        self._close()

    def abort(self) -> None:
        """End the association at once with an A-ABORT (PS3.8 7.3)."""
        if not self._open:
            return
        if not self._mid_pdu:  # half a PDU is out: the peer could take an A-ABORT for the object's last bytes
            with suppress(AssociationError):
                send(self._sock, pack_abort(0, 0), _ABORT_TIMEOUT)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()

    def _close(self) -> None:
        self._open = False
        self._sock.close()

    def _next_message_id(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    @contextmanager
    def _ending_on_failure(self) -> Iterator[None]:
        """Abort whatever goes wrong inside, or merely close if the peer has already ended it."""
        if not self._open:
            raise PeerClosed("this association has ended")
        try:
            yield
        except (Aborted, Rejected, PeerClosed):
            self._close()
            raise
        except BaseException:
            self.abort()
            raise

    def _send(self, data: bytes | memoryview, flags: int = 0) -> None:
        """Send to a peer that may have given up meanwhile: then say why, not merely that the pipe is broken."""
        if self._reader.peek() in (PduType.ABORT, PduType.RELEASE_RQ):
            self._expect(PduType.P_DATA_TF, self._timeouts.network)
        self._mid_pdu = True
        try:
            send(self._sock, data, self._timeouts.network, flags)
        except (PeerClosed, Timeout):
            with suppress(PeerClosed, Timeout, ProtocolError):
                for _ in range(_LAST_WORDS):
                    self._expect(PduType.P_DATA_TF, _ABORT_TIMEOUT)
            raise
        self._mid_pdu = False

    def _expect(self, kind: PduType, timeout: float) -> memoryview:
        """Return the body of the next PDU, which must be of this kind."""
        got, body = self._reader.read(timeout)
        if got == kind:
            return body
        if got == PduType.ABORT:
            raise Aborted(*parse_abort(body))
        if got == PduType.ASSOCIATE_RJ and kind == PduType.ASSOCIATE_AC:
            raise Rejected(*decode_reject(body))
        if got == PduType.RELEASE_RQ:
            if not self._mid_pdu:
                with suppress(AssociationError):
                    send(self._sock, RELEASE_RP, _ABORT_TIMEOUT)
            raise PeerClosed("the peer released the association before its time")
        raise ProtocolError(f"the peer sent {got.name} where {kind.name} belongs")

    def _response(self, field: int, message_id: int) -> tuple[int, str]:
        """Return status and comment of the response to `message_id`, a whole command set without dataset."""
        response = self._command(time.monotonic() + self._timeouts.response)
        if response.field != field or response.responded_to != message_id or response.has_dataset:
            raise ProtocolError(
                f"expected response {field:04X} to message {message_id}, "
                f"got {response.field:04X} to {response.responded_to}"
            )
        if response.status is None:
            raise ProtocolError("the response has no status")
        return response.status, response.error_comment

    def _command(self, deadline: float) -> CommandSet:
        command = bytearray()
        while True:
            for pdv in split_pdata(self._expect(PduType.P_DATA_TF, deadline - time.monotonic())):
                if not pdv.is_command:
                    raise ProtocolError("the peer sent a dataset where a response belongs")
                command += pdv.data
                if pdv.is_last:
                    return dimse.decode_command(command)
                if len(command) > dimse.COMMAND_LIMIT:
                    raise ProtocolError("the response does not end")
