"""When a destination is asked about which of the objects that it has."""

import pytest

from dicomrs_scu.uncommitted import ASK_LIMIT, GATHER_SECONDS, Uncommitted
from dicomrs_scu.waiting import Waiting

TIMEOUT = 60.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uncommitted(clock: Clock) -> Uncommitted:
    return Uncommitted(clock)


def waiting(number: int) -> Waiting:
    return Waiting("folder", f"{number}.dcm", 1, f"arrival-{number}", ("1.2", "1.2"), ("target",), "")


def add(uncommitted: Uncommitted, *numbers: int) -> None:
    for number in numbers:
        uncommitted.add(waiting(number))


def batch(uncommitted: Uncommitted, limit: int = 100) -> list[str]:
    return [one.arrival for one in uncommitted.batch(limit, TIMEOUT)]


def test_objects_are_gathered_and_asked_about_once(uncommitted: Uncommitted, clock: Clock) -> None:
    add(uncommitted, 1, 2)
    assert batch(uncommitted) == []
    clock.now += GATHER_SECONDS
    add(uncommitted, 3)
    assert batch(uncommitted) == ["arrival-1", "arrival-2", "arrival-3"]
    clock.now += TIMEOUT - 1
    assert batch(uncommitted) == []


def test_a_batch_has_a_limit(uncommitted: Uncommitted, clock: Clock) -> None:
    add(uncommitted, *range(5))
    clock.now += GATHER_SECONDS
    assert [len(batch(uncommitted, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_without_a_report_they_are_asked_about_again_visibly(uncommitted: Uncommitted, clock: Clock) -> None:
    add(uncommitted, 1)
    clock.now += GATHER_SECONDS
    batch(uncommitted)
    assert uncommitted.trouble() == ""
    clock.now += TIMEOUT
    assert batch(uncommitted) == ["arrival-1"]
    assert "1 objects are there, but not committed to: no report came in time" in uncommitted.trouble()
    uncommitted.discard("arrival-1")
    assert uncommitted.trouble() == ""
    clock.now += TIMEOUT
    assert batch(uncommitted) == []


def test_what_could_not_be_asked_about_is_due_at_once(uncommitted: Uncommitted, clock: Clock) -> None:
    add(uncommitted, 1)
    clock.now += GATHER_SECONDS
    uncommitted.put_back(uncommitted.batch(100, TIMEOUT))
    assert batch(uncommitted) == ["arrival-1"]
    assert uncommitted.trouble() == ""


def test_a_passing_failure_is_asked_about_after_growing_pauses(uncommitted: Uncommitted, clock: Clock) -> None:
    add(uncommitted, 1)
    clock.now += GATHER_SECONDS
    batch(uncommitted)
    pauses = []
    for _ in range(15):
        uncommitted.later("arrival-1", "0110 processing failure")
        asked = clock.now
        while not batch(uncommitted):
            clock.now += 5
        pauses.append(clock.now - asked)
    assert pauses[0] <= 15
    assert pauses[3] > pauses[0]
    assert ASK_LIMIT * 0.69 <= pauses[-1] <= ASK_LIMIT + 5
    assert "0110 processing failure" in uncommitted.trouble()


def test_most_frequent_trouble_is_told(uncommitted: Uncommitted) -> None:
    add(uncommitted, 1, 2, 3)
    uncommitted.later("arrival-1", "0110")
    for number in (2, 3):
        uncommitted.later(f"arrival-{number}", "0213")
    assert uncommitted.trouble() == "2 objects are there, but not committed to: 0213"


def test_what_nobody_knows_changes_nothing(uncommitted: Uncommitted) -> None:
    uncommitted.later("nobody", "0110")
    uncommitted.discard("nobody")
    uncommitted.put_back([waiting(1)])
    assert len(uncommitted) == 0
    assert not uncommitted.wait(0.0)


def test_what_was_committed_to_takes_no_room_however_long_the_time_out_is(
    uncommitted: Uncommitted, clock: Clock
) -> None:
    day = 86400.0
    add(uncommitted, 0)
    for number in range(1, 10_000):
        add(uncommitted, number)
        clock.now += GATHER_SECONDS
        uncommitted.batch(100, day)
        uncommitted.discard(f"arrival-{number}")
    assert len(uncommitted._heap) < 2000
    clock.now += day
    assert batch(uncommitted) == ["arrival-0"]
