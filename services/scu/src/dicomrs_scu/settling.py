"""Receipts made durable in groups, beside the sending: a target need not wait for our disk, nor our disk for it."""

import threading
import time
from itertools import groupby
from typing import Final

from dicomrs.causes import Cause
from dicomrs.log import get_logger
from dicomrs.spool.outbox import Stored
from dicomrs.spool.receipts import Event, Kind
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.waiting import Waiting

GROUP: Final = 128  # receipts at most that wait to be made durable together
GROUP_SECONDS: Final = 0.05  # and so long at most; each group costs the disk an fsync, which receiving needs too

Delivery = tuple[Waiting, Stored, Event]

logger = get_logger()


class Settler:
    """A thread for one sender. Objects count as confirmed, and leave the disk, only once their receipts are durable."""

    def __init__(self, backlog: Backlog, queue: DestinationQueue) -> None:
        self._backlog = backlog
        self._queue = queue
        self._changed = threading.Condition()
        self._pending: list[Delivery] = []
        self._since = 0.0
        self._busy = False
        self._hurry = 0  # threads that wait for all to be settled
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)
        self._thread.start()

    def add(self, delivery: Delivery) -> None:
        """Settle a delivery soon."""
        with self._changed:
            if not self._pending:
                self._since = time.monotonic()
                self._changed.notify_all()
            self._pending.append(delivery)
            if len(self._pending) == GROUP:
                self._changed.notify_all()

    def drain(self) -> None:
        """Wait until all that was added is settled, or has gone back into the queue."""
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._pending or self._busy) or not self._thread.is_alive())
            self._hurry -= 1

    def end(self) -> None:
        """Settle what is left, and end."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._settle(group)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next_group(self) -> list[Delivery]:
        """All that waits, once it is worth an fsync; nothing at the end."""
        with self._changed:
            while not self._is_due():
                if self._ended and not self._pending:
                    return []
                left = self._since + GROUP_SECONDS - time.monotonic()
                self._changed.wait(max(0.0, left) if self._pending else None)
            group, self._pending = self._pending, []
            self._busy = True
            return group

    def _is_due(self) -> bool:
        if not self._pending:
            return False
        old = time.monotonic() - self._since >= GROUP_SECONDS
        return old or self._hurry > 0 or self._ended or len(self._pending) >= GROUP

    def _settle(self, group: list[Delivery]) -> None:
        """Where the volume refuses, the objects will be sent again: twice, never not at all."""
        for folder, deliveries in groupby(sorted(group, key=_folder), key=_folder):
            results = list(deliveries)
            try:
                self._backlog.settle(folder, [(stored, event) for _, stored, event in results])
            except Exception as error:
                why = error.strerror if isinstance(error, OSError) else type(error).__name__
                logger.exception("receipts not durable, objects will be sent again")
                for waiting, _, _ in results:
                    self._queue.put_back(waiting)
                self._queue.target_failed(f"receipts cannot be written: {why}", Cause.ROOT_UNUSABLE)
            else:
                for waiting, _, event in results:
                    if event.kind is Kind.STORED:
                        self._queue.stored(waiting)
                    else:
                        self._queue.confirmed(waiting)


def _folder(delivery: Delivery) -> str:
    return delivery[0].folder
