"""The order in which objects go to one destination, and what a refusal does: the rules of invariant 4."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicomrs.causes import Cause
from dicomrs.route import Duration, Park
from dicomrs_scu.queue import DestinationQueue
from dicomrs_scu.waiting import Waiting
from support.polling import eventually

CT = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
MR = ("1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1")
FIRST = "20250101T080000_0_0"
OLD, NEW = "20260101T080000_1_A", "20260102T080000_2_B"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def waiting(name: str, folder: str = OLD, number: int = 1, pair: tuple[str, str] = CT) -> Waiting:
    return Waiting(folder, name, number, f"{folder}/{name}", pair, ("target",), "2026-01-01T08:00:00+00:00")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> DestinationQueue:
    return DestinationQueue(Park(tries=3, over=Duration.of("60s")), clock)


def confirm_one(queue: DestinationQueue, name: str) -> None:
    """Another object comes, of a study that goes before all, and is confirmed."""
    other = waiting(name, folder=FIRST)
    queue.add(other)
    assert queue.take([CT]) is other
    queue.confirmed(other)


def refuse(queue: DestinationQueue, entry: Waiting) -> bool:
    taken = queue.take([CT])
    assert taken is entry
    return queue.refused(entry, "C000", countable=True)


def test_oldest_study_goes_first_whatever_came_first(queue: DestinationQueue) -> None:
    queue.add(waiting("2.dcm", NEW))
    queue.add(waiting("1.dcm", OLD))
    assert [queue.take([CT]).folder for _ in range(2)] == [OLD, NEW]


def test_an_object_is_queued_once(queue: DestinationQueue) -> None:
    queue.add(waiting("1.dcm"))
    queue.add(waiting("1.dcm"))
    assert queue.take([CT]) is not None
    assert queue.take([CT]) is None


def test_contexts_are_those_of_what_waits_up_to_the_limit(queue: DestinationQueue) -> None:
    queue.add(waiting("1.dcm"))
    queue.add(waiting("2.dcm", pair=MR))
    assert queue.pairs(128) == [CT, MR]
    assert queue.pairs(1) == [CT]
    assert queue.pairs(128, skip=1) == [MR]
    assert queue.take([MR]).name == "2.dcm"


def test_a_refused_object_lets_those_behind_it_go_first(queue: DestinationQueue) -> None:
    first, second = waiting("1.dcm"), waiting("2.dcm")
    queue.add(first)
    queue.add(second)
    assert refuse(queue, first) is False
    assert queue.take([CT]) is second


def test_a_refused_object_comes_back_after_its_own_back_off(queue: DestinationQueue, clock: Clock) -> None:
    only = waiting("1.dcm")
    queue.add(only)
    refuse(queue, only)
    assert queue.take([CT]) is None
    clock.now += 10.0
    assert queue.take([CT]) is only


def test_a_refused_object_whose_time_has_come_is_not_starved_by_new_ones(queue: DestinationQueue, clock: Clock) -> None:
    bad = waiting("1.dcm")
    queue.add(bad)
    refuse(queue, bad)
    clock.now += 10.0
    second = waiting("2.dcm")
    queue.add(second)
    queue.add(waiting("3.dcm"))
    assert queue.take([CT]) is second  # it tells whether the target or the object is to blame
    queue.confirmed(second)
    assert queue.take([CT]) is bad


def test_later_arrivals_of_a_refused_object_wait_with_it(queue: DestinationQueue, clock: Clock) -> None:
    first, second = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    queue.add(first)
    queue.add(second)
    refuse(queue, first)
    assert queue.take([CT]) is None
    clock.now += 10.0
    assert queue.take([CT]) is first
    assert queue.take([CT]) is None  # in flight
    queue.confirmed(first)
    assert queue.take([CT]) is second


def test_a_parked_arrival_no_longer_holds_back_the_corrected_one(queue: DestinationQueue) -> None:
    first, second = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    queue.add(first)
    queue.add(second)
    assert queue.take([CT]) is first
    queue.discard(first)
    assert queue.take([CT]) is second


def test_parked_after_its_tries_when_others_are_confirmed_in_between(queue: DestinationQueue, clock: Clock) -> None:
    bad = waiting("1.dcm")
    queue.add(bad)
    confirm_one(queue, "0.dcm")
    parked = []
    for number in range(3):
        clock.now += 40.0
        parked.append(refuse(queue, bad))
        confirm_one(queue, f"{number + 1}.dcm")
    assert parked == [False, False, True]


def test_enough_tries_in_too_short_a_time_do_not_park(queue: DestinationQueue, clock: Clock) -> None:
    bad = waiting("1.dcm")
    queue.add(bad)
    for number, seconds in enumerate((0.0, 15.0, 25.0)):
        confirm_one(queue, f"{number}.dcm")
        clock.now += seconds
        assert refuse(queue, bad) is False
    confirm_one(queue, "9.dcm")
    clock.now += 35.0
    assert refuse(queue, bad) is True


def test_a_target_that_refuses_everything_parks_nothing(queue: DestinationQueue, clock: Clock) -> None:
    entries = [waiting(f"{number}.dcm") for number in range(4)]
    for entry in entries:
        queue.add(entry)
    for _ in range(200):
        clock.now += 120.0
        taken = queue.take([CT])
        assert taken is not None
        assert queue.refused(taken, "0110", countable=True) is False


def test_several_objects_refused_in_a_row_give_the_target_a_rest(queue: DestinationQueue, clock: Clock) -> None:
    entries = [waiting(f"{number}.dcm") for number in range(4)]
    for entry in entries:
        queue.add(entry)
    for entry in entries[:3]:
        assert not queue.resting
        assert refuse(queue, entry) is False
    assert queue.resting
    assert queue.pairs(128) == []
    clock.now += 1.0
    assert not queue.resting


def test_refused_contexts_say_nothing_about_the_targets_health(queue: DestinationQueue) -> None:
    for number in range(5):
        queue.add(waiting(f"{number}.dcm"))
        queue.refused(queue.take([CT]), "context", of_target=False)
    assert not queue.resting


def test_a_target_that_is_back_gets_at_once_what_it_refused_while_sick(queue: DestinationQueue) -> None:
    victims = [waiting(f"{number}.dcm") for number in range(3)]
    for victim in victims:
        queue.add(victim)
        refuse(queue, victim)
    assert queue.take([CT]) is None
    confirm_one(queue, "9.dcm")
    assert {queue.take([CT]) for _ in victims} == set(victims)


def test_the_rest_of_a_target_grows_and_is_capped(queue: DestinationQueue, clock: Clock) -> None:
    rests = []
    for _ in range(12):
        queue.target_failed("down")
        rests.append(queue.figures().retry_in)
        clock.now += rests[-1]
    assert rests[0] < 1.0
    assert max(rests) <= 30.0
    assert min(rests[-3:]) > 20.0


def test_who_waits_for_work_is_woken_when_a_later_arrival_may_go(queue: DestinationQueue) -> None:
    earlier, later = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    queue.add(earlier)
    queue.add(later)
    assert queue.take([CT]) is earlier
    assert queue.take([CT]) is None
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        sender = pool.submit(queue.wait, 60.0)
        eventually(lambda: queue._changed._waiters, "it waits")
        queue.confirmed(earlier)
        sender.result()
    assert time.monotonic() - began < 60
    assert queue.take([CT]) is later


def test_figures_name_the_oldest_and_the_trouble(queue: DestinationQueue) -> None:
    queue.add(waiting("1.dcm"))
    queue.target_failed("connection refused")
    figures = queue.figures()
    assert (figures.waiting, figures.trouble) == (1, "connection refused")
    assert figures.oldest.startswith("2026-01-01")


def test_a_new_arrival_under_a_name_that_is_just_being_settled_is_queued(queue: DestinationQueue) -> None:
    old = waiting("1.dcm")
    new = Waiting(OLD, "1.dcm", 1, "another arrival", CT, ("target",), old.received)
    queue.add(old)
    assert queue.take([CT]) is old
    queue.add(new)
    queue.confirmed(old)
    assert queue.take([CT]) is new


def test_an_object_too_large_for_the_target_keeps_its_own_back_off_when_others_are_confirmed(
    queue: DestinationQueue,
) -> None:
    large = waiting("1.dcm")
    queue.add(large)
    assert queue.take([CT]) is large
    queue.refused(large, "A700", countable=False)
    for number in range(2, 5):
        other = waiting(f"{number}.dcm")
        queue.add(other)
        assert queue.take([CT]) is other
        queue.confirmed(other)
    assert queue.take([CT]) is None


def test_a_refusal_of_what_has_left_meanwhile_leaves_nothing_behind(queue: DestinationQueue) -> None:
    first, second = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    queue.add(second)
    assert queue.take([CT]) is second
    queue.discard(second)
    assert queue.refused(second, "0110") is False
    queue.add(first)
    assert queue.take([CT]) is first
    assert queue.take([CT]) is None


def test_thousands_of_second_arrivals_are_looked_through_quickly(queue: DestinationQueue) -> None:
    for number in range(1000):
        queue.add(waiting(f"{number}_2.dcm", number=2))
        queue.add(waiting(f"{number}.dcm"))
    started = time.monotonic()
    for _ in range(20):
        assert queue.pairs(128) == [CT]
    assert time.monotonic() - started < 5  # it took minutes when every name was compared with every other
    queue.discard(waiting("7.dcm"))
    taken = [queue.take([CT]) for _ in range(1000)]
    assert [one.name for one in taken if one.number == 2] == ["7_2.dcm"]


def test_there_is_plenty_only_of_what_may_go_now(queue: DestinationQueue, clock: Clock) -> None:
    """A rescan rests while this says so, and so must not while the target is away or all is in flight."""
    for number in range(3):
        queue.add(waiting(f"{number}.dcm", folder=(OLD, NEW)[number % 2]))
    assert queue.has_plenty(3)
    assert not queue.has_plenty(4)
    queue.target_failed("nobody listens")
    assert not queue.has_plenty(1)
    clock.now += 3600
    assert queue.has_plenty(3)
    queue.take([CT])
    assert queue.has_plenty(2)
    assert not queue.has_plenty(3)


def test_a_kind_that_is_not_accepted_waits_as_a_whole_and_keeps_no_other(queue: DestinationQueue, clock: Clock) -> None:
    for number in range(3):
        queue.add(waiting(f"{number}.dcm", pair=MR))
    queue.add(waiting("ct.dcm"))
    pauses = []
    for _ in range(8):
        queue.kinds_refused({MR: "not accepted"})
        queue.add(waiting(f"{clock.now}.dcm", pair=MR))
        assert queue.pairs(128) == [CT], "what came since waits with the others"
        began = clock.now
        while MR not in queue.pairs(128):
            clock.now += 0.1
        pauses.append(clock.now - began)
    assert pauses[0] < 1
    assert 20 < max(pauses) <= 30.1
    accepted = queue.take([MR])
    assert accepted is not None
    queue.confirmed(accepted)
    queue.kinds_refused({MR: "not accepted"})
    queue.add(waiting("new.dcm", pair=MR))  # has no pause of its own
    assert MR not in queue.pairs(128)
    clock.now += 1
    assert MR in queue.pairs(128), "once it has accepted, the pauses begin anew"


@pytest.fixture
def committing(clock: Clock) -> DestinationQueue:
    return DestinationQueue(Park(tries=3, over=Duration.of("60s")), clock, commits=True)


def store_one(queue: DestinationQueue) -> Waiting:
    taken = queue.take([CT])
    assert taken is not None
    queue.stored(taken)
    return taken


def test_what_is_stored_waits_no_more_and_is_not_taken_again(committing: DestinationQueue) -> None:
    committing.add(waiting("1.dcm"))
    stored = store_one(committing)
    assert committing.take([CT]) is None
    assert (committing.figures().waiting, committing.figures().uncommitted) == (0, 1)
    committing.add(stored)  # a rescan
    committing.add_stored(stored)
    assert committing.take([CT]) is None
    committing.discard(stored)
    assert (committing.figures().uncommitted, len(committing.uncommitted)) == (0, 0)


def test_a_later_arrival_waits_until_the_earlier_is_committed_to(committing: DestinationQueue) -> None:
    first, second = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    committing.add(first)
    committing.add(second)
    assert store_one(committing) is first
    assert committing.take([CT]) is None
    committing.discard(first)
    assert committing.take([CT]) is second


def test_an_earlier_arrival_that_is_released_waits_for_the_later_too(committing: DestinationQueue) -> None:
    second = waiting("1_2.dcm", number=2)
    committing.add(second)
    store_one(committing)
    first = waiting("1.dcm")
    committing.add(first)
    assert committing.take([CT]) is None
    committing.discard(second)
    assert committing.take([CT]) is first


def test_one_arrival_of_an_instance_is_on_its_way_whatever_study_it_is_in(committing: DestinationQueue) -> None:
    one, other = waiting("1.dcm", OLD), waiting("1.dcm", NEW)
    committing.add(one)
    committing.add(other)
    assert committing.take([CT]) is one
    assert committing.take([CT]) is None
    committing.refused(one, "C000")
    assert committing.take([CT]) is other


def test_after_a_restart_what_is_stored_holds_back_later_arrivals(committing: DestinationQueue) -> None:
    first, second = waiting("1.dcm"), waiting("1_2.dcm", number=2)
    committing.add_stored(first)
    committing.add(second)
    assert committing.take([CT]) is None
    assert committing.figures().uncommitted == 1
    committing.discard(first)
    assert committing.take([CT]) is second


def test_what_is_lost_is_sent_again_a_bounded_number_of_times(committing: DestinationQueue, clock: Clock) -> None:
    one = waiting("1.dcm")
    committing.add(one)
    for parked in (False, False, True):
        assert store_one(committing) is one
        assert committing.refused(one, "0112", of_target=False) is parked
        assert len(committing.uncommitted) == 0
        clock.now += 61


def test_the_loss_of_many_is_no_reason_to_leave_the_target_alone(committing: DestinationQueue) -> None:
    for number in range(5):
        committing.add(waiting(f"{number}.dcm"))
    for entry in [store_one(committing) for _ in range(5)]:
        committing.refused(entry, "0112", of_target=False)
    assert not committing.resting


class TestAsking:
    """Whether a destination is asked if it answers, and what that changes."""

    def test_only_what_nothing_waits_for_and_nobody_has_heard_of_is_asked(self, queue, clock):
        assert not queue.silent_for(60)
        clock.now += 60
        assert queue.silent_for(60)
        one = waiting("a")
        queue.add(one)
        assert not queue.silent_for(60), "sending tells more"
        queue.confirmed(one)
        assert not queue.silent_for(60)
        clock.now += 59
        assert not queue.silent_for(60)
        clock.now += 1
        assert queue.silent_for(60)

    def test_a_question_without_an_answer_is_a_trouble_and_an_answer_the_end_of_it(self, queue, clock):
        queue.probed("it refuses connections", Cause.PORT_CLOSED, clock())
        assert (queue.figures().trouble, queue.figures().cause) == ("it refuses connections", Cause.PORT_CLOSED)
        assert not queue.silent_for(60)
        queue.probed("", None, clock())
        assert (queue.figures().trouble, queue.figures().cause) == ("", None)

    def test_it_keeps_no_object_from_being_tried_at_once(self, queue, clock):
        queue.probed("it refuses connections", Cause.PORT_CLOSED, clock())
        queue.add(waiting("a"))
        assert queue.pairs(9) == [CT]

    def test_an_object_that_was_turned_away_meanwhile_is_tried_again_at_once(self, queue, clock):
        """By a target that takes a single association: it was the question's."""
        asked = clock()
        queue.add(waiting("a"))
        for _ in range(5):
            clock.now += 5
            queue.target_failed("it has reached its limit of associations", Cause.BUSY)
        assert queue.pairs(9) == []
        queue.probed("", None, asked)
        assert queue.pairs(9) == [CT]
        queue.target_failed("it refuses connections", Cause.PORT_CLOSED)
        assert queue.figures().retry_in < 1, "and if that fails, it is left alone for no longer than after one failure"

    def test_a_failure_from_before_the_question_is_backed_off_from(self, queue, clock):
        queue.add(waiting("a"))
        queue.target_failed("it refuses connections", Cause.PORT_CLOSED)
        clock.now += 0.1
        queue.probed("it refuses connections", Cause.PORT_CLOSED, clock())
        assert queue.pairs(9) == []

    def test_a_target_that_answers_again_is_not_left_alone_for_an_earlier_failure(self, queue, clock):
        one = waiting("a")
        queue.add(one)
        queue.target_failed("it aborts", Cause.ABORTED)
        queue.discard(one)
        assert queue.resting
        queue.probed("", None, clock())
        assert not queue.resting
        assert queue.figures().trouble == ""

    def test_what_has_come_meanwhile_tells_more(self, queue, clock):
        queue.add(waiting("a"))
        queue.target_failed("it aborts", Cause.ABORTED)
        queue.probed("", None, clock())
        assert queue.figures().trouble == "it aborts"

    def test_an_answer_to_a_question_from_before_the_last_confirmation_says_nothing(self, queue, clock):
        asked = clock()
        one = waiting("a")
        queue.add(one)
        clock.now += 1
        queue.confirmed(one)
        queue.probed("it allows one association at a time", Cause.BUSY, asked)
        assert queue.figures().trouble == ""
