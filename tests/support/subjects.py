"""What a fault is done to: the router, and other programs that take images; each keeps all it has in one folder."""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from support.load import Identity
from support.objects import Instance
from support.peers import Orthanc, Storescp, version
from support.processes import Child
from support.proof import HOME
from support.router import RESERVE, Router, destination, route
from support.spool_view import DAMAGED, QUARANTINE
from support.tap import Received, Tap, taps

_PIXEL_DATA = b"\xe0\x7f\x10\x00"  # the tag (7FE0,0010); nothing else in the tests' headers looks like it
LONG_ENOUGH = 180  # seconds for the router to deliver all that waits, on a machine that does much else
SLOWLY = 0.02  # seconds that the router's target takes for an object, so that many wait


@dataclass
class Verdict:
    """What became of objects that were acknowledged.

    wrong: anything else that must not be, in words; unknown: of the lost, those that lie somewhere on the disk whole.
    """

    lost: list[Instance]
    wrong: list[str] = field(default_factory=list)
    unknown: int = 0


class Subject(Protocol):
    """A program that a fault is done to."""

    name: str

    def start(self, folder: Path) -> int:
        """Start with what is in the folder; the port on which it takes images."""

    def delivered(self) -> set[Identity]:
        """What its target has confirmed so far; programs that send nothing on have none."""

    def kill(self) -> None:
        """SIGKILL."""

    def close(self) -> None:
        """End it, if it runs."""

    def judge(self, folder: Path, owed: list[Instance], attempted: set[Identity]) -> Verdict:
        """Start anew with what is in the folder, and look for what it owes; attempted: all that was ever sent to it."""


class Dicomrs:
    """scp and scu; an object is where it should be when it reaches the target, sooner or later.

    One without pixels is where it should be in the quarantine.
    """

    name = "dicomrs"
    make_router: type[Router] = Router

    def __init__(self, place: Path, tap: Tap, reserve: str = RESERVE) -> None:
        """place: for manifests and logs; tap: the target until the fault; reserve: see spec.storage.reserve."""
        self._places = (place / f"router-{number}" for number in count())
        self._tap = tap
        self._storage = {"reserve": reserve}
        self._router: Router | None = None

    def start(self, folder: Path) -> int:
        self._tap.answer = _take_slowly
        self._tap.arrived.clear()
        self._tap.stored.clear()
        self._router = self._started(self.make_router, folder, self._tap)
        return self._router.port()

    def _started(self, make: type[Router], folder: Path, tap: Tap) -> Router:
        place = next(self._places)
        place.mkdir(parents=True)
        router = make(place, route(folder / "root", destination("tap", tap.port), storage=self._storage))
        try:
            router.start()
        except BaseException:
            router.close()
            raise
        return router

    def delivered(self) -> set[Identity]:
        return {received.identity for received in list(self._tap.stored)}

    def kill(self) -> None:
        assert self._router is not None
        self._router.kill("scp", "scu")

    def close(self) -> None:
        if self._router is not None:
            self._router.close()

    def judge(self, folder: Path, owed: list[Instance], attempted: set[Identity]) -> Verdict:
        with taps(1) as (tap,):
            router = self._started(Router, folder, tap)
            spool = router.spool()
            try:
                with suppress(AssertionError):  # what still waits then is stuck, which counts as lost
                    spool.wait_empty(LONG_ENOUGH)
                quarantine = [path.read_bytes() for path in spool.root.glob(f"{QUARANTINE}/*/*.dcm")]
                wrong = [
                    *(f"stuck: {path}" for path in spool.waiting()),
                    *(f"damaged: {what}" for what in spool.kept_aside(DAMAGED)),
                    *(f"{service} has ended" for service, child in router.children.items() if not child.alive),
                ]
            finally:
                router.close()
            arrived = {received.identity for received in tap.stored}
        wrong += ["quarantined with its pixels" for content in quarantine if _PIXEL_DATA in content]
        wrong += [f"nobody sent: {identity[:3]}" for identity in arrived - attempted]
        wrong += [f"sent without pixels: {identity[:3]}" for identity in arrived if _PIXEL_DATA not in identity[3]]
        lost = [one for one in owed if not _is_kept(one, arrived, quarantine)]
        if lost or wrong:
            wrong += [text for section in router.story() for text in section]
        return Verdict(lost, wrong)


