"""Scanners that store without end, and remember what they were told is safe."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random

from pydicom.uid import generate_uid

from dicomrs_wire.errors import AssociationError
from support.objects import Instance, image, instance, respelled
from support.sender import association, store

Identity = tuple[str, str, str, bytes]
SLICES = (134, 134, 134, 134, 512)  # rows: of 36 KB, and now and then of half a megabyte
PAUSE = 0.06  # seconds between two objects, at most


class Scanners:
    """Several at once, each with series after series: of studies that are new and of those that are there already."""

    def __init__(
        self, port: int, luck: Random, *, careless: bool = False, slices: Sequence[int] = SLICES, pause: float = PAUSE
    ) -> None:
        """careless: some objects come again, some with other bytes under a UID that was used, some without pixels."""
        self.acknowledged: list[Instance] = []  # one entry per answer 0000
        self.attempted: set[Identity] = set()
        self.refused: Counter[int] = Counter()  # by status
        self.cut_off = 0  # associations that ended against the scanner's will
        self._port = port
        self._luck = luck
        self._careless = careless
        self._slices = slices
        self._pause = pause
        self._studies = [generate_uid()]
        self._stop = threading.Event()

    @contextmanager
    def at_work(self, number: int = 3) -> Iterator["Scanners"]:
        """So many of them, until the end of the block."""
        with ThreadPoolExecutor(number) as pool:
            busy = [pool.submit(self._scan, Random(self._luck.random())) for _ in range(number)]
            try:
                yield self
            finally:
                self._stop.set()
        for scanner in busy:
            scanner.result()

    def _scan(self, luck: Random) -> None:
        while not self._stop.is_set():
            objects = self._series(luck)
            try:
                with association(self._port, objects) as requestor:
                    for one in objects:
                        if self._stop.wait(luck.uniform(0, self._pause)):
                            break
                        self.attempted.add(one.identity)
                        if status := store(requestor, one).status:
                            self.refused[status] += 1
                        else:
                            self.acknowledged.append(one)
            except AssociationError:
                self.cut_off += 1
                self._stop.wait(0.1)  # as a scanner that tries again, though sooner

    def _series(self, luck: Random) -> list[Instance]:
        if luck.random() < 0.5:
            self._studies.append(generate_uid())
        shared = {"study": luck.choice(self._studies), "series": generate_uid()}
        objects = [
            instance(image(number=number, rows=luck.choice(self._slices), **shared))
            for number in range(1, luck.randint(2, 20))
        ]
        if self._careless and self.acknowledged and luck.random() < 0.5:
            again = luck.choice(self.acknowledged)
            objects += [again, respelled(again, patient_id=b"T-%d" % luck.randrange(10**9)), again]
            objects += [instance(image(without=("PixelData",), **shared))]
        return objects
