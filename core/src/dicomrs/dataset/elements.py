"""Walks the top level elements of a dataset (PS3.5 section 7) without building it.

Values are passed over unread unless the caller reads them. Only what has no length of its own (sequences and
items of undefined length) is entered, to find its end: with a list, not by recursion, and to a bounded depth.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from dicomrs.dataset.source import MalformedError, Source

UNDEFINED = 0xFFFFFFFF
LARGEST_DEPTH = 200  # open sequences and items, one inside the other; real reports stay below 40
LARGEST_COUNT = 1_000_000  # elements, items and fragments, nested ones included
LONGEST_HEADER = 12  # bytes
_DELIMITER = 8  # bytes of one

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

# PS3.5 table 7.1-2: these have a length of 16 bits; all others, also those still to be invented, 32 (7.1.2).
SHORT_VRS = frozenset(
    vr.encode()
    for vr in "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905 - legible
)
_LONG_VRS = frozenset(vr.encode() for vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # noqa: SIM905 - as above


@dataclass(frozen=True, slots=True)
class Encoding:
    """How element headers are laid out."""

    explicit: bool
    implicit_header: Struct  # group, element, length of 32 bits
    explicit_header: Struct  # group, element, VR, length of 16 bits
    long: Struct  # an unsigned number of 32 bits
    short: Struct  # and one of 16


def _encoding(order: str, *, explicit: bool) -> Encoding:
    implicit_header, explicit_header = Struct(f"{order}HHL"), Struct(f"{order}HH2sH")
    return Encoding(explicit, implicit_header, explicit_header, long=Struct(f"{order}L"), short=Struct(f"{order}H"))


IMPLICIT_LITTLE = _encoding("<", explicit=False)
EXPLICIT_LITTLE = _encoding("<", explicit=True)
EXPLICIT_BIG = _encoding(">", explicit=True)

_ENCODINGS = {
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    "1.2.840.10008.1.20": IMPLICIT_LITTLE,  # Papyrus 3, retired
    "1.2.840.113619.5.2": IMPLICIT_LITTLE,  # GE private: only its pixels are big endian
}


def encoding_of(transfer_syntax: str) -> Encoding:
    """Return how a dataset is laid out: Explicit VR Little Endian unless known otherwise (PS3.5 A.4)."""
    return _ENCODINGS.get(transfer_syntax, EXPLICIT_LITTLE)


class Element(NamedTuple):
    """The header of one element."""

    tag: int  # group << 16 | element
    vr: bytes | None  # None: not written (implicit VR)
    length: int  # of the value, in bytes, or UNDEFINED


class Walker:
    """One walk over a dataset's bytes."""

    __slots__ = ("_encoding", "_left", "_source")

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self._source = source
        self._encoding = encoding
        self._left = LARGEST_COUNT

    def elements(
        self, wanted: Container[int], beyond: int, values: dict[int, bytes], longest: int
    ) -> Iterator[Element]:
        """Yield the top level elements with a tag `beyond` one, in the order they come in.

        The caller may read the value of one of defined length from the source before it asks for the next. After an
        element of undefined length it may either go on, or stop and walk `fragments`.

        Args:
            wanted: tags whose values are put into `values`.
            beyond: none of the `wanted` is beyond this tag.
            values: of several elements with one tag the last counts.
            longest: in bytes; longer values, and those of undefined length, are passed over.

        Raises:
            MalformedError: The bytes are no dataset from here on.
        """
        source = self._source
        while True:
            self._gather(wanted, beyond, values, longest)
            header = self._header(self._encoding)
            if header is None:
                return
            tag, vr, length = header
            if tag >= ITEM:
                # A lone delimiter is harmless, and readers pass over it; anything else is out of step.
                if tag == ITEM or length:
                    raise self._malformed(tag, "does not belong at the top level")
                continue
            stop = source.position + length
            if tag > beyond:
                yield Element(tag, vr, length)
            elif tag in wanted and length <= longest:
                value = source.read(length)
                if len(value) == length:  # half a UID is another UID
                    values[tag] = value
            if length == UNDEFINED:
                self._skip_undefined(tag, vr)
            else:
                self._skip(tag, stop - source.position)

    def _gather(self, wanted: Container[int], beyond: int, values: dict[int, bytes], longest: int) -> None:
        """Go on up to the first element that is not plain: beyond, long, of undefined length, not whole in the window.

        This is the innermost loop, which every received object goes through.
        """
        source, explicit, left = self._source, self._encoding.explicit, self._left
        window, offset = source.window, source.offset
        explicit_header = self._encoding.explicit_header.unpack_from
        implicit_header = self._encoding.implicit_header.unpack_from
        long = self._encoding.long.unpack_from
        end = len(window)
        last = end - LONGEST_HEADER
        while offset <= last:
            start = offset + 8
            if explicit:
                group, number, vr, length = explicit_header(window, offset)
                if vr not in SHORT_VRS:
                    if vr not in _LONG_VRS:
                        break
                    (length,) = long(window, start)
                    start += 4
            else:
                group, number, length = implicit_header(window, offset)
            tag = group << 16 | number
            stop = start + length
            if stop > end or tag > beyond:
                break
            if tag in wanted and length <= longest:
                values[tag] = window[start:stop]
            offset = stop
            left -= 1
            if left <= 0:
                break
        source.offset, self._left = offset, left

    def fragments(self) -> Iterator[int]:
        """Yield the length of each item of encapsulated pixel data, the offset table first (PS3.5 A.4).

        To be walked after the pixel element; an item is yielded when all its bytes have been passed over.

        Raises:
            MalformedError: An item is cut short or is no item, or the sequence delimiter is missing.
        """
        while (header := self._header(self._encoding)) is not None:
            tag, _, length = header
            if tag == SEQUENCE_END:
                return
            if tag != ITEM or length == UNDEFINED:
                raise self._malformed(tag, "is no fragment of pixel data")
            self._skip(tag, length)
            yield length
        raise MalformedError(f"the dataset ends at byte {self._source.position} inside its pixel data")

    def header(self) -> Element | None:
        """Read the next element's header, None at the end; then its value is to be read, or given to a method below.

        Raises:
            MalformedError: The bytes are no dataset from here on.
        """
        found = self._header(self._encoding)
        return None if found is None else Element(*found)

    def pass_over(self, element: Element) -> None:
        """Go on behind the value of an element whose `header` was read last; raises as that."""
        if element.length == UNDEFINED:
            self._skip_undefined(element.tag, element.vr)
        else:
            self._skip(element.tag, element.length)

    def items(self, sequence: Element) -> Iterator[tuple[int, int]]:
        """Yield where the elements of each item begin and end in the dataset (PS3.5 7.5).

        To be walked when the sequence's `header` was read last, to the end.

        Raises:
            MalformedError: The bytes are no sequence.
        """
        source, inside = self._source, _inside(sequence.vr, self._encoding)
        end = None if sequence.length == UNDEFINED else source.position + sequence.length
        while end is None or source.position < end:
            header = self._header(inside)
            if header is None:
                raise MalformedError(f"the dataset ends inside the sequence {_name(sequence.tag)}")
            tag, _, length = header
            if tag == SEQUENCE_END and end is None:
                return
            if tag != ITEM:
                raise self._malformed(tag, f"is out of place in the sequence {_name(sequence.tag)}")
            start = source.position
            if length == UNDEFINED:
                self._leave([inside, inside], 1, sequence.tag)
                yield start, source.position - _DELIMITER
            else:
                self._skip(tag, length)
                yield start, source.position
        if source.position > end:
            raise self._malformed(sequence.tag, "ends inside an item")

    def _header(self, encoding: Encoding) -> tuple[int, bytes | None, int] | None:
        """Read one element header, or None at the end."""
        source = self._source
        if source.offset + LONGEST_HEADER > len(source.window):
            source.fill(LONGEST_HEADER)
        window, offset = source.window, source.offset
        if offset + 8 > len(window):
            if offset == len(window):
                return None
            raise MalformedError(f"the dataset ends inside an element header, at byte {source.position}")
        self._left -= 1
        if self._left < 0:
            raise MalformedError(f"more than {LARGEST_COUNT} elements before byte {source.position}")
        source.offset = offset + 8
        if encoding.explicit:
            group, number, vr, length = encoding.explicit_header.unpack_from(window, offset)
            if vr in SHORT_VRS:
                return group << 16 | number, vr, length
            if vr.isalpha() and vr.isupper():
                rest = source.read(4)
                if len(rest) < 4:
                    raise self._malformed(group << 16 | number, "has half a header")
                return group << 16 | number, vr, encoding.long.unpack(rest)[0]
            # Items and delimiters have no VR. Nor have elements of writers that fall into implicit VR in the
            # middle of an explicit dataset; readers follow them.
        group, number, length = encoding.implicit_header.unpack_from(window, offset)
        return group << 16 | number, None, length

    def _skip(self, tag: int, size: int) -> None:
        missing = size - self._source.skip(size)
        if missing:
            raise self._malformed(tag, f"is cut short: the last {missing} bytes of its value are missing")

    def _skip_undefined(self, outer: int, vr: bytes | None) -> None:
        """Pass over a value of undefined length: a sequence, or fragments, up to its delimiter (PS3.5 7.5)."""
        self._leave([_inside(vr, self._encoding)], 0, outer)

    def _leave(self, levels: list[Encoding], height: int, outer: int) -> None:
        """Pass over what is left in the open levels (sequence, item, sequence, …: the encoding of each) down to one."""
        while len(levels) > height:
            header = self._header(levels[-1])
            if header is None:
                raise MalformedError(f"the dataset ends inside the sequence {_name(outer)}")
            tag, vr, length = header
            in_sequence = len(levels) % 2 == 1
            if tag == (SEQUENCE_END if in_sequence else ITEM_END):
                levels.pop()
            elif in_sequence != (tag == ITEM) or tag in {ITEM_END, SEQUENCE_END}:
                raise self._malformed(tag, f"is out of place in the sequence {_name(outer)}")
            elif length != UNDEFINED:
                self._skip(tag, length)
            elif len(levels) < LARGEST_DEPTH:
                levels.append(_inside(vr, levels[-1]))
            else:
                raise self._malformed(tag, f"is nested deeper than {LARGEST_DEPTH} levels")

    def _malformed(self, tag: int, what: str) -> MalformedError:
        return MalformedError(f"{_name(tag)} {what} (read up to byte {self._source.position})")


def _inside(vr: bytes | None, encoding: Encoding) -> Encoding:
    # PS3.5 6.2.2, note on UN: a value of unknown VR and undefined length is implicit VR little endian.
    return IMPLICIT_LITTLE if vr == b"UN" else encoding


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
