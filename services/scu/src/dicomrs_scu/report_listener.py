"""Where destinations report on associations of their own (PS3.4 J.3.3): Verification and storage commitment only.

A report is believed for its transaction, not for where it comes from; see reports.py. The called AE title is checked
all the same, so that a wrong entry at the target shows when it is made, and not by the reports that are missing.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Collection
from typing import Final

from dicomrs.log import get_logger
from dicomrs_scu.reports import Reports
from dicomrs_wire import negotiation
from dicomrs_wire.association import AssociationRequest, decode_request, encode_reject
from dicomrs_wire.commitment import COMMITMENT, DATASET_LIMIT
from dicomrs_wire.dimse import C_ECHO_RQ, VERIFICATION, echo_response, normalized_response
from dicomrs_wire.errors import UNEXPECTED_PDU, Aborted, AssociationError, ProtocolError, Timeout
from dicomrs_wire.messages import Assembler, Message
from dicomrs_wire.pdu import (
    RELEASE_RP,
    PduType,
    fragment_size,
    pack_abort,
    pack_command,
    parse_abort,
    split_pdata,
)
from dicomrs_wire.stream import PduReader, send, tune

MOST_ASSOCIATIONS: Final = 64
MOST_OF_PEER: Final = 16  # of them, from one address: a stranger that holds connections open shuts nobody else out
_ARTIM_SECONDS: Final = 30.0  # PS3.8 9.1.4: time to say who you are
_IDLE_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 600.0  # of an association: reports are short
_SEND_SECONDS: Final = 30.0
_BIND_AGAIN_SECONDS: Final = 2.0
_ACCEPT_SECONDS: Final = 0.5
_PDU_LIMIT: Final = 128 * 1024
_CALLED_NOT_RECOGNISED: Final = (1, 1, 7)  # PS3.8 table 9-21

logger = get_logger()


class ReportListener(threading.Thread):
    """Start it; stop() and join() it. An address that is not there yet is tried again for ever."""

    def __init__(self, place: tuple[str, int], titles: Collection[str], reports: Reports) -> None:
        """place: address and port; titles: the AE titles by which it may be called."""
        super().__init__(name=f"reports-{place[1]}", daemon=True)
        self._place = place
        self._titles = titles
        self._reports = reports
        self._stopping = threading.Event()
        self._mutex = threading.Lock()
        self._serving: dict[threading.Thread, tuple[socket.socket, str]] = {}  # with the peer's address
        self.trouble = ""
        """Why no report can be heard here."""

    def stop(self) -> None:
        """Hear nothing further; callable from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped; when it has ended, no association is being heard any more."""
        while not self._stopping.is_set():
            try:
                with self._listen() as listener:
                    self._accept(listener)
            except OSError as error:
                where = f"{self._place[0]} port {self._place[1]}"
                why = f"storage commitment reports cannot be heard on {where} (commitment.listen): {error.strerror}"
                if why != self.trouble:
                    logger.error("not listening for reports", reason=f"{why}; trying again")
                self.trouble = why
                self._stopping.wait(_BIND_AGAIN_SECONDS)
        self._end_all()

    def _end_all(self) -> None:
        """Finish the reports in hand, and hear nothing more: the root is another's next, under another route."""
        with self._mutex:
            serving = dict(self._serving)
        for thread, (sock, _) in serving.items():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RD)
            thread.join()

    def _listen(self) -> socket.socket:
        address, port = self._place
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, port))
            listener.listen(MOST_ASSOCIATIONS)
            listener.settimeout(_ACCEPT_SECONDS)
        except BaseException:
            listener.close()
            raise
        self.trouble = ""
        logger.info("listening for reports", address=address, port=port, ae_titles=sorted(self._titles))
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                sock, peer = listener.accept()
            except TimeoutError:
                continue
            address = str(peer[0])
            if reason := self._crowded(address):
                logger.warning("report refused", address=address, reason=reason)
                sock.close()
                continue
            thread = threading.Thread(target=self._serve, args=(sock, address), daemon=True)
            with self._mutex:
                self._serving[thread] = sock, address
            try:
                thread.start()
            except RuntimeError:  # the system allows no more threads
                self._served(thread, sock)

    def _crowded(self, address: str) -> str:
        """Why one association more cannot be heard, "" if it can."""
        with self._mutex:
            addresses = [one for _, one in self._serving.values()]
        if len(addresses) >= MOST_ASSOCIATIONS:
            return f"{len(addresses)} are being heard already"
        if addresses.count(address) >= MOST_OF_PEER:
            return f"{addresses.count(address)} from its address are being heard already"
        return ""

    def _serve(self, sock: socket.socket, address: str) -> None:
        try:
            tune(sock)
            _Hearing(sock, address, self._titles, self._reports, self._stopping).serve()
        except AssociationError as error:
            if not self._stopping.is_set():
                logger.info("association for reports failed", address=address, reason=str(error))
        except Exception:
            logger.exception("association for reports ended by a fault of ours", address=address)
        finally:
            self._served(threading.current_thread(), sock)

    def _served(self, thread: threading.Thread, sock: socket.socket) -> None:
        sock.close()
        with self._mutex:
            del self._serving[thread]


