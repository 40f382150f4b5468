"""Asking a destination that nothing waits for, where that itself goes wrong."""

import time

import pytest

from dicomrs.route import Duration, Park
from dicomrs_scu.prober import WATCHED_SECONDS, Prober
from dicomrs_scu.queue import DestinationQueue
from dicomrs_wire.echo import ECHO, Probe
from support.bad_target import BadTarget, rejecting
from support.polling import eventually, hold
from support.processes import LOOPBACK


@pytest.fixture
def queue():
    return DestinationQueue(Park(tries=3, over=Duration.of("60s")), time.monotonic)


def test_a_fault_of_ours_is_a_trouble_that_is_told_and_not_tried_again_at_every_look(queue):
    nonsense = Probe("clinic", "target", LOOPBACK, 104, "\u20ac", "B", None, ECHO)  # no such AE title
    prober = Prober(nonsense, queue, lambda: True)
    prober.start()
    try:
        trouble = eventually(lambda: queue.figures().trouble, "it is told", 30)
        assert trouble == "a fault of the router: ValueError, see its log"
        hold(lambda: not queue.silent_for(WATCHED_SECONDS), "it is left alone", WATCHED_SECONDS - 1)
    finally:
        prober.stop()
        prober.join(10)


def test_a_target_that_is_busy_with_somebody_else_is_no_trouble_unless_it_still_is_the_next_time(queue):
    """It takes a single association, and another route is sending to it."""
    target = BadTarget(rejecting((2, 3, 2)))
    prober = Prober(Probe("clinic", "target", LOOPBACK, target.port, "A", "B", None, ECHO), queue, lambda: True)
    prober.start()
    try:
        eventually(lambda: target.played == 1 and not queue.silent_for(WATCHED_SECONDS), "it is asked", 30)
        hold(lambda: not queue.figures().trouble, "it is no trouble", WATCHED_SECONDS / 2)
        assert "limit of associations" in eventually(lambda: queue.figures().trouble, "it is told", 30)
        assert target.played == 2
    finally:
        prober.stop()
        prober.join(10)
        target.vanish()