def _is_kept(one: Instance, arrived: set[Identity], quarantine: list[bytes]) -> bool:
    if _PIXEL_DATA in one.dataset:
        return one.identity in arrived
    return any(content.endswith(one.dataset) for content in quarantine)


def _take_slowly(_: Received) -> int:
    time.sleep(SLOWLY)
    return 0x0000


class _RouterWithoutFsync(Router):
    receiver, home = "bench.unsynced", HOME

    def launch(self, service: str) -> Child:
        if service != "scp":
            return super().launch(service)
        command = [sys.executable, "-m", self.receiver, str(self.manifest)]
        child = self.children[service] = Child(command, self.log(service), cwd=self.home)
        return child


class _RouterWithoutFolderFsync(_RouterWithoutFsync):
    receiver, home = "support.forgetful_scp", HOME / "tests"


class DicomrsWithoutFsync(Dicomrs):
    """A planted fault: until the power fails, scp acknowledges what is nowhere but in memory."""

    name = "dicomrs without fsync"
    make_router = _RouterWithoutFsync


class DicomrsWithoutFolderFsync(Dicomrs):
    """A smaller one: the bytes are on the disk, their name perhaps not."""

    name = "dicomrs without fsync of folders"
    make_router = _RouterWithoutFolderFsync


class _Other:
    _program: Storescp | Orthanc | None = None

    def delivered(self) -> set[Identity]:
        return set()

    def kill(self) -> None:
        assert self._program is not None
        self._program.kill()

    def close(self) -> None:
        if self._program is not None:
            self._program.close()


class StorescpSubject(_Other):
    """DCMTK's storescp as it comes; an object is where it should be when its file has the dataset's bytes."""

    remark = "it never syncs: Linux writes back by itself what is older than 30 s, and these loads are shorter"

    def __init__(self, place: Path) -> None:
        self.name = f"storescp {version('storescp')}"
        self._place = place

    def start(self, folder: Path) -> int:
        self._program = program = Storescp(folder / "images", bit_preserving=False, log=self._place / "storescp.log")
        program.start()
        return program.port

    def judge(self, folder: Path, owed: list[Instance], attempted: set[Identity]) -> Verdict:
        kept = {path.name.partition(".")[2]: path.read_bytes() for path in (folder / "images").glob("*.*")}
        return Verdict(_not_in(kept, owed))


class OrthancSubject(_Other):
    """Orthanc as it comes; an object is where it should be when it gives out a file with the dataset's bytes."""

    remark = "its SyncStorageArea is true, the default; SQLite's write-ahead log is not synced at each commit"

    def __init__(self, place: Path) -> None:
        self.name = f"Orthanc {version('Orthanc')}"
        self._places = (place / f"orthanc-{number}" for number in count())

    def start(self, folder: Path) -> int:
        self._program = program = Orthanc(next(self._places), storage=folder)
        program.start()
        return program.port

    def judge(self, folder: Path, owed: list[Instance], attempted: set[Identity]) -> Verdict:
        again = Orthanc(next(self._places), storage=folder)
        try:
            again.start()
            lost = _not_in(again.files(), owed)
        finally:
            again.kill()  # it takes seconds to say goodbye
        lengths = {len(one.dataset) for one in lost}
        files = [path.read_bytes() for path in (folder / "storage").glob("*/*/*")] if lost else []
        lying = {content[-length:] for content in files for length in lengths}
        return Verdict(lost, unknown=sum(one.dataset in lying for one in lost))


def _not_in(files: dict[str, bytes], owed: Iterable[Instance]) -> list[Instance]:
    return [one for one in owed if not files.get(one.uid, b"").endswith(one.dataset)]
