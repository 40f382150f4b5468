"""A scanner by hand: the bytes of whole messages, and a connection to do with them what no decent scanner does."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

from dicomrs_wire import dimse
from dicomrs_wire.association import decode_accept, encode_request
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.pdu import FRAGMENT_HEADER, PduType, pack_command, pack_fragment_header, split_pdata
from dicomrs_wire.stream import PduReader
from support.objects import CT, EXPLICIT, Instance
from support.processes import LOOPBACK
from support.router import AE_TITLE

CONTEXTS = [(CT, EXPLICIT), (dimse.VERIFICATION, "1.2.840.10008.1.2")]
_FRAGMENT = 16_000


def request(calling: str = "BAD", contexts: Iterable[tuple[str, str]] = CONTEXTS) -> bytes:
    """An A-ASSOCIATE-RQ; the first context, with the id 1, is for images."""
    return encode_request(calling, AE_TITLE, list(contexts), 16384)


def store_pdus(number: int, one: Instance, fragment: int = _FRAGMENT) -> bytes:
    """A C-STORE over context 1: the command, then the dataset in fragments of a size."""
    packed = bytearray(pack_command(1, dimse.store_request(number, one.sop_class, one.uid), fragment))
    for start in range(0, max(len(one.dataset), 1), fragment):
        piece = one.dataset[start : start + fragment]
        header = bytearray(FRAGMENT_HEADER.size)
        pack_fragment_header(header, 0, 1, len(piece), command=False, last=start + fragment >= len(one.dataset))
        packed += header + piece
    return bytes(packed)


class RawScanner:
    """A connection to the router. Ends with the block, without a word."""

    def __init__(self, port: int, calling: str = "BAD", source: str = "", *, associate: bool = True) -> None:
        """source: this machine's address to come from."""
        self.sock = socket.create_connection((LOOPBACK, port), 30, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = PduReader(self.sock)
        if associate:
            self.sock.sendall(request(calling))
            kind, body = self.reader.read(30)
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
