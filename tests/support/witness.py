"""What a stream of PDUs says, read without the product's code: the second opinion on what was acknowledged."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STORE, _STORE_REPLY, _P_DATA = 0x0001, 0x8001, 4


@dataclass(frozen=True)
class Message:
    """A whole DIMSE message: elements of group 0000 of its command set by number, and the dataset's bytes."""

    command: dict[int, bytes]
    dataset: bytes

    def number(self, element: int) -> int:
        return int.from_bytes(self.command.get(element, b""), "little")

    @property
    def uid(self) -> bytes:
        return self.command.get(0x1000, b"").strip(b"\0 ")


def messages(stream: bytes) -> Iterator[Message]:
    """Every message in a stream, up to the first thing in it that is none."""
    command, dataset, elements = b"", b"", {}
    for control, data in _fragments(stream):
        if control & 1:
            command += data
        else:
            dataset += data
        if not control & 2:
            continue
        if control & 1:
            elements = _elements(command)
        if not control & 1 or elements.get(0x0800) == b"\1\1":
            yield Message(elements, dataset)
            command, dataset, elements = b"", b"", {}


def sent(stream: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(message id, SOP Instance UID, dataset) of every C-STORE that a scanner has sent whole."""
    for one in messages(stream):
        if one.number(0x0100) == _STORE:
            yield one.number(0x0110), one.uid, one.dataset


def acknowledged(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """(message id, SOP Instance UID) of every C-STORE that was answered with success."""
    for one in messages(stream):
        if one.number(0x0100) == _STORE_REPLY and one.command.get(0x0900) == b"\0\0":
            yield one.number(0x0120), one.uid


def kept(root: Path) -> dict[bytes, set[bytes]]:
    """SOP Instance UID -> the datasets that lie under it anywhere in a root, also in quarantine."""
    found: dict[bytes, set[bytes]] = {}
    for path in root.glob("**/*.dcm"):
        data = path.read_bytes()
        at = data.index(b"\2\0\3\0UI") + 8
        uid = data[at : at + struct.unpack_from("<H", data, at - 2)[0]].strip(b"\0")
        found.setdefault(uid, set()).add(data[144 + int.from_bytes(data[140:144], "little") :])
    return found


def _fragments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Control header and bytes of every PDV."""
    position = 0
    while position + 6 <= len(stream):
        kind, length = struct.unpack_from(">BxI", stream, position)
        start, position = position + 6, position + 6 + length
        if position > len(stream):
            return
        while kind == _P_DATA and start + 6 <= position:
            (size,) = struct.unpack_from(">I", stream, start)
            if size < 2 or start + 4 + size > position:
                return
            yield stream[start + 5], stream[start + 6 : start + 4 + size]
            start += 4 + size


def _elements(data: bytes) -> dict[int, bytes]:
    found, position = {}, 0
    while position + 8 <= len(data):
        _, element, length = struct.unpack_from("<HHI", data, position)
        found[element] = data[position + 8 : position + 8 + length]
        position += 8 + length
    return found
