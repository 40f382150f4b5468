"""One accepted association: negotiation, then messages one after another, from first byte to last on one thread.

An object goes from the socket's buffer to the disk as it comes; it is never held in memory and never decoded here.
"""

import contextlib
import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from dicomrs.log import get_logger
from dicomrs.route import Limits
from dicomrs.spool.inbox import OUT_OF_RESOURCES, Arrival, Inbox, Outcome, refusal
from dicomrs.spool.part import Origin, Part, RefusedError
from dicomrs_scp.commitment import Desk, RequestError
from dicomrs_scp.open_reports import OpenReports
from dicomrs_scp.reporting import event_type
from dicomrs_wire import dimse
from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    DATASET_LIMIT,
    RESOURCE_LIMITATION,
    encode_commitments,
)
from dicomrs_wire.errors import UNEXPECTED_PDU, Aborted, AssociationError, PeerClosed, ProtocolError, Timeout
from dicomrs_wire.messages import pack_message
from dicomrs_wire.negotiation import AcceptedContext
from dicomrs_wire.pdu import (
    RELEASE_RP,
    PduType,
    fragment_size,
    pack_abort,
    pack_command,
    parse_abort,
    split_pdata,
)
from dicomrs_wire.statuses import describe_status
from dicomrs_wire.stream import Connection, PduReader, send

STALL_SECONDS: Final = 60.0  # within a message, for each
_STRIDE: Final = 64 * 1024  # bytes of it, or its end: who sends a byte a second holds no association for days
_BUFFER: Final = 256 * 1024  # bytes that one system call takes off the network, and one puts on the disk
_MOST_PIECES: Final = 1000  # for one system call
_PROCESSING_FAILURE: Final = 0x0110
_USER, _PROVIDER = 0, 2
_FIGURES: Final = ("kept", "repeated", "quarantined", "refused", "echoes", "bytes")

logger = get_logger()


class Ending(StrEnum):
    """How an association ended."""

    RELEASED = "released"
    ABORTED = "aborted by the peer"
    CLOSED = "closed by the peer"
    IDLE = "idle too long"
    PROTOCOL = "protocol error"
    STOPPED = "service stopped"


@dataclass(slots=True)
class Tally:
    """What an association brought, for its one line in the log."""

    kept: int = 0
    repeated: int = 0
    quarantined: int = 0
    refused: int = 0
    echoes: int = 0
    bytes: int = 0

    def count(self, arrival: Arrival) -> None:
        """Add an acknowledged object."""
        self.bytes += arrival.length
        if arrival.outcome is Outcome.KEPT:
            self.kept += 1
        elif arrival.outcome is Outcome.REPEATED:
            self.repeated += 1
        else:
            self.quarantined += 1

    def add(self, other: "Tally") -> None:
        """Add another association's."""
        for name in _FIGURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, int]:
        """The figures by name."""
        return {name: getattr(self, name) for name in _FIGURES}


@dataclass(slots=True)
class _Message:
    """The message being received: its command set, then the object that its dataset becomes."""

    context: AcceptedContext
    command: dimse.CommandSet | None = None
    command_bytes: bytearray = field(default_factory=bytearray)
    part: Part | None = None
    length: int = 0
    """Bytes of its dataset that have come."""
    stride: int = _STRIDE
    patience: float = STALL_SECONDS
    """Seconds that may still be waited until so many of them, or all, have come."""
    pieces: list[memoryview] = field(default_factory=list)
    """Of these, what is not yet written: slices of the reader's buffer."""
    refused: RefusedError | None = None
    asked: bytearray | None = None
    """Its dataset, if that is not an object but what an N-ACTION asks for."""


