"""Whole DIMSE messages out of fragments (PS3.8 annex E), for services whose datasets are small enough for memory."""

from dataclasses import dataclass

from dicomrs_wire import dimse
from dicomrs_wire.dimse import CommandSet
from dicomrs_wire.errors import ProtocolError
from dicomrs_wire.pdu import FRAGMENT_HEADER, Pdv, pack_command, pack_fragment_header


@dataclass(frozen=True, slots=True)
class Message:
    """A command set and the dataset that came with it, b"" if none did."""

    context_id: int
    command: CommandSet
    dataset: bytes = b""


class Assembler:
    """Give it every fragment of an association in order."""

    def __init__(self, limit: int) -> None:
        """limit: longest dataset in bytes that is taken."""
        self._limit = limit
        self._context_id = 0
        self._command: CommandSet | None = None
        self._data = bytearray()
        self._begun = False

    def add(self, pdv: Pdv) -> Message | None:
        """Take a fragment; the message that it completes, if it does.

        Raises:
            ProtocolError: fragments of two messages are mixed, or it is too long.
        """
        if not self._begun:
            self._begun, self._context_id = True, pdv.context_id
        if pdv.context_id != self._context_id or pdv.is_command is not (self._command is None):
            raise ProtocolError("fragments of two messages are mixed")
        self._data += pdv.data
        limit = dimse.COMMAND_LIMIT if self._command is None else self._limit
        if len(self._data) > limit:
            raise ProtocolError(f"a message part of more than {limit} bytes")
        if not pdv.is_last:
            return None
        data, self._data = bytes(self._data), bytearray()
        if self._command is None:
            self._command = dimse.decode_command(data)
            if self._command.has_dataset:
                return None
            data = b""
        message = Message(self._context_id, self._command, data)
        self._command, self._begun = None, False
        return message


def pack_message(context_id: int, command: bytes, dataset: bytes, fragment: int) -> bytes:
    """Return the P-DATA-TF PDUs of a command set and the dataset behind it, `fragment` bytes in each."""
    packed = bytearray(pack_command(context_id, command, fragment))
    for start in range(0, len(dataset), fragment):
        part = dataset[start : start + fragment]
        header = bytearray(FRAGMENT_HEADER.size)
        last = start + fragment >= len(dataset)
        pack_fragment_header(header, 0, context_id, len(part), command=False, last=last)
        packed += header + part
    return bytes(packed)