class _Hearing:
    """One association, from its first byte to its last."""

    def __init__(
        self,
        sock: socket.socket,
        address: str,
        titles: Collection[str],
        reports: Reports,
        stopping: threading.Event,
    ) -> None:
        self._sock = sock
        self._address = address
        self._titles = titles
        self._reports = reports
        self._stopping = stopping
        self._reader = PduReader(sock, _PDU_LIMIT, quick=True)
        self._assembler = Assembler(DATASET_LIMIT)
        self._fragment = 0
        self._contexts: dict[int, negotiation.AcceptedContext] = {}

    def serve(self) -> None:
        """Raise AssociationError as it ends other than well."""
        try:
            if self._negotiate():
                self._hear()
        except Timeout:
            self._abort(0, 0)
            raise
        except ProtocolError as error:
            self._abort(2, error.reason)
            raise

    def _negotiate(self) -> bool:
        kind, body = self._reader.read(_ARTIM_SECONDS)
        if kind is not PduType.ASSOCIATE_RQ:
            raise ProtocolError(f"it begins with {kind.name} instead of an association request", UNEXPECTED_PDU)
        request = decode_request(body)
        refusal, why = self._refusal(request)
        if refusal is not None:
            logger.warning(
                "association for reports rejected",
                calling=request.calling,
                called=request.called,
                address=self._address,
                reason=why,
            )
            send(self._sock, encode_reject(*refusal), _SEND_SECONDS)
            return False
        self._fragment = fragment_size(request.peer.max_pdu)
        answer, self._contexts = negotiation.accept(
            request, {VERIFICATION, COMMITMENT}.__contains__, _PDU_LIMIT, reported=(COMMITMENT,)
        )
        send(self._sock, answer, _SEND_SECONDS)
        return True

    def _refusal(self, request: AssociationRequest) -> tuple[tuple[int, int, int] | None, str]:
        refusal = negotiation.refusal(request)
        if refusal is not None:
            return refusal, "not DICOM as we know it"
        if request.called not in self._titles:
            mine = " or ".join(sorted(self._titles))
            return _CALLED_NOT_RECOGNISED, f"it must call {mine} (commitment.listen.aeTitle): correct its entry for us"
        return None, ""

    def _hear(self) -> None:
        """The messages, one after another."""
        end = time.monotonic() + _LONGEST_SECONDS
        while not self._stopping.is_set():
            kind, body = self._reader.read(min(_IDLE_SECONDS, end - time.monotonic()))
            if kind is PduType.P_DATA_TF:
                for pdv in split_pdata(body):
                    if pdv.context_id not in self._contexts:
                        raise ProtocolError(f"presentation context {pdv.context_id} was not accepted")
                    if (message := self._assembler.add(pdv)) is not None:
                        self._answer(message)
            elif kind is PduType.RELEASE_RQ:
                send(self._sock, RELEASE_RP, _SEND_SECONDS)
                return
            elif kind is PduType.ABORT:
                raise Aborted(*parse_abort(body))
            else:
                raise ProtocolError(f"{kind.name} is out of place on an established association", UNEXPECTED_PDU)
        self._abort(0, 0)

    def _answer(self, message: Message) -> None:
        command = message.command
        if not command.expects_response:
            raise ProtocolError(f"command {command.field:04X} is out of place")
        if command.field == C_ECHO_RQ:
            response = echo_response(command)
        else:
            syntax = self._contexts[message.context_id].transfer_syntax
            status = self._reports.take(command, message.dataset, syntax, self._address)
            response = normalized_response(command, status)
        send(self._sock, pack_command(message.context_id, response, self._fragment), _SEND_SECONDS)

    def _abort(self, source: int, reason: int) -> None:
        with contextlib.suppress(AssociationError):
            send(self._sock, pack_abort(source, reason), 1.0)
