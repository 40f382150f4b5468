"""Storage commitment datasets as bytes: action and event information of the Push Model (PS3.4 J.3.2 and J.3.3)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from dicomrs.dataset.elements import Encoding, Walker, encoding_of
from dicomrs.dataset.source import BytesSource, MalformedError

COMMITMENT: Final = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
COMMITMENT_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
"""Its only, well-known SOP Instance."""
EXPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
COMMITMENT_CONTEXTS: Final = ((COMMITMENT, EXPLICIT_LITTLE_ENDIAN), (COMMITMENT, IMPLICIT_LITTLE_ENDIAN))
"""The presentation contexts in which its datasets are read and written here, best first."""
REQUEST_COMMITMENT: Final = 1
"""Action type of the N-ACTION."""
ALL_COMMITTED: Final = 1
SOME_FAILED: Final = 2
"""Event types of the N-EVENT-REPORT."""
DATASET_LIMIT: Final = 4 * 1024 * 1024
"""Longest dataset in bytes that is taken from a peer: some 30,000 objects."""
REFERENCE_LIMIT: Final = 50_000

PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_INSTANCE: Final = 0x0112
CLASS_CONFLICT: Final = 0x0119
CLASS_NOT_SUPPORTED: Final = 0x0122
DUPLICATE_TRANSACTION: Final = 0x0131
RESOURCE_LIMITATION: Final = 0x0213
"""Failure reasons (0008,1197), PS3.3 C.14.1.1."""

_REASONS: Final = {
    PROCESSING_FAILURE: "processing failure",
    NO_SUCH_INSTANCE: "no such object instance",
    CLASS_CONFLICT: "class and instance conflict",
    CLASS_NOT_SUPPORTED: "referenced SOP class not supported",
    DUPLICATE_TRANSACTION: "duplicate transaction UID",
    RESOURCE_LIMITATION: "resource limitation",
}

_CLASS, _INSTANCE = 0x00081150, 0x00081155
_TRANSACTION, _REASON, _FAILED, _REFERENCED = 0x00081195, 0x00081197, 0x00081198, 0x00081199
_ITEM = 0xFFFEE000
_WANTED = frozenset({_CLASS, _INSTANCE, _REASON})
_UID_BYTES = 64
_UID = re.compile(rb"([0-9.]{1,64})[\0 ]*")
_IMPLICIT = Struct("<HHL")
_EXPLICIT_SHORT = Struct("<HH2sH")
_EXPLICIT_LONG = Struct("<HH2sxxL")
_US = Struct("<H")


class Reference(NamedTuple):
    """An item of a Referenced SOP Sequence."""

    sop_class: str
    sop_instance: str


@dataclass(frozen=True, slots=True)
class Commitments:
    """What an N-ACTION asks for or an N-EVENT-REPORT says.

    references: the objects asked for, or those that are committed; failed: the others, each with its failure reason.
    """

    transaction: str
    references: tuple[Reference, ...] = ()
    failed: tuple[tuple[Reference, int], ...] = ()

    @property
    def objects(self) -> int:
        """How many it is about."""
        return len(self.references) + len(self.failed)


def describe_reason(reason: int) -> str:
    """Return a failure reason (PS3.3 C.14.1.1) as `0112 no such object instance`."""
    return f"{reason:04X} {_REASONS.get(reason, 'a reason the standard does not name')}"


def encode_commitments(what: Commitments, transfer_syntax: str) -> bytes:
    """Return the dataset, in one of the transfer syntaxes of `COMMITMENT_CONTEXTS`."""
    explicit = transfer_syntax == EXPLICIT_LITTLE_ENDIAN
    dataset = _uid_element(_TRANSACTION, what.transaction, explicit)
    if what.failed:
        items = [
            (*_reference(reference, explicit), _element(_REASON, b"US", _US.pack(reason), explicit))
            for reference, reason in what.failed
        ]
        dataset += _sequence(_FAILED, items, explicit)
    if what.references:
        items = [_reference(reference, explicit) for reference in what.references]
        dataset += _sequence(_REFERENCED, items, explicit)
    return dataset


def decode_commitments(data: bytes, transfer_syntax: str) -> Commitments:
    """Return what a dataset says. Elements that are not of storage commitment are passed over.

    A failed reference without a reason is taken for a processing failure.

    Raises:
        MalformedError: it is no dataset, or lacks a UID, or names more than `REFERENCE_LIMIT` objects.
    """
    encoding = encoding_of(transfer_syntax)
    source = BytesSource(data)
    walker = Walker(source, encoding)
    transaction = b""
    found: dict[int, list[dict[int, bytes]]] = {_FAILED: [], _REFERENCED: []}
    while (element := walker.header()) is not None:
        if element.tag in found:
            for start, end in walker.items(element):
                if len(found[element.tag]) == REFERENCE_LIMIT:
                    raise MalformedError(f"it names more than {REFERENCE_LIMIT} objects")
                found[element.tag].append(_item_values(data[start:end], encoding))
        elif element.tag == _TRANSACTION and element.length <= _UID_BYTES:
            transaction = source.read(element.length)
        else:
            walker.pass_over(element)
    return Commitments(
        _uid(transaction, "a Transaction UID (0008,1195)"),
        tuple(map(_as_reference, found[_REFERENCED])),
        tuple((_as_reference(values), _as_reason(values, encoding)) for values in found[_FAILED]),
    )


def _item_values(data: bytes, encoding: Encoding) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    for _ in Walker(BytesSource(data), encoding).elements(_WANTED, _REASON, values, _UID_BYTES):
        pass
    return values


def _as_reference(values: dict[int, bytes]) -> Reference:
    return Reference(
        _uid(values.get(_CLASS, b""), "a Referenced SOP Class UID (0008,1150)"),
        _uid(values.get(_INSTANCE, b""), "a Referenced SOP Instance UID (0008,1155)"),
    )


def _as_reason(values: dict[int, bytes], encoding: Encoding) -> int:
    raw = values.get(_REASON, b"")
    return int(encoding.short.unpack(raw)[0]) if len(raw) == _US.size else PROCESSING_FAILURE


def _uid(raw: bytes, what: str) -> str:
    match = _UID.fullmatch(raw)
    if match is None:
        raise MalformedError(f"{what} is missing, or is no UID")
    return match[1].decode("ascii")


def _reference(reference: Reference, explicit: bool) -> tuple[bytes, ...]:
    return (
        _uid_element(_CLASS, reference.sop_class, explicit),
        _uid_element(_INSTANCE, reference.sop_instance, explicit),
    )


def _uid_element(tag: int, uid: str, explicit: bool) -> bytes:
    value = uid.encode("ascii")
    return _element(tag, b"UI", value + b"\0" * (len(value) % 2), explicit)


def _element(tag: int, vr: bytes, value: bytes, explicit: bool) -> bytes:
    group, number = tag >> 16, tag & 0xFFFF
    if explicit:
        return _EXPLICIT_SHORT.pack(group, number, vr, len(value)) + value
    return _IMPLICIT.pack(group, number, len(value)) + value


def _sequence(tag: int, items: Sequence[tuple[bytes, ...]], explicit: bool) -> bytes:
    value = b"".join(_element(_ITEM, b"", b"".join(item), explicit=False) for item in items)
    group, number = tag >> 16, tag & 0xFFFF
    header = (
        _EXPLICIT_LONG.pack(group, number, b"SQ", len(value)) if explicit else _IMPLICIT.pack(group, number, len(value))
    )
    return header + value
