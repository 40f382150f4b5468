"""A target that keeps every dataset's bytes as they came in, and answers what a test wants: pynetdicom's, not ours."""

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification

from support.objects import Instance
from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK, free_port


class Act(Enum):
    """What else than a status an object can be answered with."""

    ABORT = "abort the association"
    SILENCE = "never answer"


Answer = int | Dataset | Act


@dataclass(frozen=True)
class Received(Instance):
    """An object that has arrived whole. calling: the sender's AE title."""

    calling: str


def take_all(_: Received) -> Answer:
    """The answer of a healthy target."""
    return 0x0000


class Tap:
    """Accepts every SOP class in whatever transfer syntax is proposed."""

    def __init__(self, port: int | None = None, max_pdu: int = 1 << 17, address: str = LOOPBACK) -> None:
        """max_pdu: bytes, 0 is no limit."""
        self.port = port or free_port()
        self.address = address
        self.max_pdu = max_pdu
        self.answer: Callable[[Received], Answer] = take_all
        self.refuses_associations = False
        self.aborts_associations = False
        self.refused_contexts: set[str] = set()  # SOP classes
        self.chokes_on: set[str] = set()  # SOP classes: it aborts the negotiation when one is proposed
        self.arrived: list[Received] = []  # whatever the answer was
        self.stored: list[Received] = []  # answered as a success or a warning
        self.associations = 0
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._server: Any = None

    def start(self) -> None:
        """Listen."""
        ae = AE("NOT_WHO_YOU_MEAN")
        ae.maximum_pdu_size = self.max_pdu
        ae.maximum_associations = 50
        ae.network_timeout = ae.acse_timeout = ae.dimse_timeout = 60
        ae.add_supported_context(Verification)
        self._also_accept(ae)
        self._over.clear()
        handlers = [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_C_ECHO, lambda _: 0),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ACCEPTED, self._on_accepted),
            *self._more_handlers(),
        ]
        self._server = ae.start_server((self.address, self.port), block=False, evt_handlers=handlers)

    def _also_accept(self, ae: AE) -> None:
        """Of other services, for what is derived from this."""

    def _more_handlers(self) -> list[Any]:
        return []

    def stop(self) -> None:
        """Be gone: nobody listens, what was open is cut."""
        server, self._server = self._server, None
        if server is None:
            return
        self._over.set()
        associations = server.active_associations
        server.shutdown()
        for association in associations:
            association.abort()
            association.join(30)

    @property
    def listens(self) -> bool:
        return self._server is not None

    def wait_idle(self) -> None:
        """Until no association is open: the next object needs a new one."""
        eventually(lambda: not self._server.active_associations, "no association is open")

    def wait_stored(self, number: int, within: float = PATIENCE) -> list[Received]:
        """Until so many objects have been taken."""
        eventually(lambda: len(self.stored) >= number, f"{number} objects at the target", within)
        return list(self.stored)

    def by_uid(self) -> dict[str, list[Received]]:
        """What was taken, in order, under each SOP Instance UID."""
        found: dict[str, list[Received]] = {}
        for received in list(self.stored):
            found.setdefault(received.uid, []).append(received)
        return found

    def lost(self, sent: Iterable[Instance], *, once: bool = False) -> list[str]:
        """SOP Instance UIDs of what was not taken as it was sent, and of what was never sent; once: or taken twice."""
        wanted = {one.uid: [one.identity] for one in sent}
        found = {uid: [copy.identity for copy in copies] for uid, copies in self.by_uid().items()}
        if not once:
            found = {uid: list(dict.fromkeys(copies)) for uid, copies in found.items()}
        return [uid for uid in wanted.keys() | found.keys() if wanted.get(uid) != found.get(uid)]

    def _on_requested(self, event: evt.Event) -> None:
        event.assoc.ae.require_called_aet = self.refuses_associations
        wanted = event.assoc.requestor.primitive.presentation_context_definition_list
        if self.chokes_on.intersection(context.abstract_syntax for context in wanted):
            event.assoc.abort()
            return
        if self.refused_contexts:
            # An abstract syntax that pynetdicom knows as no storage class is refused by it.
            for context in wanted:
                if context.abstract_syntax in self.refused_contexts:
                    context.abstract_syntax = "1.2.840.10008.5.1.4.1.2.2.1"

    def _on_accepted(self, event: evt.Event) -> None:
        with self._mutex:
            self.associations += 1
        if self.aborts_associations:
            event.assoc.abort()

    def _on_store(self, event: evt.Event) -> int | Dataset:
        request = event.request
        received = Received(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax),
            request.DataSet.getvalue(),
            event.assoc.requestor.ae_title.strip(),
        )
        self.arrived.append(received)
        answer = self.answer(received)
        if answer is Act.ABORT:
            event.assoc.abort()
            return 0x0110
        if answer is Act.SILENCE:
            self._over.wait()
            event.assoc.abort()
            return 0x0110
        status = answer.Status if isinstance(answer, Dataset) else answer
        if status == 0 or 0xB000 <= status <= 0xBFFF:
            self.stored.append(received)
        return answer


@contextmanager
def taps(number: int, max_pdu: int = 1 << 17) -> Iterator[list[Tap]]:
    """So many targets that listen."""
    # Of pynetdicom's two ways to know private SOP classes this is the one without a register to fill.
    unrestricted, _config.UNRESTRICTED_STORAGE_SERVICE = _config.UNRESTRICTED_STORAGE_SERVICE, True
    made = [Tap(max_pdu=max_pdu) for _ in range(number)]
    try:
        for tap in made:
            tap.start()
        yield made
    finally:
        for tap in made:
            with suppress(OSError):
                tap.stop()
        _config.UNRESTRICTED_STORAGE_SERVICE = unrestricted


def comment(status: int, text: str) -> Dataset:
    """A status with an Error Comment (0000,0902)."""
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, text
    return answer


def main(port: int) -> None:
    """As a program: a line of JSON for each object that was taken, until it is ended."""

    def tell(received: Received) -> Answer:
        digest = sha256(received.dataset).hexdigest()
        print(json.dumps([received.sop_class, received.uid, received.transfer_syntax, digest]), flush=True)
        return 0x0000

    _config.UNRESTRICTED_STORAGE_SERVICE = True
    tap = Tap(port, address="0.0.0.0")
    tap.answer = tell
    tap.start()
    print("listens", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
