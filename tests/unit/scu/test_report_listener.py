"""The listener for reports, over real connections: who is heard beside whom, and what an end of it means."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dicomrs_scu.report_listener import MOST_OF_PEER, ReportListener
from dicomrs_wire.commitment import COMMITMENT, COMMITMENT_CONTEXTS, COMMITMENT_INSTANCE
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor
from support.objects import IMPLICIT
from support.polling import eventually, hold
from support.processes import LOOPBACK, free_port


class SlowReports:
    """Takes a report when it is let."""

    def __init__(self) -> None:
        self.begun, self.let, self.done = threading.Event(), threading.Event(), threading.Event()

    def take(self, *_: object) -> int:
        self.begun.set()
        assert self.let.wait(30)
        self.done.set()
        return 0


@contextmanager
def listening(reports: object = None) -> Iterator[tuple[ReportListener, int]]:
    port = free_port()
    listener = ReportListener((LOOPBACK, port), {"DICOMRS"}, reports)  # type: ignore[arg-type]
    listener.start()
    eventually(lambda: echo(port), "it listens")
    try:
        yield listener, port
    finally:
        listener.stop()
        listener.join(30)
        assert not listener.is_alive()


def echo(port: int) -> bool:
    try:
        with Requestor.connect(
            LOOPBACK, port, calling="TAP", called="DICOMRS", contexts=[(VERIFICATION, IMPLICIT)]
        ) as requestor:
            return requestor.echo() == 0
    except AssociationError:
        return False


def report(port: int) -> int:
    with Requestor.connect(
        LOOPBACK,
        port,
        calling="TAP",
        called="DICOMRS",
        contexts=COMMITMENT_CONTEXTS,
        roles={COMMITMENT: (False, True)},
    ) as requestor:
        return requestor.event_report(COMMITMENT, COMMITMENT_INSTANCE, 1, lambda _: bytes(8))[0]


def test_it_has_not_ended_before_the_report_in_hand_is_taken_and_answered():
    """The root is given up next: what is done afterwards would be done beside its next owner."""
    reports = SlowReports()
    with listening(reports) as (listener, port):
        status: list[int] = []
        reporting = threading.Thread(target=lambda: status.append(report(port)))
        reporting.start()
        assert reports.begun.wait(30)
        listener.stop()
        hold(listener.is_alive, "it waits for the report", 1.5)
        reports.let.set()
        listener.join(30)
        assert reports.done.is_set()
        assert not listener.is_alive()
        reporting.join(30)
        assert status == [0]


def test_it_ends_although_peers_hold_their_associations_open():
    with listening() as (listener, port), ExitStack() as open_ones:
        open_ones.enter_context(socket.create_connection((LOOPBACK, port), 10))
        contexts = [(VERIFICATION, IMPLICIT)]
        silent = Requestor.connect(LOOPBACK, port, calling="TAP", called="DICOMRS", contexts=contexts)
        open_ones.callback(silent.abort)
        listener.stop()
        listener.join(20)
        assert not listener.is_alive()


def test_who_holds_connections_open_shuts_out_nobody_else():
    with listening() as (_, port), ExitStack() as open_ones:
        for _ in range(4 * MOST_OF_PEER):
            open_ones.enter_context(socket.create_connection((LOOPBACK, port), 10, source_address=("127.0.0.9", 0)))
        assert echo(port)
