"""DIMSE command sets as bytes (PS3.7 6.3 and annex E): always Implicit VR Little Endian, always group 0000."""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from dicomrs_wire.errors import ProtocolError
from dicomrs_wire.pdu import printable

COMMAND_LIMIT: Final = 64 * 1024
"""Longest command set in bytes that is taken from a peer. Real ones have about 200."""
VERIFICATION: Final = "1.2.840.10008.1.1"

C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
C_ECHO_RQ, C_ECHO_RSP = 0x0030, 0x8030
N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP = 0x0100, 0x8100
N_ACTION_RQ, N_ACTION_RSP = 0x0130, 0x8130
C_CANCEL_RQ = 0x0FFF
_RESPONSE = 0x8000

SUCCESS: Final = 0x0000
UNRECOGNISED_OPERATION: Final = 0x0211

_GROUP_LENGTH, _SOP_CLASS, _REQUESTED_SOP_CLASS, _FIELD = 0x0000, 0x0002, 0x0003, 0x0100
_MESSAGE_ID, _RESPONDED_TO, _PRIORITY, _DATASET_TYPE = 0x0110, 0x0120, 0x0700, 0x0800
_STATUS, _ERROR_COMMENT, _SOP_INSTANCE, _REQUESTED_SOP_INSTANCE = 0x0900, 0x0902, 0x1000, 0x1001
_EVENT_TYPE, _ACTION_TYPE = 0x1002, 0x1008
_MOVE_ORIGINATOR, _MOVE_ORIGINATOR_ID = 0x1030, 0x1031
_UIDS = frozenset({_SOP_CLASS, _REQUESTED_SOP_CLASS, _SOP_INSTANCE, _REQUESTED_SOP_INSTANCE})
_OF_REQUESTED = frozenset({0x0110, 0x0120, N_ACTION_RQ, 0x0150})  # N-GET, N-SET, N-ACTION, N-DELETE (PS3.7 10.3)
_NO_DATASET = 0x0101
_LONGEST_COMMENT = 256  # characters: more than the 64 of an LO, and not what fills receipts and logs
_DATASET_FOLLOWS = 0x0001

_ELEMENT = Struct("<HHI")
_US = Struct("<H")
_UL = Struct("<I")


@dataclass(frozen=True, slots=True)
class CommandSet:
    """What a command set says. A number that is absent is None, a text that is absent is empty.

    Texts are printable ASCII without padding, with other bytes escaped, but not otherwise checked: a UID may
    be anything. Of a long error comment there is the beginning.
    """

    field: int
    has_dataset: bool
    message_id: int | None = None
    responded_to: int | None = None
    sop_class: str = ""
    sop_instance: str = ""
    status: int | None = None
    error_comment: str = ""
    move_originator: str = ""
    move_originator_id: int | None = None
    event_type: int | None = None
    action_type: int | None = None

    @property
    def expects_response(self) -> bool:
        """Whether this is a request; a response is none, and C-CANCEL has no answer of its own."""
        return not self.field & _RESPONSE and self.field != C_CANCEL_RQ


def encode_command(elements: Mapping[int, int | str]) -> bytes:
    """Return a command set with its group length: element number (of group 0000) -> US number or ASCII text.

    UIDs are padded with NUL, other texts with a space (PS3.5 6.2).
    """
    body = bytearray()
    for element, value in sorted(elements.items()):
        if isinstance(value, int):
            raw = _US.pack(value)
        else:
            raw = value.encode("ascii")
            if len(raw) % 2:
                raw += b"\0" if element in _UIDS else b" "
        body += _ELEMENT.pack(0, element, len(raw)) + raw
    return _ELEMENT.pack(0, _GROUP_LENGTH, 4) + _UL.pack(len(body)) + bytes(body)


def decode_command(data: bytes | bytearray) -> CommandSet:
    """Return the command set in `data`, the joined fragments of one.

    The group length is not believed, unknown elements are skipped, and of a repeated element the last counts.

    Raises:
        ProtocolError: longer than `COMMAND_LIMIT`, cut short, not group 0000, a number that is not 2 bytes, or
            without command field or dataset type.
    """
    elements = _elements(bytes(data))
    field, dataset_type = _number(elements, _FIELD), _number(elements, _DATASET_TYPE)
    if field is None or dataset_type is None:
        raise ProtocolError("the command set lacks its command field or its dataset type")
    # A C-STORE that names its object as requested, not as affected, names none (PS3.7 9.3.1.1).
    requested = field in _OF_REQUESTED
    return CommandSet(
        field=field,
        has_dataset=dataset_type != _NO_DATASET,
        message_id=_number(elements, _MESSAGE_ID),
        responded_to=_number(elements, _RESPONDED_TO),
        sop_class=_text(elements, _REQUESTED_SOP_CLASS if requested else _SOP_CLASS),
        sop_instance=_text(elements, _REQUESTED_SOP_INSTANCE if requested else _SOP_INSTANCE),
        status=_number(elements, _STATUS),
        error_comment=_text(elements, _ERROR_COMMENT)[:_LONGEST_COMMENT],
        move_originator=_text(elements, _MOVE_ORIGINATOR),
        move_originator_id=_number(elements, _MOVE_ORIGINATOR_ID),
        event_type=_number(elements, _EVENT_TYPE),
        action_type=_number(elements, _ACTION_TYPE),
    )


