"""A scanner by hand: the bytes of whole messages, and a connection to do with them what no decent scanner does."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

from dicomrs_wire import dimse
from dicomrs_wire.association import decode_accept, decode_reject, encode_request
from dicomrs_wire.commitment import COMMITMENT
from dicomrs_wire.errors import AssociationError, Rejected
from dicomrs_wire.messages import pack_message
from dicomrs_wire.pdu import PduType, split_pdata
from dicomrs_wire.stream import PduReader
from support.objects import CT, EXPLICIT, IMPLICIT, Instance
from support.processes import LOOPBACK
from support.router import AE_TITLE

CONTEXTS = [(CT, EXPLICIT), (dimse.VERIFICATION, IMPLICIT), (COMMITMENT, EXPLICIT)]
_FRAGMENT = 16_000


def request(calling: str = "BAD", contexts: Iterable[tuple[str, str]] = CONTEXTS) -> bytes:
    """An A-ASSOCIATE-RQ; contexts with the ids 1, 3 and 5: images, echoes, storage commitment."""
    return encode_request(calling, AE_TITLE, list(contexts), 16384)


def store_pdus(number: int, one: Instance, fragment: int = _FRAGMENT) -> bytes:
    """A C-STORE over context 1, in fragments of a size."""
    return pack_message(1, dimse.store_request(number, one.sop_class, one.uid), one.dataset, fragment)


class RawScanner:
    """A connection to the router. Ends with the block, without a word."""

    def __init__(self, port: int, calling: str = "BAD", source: str = "", *, associate: bool = True) -> None:
        """source: this machine's address to come from. Raises Rejected."""
        self.sock = socket.create_connection((LOOPBACK, port), 30, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = PduReader(self.sock)
        if associate:
            self.sock.sendall(request(calling))
            kind, body = self.reader.read(30)
            if kind is PduType.ASSOCIATE_RJ:
                self.sock.close()
                raise Rejected(*decode_reject(body))
            assert kind is PduType.ASSOCIATE_AC, kind
            assert 1 in decode_accept(body).contexts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def answer(self, within: float = 60.0) -> tuple[int | None, int | None]:
        """(message id, status) of the next response."""
        kind, body = self.reader.read(within)
        assert kind is PduType.P_DATA_TF, kind
        answer = dimse.decode_command(b"".join(bytes(pdv.data) for pdv in split_pdata(body)))
        return answer.responded_to, answer.status

    def last_words(self, within: float = 30.0) -> PduType | None:
        """The last PDU before the router closes the connection, None if it closes without one."""
        last = None
        with suppress(AssociationError):
            while True:
                last = self.reader.read(within)[0]
        return last
