"""Association control PDUs as bytes: A-ASSOCIATE-RQ, -AC and -RJ (PS3.8 9.3, PS3.7 D.3).

The items are read here and not by pynetdicom's decoder because the bytes are a stranger's: that one takes
seconds of CPU for a hostile 1 MiB, refuses items that PS3.8 9.3.1 wants skipped, and AE titles that are not ASCII.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from dicomrs import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION
from dicomrs_wire.errors import ProtocolError
from dicomrs_wire.pdu import HEADER, PduType, printable

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
MAX_CONTEXTS: Final = 128
_DEFAULT_MAX_PDU = 16 * 1024  # for a peer that leaves its limit out, though it must not (PS3.8 D.1)

ACCEPTED: Final = 0
"""Result of a presentation context (PS3.8 table 9-18)."""

_APPLICATION_CONTEXT, _PROPOSED_CONTEXT, _CONTEXT_RESULT, _USER_INFORMATION = 0x10, 0x20, 0x21, 0x50
_ABSTRACT_SYNTAX, _TRANSFER_SYNTAX = 0x30, 0x40
_MAXIMUM_LENGTH, _IMPLEMENTATION_CLASS, _ROLE_SELECTION, _IMPLEMENTATION_VERSION = 0x51, 0x52, 0x54, 0x55

_ITEM = Struct(">BxH")
_TITLES = slice(4, 36)
_ITEMS_START = 68
_UID = re.compile(rb"([0-9.]{1,64})[\0 ]*")
_AE_TITLE = re.compile(r"(?! *$)[ -\[\]-~]{1,16}")


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as the requestor proposes it."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerUser:
    """The user information both directions carry (PS3.7 D.3.3): limit in bytes (0: none) and implementation."""

    max_pdu: int = _DEFAULT_MAX_PDU
    class_uid: str = ""
    version_name: str = ""
    roles: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    """SOP class -> whether the requestor would be SCU, SCP."""


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ (PS3.8 9.3.2). AE titles are unpadded, other than printable ASCII escaped."""

    calling: str
    called: str
    protocol_version: int
    application_context: str
    contexts: tuple[ProposedContext, ...]
    peer: PeerUser
    titles: bytes
    """The 32 bytes of both titles as they came: the answer repeats them."""


@dataclass(frozen=True, slots=True)
class AssociationAccept:
    """An A-ASSOCIATE-AC (PS3.8 9.3.3): transfer syntax by id of each accepted context."""

    contexts: Mapping[int, str]
    peer: PeerUser


def decode_request(body: bytes | memoryview) -> AssociationRequest:
    """Return what an A-ASSOCIATE-RQ says. Items of unknown types are skipped (PS3.8 9.3.1).

    Args:
        body: the PDU without its 6-byte header.

    Raises:
        ProtocolError: cut short, an item beyond its parent, a context id even or repeated, a UID that is none.
    """
    data = bytes(body)
    if len(data) < _ITEMS_START:
        raise ProtocolError(f"an A-ASSOCIATE-RQ of {len(data)} bytes is too short")
    application_context, contexts, peer = "", {}, PeerUser()
    for kind, item in _items(data[_ITEMS_START:]):
        if kind == _APPLICATION_CONTEXT:
            application_context = printable(item)
        elif kind == _PROPOSED_CONTEXT:
            context = _proposed(item)
            if context.id % 2 == 0 or context.id in contexts:
                raise ProtocolError(f"presentation context id {context.id} is even or proposed twice")
            contexts[context.id] = context
        elif kind == _USER_INFORMATION:
            peer = _user_information(item)
    titles = data[_TITLES]
    return AssociationRequest(
        calling=printable(titles[16:]),
        called=printable(titles[:16]),
        protocol_version=int.from_bytes(data[:2], "big"),
        application_context=application_context,
        contexts=tuple(contexts.values()),
        peer=peer,
        titles=titles,
    )


def encode_accept(
    request: AssociationRequest,
    answers: Sequence[tuple[int, int, str]],
    max_pdu: int,
    roles: Mapping[str, tuple[bool, bool]],
) -> bytes:
    """Return the A-ASSOCIATE-AC to `request`.

    Args:
        request: what the peer proposed.
        answers: id, result (PS3.8 table 9-18) and transfer syntax for each proposed context.
        max_pdu: longest P-DATA-TF variable field in bytes that we take.
        roles: for each SOP class whose roles are answered, whether the requestor may be SCU, SCP.
    """
    items = bytearray()
    for context_id, result, transfer_syntax in answers:
        syntax = _item(_TRANSFER_SYNTAX, transfer_syntax.encode("ascii"))
        items += _item(_CONTEXT_RESULT, bytes((context_id, 0, result, 0)) + syntax)
    return _associate(PduType.ASSOCIATE_AC, request.titles, bytes(items), max_pdu, roles)


def encode_reject(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
    return HEADER.pack(PduType.ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))


