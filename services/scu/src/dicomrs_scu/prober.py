"""Asks a destination that nothing waits for whether it answers: a person learns that it is away before a patient waits.

While anything waits, sending it tells more, and nothing is asked.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from dicomrs.causes import Cause
from dicomrs.log import get_logger
from dicomrs.route import ClinicRoute, Destination
from dicomrs_scu.queue import DestinationQueue
from dicomrs_wire.echo import ECHO, Probe, Question, ask
from dicomrs_wire.tls.ends import TlsClient

SECONDS: Final = 60.0
"""Between two questions, when nobody looks."""
WATCHED_SECONDS: Final = 4.0
"""While somebody looks at the dashboard."""
_LOOK_SECONDS: Final = 1.0

logger = get_logger()


def probe_of(route: ClinicRoute, to: Destination, tls: TlsClient | None, what: str, question: Question = ECHO) -> Probe:
    """How a destination is asked: under the AE title that it will be sent to with. what: the destination, in words."""
    return Probe(
        route=route.metadata.name,
        what=what,
        host=to.host,
        port=to.port,
        calling=to.calling_ae_title,
        called=to.ae_title,
        tls=tls,
        question=question,
    )


class Prober(threading.Thread):
    """Of one destination. Start it; stop() ends it, though not a question that is being asked."""

    def __init__(self, probe: Probe, queue: DestinationQueue, watched: Callable[[], bool]) -> None:
        """watched: whether somebody looks at the moment."""
        super().__init__(name=f"prober-{probe.called}", daemon=True)
        self._probe = probe
        self._queue = queue
        self._watched = watched
        self._stopping = threading.Event()
        self._said = ""
        self._busy = False

    def stop(self) -> None:
        """Ask nothing more."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.wait(_LOOK_SECONDS):
            asked = time.monotonic()
            try:
                if self._queue.silent_for(WATCHED_SECONDS if self._watched() else SECONDS):
                    self._ask(asked)
            except Exception as error:
                logger.exception("asking a destination failed, it is tried again", destination=self._probe.what)
                why = f"a fault of the router: {type(error).__name__}, see its log"
                self._queue.probed(why, Cause.UNKNOWN, asked)

    def _ask(self, asked: float) -> None:
        finding = ask(self._probe)
        # Whoever offers no verification (PS3.4 annex A) has accepted the association all the same; and one that takes
        # few associations may just have them all, with other routes or routers.
        busy, self._busy = self._busy, finding.cause is Cause.BUSY
        well = finding.good or finding.cause is Cause.NOT_OFFERED or (self._busy and not busy)
        trouble = "" if well else finding.answer
        self._queue.probed(trouble, None if well else finding.cause, asked)
        if trouble != self._said:
            logger.info("destination asked", destination=self._probe.what, answers=well, reason=trouble)
        self._said = trouble
