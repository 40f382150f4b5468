"""What a sender does before anything is sent."""

import time

from structlog.testing import capture_logs

from dicomrs.route import ClinicRoute, Duration, Park
from dicomrs.spool.outbox import Outbox
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.sender import Sender
from dicomrs_scu.waiting import Waiting
from support.filled_spool import FilledSpool
from support.objects import CT, EXPLICIT, MR, image, instance
from support.router import destination, route

TOLD = "it does not accept SOP class"


def sender_of(spool: FilledSpool, queue: DestinationQueue) -> Sender:
    document = ClinicRoute.model_validate(route(spool.root, destination("a", 4000)))
    backlog = Backlog(Outbox(spool.fs, str(spool.root)), document, {"a": queue})
    backlog.rescan()
    return Sender(backlog, document.spec.destinations[0], queue, 0)


def unseen(number: int, pair: tuple[str, str]) -> Waiting:
    return Waiting("20260101T080000_1_A", f"{number}.dcm", 1, f"{number}", pair, ("a",), "2026-01-01T08:00:00+00:00")


def test_very_many_objects_of_kinds_that_are_not_accepted_are_refused_at_once_and_told_of_by_the_kind(tmp_path):
    queue = DestinationQueue(Park(), time.monotonic)
    pairs = [(CT, EXPLICIT), (MR, EXPLICIT)]
    for number in range(40_000):
        queue.add(unseen(number, pairs[number % 4 == 0]))
    sender = sender_of(FilledSpool(tmp_path / "root"), queue)
    try:
        with capture_logs() as lines:
            started = time.monotonic()
            sender._refuse_contexts(pairs)
            assert time.monotonic() - started < 5  # it took a time that grew with the square of their number
    finally:
        sender._settler.end()
    assert [(line["event"], line["objects"]) for line in lines] == [("objects not taken", n) for n in (10_000, 30_000)]
    assert all(TOLD in line["reason"] for line in lines)
    assert queue.figures().refused == 40_000
    assert queue.pairs(128) == []


def test_an_object_whose_kind_was_never_accepted_is_parked_after_its_tries(tmp_path):
    spool = FilledSpool(tmp_path / "root")
    spool.receive(instance(image(rows=8)))
    clock = [1000.0]
    queue = DestinationQueue(Park(tries=2, over=Duration.of("1s")), lambda: clock[0])
    sender = sender_of(spool, queue)
    try:
        for number in range(3):
            queue.add(unseen(number, (MR, EXPLICIT)))
            confirmed = queue.take([(MR, EXPLICIT)])
            assert confirmed is not None
            queue.confirmed(confirmed)
            sender._refuse_contexts([(CT, EXPLICIT)])
            clock[0] += 3600
    finally:
        sender._settler.end()
    assert queue.figures().waiting == 0
    (folder,) = spool.outbox.folders()
    (name,) = spool.outbox.names(folder)
    parked = spool.outbox.ledger(folder).last(spool.outbox.stored(folder, name).arrival, "a")
    assert parked is not None
    assert (parked.kind, TOLD in parked.why) == ("parked", True)
