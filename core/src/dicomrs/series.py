"""The series of a study, as far as its objects are on the disk: receipts do not tell the series of those that left."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from dicomrs.dataset import read_header
from dicomrs.spool.fs import READ, FileSystem
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.record import NotOursError, read_head

MOST: Final = 500
"""Objects whose datasets are read for it."""


@dataclass(frozen=True, slots=True)
class Series:
    """uid: the Series Instance UID (0020,000E), modality: (0008,0060), as they came; objects: those that are here."""

    uid: str
    modality: str
    objects: int


def series_here(fs: FileSystem, root: str, folder: str, most: int = MOST) -> tuple[tuple[Series, ...], int]:
    """The series of a study's objects in its folder, the largest first, and how many objects were looked at.

    Raises:
        OSError: the folder cannot be read.
    """
    outbox = Outbox(fs, root)
    found: Counter[tuple[str, str]] = Counter()
    for name in outbox.names(folder)[:most]:
        try:
            fd = fs.open(f"{root}/{folder}/{name}", READ)
        except OSError:
            continue
        try:
            head = read_head(fs, fd)
            header = read_header(fd, head.start, fs.size(fd), head.transfer_syntax)
        except (OSError, NotOursError):
            continue
        finally:
            fs.close(fd)
        found[header.series, header.modality] += 1
    series = tuple(Series(uid, modality, number) for (uid, modality), number in found.most_common())
    return series, sum(found.values())
