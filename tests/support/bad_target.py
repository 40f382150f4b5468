"""A target that plays a script for every connection, bad or good, and keeps what it has said it took."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle

from dicomrs_wire import dimse
from dicomrs_wire.association import ACCEPTED, AssociationRequest, decode_request, encode_accept, encode_reject
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.pdu import RELEASE_RP, PduType, Pdv, pack_abort, pack_command, split_pdata
from dicomrs_wire.stream import PduReader
from support.objects import Instance
from support.processes import LOOPBACK, free_port

_MAX_PDU = 16384
_PATIENCE = 600.0  # seconds for the router to do the next thing


class OverError(Exception):
    """The other side has released or left."""


class Caller:
    """One connection, for a script."""

    def __init__(self, sock: socket.socket, target: "BadTarget") -> None:
        self.sock = sock
        self.target = target
        self.request: AssociationRequest
        self._reader = PduReader(sock)
        self._pdvs = self._each_pdv()

    def hear_request(self) -> None:
        """Read the A-ASSOCIATE-RQ."""
        kind, body = self._reader.read(_PATIENCE)
        assert kind is PduType.ASSOCIATE_RQ
        self.request = decode_request(body)

    def accept(self, transfer_syntax: str | None = None, result: int = ACCEPTED) -> None:
        """Answer it, each context with what was proposed, or with a transfer syntax and result of our own."""
        answers = [(one.id, result, transfer_syntax or one.transfer_syntaxes[0]) for one in self.request.contexts]
        self.say(encode_accept(self.request, answers, _MAX_PDU, {}))

    def begin(self) -> tuple[int, dimse.CommandSet]:
        """(context id, command set) of the next message."""
        command = b""
        for pdv in self._pdvs:
            command += pdv.data
            if pdv.is_last:
                return pdv.context_id, dimse.decode_command(command)
        raise OverError

    def dataset(self) -> bytes:
        """The rest of it."""
        found = []
        for pdv in self._pdvs:
            found.append(bytes(pdv.data))
            if pdv.is_last:
                break
        return b"".join(found)

    def object(self) -> tuple[int, dimse.CommandSet, Instance]:
        """A whole C-STORE: context id, command set and what it brought."""
        context_id, command = self.begin()
        syntaxes = {one.id: one.transfer_syntaxes[0] for one in self.request.contexts}
        brought = Instance(command.sop_class, command.sop_instance, syntaxes[context_id], self.dataset())
        return context_id, command, brought

    def reply(self, context_id: int, response: bytes) -> None:
        """Answer."""
        self.say(pack_command(context_id, response, _MAX_PDU - 6))

    def take(self, context_id: int, command: dimse.CommandSet, brought: Instance) -> None:
        """Keep it, and say so."""
        self.target.taken.append(brought)
        self.reply(context_id, dimse.store_response(command, 0x0000))

    def say(self, data: bytes) -> None:
        """Bytes, whatever they are."""
        self.sock.sendall(data)

    def abort(self, source: int = 0, reason: int = 0) -> None:
        """A-ABORT, and the connection is closed."""
        self.say(pack_abort(source, reason))
        raise OverError

    def stay(self) -> None:
        """Do nothing more until the other side has had enough, or the target is to be well again."""
        self.target.well_again.wait(_PATIENCE)
        raise OverError

    def _each_pdv(self) -> Iterator[Pdv]:
        while True:
            kind, body = self._reader.read(_PATIENCE)
            if kind is PduType.RELEASE_RQ:
                self.target.releases(self)
            if kind is not PduType.P_DATA_TF:
                raise OverError
            yield from split_pdata(memoryview(bytes(body)))


Script = Callable[[Caller], None]


def well(caller: Caller) -> None:
    """What a healthy target does."""
    caller.hear_request()
    caller.accept()
    while True:
        caller.take(*caller.object())


def release(caller: Caller) -> None:
    """The answer to A-RELEASE-RQ."""
    caller.say(RELEASE_RP)
    raise OverError


class BadTarget:
    """Listens at once. Every connection is played by the script of the moment.

    played: how many came before it was well; taken: what it has said it took; faults: of the scripts themselves.
    """

    def __init__(self, script: Script = well, receive_buffer: int = 0) -> None:
        """receive_buffer: bytes that the system takes for a script that does not read."""
        self.port = free_port()
        self.script = script
        self.releases: Script = release
        self.well_again = threading.Event()
        self.played = 0
        self.taken: list[Instance] = []
        self.faults: list[Exception] = []
        self._receive_buffer = receive_buffer
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.listen()

    def listen(self) -> None:
        """Open the port."""
        listener = self._listener = socket.create_server((LOOPBACK, self.port))
        if self._receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def vanish(self) -> None:
        """Close the port, and cut every connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        for sock in list(self._open):
            reset(sock)

    def recover(self) -> None:
        """Be well from now on; whoever was kept waiting is let go."""
        self.script, self.releases = well, release
        self.well_again.set()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        script = self.script
        self.played += not self.well_again.is_set()
        self._open.add(sock)
        try:
            script(Caller(sock, self))
        except (OverError, AssociationError, OSError):
            pass
        except Exception as error:
            self.faults.append(error)
        finally:
            self._open.discard(sock)
            sock.close()


