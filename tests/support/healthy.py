"""A scanner that does nothing wrong, while others do: what it is served meanwhile, and what becomes of its objects."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from dicomrs_wire.tls.ends import TlsClient
from support.objects import Instance, series
from support.polling import eventually
from support.proof import Row
from support.router import Router
from support.sender import association, store
from support.tap import Tap

MEMORY = 32  # MB that the receiver may grow by
SLOWEST = 5.0  # seconds for an object; generous, for machines that do much else

Act = Callable[[int], list[Instance]]
"""What is done to a port; the objects that were acknowledged to who did it."""


@dataclass
class Healthy:
    """It goes on with one small study after another.

    took: seconds for each object, in order; for the first of a study with those for its association.
    """

    port: int
    tls: TlsClient | None = None
    sent: list[Instance] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def study(self) -> None:
        """Five objects over an association of their own: a refusal, or an end, fails."""
        objects = series(5, rows=16)
        began = time.monotonic()
        with association(self.port, objects, calling="WELL", tls=self.tls) as requestor:
            for one in objects:
                assert store(requestor, one).status == 0
                began, started = time.monotonic(), began
                self.took.append(began - started)
                self.sent.append(one)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Beside the block."""
        over = threading.Event()

        def flow() -> None:
            while not over.wait(0.02):
                self.study()

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(flow)
            try:
                yield
            finally:
                over.set()
                done.result(60)

    @property
    def median(self) -> float:
        return statistics.median(self.took)


def served_beside(act: Act, times: int, row: Row, router: Router, tap: Tap, healthy: Healthy, usual: float) -> None:
    """Do something so often, while the healthy one goes on; all that was acknowledged is then at the target.

    usual: seconds that an object takes otherwise.
    """
    theirs: list[Instance] = []
    spool = router.spool_of(healthy.port)
    before = router.memory("scp")
    with healthy.flowing():
        for _ in range(times):
            theirs += act(healthy.port)
            row.trials += 1
    healthy.study()
    objects = [*healthy.sent, *theirs]
    spool.wait_empty()
    grown = router.memory("scp") - before
    row.acknowledged = len(objects)
    row.losses = len({one.identity for one in objects} - {one.identity for one in tap.stored})
    row.note = (
        f"beside it an object takes {1000 * healthy.median:.0f} ms, at worst {1000 * max(healthy.took):.0f} "
        f"(usually {1000 * usual:.0f}); memory {grown:+.0f} MB"
    )
    assert row.losses == 0
    assert max(healthy.took) < SLOWEST
    assert grown < MEMORY
    eventually(lambda: not spool.parts(), "nothing half received is left")
    assert not spool.receipts(kind="parked")
    assert not [line for line in router.events("scp") if line["level"] in ("error", "critical")]
