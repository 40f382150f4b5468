"""A dataset on disk as P-DATA-TF PDUs: fragments read into one reused buffer, each behind its prepared header."""

import os
from collections.abc import Sequence

from dicomrs_wire.pdu import FRAGMENT_HEADER, pack_fragment_header

_BATCH = 256 * 1024  # bytes of PDUs that go out with one system call
_MAX_FRAMES = 512  # preadv takes 1024 pieces at most


class FrameBuffer:
    """Room for a batch of PDUs of one size, filled from a file again and again."""

    def __init__(self, fragment: int) -> None:
        """Make room for PDUs of up to `fragment` dataset bytes each (`pdu.fragment_size`)."""
        frame = FRAGMENT_HEADER.size + fragment
        count = max(1, min(_BATCH // frame, _MAX_FRAMES))
        self._fragment = fragment
        self._buffer = memoryview(bytearray(count * frame))
        self.capacity = count * fragment
        """Dataset bytes that fit in a batch."""

    def load(
        self, context_id: int, fd: int, offset: int, count: int, *, last: bool
    ) -> tuple[memoryview, list[memoryview]]:
        """Read `count` (at most `capacity`) dataset bytes at `offset` of the file `fd`.

        Returns:
            The PDUs side by side, ready to be sent, and the dataset's fragments among them. Both are slices of
            the buffer, valid until the next call. With `last`, the dataset ends with the last of them.

        Raises:
            EOFError: the file ends before that.
            OSError: it cannot be read.
        """
        fragments: list[memoryview] = []
        position = 0
        for start in range(0, max(count, 1), self._fragment):
            length = min(self._fragment, count - start)
            ends = last and start + length == count
            pack_fragment_header(self._buffer, position, context_id, length, command=False, last=ends)
            position += FRAGMENT_HEADER.size
            fragments.append(self._buffer[position : position + length])
            position += length
        _read_exactly(fd, fragments, offset, count)
        return self._buffer[:position], fragments


def _read_exactly(fd: int, views: Sequence[memoryview], offset: int, count: int) -> None:
    """Fill `views` with the `count` bytes at `offset`; one call unless the file system returns less."""
    done = 0
    while done < count:
        got = os.preadv(fd, _after(views, done), offset + done)
        if not got:
            raise EOFError(f"the file ends {count - done} bytes early")
        done += got


def _after(views: Sequence[memoryview], skip: int) -> list[memoryview]:
    """Return `views` without their first `skip` bytes."""
    rest = []
    for view in views:
        if skip < len(view):
            rest.append(view[skip:])
        skip = max(0, skip - len(view))
    return rest