class AcceptedAssociation:
    """The data transfer phase (PS3.8 9.2, Sta6) of an association whose A-ASSOCIATE-AC has been sent."""

    def __init__(
        self,
        sock: Connection,
        inbox: Inbox,
        desk: Desk,
        origin: Origin,
        contexts: dict[int, AcceptedContext],
        peer_max_pdu: int,
        limits: Limits,
    ) -> None:
        self._sock = sock
        self._inbox = inbox
        self._origin = origin
        self._reports = OpenReports(desk, origin)
        self._contexts = contexts
        self._fragment = fragment_size(peer_max_pdu)
        self._reader = PduReader(sock, limits.pdu.bytes, quick=True, room=_BUFFER)
        self._idle = float(limits.idle.seconds)
        self._largest = limits.largest_object.bytes
        self._message: _Message | None = None
        self._stop = False
        self.tally = Tally()

    def stop(self, *, at_once: bool = False) -> None:
        """End the association as soon as no object is in hand, or whatever is. Callable from any thread."""
        self._stop = True
        if at_once or self._message is None:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)  # wakes the thread that waits for the next message

    def serve(self) -> tuple[Ending, str]:
        """Serve until the association ends; how it ended, and details for the log."""
        try:
            return self._serve(), ""
        except Aborted as error:
            return Ending.ABORTED, str(error)
        except PeerClosed as error:
            if self._stop:
                self._abort(_USER, 0)
                return Ending.STOPPED, ""
            return Ending.CLOSED, str(error)
        except Timeout as error:
            self._abort(_USER, 0)
            return (Ending.IDLE, "") if self._message is None else (Ending.PROTOCOL, str(error))
        except AssociationError as error:
            self._abort(_PROVIDER, error.reason if isinstance(error, ProtocolError) else 0)
            return Ending.PROTOCOL, str(error)
        finally:
            if self._message is not None and self._message.part is not None:
                self._message.part.drop()
            self._reports.close()

    def _serve(self) -> Ending:
        while True:
            if self._message is None and self._stop:
                self._abort(_USER, 0)
                return Ending.STOPPED
            kind, body = self._read()
            if kind is PduType.P_DATA_TF:
                for context_id, is_command, is_last, data in split_pdata(body):
                    self._take(context_id, is_last, data, is_command=is_command)
                if self._message is not None and not self._reader.another:
                    self._write(self._message)
                self._report()
            elif kind is PduType.RELEASE_RQ:
                send(self._sock, RELEASE_RP, STALL_SECONDS)
                return Ending.RELEASED
            elif kind is PduType.ABORT:
                raise Aborted(*parse_abort(body))
            else:
                raise ProtocolError(f"{kind.name} is out of place on an established association", UNEXPECTED_PDU)

    def _read(self) -> tuple[PduType, memoryview]:
        """The next PDU. Only the time that the peer takes counts: a slow disk of ours is no fault of its."""
        message = self._message
        if message is None:
            return self._reader.read(self._idle)
        began = time.monotonic()
        found = self._reader.read(message.patience)
        message.patience -= time.monotonic() - began
        return found

    def _take(self, context_id: int, is_last: bool, data: memoryview, *, is_command: bool) -> None:
        """One fragment of a message (PS3.8 annex E): the command set first, then the dataset, all of one context."""
        message = self._message
        if message is None:
            message = self._message = _Message(self._context(context_id))
        if message.context.id != context_id or is_command is not (message.command is None):
            raise ProtocolError("fragments of two messages are mixed")
        if is_command:
            self._take_command(message, data, is_last)
        else:
            self._take_dataset(message, data, is_last)

    def _context(self, context_id: int) -> AcceptedContext:
        try:
            return self._contexts[context_id]
        except KeyError:
            raise ProtocolError(f"presentation context {context_id} was not accepted") from None

    def _take_command(self, message: _Message, data: memoryview, is_last: bool) -> None:
        message.command_bytes += data
        if len(message.command_bytes) > dimse.COMMAND_LIMIT:
            raise ProtocolError(f"a command set of more than {dimse.COMMAND_LIMIT} bytes")
        if not is_last:
            return
        command = message.command = dimse.decode_command(message.command_bytes)
        if command.field == dimse.C_STORE_RQ and command.has_dataset:
            self._begin(message, command)
        elif command.field == dimse.N_ACTION_RQ and command.has_dataset:
            message.asked = bytearray()
        elif not command.has_dataset:
            self._answer_other(message, command)

    def _begin(self, message: _Message, command: dimse.CommandSet) -> None:
        syntax = message.context.transfer_syntax
        try:
            message.part = self._inbox.begin(self._origin, command.sop_class, command.sop_instance, syntax)
        except RefusedError as refused:
            message.refused = refused

    def _take_dataset(self, message: _Message, data: memoryview, is_last: bool) -> None:
        message.pieces.append(data)
        message.length += len(data)
        if message.length >= message.stride:
            message.stride, message.patience = message.length + _STRIDE, STALL_SECONDS
        if message.length > self._largest:
            self._outgrown(message)
        if is_last or len(message.pieces) == _MOST_PIECES:
            self._write(message)
        if not is_last:
            return
        command = message.command
        assert command is not None
        if command.field == dimse.C_STORE_RQ:
            self._store(message, command)
        elif message.asked is not None:
            self._commit(message, command, bytes(message.asked))
        else:
            self._answer_other(message, command)

    def _outgrown(self, message: _Message) -> None:
        """Refuse what is too large. Its end is awaited, so that the peer gets its answer, but not for ever."""
        if message.refused is None:
            why = "the object is larger than spec.receiver.limits.largestObject"
            message.refused = RefusedError(OUT_OF_RESOURCES, why)
        if message.length > 2 * self._largest:
            raise ProtocolError("a dataset of more than twice spec.receiver.limits.largestObject")

    def _write(self, message: _Message) -> None:
        """Write what has been collected, before the reader's buffer is used again.

        Once an object is refused, the rest of its dataset is read and dropped, so that the peer gets its answer.
        """
        pieces, message.pieces = message.pieces, []
        if message.asked is not None:
            self._collect(message.asked, pieces, message)
        if not pieces or message.part is None or message.refused is not None:
            return
        try:
            message.part.write(*pieces)
        except RefusedError as refused:
            message.refused = refused
        except OSError as error:
            message.refused = refusal(error, self._inbox.root)

    def _collect(self, asked: bytearray, pieces: list[memoryview], message: _Message) -> None:
        for piece in pieces:
            asked += piece
        if len(asked) > DATASET_LIMIT:
            asked.clear()
            message.refused = RefusedError(RESOURCE_LIMITATION, f"a dataset of more than {DATASET_LIMIT} bytes")

    def _commit(self, message: _Message, command: dimse.CommandSet, dataset: bytes) -> None:
        """Answer a request for storage commitment."""
        try:
            if message.refused is not None:
                raise RequestError(message.refused.status, message.refused.reason)
            self._reports.ask(command, dataset, message.context)
            status, comment = dimse.SUCCESS, ""
        except RequestError as error:
            status, comment = error.status, error.comment
            logger.warning("request refused", status=describe_status(status), reason=comment, **self._who())
        self._reply(message, dimse.normalized_response(command, status, comment))

    def _report(self) -> None:
        """Report at once on what was asked, unless the peer is leaving: many scanners release right afterwards.

        Not before the whole PDU has been taken: to look for what comes next uses the reader's buffer again.
        """
        try:
            while (due := self._reports.next()) is not None:
                context, message_id, report = due
                if self._reader.peek() in (PduType.RELEASE_RQ, PduType.ABORT):
                    continue
                event = dimse.event_report_request(message_id, COMMITMENT, COMMITMENT_INSTANCE, event_type(report))
                information = encode_commitments(report, context.transfer_syntax)
                send(self._sock, pack_message(context.id, event, information, self._fragment), STALL_SECONDS)
        except OSError as error:
            logger.error("storage commitment not reported", reason=f"{error.strerror}; check the disk", **self._who())

    def _store(self, message: _Message, command: dimse.CommandSet) -> None:
        """Keep the object, answer, and only then do what nobody waits for."""
        arrival, status, comment = self._keep(message, command)
        try:
            self._reply(message, dimse.store_response(command, status, comment))
        finally:
            if arrival is not None:
                self._inbox.announce(arrival)
            if message.part is not None:
                message.part.drop()
        self._inbox.prepare()

    def _keep(self, message: _Message, command: dimse.CommandSet) -> tuple[Arrival | None, int, str]:
        """Make the object durable, if it can be; then the status to answer, and a comment on it."""
        try:
            if message.refused is not None:
                raise message.refused
            assert message.part is not None
            arrival = self._inbox.keep(message.part)
        except RefusedError as refused:
            status, comment = refused.status, refused.reason
        except Exception:
            logger.exception("object not kept", **self._who(), sop_instance=command.sop_instance)
            status, comment = _PROCESSING_FAILURE, "internal error, see the log of the router"
        else:
            self.tally.count(arrival)
            if arrival.outcome is Outcome.QUARANTINED:
                logger.warning("object quarantined", study=arrival.study, reason=arrival.reason, **self._who())
            return arrival, 0x0000, ""
        self.tally.refused += 1
        logger.warning("object refused", status=describe_status(status), reason=comment, **self._who())
        return None, status, comment

    def _answer_other(self, message: _Message, command: dimse.CommandSet) -> None:
        if command.field == dimse.C_ECHO_RQ:
            self.tally.echoes += 1
            self._reply(message, dimse.echo_response(command))
        elif command.expects_response:
            self._reply(message, dimse.failure_response(command))
        else:
            if command.field == dimse.N_EVENT_REPORT_RSP:
                self._reports.answered(command)
            self._message = None  # or a C-CANCEL of something we do not do (PS3.7 9.3.2.3)

    def _reply(self, message: _Message, response: bytes) -> None:
        send(self._sock, pack_command(message.context.id, response, self._fragment), STALL_SECONDS)
        self._message = None

    def _abort(self, source: int, reason: int) -> None:
        with contextlib.suppress(AssociationError):  # it may be gone already
            send(self._sock, pack_abort(source, reason), 1.0)

    def _who(self) -> dict[str, str]:
        return {"calling": self._origin.calling, "called": self._origin.called, "address": self._origin.address}
