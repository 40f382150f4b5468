"""Forward-only readers of a dataset's bytes: straight from a file, or inflated on the way."""

import os
import zlib
from abc import ABC, abstractmethod

FIRST_READ = 16 << 10  # holds the header of nearly every CT or MR slice
FAR_READ = 4 << 10  # after a leap only the next element's header is wanted
LARGEST_READ = 64 << 10
INFLATED_LIMIT = 1 << 30

DEFLATED_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    }
)


class MalformedError(ValueError):
    """The bytes are no dataset from here on; the message names the place and has no patient data in it."""


class Source(ABC):
    """Reads forward through a window of bytes; subclasses say where more bytes come from.

    Attributes:
        window: Bytes of the dataset that are at hand.
        offset: Of the next byte, in the window. The element walker moves it by itself, up to the window's end.
        base: Position in the dataset of the window's first byte.
    """

    __slots__ = ("base", "offset", "window")

    def __init__(self) -> None:
        self.window = b""
        self.offset = 0
        self.base = 0

    @property
    def position(self) -> int:
        """Bytes read or skipped so far: the offset of the next byte in the dataset."""
        return self.base + self.offset

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end.

        Raises:
            MalformedError: A deflated stream is damaged or too large.
            OSError: The file cannot be read.
        """
        stop = self.offset + size
        if stop > len(self.window):
            self.fill(size)
            stop = min(size, len(self.window))
        value = self.window[self.offset : stop]
        self.offset = stop
        return value

    def skip(self, size: int) -> int:
        """Move on by `size` bytes without reading them; return how many of them there were.

        Raises:
            MalformedError: A deflated stream is damaged or too large.
            OSError: The file cannot be read.
        """
        stop = self.offset + size
        if stop <= len(self.window):
            self.offset = stop
            return size
        there = len(self.window) - self.offset
        self.base += len(self.window)
        self.window = b""
        self.offset = 0
        return there + self._leap(size - there)

    def fill(self, size: int) -> None:
        """Bring the next `size` bytes into the window, fewer only at the end; raises as `read` does."""
        self.base += self.offset
        self.window = self.window[self.offset :]
        self.offset = 0
        while len(self.window) < size and (more := self._more()):
            self.window += more

    @abstractmethod
    def _more(self) -> bytes:
        """Return the bytes that follow the window, empty at the end."""

    @abstractmethod
    def _leap(self, size: int) -> int:
        """Move on by at most `size` bytes from the end of the window (which is empty); return how many."""


class BytesSource(Source):
    """A dataset that is in memory."""

    __slots__ = ()

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.window = data

    def _more(self) -> bytes:
        return b""

    def _leap(self, size: int) -> int:  # noqa: ARG002 (all there is, is in the window)
        return 0


class FileSource(Source):
    """The bytes from `start` up to `end` of an open file; its own file position is neither used nor moved."""

    __slots__ = ("_end", "_fd", "_next_read", "_start")

    def __init__(self, fd: int, start: int, end: int) -> None:
        super().__init__()
        self._fd = fd
        self._start = start
        self._end = min(end, os.fstat(fd).st_size)
        self._next_read = FIRST_READ

    def _more(self) -> bytes:
        at = self._start + self.base + len(self.window)
        size = min(self._next_read, self._end - at)
        self._next_read = min(self._next_read * 4, LARGEST_READ)
        return os.pread(self._fd, size, at) if size > 0 else b""

    def _leap(self, size: int) -> int:
        there = max(0, min(size, self._end - self._start - self.base))
        self.base += there
        self._next_read = FAR_READ
        return there


class InflatingSource(Source):
    """A deflated dataset, inflated piece by piece (PS3.5 A.5: RFC 1951, no zlib header)."""

    __slots__ = ("_compressed", "_inflater", "_left", "_limit")

    def __init__(self, compressed: Source, limit: int = INFLATED_LIMIT) -> None:
        """Take the compressed bytes, and how many inflated ones are too many to be true."""
        super().__init__()
        self._compressed = compressed
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._limit = self._left = limit

    def _more(self) -> bytes:
        while True:
            piece = self._inflater.unconsumed_tail or self._compressed.read(FIRST_READ)
            try:
                inflated = self._inflater.decompress(piece, LARGEST_READ)
            except zlib.error as error:
                raise MalformedError(
                    f"the deflated dataset is damaged before its byte {self._compressed.position}: {error}"
                ) from None
            self._left -= len(inflated)
            if self._left < 0:
                raise MalformedError(f"the deflated dataset inflates to more than {self._limit} bytes")
            if inflated or self._inflater.eof or not piece:
                return inflated

    def _leap(self, size: int) -> int:
        there = 0
        while there < size and (more := self._more()):
            used = min(len(more), size - there)
            self.window = more[used:]
            self.base += used
            there += used
        return there


def open_source(fd: int, start: int, end: int, transfer_syntax: str) -> Source:
    """Return the reader of the dataset that lies in file `fd` from byte `start` up to byte `end`.

    Raises:
        OSError: The file cannot be read.
    """
    source = FileSource(fd, start, end)
    return InflatingSource(source) if transfer_syntax in DEFLATED_SYNTAXES else source
