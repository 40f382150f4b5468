"""Protocol data units as bytes (PS3.8 9.3): headers, P-DATA-TF, release and abort. No sockets here."""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from dicomrs.causes import Cause
from dicomrs_wire.errors import UNRECOGNISED_PDU, ProtocolError

HEADER = Struct(">BxI")
"""PDU type, reserved, length of what follows (PS3.8 9.3.1)."""
FRAGMENT_HEADER = Struct(">BxIIBB")
"""A PDU header and the header of its only PDV (PS3.8 9.3.5): what stands before each fragment we send."""
_PDV = Struct(">IBB")
_COMMAND = 1
_LAST = 2

MAX_SENT_PDU = 128 * 1024
"""Length in bytes of the longest P-DATA-TF variable field that we send, whatever more the peer would take."""
_MIN_PEER_PDU = _PDV.size + 2


class PduType(IntEnum):
    """PDU types (PS3.8 9.3.1)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_TLS_ALERT = 0x15  # the first byte of the answer to what is no TLS (RFC 8446 5.1)
_TYPES = {int(kind): kind for kind in PduType}


class Pdv(NamedTuple):
    """One presentation data value: a fragment of a command set or of a dataset (PS3.8 annex E)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


RELEASE_RQ = HEADER.pack(PduType.RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = HEADER.pack(PduType.RELEASE_RP, 4) + bytes(4)


def parse_header(data: bytes | memoryview, offset: int = 0) -> tuple[PduType, int]:
    """Return type and body length of the PDU whose first 6 bytes are at `offset` of `data`.

    Raises:
        ProtocolError: not a PDU type of the standard.
    """
    number, length = HEADER.unpack_from(data, offset)
    kind = _TYPES.get(number)
    if kind is None:
        message = f"PDU type {number:02X} is unknown: the peer does not speak DICOM here"
        if number == _TLS_ALERT:
            message = "the peer answers in TLS, and was spoken to without it"
            raise ProtocolError(message, UNRECOGNISED_PDU, Cause.TLS_EXPECTED)
        raise ProtocolError(message, UNRECOGNISED_PDU)
    return kind, length


def split_pdata(body: memoryview) -> Iterator[Pdv]:
    """Yield the PDVs of a P-DATA-TF body (what follows the 6-byte header) as slices of it (PS3.8 9.3.5.1).

    Raises:
        ProtocolError: a PDV is shorter than its own header, or ends beyond the PDU, or there is none.
    """
    offset, end = 0, len(body)
    while True:
        if end - offset < _PDV.size:
            raise ProtocolError(f"a PDV header needs {_PDV.size} bytes, the PDU has {end - offset} left")
        length, context_id, control = _PDV.unpack_from(body, offset)
        last = offset + 4 + length
        if length < 2 or last > end:
            raise ProtocolError(f"a PDV of {length} bytes does not fit in the {end - offset - 4} of its PDU")
        data = body[offset + _PDV.size : last]
        yield Pdv(context_id, bool(control & _COMMAND), bool(control & _LAST), data)
        if last == end:
            return
        offset = last


def fragment_size(peer_max_pdu: int) -> int:
    """Return how many bytes of a message go into each P-DATA-TF sent to this peer; always even.

    Args:
        peer_max_pdu: the peer's maximum length in bytes (PS3.8 D.1: of the variable field); 0 is no limit.

    Raises:
        ProtocolError: the peer's limit leaves no room for data.
    """
    if 0 < peer_max_pdu < _MIN_PEER_PDU:
        raise ProtocolError(f"the peer's maximum PDU length of {peer_max_pdu} bytes leaves no room for data")
    return (min(peer_max_pdu or MAX_SENT_PDU, MAX_SENT_PDU) - _PDV.size) & ~1


def pack_fragment_header(
    buffer: bytearray | memoryview, offset: int, context_id: int, length: int, *, command: bool, last: bool
) -> None:
    """Write the 12 bytes that stand before a fragment of `length` bytes at `offset` of `buffer`."""
    control = (_COMMAND if command else 0) | (_LAST if last else 0)
    FRAGMENT_HEADER.pack_into(buffer, offset, PduType.P_DATA_TF, length + _PDV.size, length + 2, context_id, control)


def pack_command(context_id: int, command: bytes, fragment: int) -> bytes:
    """Return the P-DATA-TF PDUs of a whole command set, `fragment` bytes of it in each."""
    packed = bytearray()
    for start in range(0, len(command), fragment):
        part = command[start : start + fragment]
        packed += bytes(FRAGMENT_HEADER.size)
        offset = len(packed) - FRAGMENT_HEADER.size
        last = start + fragment >= len(command)
        pack_fragment_header(packed, offset, context_id, len(part), command=True, last=last)
        packed += part
    return bytes(packed)


def pack_abort(source: int, reason: int) -> bytes:
    """Return an A-ABORT PDU; source 0 is the application, 2 the protocol layer (PS3.8 table 9-26)."""
    return HEADER.pack(PduType.ABORT, 4) + bytes((0, 0, source, reason))


def parse_abort(body: bytes | memoryview) -> tuple[int, int]:
    """Return source and reason of an A-ABORT body; a body too short for them counts as (0, 0)."""
    return (body[2], body[3]) if len(body) >= 4 else (0, 0)


def printable(raw: bytes | memoryview) -> str:
    r"""Return padded text from the wire without its NULs and spaces, other than printable ASCII as `\xNN`."""
    stripped = bytes(raw).strip(b" \0")
    text = stripped.decode("latin_1")
    if text.isascii() and text.isprintable():
        return text
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in stripped)