def _number(elements: Mapping[int, bytes], element: int) -> int | None:
    raw = elements.get(element)
    if not raw:
        return None
    if len(raw) != _US.size:
        raise ProtocolError(f"command element (0000,{element:04X}) has {len(raw)} bytes instead of 2")
    return int.from_bytes(raw, "little")


def _text(elements: Mapping[int, bytes], element: int) -> str:
    raw = elements.get(element)
    return printable(raw) if raw else ""


def _elements(data: bytes) -> dict[int, bytes]:
    if len(data) > COMMAND_LIMIT:
        raise ProtocolError(f"a command set of more than {COMMAND_LIMIT} bytes")
    elements: dict[int, bytes] = {}
    offset, end = 0, len(data)
    while offset < end:
        if end - offset < _ELEMENT.size:
            raise ProtocolError("the command set ends inside an element")
        group, element, length = _ELEMENT.unpack_from(data, offset)
        offset += _ELEMENT.size
        stop = offset + length
        if group != 0 or stop > end:
            raise ProtocolError(f"({group:04X},{element:04X}) of {length} bytes does not belong in a command set")
        elements[element] = data[offset:stop]
        offset = stop
    return elements


def store_request(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """Return a C-STORE-RQ of medium priority (PS3.7 9.3.1.1); its dataset follows."""
    return encode_command(
        {
            _SOP_CLASS: sop_class,
            _FIELD: C_STORE_RQ,
            _MESSAGE_ID: message_id,
            _PRIORITY: 0,
            _DATASET_TYPE: _DATASET_FOLLOWS,
            _SOP_INSTANCE: sop_instance,
        }
    )


def echo_request(message_id: int) -> bytes:
    """Return a C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return encode_command(
        {_SOP_CLASS: VERIFICATION, _FIELD: C_ECHO_RQ, _MESSAGE_ID: message_id, _DATASET_TYPE: _NO_DATASET}
    )


def action_request(message_id: int, sop_class: str, sop_instance: str, action_type: int) -> bytes:
    """Return an N-ACTION-RQ (PS3.7 10.3.5.1) whose action information follows."""
    return encode_command(
        {
            _REQUESTED_SOP_CLASS: sop_class,
            _FIELD: N_ACTION_RQ,
            _MESSAGE_ID: message_id,
            _DATASET_TYPE: _DATASET_FOLLOWS,
            _REQUESTED_SOP_INSTANCE: sop_instance,
            _ACTION_TYPE: action_type,
        }
    )


def event_report_request(message_id: int, sop_class: str, sop_instance: str, event_type: int) -> bytes:
    """Return an N-EVENT-REPORT-RQ (PS3.7 10.3.1.1) whose event information follows."""
    return encode_command(
        {
            _SOP_CLASS: sop_class,
            _FIELD: N_EVENT_REPORT_RQ,
            _MESSAGE_ID: message_id,
            _DATASET_TYPE: _DATASET_FOLLOWS,
            _SOP_INSTANCE: sop_instance,
            _EVENT_TYPE: event_type,
        }
    )


def normalized_response(request: CommandSet, status: int, comment: str = "") -> bytes:
    """Return the response without dataset to an N-ACTION-RQ or N-EVENT-REPORT-RQ (PS3.7 10.3.1.2, 10.3.5.2)."""
    types = {_EVENT_TYPE: request.event_type, _ACTION_TYPE: request.action_type}
    return _response(
        request, status, comment, {element: type_ for element, type_ in types.items() if type_ is not None}
    )


def store_response(request: CommandSet, status: int, comment: str = "") -> bytes:
    """Return the C-STORE-RSP to `request` (PS3.7 9.3.1.2) with an error comment of at most 64 characters."""
    return _response(request, status, comment)


def echo_response(request: CommandSet) -> bytes:
    """Return the successful C-ECHO-RSP to `request` (PS3.7 9.3.5.2)."""
    return _response(request, SUCCESS)


def failure_response(request: CommandSet, status: int = UNRECOGNISED_OPERATION) -> bytes:
    """Return a response without dataset to a request of any kind, by default that we do not know it.

    Raises:
        ProtocolError: `request` is itself a response, or a C-CANCEL, or has no message id to answer to.
    """
    if not request.expects_response:
        raise ProtocolError(f"command {request.field:04X} is not a request that can be answered")
    return _response(request, status)


def _response(request: CommandSet, status: int, comment: str = "", more: Mapping[int, int] | None = None) -> bytes:
    if request.message_id is None:
        raise ProtocolError(f"command {request.field:04X} has no message id")
    elements: dict[int, int | str] = {
        _SOP_CLASS: request.sop_class,
        _FIELD: request.field | _RESPONSE,
        _RESPONDED_TO: request.message_id,
        _DATASET_TYPE: _NO_DATASET,
        _STATUS: status,
        _SOP_INSTANCE: request.sop_instance,
    }
    elements.update(more or {})
    if comment:
        elements[_ERROR_COMMENT] = _long_string(comment)
    return encode_command({element: value for element, value in elements.items() if value != ""})


def _long_string(text: str) -> str:
    """Return `text` as an LO: 64 characters, printable, no backslash (PS3.5 table 6.2-1)."""
    return "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text[:64])
