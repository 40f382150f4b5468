"""A study's objects as one archive that is made while it is sent: it needs no room on the disk."""

import json
import zipfile
from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import Final

from dicomrs.export import Copied, objects_here, pieces
from dicomrs.spool.fs import FileSystem

LISTING: Final = "export.json"
"""The last file of the archive: of each object its digest, why it was set aside, and what is wrong with the copy."""
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)  # an archive knows no time zones


class _Pipe:
    """A file that is written to, and whose bytes are taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """As a file has it."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """As a file has it."""

    def close(self) -> None:
        """As a file has it."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def archive(fs: FileSystem, root: str, folder: str, ended: Callable[[list[Copied], str], None]) -> Generator[bytes]:
    """The pieces of a ZIP archive (APPNOTE 6.3.10, with ZIP64) of all that is here of a study, whatever its state.

    ended: is given what was copied, and why it ended early, "" if it did not; however the reader goes away.

    Raises:
        OSError: the study's folder cannot be read.
    """
    found: list[Copied] = []
    failed = "it was broken off before its end"
    try:
        pipe = _Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as made:
            for where, name in objects_here(fs, root, folder):
                entry = zipfile.ZipInfo(f"{where}/{name}" if where else name, _NO_TIME)
                with made.open(entry, "w", force_zip64=True) as file:
                    for piece in pieces(fs, root, folder, (where, name), found.append):
                        file.write(piece)
                        yield pipe.take()
                yield pipe.take()
            listing = json.dumps([asdict(one) for one in found], indent=1)
            made.writestr(zipfile.ZipInfo(LISTING, _NO_TIME), listing)
        yield pipe.take()
        failed = ""
    finally:
        ended(found, failed)
