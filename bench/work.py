"""What is sent: objects made on the spot, as Part 10 files in a folder, and what must be found at the other end."""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import xxhash
from pydicom.uid import generate_uid

from support.objects import EXPLICIT, Instance, encode, image, part10

CT_SLICES, SMALL_SLICES, GIGABYTE_FRAMES = 200, 2000, 2048
_FRAME = 512 * 512 * 2
_CHUNK = 1 << 20
_PLACEHOLDER = "2.25." + "9" * 38
"""A UID as long as those that take its place: objects of one work differ in it and in their pixels only."""


@dataclass(frozen=True)
class Work:
    """A set of objects of equal size. length: of each dataset, in bytes."""

    name: str
    folder: Path
    length: int
    digests: Counter[str]

    def files(self) -> list[Path]:
        """In the order in which they are sent."""
        return sorted(self.folder.iterdir())

    @property
    def count(self) -> int:
        """How many objects."""
        return self.digests.total()

    @property
    def megabytes(self) -> float:
        """Of all datasets."""
        return self.count * self.length / 1e6


def make_images(folder: Path, name: str, count: int, rows: int) -> Work:
    """A CT study of so many slices of rows x rows pixels of 16 bits."""
    folder = folder / name
    folder.mkdir()
    noise = Random(name)
    study, series = generate_uid(), generate_uid()
    length, digests = 0, Counter[str]()
    for number in range(count):
        one = _numbered(rows, number, study, series, noise.randbytes(rows * rows * 2))
        (folder / f"{number:06d}.dcm").write_bytes(part10(one))
        length = len(one.dataset)
        digests[digest(one.dataset)] += 1
    return Work(name, folder, length, digests)


def _numbered(rows: int, number: int, study: str, series: str, pixels: bytes) -> Instance:
    dataset = image(uid=_uid(number), study=study, series=series, rows=rows, pixels=pixels)
    return Instance(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), EXPLICIT, encode(dataset))


def many(count: int, rows: int, per_study: int, first: int = 0) -> Iterator[Instance]:
    """Slices of many studies, made as they are asked for: one encoded image whose UIDs are exchanged.

    first: number of the first, for others than those of an earlier call.
    """
    model = image(uid=_PLACEHOLDER, study=_uid(0), series=_uid(0), rows=rows)
    before, _, behind = encode(model).partition(_PLACEHOLDER.encode())
    behind_study = behind.partition(_uid(0).encode())
    for number in range(first, first + count):
        study = _uid(10**6 + number // per_study).encode()
        uid = _uid(10**7 + number)
        dataset = before + uid.encode() + behind_study[0] + study + behind_study[2]
        yield Instance(str(model.SOPClassUID), uid, EXPLICIT, dataset)


def _uid(number: int) -> str:
    """All of one length."""
    return f"2.25.{3 * 10**37 + number}"


def make_huge(folder: Path, name: str, frames: int, count: int = 1, *, noisy: bool = True) -> Work:
    """Multi-frame objects with 0.5 MB a frame. Without noise their pixels are a hole in the file: it costs no disk."""
    folder = folder / name
    folder.mkdir()
    noise = Random(name)
    study, size, digests = generate_uid(), frames * _FRAME, Counter[str]()
    for number in range(count):
        dataset = image(uid=_uid(number), study=study, rows=512, without=("PixelData",))
        dataset.NumberOfFrames = frames
        head = encode(dataset) + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, size)
        one = Instance(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), EXPLICIT, head)
        seen = xxhash.xxh3_128(head)
        with (folder / f"{number:06d}.dcm").open("wb") as file:
            file.write(part10(one))
            for _ in range(0, size, _FRAME):
                block = noise.randbytes(_FRAME) if noisy else bytes(_FRAME)
                file.seek(len(block), 1) if not noisy else file.write(block)
                seen.update(block)
            file.truncate()
        digests[seen.hexdigest()] += 1
    return Work(name, folder, len(head) + size, digests)


def digest(data: bytes) -> str:
    """Of a dataset."""
    return xxhash.xxh3_128_hexdigest(data)


def check_files(work: Work, folder: Path) -> None:
    """Every object of the work is in some file below a folder, its dataset at the file's end, and no other is.

    Raises:
        AssertionError: a fast wrong answer is none.
    """
    found = Counter[str]()
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # a service's own files
        if path.is_file() and (extra := path.stat().st_size - work.length) >= 0:
            found[_digest_from(path, extra)] += 1
    assert found == work.digests, f"{folder} does not hold what was sent: {found.total()} of {work.count} objects"


def _digest_from(path: Path, start: int) -> str:
    seen = xxhash.xxh3_128()
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            seen.update(chunk)
    return seen.hexdigest()
