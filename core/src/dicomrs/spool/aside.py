"""What was set aside, in quarantine or among the damaged: looked at again, let back into its study, or removed.

Used by scu alone, at a person's word. An object that is let back has its name in the study folder, durable, before it
loses the one in quarantine; so a crash leaves it in both at worst, and never in neither.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from dicomrs.dataset import Header, missing_pixels, read_header
from dicomrs.spool.digest import Digest
from dicomrs.spool.fields import read_fields
from dicomrs.spool.folders import read_study_folder
from dicomrs.spool.fs import READ, FileSystem, sync_folder
from dicomrs.spool.layout import QUARANTINE, parse_object_name, reason_name
from dicomrs.spool.placing import place
from dicomrs.spool.record import Head, NotOursError, read_head, read_head_of, read_start

_CHUNK: Final = 1024 * 1024
_LARGEST_NOTE: Final = 1024 * 1024  # bytes

Examine = Callable[[int, int, int, str], Header]


@dataclass(frozen=True, slots=True)
class Aside:
    """An object that was set aside; where: QUARANTINE or DAMAGED; head: None if it cannot be read any more."""

    where: str
    folder: str
    name: str
    head: Head | None

    @property
    def uid(self) -> str:
        """Its SOP Instance UID; of one whose head is damaged what its file name says."""
        stem, _ = parse_object_name(self.name) or (self.name, 1)
        return self.head.sop_instance if self.head else stem

    @property
    def arrival(self) -> str:
        """Its arrival id, "" if it cannot be read any more."""
        return self.head.record.arrival if self.head else ""

    def details(self) -> dict[str, str]:
        """What is known of it, for the receipts."""
        return {"uid": self.uid, **(self.head.record.told() if self.head else {})}

    def path(self, root: str) -> str:
        """Where its file is."""
        return f"{root}/{self.where}/{self.folder}/{self.name}"


def aside_names(fs: FileSystem, root: str, where: str, folder: str) -> list[str]:
    """Names of the objects of a study that were set aside."""
    try:
        names = fs.listdir(f"{root}/{where}/{folder}")
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if parse_object_name(name))


def find_aside(fs: FileSystem, root: str, where: str, folder: str) -> list[Aside]:
    """The objects of a study that were set aside; OSError if the disk does not even name them."""
    found = []
    for name in aside_names(fs, root, where, folder):
        try:
            head = read_head_of(fs, f"{root}/{where}/{folder}/{name}")
        except FileNotFoundError:
            continue
        except (OSError, NotOursError):
            head = None
        found.append(Aside(where, folder, name, head))
    return found


def reason_of(fs: FileSystem, root: str, where: str, folder: str, name: str) -> str:
    """Why an object was set aside, "" if that cannot be read."""
    try:
        reason = read_fields(fs, f"{root}/{where}/{folder}/{reason_name(name)}", _LARGEST_NOTE).get("reason")
    except (OSError, ValueError):
        return ""
    return reason if isinstance(reason, str) else ""


def _nothing() -> None:
    pass


def objection(
    fs: FileSystem, root: str, one: Aside, examine: Examine = read_header, pause: Callable[[], None] = _nothing
) -> str:
    """Why a quarantined object must stay, "" if it may travel: the checks of its arrival, over all its bytes anew.

    pause: called after each MiB that was read.

    Raises:
        FileNotFoundError: it has left.
        OSError: the disk fails.
    """
    fd = fs.open(one.path(root), READ)
    try:
        head, size = read_head(fs, fd), fs.size(fd)
        if whole_digest(fs, fd, head, pause) != head.record.digest:
            return "its bytes have changed on the disk since it arrived"
        header = examine(fd, head.start, size, head.transfer_syntax)
    except NotOursError as error:
        return f"its bytes have changed on the disk since it arrived: {error}"
    finally:
        fs.close(fd)
    study = read_study_folder(fs, root, one.folder)
    if study is None or study.study != header.study:
        return "the folder of its study is gone: export it and send it to the router anew"
    return missing_pixels(header, head.sop_class, head.transfer_syntax) or ""


def whole_digest(fs: FileSystem, fd: int, head: Head, pause: Callable[[], None] = _nothing) -> str:
    """The digest of the dataset in an open spooled file, read to its end; pause: called after each MiB."""
    digest, offset = Digest(head.transfer_syntax), head.start
    while chunk := fs.pread(fd, _CHUNK, offset):
        digest.update(chunk)
        offset += len(chunk)
        pause()
    return digest.text


def let_back(fs: FileSystem, root: str, one: Aside) -> None:
    """Give a quarantined object its name in the study folder, durable, behind all arrivals of its UID that are there.

    The name in quarantine stays: `remove_aside` takes it, once the release is on record.

    Raises:
        FileNotFoundError: it, or the folder of its study, is gone.
        OSError: the volume refuses.
    """
    assert one.where == QUARANTINE
    folder = f"{root}/{one.folder}"
    stem, _ = parse_object_name(one.name) or (one.name, 1)
    for name in fs.listdir(folder):
        parsed = parse_object_name(name)
        if parsed and parsed[0] == stem and _arrival_in(fs, f"{folder}/{name}") == one.arrival:
            sync_folder(fs, folder)  # a crash came between the two names: whoever linked it may not have got this far
            return
    place(fs, one.path(root), folder, stem, lambda _: False)


def _arrival_in(fs: FileSystem, path: str) -> str:
    with suppress(OSError, NotOursError):
        return read_head_of(fs, path).record.arrival
    return ""


def remove_aside(fs: FileSystem, root: str, one: Aside) -> None:
    """Remove an object that was set aside, with its reason; durable when this returns.

    The reason goes first: as long as the object's name is taken, no other object can come under it and find a reason
    that is not its own. Nothing is removed if the name holds another arrival by now.

    Raises:
        OSError: the volume refuses.
    """
    path = one.path(root)
    folder = f"{root}/{one.where}/{one.folder}"
    with suppress(FileNotFoundError):
        if one.arrival.encode("ascii") in read_start(fs, path):
            with suppress(FileNotFoundError):
                fs.unlink(f"{folder}/{reason_name(one.name)}")
            fs.unlink(path)
    with suppress(FileNotFoundError):
        sync_folder(fs, folder)
    with suppress(OSError):
        fs.rmdir(folder)  # if it was the last