def reset(sock: socket.socket) -> None:
    """Close a connection as a machine does that has lost it: with a reset."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


# -- scripts ---------------------------------------------------------------------------------------------------


def rejecting(*rejections: tuple[int, int, int]) -> Script:
    """A-ASSOCIATE-RJ, with each (result, source, reason) in turn, over and over."""
    turns = cycle(rejections)

    def script(caller: Caller) -> None:
        caller.hear_request()
        caller.say(encode_reject(*next(turns)))

    return script


def accepting(then: Script) -> Script:
    """An association, in which `then` is played again and again."""

    def script(caller: Caller) -> None:
        caller.hear_request()
        caller.accept()
        while True:
            then(caller)

    return script


def abort_unheard(caller: Caller) -> None:
    caller.hear_request()
    caller.abort(2, 0)


def abort_at_the_command(caller: Caller) -> None:
    caller.begin()
    caller.abort()


def abort_in_the_dataset(caller: Caller) -> None:
    caller.begin()
    next(caller._pdvs)
    caller.abort(2, 2)


def abort_after_the_dataset(caller: Caller) -> None:
    caller.object()
    caller.abort()


def never_accept(caller: Caller) -> None:
    caller.hear_request()
    caller.stay()


def never_read(caller: Caller) -> None:
    caller.begin()
    caller.stay()


def never_answer(caller: Caller) -> None:
    caller.object()
    caller.stay()


def answer_for_another(caller: Caller) -> None:
    context_id, command, _ = caller.object()
    other = dimse.decode_command(dimse.store_request(command.message_id % 0xFFFF + 1, command.sop_class, "1.2"))
    caller.reply(context_id, dimse.store_response(other, 0x0000))


def answer_with_an_echo(caller: Caller) -> None:
    context_id, command, _ = caller.object()
    echo = dimse.decode_command(dimse.echo_request(command.message_id))
    caller.reply(context_id, dimse.echo_response(echo))


def answer_twice(caller: Caller) -> None:
    """The second answer must not pass for that to the next object."""
    context_id, command, brought = caller.object()
    caller.take(context_id, command, brought)
    caller.reply(context_id, dimse.store_response(command, 0x0000))


def answer_with_half_a_command(caller: Caller) -> None:
    context_id, command, _ = caller.object()
    caller.reply(context_id, dimse.store_response(command, 0x0000)[:-3])


def answer_with_noise(caller: Caller) -> None:
    caller.object()
    caller.say(bytes(range(200)))


def take_and_close(caller: Caller) -> None:
    caller.take(*caller.object())
    raise OverError


def close_before_the_answer(caller: Caller) -> None:
    caller.object()
    raise OverError


def reset_in_the_dataset(caller: Caller) -> None:
    caller.begin()
    reset(caller.sock)
    raise OverError


def ignore(caller: Caller) -> None:
    """The A-RELEASE-RQ."""
    caller.target.played += 1
    caller.stay()


def with_other_syntaxes(transfer_syntax: str, result: int) -> Script:
    """Contexts answered with what was not proposed, or refused; nothing may be sent over them."""

    def script(caller: Caller) -> None:
        caller.hear_request()
        caller.accept(transfer_syntax, result)
        _, command = caller.begin()
        raise AssertionError(f"it was sent {command} over a context that it had not accepted")

    return script