def encode_request(
    calling: str,
    called: str,
    contexts: Sequence[tuple[str, str]],
    max_pdu: int,
    roles: Mapping[str, tuple[bool, bool]] | None = None,
) -> bytes:
    """Return an A-ASSOCIATE-RQ proposing each (abstract, transfer) syntax as a context with id 1, 3, 5, …

    Args:
        calling: AE title.
        called: AE title.
        contexts: 1 to 128 of them.
        max_pdu: longest P-DATA-TF variable field in bytes that we take.
        roles: for each SOP class of which the requestor is not merely SCU, whether it would be SCU, SCP.

    Raises:
        ValueError: an AE title that is none, or not 1 to 128 contexts.
    """
    for title in (calling, called):
        if not _AE_TITLE.fullmatch(title):
            raise ValueError(f"AE title {title!r} must be 1 to 16 ASCII characters without backslash")
    if not 0 < len(contexts) <= MAX_CONTEXTS:
        raise ValueError(f"an association proposes 1 to {MAX_CONTEXTS} presentation contexts, not {len(contexts)}")
    proposals = bytearray()
    for index, (abstract_syntax, transfer_syntax) in enumerate(contexts):
        syntaxes = _item(_ABSTRACT_SYNTAX, abstract_syntax.encode("ascii"))
        syntaxes += _item(_TRANSFER_SYNTAX, transfer_syntax.encode("ascii"))
        proposals += _item(_PROPOSED_CONTEXT, bytes((2 * index + 1, 0, 0, 0)) + syntaxes)
    titles = called.ljust(16).encode() + calling.ljust(16).encode()
    return _associate(PduType.ASSOCIATE_RQ, titles, bytes(proposals), max_pdu, roles or {})


def decode_accept(body: bytes | memoryview) -> AssociationAccept:
    """Return what an A-ASSOCIATE-AC without its 6-byte header says.

    Raises:
        ProtocolError: cut short, an item beyond its parent, a UID that is none.
    """
    data = bytes(body)
    if len(data) < _ITEMS_START:
        raise ProtocolError(f"an A-ASSOCIATE-AC of {len(data)} bytes is too short")
    contexts, peer = {}, PeerUser()
    for kind, item in _items(data[_ITEMS_START:]):
        if kind == _CONTEXT_RESULT:
            if len(item) < 4:
                raise ProtocolError("a presentation context item is too short")
            if item[2] == ACCEPTED:
                syntaxes = (_uid(value) for sub, value in _items(item[4:]) if sub == _TRANSFER_SYNTAX)
                contexts[item[0]] = next(syntaxes, "")
        elif kind == _USER_INFORMATION:
            peer = _user_information(item)
    return AssociationAccept(contexts, peer)


def decode_reject(body: bytes | memoryview) -> tuple[int, int, int]:
    """Return result, source and reason of an A-ASSOCIATE-RJ body (PS3.8 table 9-21).

    Raises:
        ProtocolError: cut short.
    """
    if len(body) < 4:
        raise ProtocolError(f"an A-ASSOCIATE-RJ of {len(body)} bytes is too short")
    return body[1], body[2], body[3]


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each item or sub-item in `data`: time linear in its length, no recursion."""
    offset = 0
    while offset < len(data):
        if len(data) - offset < _ITEM.size:
            raise ProtocolError("the association PDU ends inside an item")
        kind, length = _ITEM.unpack_from(data, offset)
        offset += _ITEM.size
        if length > len(data) - offset:
            raise ProtocolError(f"item {kind:02X} of {length} bytes does not fit in what holds it")
        yield kind, data[offset : offset + length]
        offset += length


def _proposed(item: bytes) -> ProposedContext:
    if len(item) < 4:
        raise ProtocolError("a presentation context item is too short")
    abstract_syntax, transfer_syntaxes = "", []
    for kind, value in _items(item[4:]):
        if kind == _ABSTRACT_SYNTAX:
            abstract_syntax = _uid(value)
        elif kind == _TRANSFER_SYNTAX:
            transfer_syntaxes.append(_uid(value))
    return ProposedContext(item[0], abstract_syntax, tuple(transfer_syntaxes))


def _user_information(item: bytes) -> PeerUser:
    max_pdu, class_uid, version_name = _DEFAULT_MAX_PDU, "", ""
    roles: dict[str, tuple[bool, bool]] = {}
    for kind, value in _items(item):
        if kind == _MAXIMUM_LENGTH:
            if len(value) != 4:
                raise ProtocolError("the maximum length item is not 4 bytes long")
            max_pdu = int.from_bytes(value, "big")
        elif kind == _IMPLEMENTATION_CLASS:
            class_uid = printable(value)
        elif kind == _IMPLEMENTATION_VERSION:
            version_name = printable(value)
        elif kind == _ROLE_SELECTION:
            length = int.from_bytes(value[:2], "big")
            if len(value) != length + 4:
                raise ProtocolError("a role selection item is not as long as its UID and two roles")
            roles[_uid(value[2:-2])] = (value[-2] == 1, value[-1] == 1)
    return PeerUser(max_pdu, class_uid, version_name, roles)


def _uid(value: bytes) -> str:
    match = _UID.fullmatch(value)
    if match is None:
        raise ProtocolError(f"{printable(value[:64])!r} is not a UID")
    return match[1].decode()


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _associate(
    kind: PduType, titles: bytes, contexts: bytes, max_pdu: int, roles: Mapping[str, tuple[bool, bool]]
) -> bytes:
    """Return an A-ASSOCIATE-RQ or -AC around `contexts`, items in the order of their types (PS3.8 9.3.1)."""
    user = _item(_MAXIMUM_LENGTH, max_pdu.to_bytes(4, "big"))
    user += _item(_IMPLEMENTATION_CLASS, IMPLEMENTATION_UID.encode())
    for uid, (scu, scp) in roles.items():
        user += _item(_ROLE_SELECTION, len(uid).to_bytes(2, "big") + uid.encode() + bytes((scu, scp)))
    user += _item(_IMPLEMENTATION_VERSION, IMPLEMENTATION_VERSION.encode())
    items = _item(_APPLICATION_CONTEXT, APPLICATION_CONTEXT.encode()) + contexts + _item(_USER_INFORMATION, user)
    body = b"\0\1\0\0" + titles + bytes(32) + items
    return HEADER.pack(kind, len(body)) + body
