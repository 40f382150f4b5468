"""Open transactions of storage commitment, recorded so that a report that comes after a restart is understood.

One file each under .commitments. No truth: of a transaction that is lost here, the objects are asked about again.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final, Self

from dicomrs.log import get_logger
from dicomrs.spool.fs import FileSystem, put_file, read_all
from dicomrs.spool.layout import COMMITMENTS

MOST_PER_OBJECT: Final = 3  # the latest transactions in which an object may be reported
_REMEMBERED: Final = 1000  # closed transactions, so that a repeated report is recognised
_SUFFIX: Final = ".json"
_UID: Final = re.compile(r"[0-9.]{1,64}")

logger = get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """An object that is asked about: one arrival, by its place in the spool."""

    folder: str
    name: str
    arrival: str
    sop_class: str
    sop_instance: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """objects: all that it asked about, by SOP Instance UID; left: those of them that are still to be reported."""

    uid: str
    destination: str
    objects: dict[str, Asked]
    left: set[str]

    @classmethod
    def of(cls, uid: str, destination: str, objects: Iterable[Asked]) -> Self:
        """One that nothing of has been reported."""
        by_uid = {one.sop_instance: one for one in objects}
        return cls(uid, destination, by_uid, set(by_uid))


class Transactions:
    """Those of one root; safe between threads."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        """Read what an earlier process recorded. What cannot be read is passed over: it will be asked about again."""
        self._fs = fs
        self._folder = f"{root}/{COMMITMENTS}"
        self._mutex = threading.Lock()
        self._open: dict[str, Transaction] = {}
        self._asking: dict[tuple[str, str], list[str]] = {}  # destination, arrival -> uids of open ones, oldest first
        self._closed: deque[str] = deque(maxlen=_REMEMBERED)
        try:
            for name in sorted(fs.listdir(self._folder)):
                self._load(name)
        except OSError as error:
            logger.error("open transactions not readable", reason=f"{error.strerror}; check the disk")

    def _load(self, name: str) -> None:
        uid = name.removesuffix(_SUFFIX)
        try:
            fields = json.loads(read_all(self._fs, f"{self._folder}/{name}"))
            objects = [Asked(**one) for one in fields["objects"]]
            destination = str(fields["destination"])
        except (ValueError, TypeError, KeyError):
            self._fs.unlink(f"{self._folder}/{name}")
            return
        self._keep(Transaction.of(uid, destination, objects))

    def open(self, uid: str, destination: str, objects: Iterable[Asked]) -> Transaction:
        """Record a transaction before it is asked for. Where the volume refuses, it is known to this process only."""
        transaction = Transaction.of(uid, destination, objects)
        assert _UID.fullmatch(uid), uid
        fields = {"destination": destination, "objects": [asdict(one) for one in transaction.objects.values()]}
        try:
            put_file(self._fs, self._path(uid), json.dumps(fields).encode())
        except OSError as error:
            logger.warning(
                "storage commitment not recorded; should the service restart now, it asks again",
                destination=destination,
                reason=error.strerror,
            )
        with self._mutex:
            self._keep(transaction)
        return transaction

    def _keep(self, transaction: Transaction) -> None:
        self._open[transaction.uid] = transaction
        for one in transaction.objects.values():
            uids = self._asking.setdefault((transaction.destination, one.arrival), [])
            uids.append(transaction.uid)
            if len(uids) > MOST_PER_OBJECT:
                self._take_out(uids[0], one.sop_instance)

    def find(self, uid: str) -> Transaction | None:
        """The open transaction of a UID."""
        with self._mutex:
            return self._open.get(uid)

    def was_closed(self, uid: str) -> bool:
        """Whether all of a transaction was reported, lately: the same report has come again."""
        return uid in self._closed

    def answered(self, uid: str, sop_instances: Iterable[str]) -> None:
        """These objects have been reported in a transaction."""
        with self._mutex:
            for sop_instance in sop_instances:
                self._take_out(uid, sop_instance)

    def drop(self, destination: str, objects: Iterable[Asked]) -> None:
        """What becomes of these at a destination is decided: no transaction waits for them any more."""
        with self._mutex:
            for one in objects:
                for uid in list(self._asking.get((destination, one.arrival), ())):
                    self._take_out(uid, one.sop_instance)

    def prune(self, awaited: Callable[[str], Collection[str]]) -> None:
        """Drop whatever nobody awaits; awaited: the arrivals that a destination, by name, is to commit to."""
        with self._mutex:  # what is asked for from now on is not judged by what was awaited before
            destinations = {transaction.destination for transaction in self._open.values()}
            by_name = {name: awaited(name) for name in destinations}
            for transaction in list(self._open.values()):
                arrivals = by_name[transaction.destination]
                for one in transaction.objects.values():
                    if one.arrival not in arrivals:
                        self._take_out(transaction.uid, one.sop_instance)

    def _take_out(self, uid: str, sop_instance: str) -> None:
        transaction = self._open.get(uid)
        if transaction is None or sop_instance not in transaction.left:
            return
        transaction.left.remove(sop_instance)
        what = (transaction.destination, transaction.objects[sop_instance].arrival)
        self._asking[what].remove(uid)
        if not self._asking[what]:
            del self._asking[what]
        if not transaction.left:
            del self._open[uid]
            self._closed.append(uid)
            with suppress(OSError):
                self._fs.unlink(self._path(uid))

    def _path(self, uid: str) -> str:
        return f"{self._folder}/{uid}{_SUFFIX}"
