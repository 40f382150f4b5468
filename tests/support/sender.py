"""Scanners: one that sends bytes as they are, and DCMTK's."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from dicomrs_wire.association import encode_request
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor, StoreReply, Timeouts
from dicomrs_wire.tls.ends import TlsClient
from support.objects import IMPLICIT, Instance, image, instance
from support.processes import LOOPBACK, find_program, run
from support.router import AE_TITLE

CALLING = "SCANNER_1"
TIMEOUTS = Timeouts(connect=10, association=30, network=30, response=60)


@contextmanager
def association(
    port: int,
    instances: Iterable[Instance],
    calling: str = CALLING,
    called: str = AE_TITLE,
    tls: TlsClient | None = None,
) -> Iterator[Requestor]:
    """An association with the contexts that these objects need."""
    contexts = list(dict.fromkeys((one.sop_class, one.transfer_syntax) for one in instances))
    with Requestor.connect(
        LOOPBACK,
        port,
        calling=calling,
        called=called,
        contexts=contexts or [(VERIFICATION, IMPLICIT)],
        timeouts=TIMEOUTS,
        tls=tls,
    ) as requestor:
        yield requestor


def associate(port: int, source: str, calling: str = CALLING) -> Requestor:
    """An association for C-ECHO from another address of this machine."""
    sock = socket.create_connection((LOOPBACK, port), 10, source_address=(source, 0))
    contexts = [(VERIFICATION, IMPLICIT)]
    return Requestor(sock, encode_request(calling, AE_TITLE, contexts, 16384), contexts, TIMEOUTS)


def store(requestor: Requestor, one: Instance, digest: Callable[[memoryview], None] | None = None) -> StoreReply:
    """Send one object's bytes; digest: see Requestor.store."""
    fd = os.memfd_create("dataset")
    try:
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(one.dataset)
        length = len(one.dataset)
        return requestor.store(one.sop_class, one.uid, one.transfer_syntax, fd, 0, length, digest=digest)
    finally:
        os.close(fd)


def send(
    port: int,
    instances: list[Instance],
    calling: str = CALLING,
    called: str = AE_TITLE,
    tls: TlsClient | None = None,
) -> list[StoreReply]:
    """Send objects over one association; the answers, in order."""
    with association(port, instances, calling, called, tls) as requestor:
        return [store(requestor, one) for one in instances]


def send_all(
    port: int,
    instances: list[Instance],
    calling: str = CALLING,
    called: str = AE_TITLE,
    tls: TlsClient | None = None,
) -> None:
    """Send objects that must all be acknowledged."""
    replies = send(port, instances, calling, called, tls)
    refused = [(one.uid, reply) for one, reply in zip(instances, replies, strict=True) if reply.status]
    assert not refused, refused


@dataclass
class StubbornScanner:
    """Sends everything, opening associations anew and sending again whatever was not acknowledged."""

    port: int
    instances: list[Instance]
    acknowledged: list[Instance] = field(default_factory=list)
    failures: int = 0

    def run(self) -> None:
        """Until everything is acknowledged."""
        left = list(self.instances)
        while left:
            try:
                with association(self.port, left) as requestor:
                    while left:
                        if store(requestor, left[0]).status == 0:
                            self.acknowledged.append(left.pop(0))
            except AssociationError:
                self.failures += 1
                time.sleep(0.1)  # as a scanner that tries again, though sooner


def storescu(
    port: int, folder: Path, *options: str, calling: str = "STORESCU", wrap: Sequence[str] = ()
) -> CompletedProcess[str]:
    """DCMTK's storescu over all files of a folder, stopping at the first that is not taken; wrap: as of Storescp."""
    words = ("+sd", *options, "-aet", calling, "-aec", AE_TITLE, LOOPBACK, port, folder)
    return _dcmtk("storescu", *words, wrap=wrap)


def dcmsend(port: int, folder: Path, *options: str) -> CompletedProcess[str]:
    """DCMTK's dcmsend over all files of a folder."""
    return _dcmtk("dcmsend", "+sd", *options, "-aet", "DCMSEND", "-aec", AE_TITLE, LOOPBACK, port, folder)


def echoscu(port: int, *options: str, called: str = AE_TITLE) -> CompletedProcess[str]:
    """DCMTK's echoscu."""
    return _dcmtk("echoscu", *options, "-aec", called, LOOPBACK, port)


def _dcmtk(program: str, *words: object, wrap: Sequence[str] = ()) -> CompletedProcess[str]:
    path = find_program(program)
    assert path is not None
    return run([*wrap, path, *words])


@contextmanager
def others_flowing(port: int, pause: float = 0.1) -> Iterator[list[Instance]]:
    """A scanner that goes on and on with objects nobody objects to; the list of them grows. pause: seconds between."""
    sent: list[Instance] = []
    stop = threading.Event()

    def flow() -> None:
        while not stop.wait(pause):
            one = instance(image(patient_id="FLOW"))
            send_all(port, [one])
            sent.append(one)

    with ThreadPoolExecutor(1) as pool:
        flowing = pool.submit(flow)
        try:
            yield sent
        finally:
            stop.set()
            flowing.result(60)
