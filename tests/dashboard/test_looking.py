"""A root is looked at when somebody asks, by one thread at a time, and not again while what was seen is good."""

import asyncio
import threading
import time

import pytest

from dicomrs.route import ClinicRoute
from dicomrs_dashboard.looking import Lookout
from dicomrs_dashboard.status import RouteView, unseen
from support.polling import eventually
from support.router import route

ONE = ClinicRoute.model_validate(route("/nowhere"))
OTHER = ONE.model_copy(
    update={"metadata": ONE.metadata.model_copy(update={"annotations": {"dicomrs.io/revision": "2"}})}
)


class Slow:
    """Looks that take so long, or until they are let go; began, ended: when each of them did."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.free = threading.Event()
        self.free.set()
        self.looks: list[ClinicRoute] = []
        self.began: list[float] = []
        self.ended: list[float] = []

    def __call__(self, route: ClinicRoute) -> RouteView:
        self.began.append(time.monotonic())
        self.looks.append(route)
        time.sleep(self.seconds)
        assert self.free.wait(60)
        self.ended.append(time.monotonic())
        return unseen(route, f"look {len(self.looks)}")


def error(lookout: Lookout, route: ClinicRoute = ONE) -> str:
    return asyncio.run(lookout.view(route)).status.error


def until_it_looks_again(lookout: Lookout, look: Slow, number: int) -> None:
    """What was seen before is good for a moment, longer where the machine is busy."""
    eventually(lambda: lookout.glance(ONE) or len(look.looks) == number, "it is looked again")


def test_many_who_ask_at_once_and_soon_after_are_told_of_one_look():
    look = Slow(1)  # so that what it saw is good for five seconds
    lookout = Lookout(look)

    async def many() -> set[str]:
        return {view.status.error for view in await asyncio.gather(*(lookout.view(ONE) for _ in range(50)))}

    assert asyncio.run(many()) == {"look 1"}
    assert error(lookout) == "look 1"


def test_after_half_a_second_it_is_looked_again():
    look = Slow()
    lookout = Lookout(look)
    assert error(lookout) == "look 1"
    eventually(lambda: error(lookout) == "look 2", "a second look")
    assert look.began[1] - look.ended[0] > 0.5


def test_what_took_long_is_good_for_five_times_as_long():
    look = Slow(0.3)
    lookout = Lookout(look)
    assert error(lookout) == "look 1"
    eventually(lambda: error(lookout) == "look 2", "a second look")
    assert look.began[1] - look.ended[0] > 5 * 0.3


def test_a_route_that_has_changed_is_looked_at_at_once():
    look = Slow()
    lookout = Lookout(look)
    assert error(lookout) == "look 1"
    assert error(lookout, OTHER) == "look 2"
    assert look.looks == [ONE, OTHER]


def test_a_look_under_the_earlier_route_does_not_answer_for_the_changed_one():
    look = Slow(0.2)
    lookout = Lookout(look)

    async def both() -> list[str]:
        first = asyncio.create_task(lookout.view(ONE))
        await asyncio.sleep(0)
        return [(await lookout.view(OTHER)).status.error, (await first).status.error]

    assert asyncio.run(both()) == ["look 2", "look 1"]


def test_whoever_goes_away_takes_the_answer_from_nobody():
    look = Slow()
    look.free.clear()
    lookout = Lookout(look)

    async def one_goes() -> str:
        impatient, patient = (asyncio.create_task(lookout.view(ONE)) for _ in range(2))
        await asyncio.sleep(0.05)
        impatient.cancel()
        await asyncio.sleep(0.05)
        look.free.set()
        return (await patient).status.error

    assert asyncio.run(one_goes()) == "look 1"


def test_a_look_that_hangs_is_not_waited_for_and_not_repeated_and_serves_once_it_ends():
    look = Slow()
    look.free.clear()
    lookout = Lookout(look, patience=0.2)
    for _ in range(3):
        assert "/nowhere has not been read for" in error(lookout)
    assert len(look.looks) == 1
    look.free.set()
    eventually(lambda: error(lookout).startswith("look"), "it has ended")


def test_a_fault_of_ours_is_raised_where_it_was_asked_for_and_the_next_one_looks_anew():
    looks = []

    def look(route: ClinicRoute) -> RouteView:
        looks.append(route)
        if len(looks) == 1:
            raise ZeroDivisionError
        return unseen(route, "seen")

    lookout = Lookout(look)
    with pytest.raises(ZeroDivisionError):
        error(lookout)
    assert error(lookout) == "seen"


def test_what_was_seen_is_known_while_it_is_looked_again_and_not_under_another_route():
    look = Slow()
    lookout = Lookout(look)
    assert not lookout.seen_within(ONE, 60)
    assert error(lookout) == "look 1"
    look.free.clear()
    until_it_looks_again(lookout, look, 2)
    assert lookout.seen_within(ONE, 60)
    assert not lookout.seen_within(ONE, 0.1)
    assert not lookout.seen_within(OTHER, 60)
    look.free.set()


def test_after_something_was_done_only_a_look_that_begins_then_will_do():
    look = Slow()
    lookout = Lookout(look)
    assert error(lookout) == "look 1"
    lookout.has_changed()
    assert not lookout.seen_within(ONE, 60)
    assert error(lookout) == "look 2"

    async def done_meanwhile() -> list[str]:
        before = asyncio.create_task(lookout.view(ONE))
        await asyncio.sleep(0)  # it has asked
        lookout.has_changed()
        after = asyncio.create_task(lookout.view(ONE))
        await asyncio.sleep(0)
        look.free.set()
        return [(await before).status.error, (await after).status.error]

    look.free.clear()
    until_it_looks_again(lookout, look, 3)
    assert asyncio.run(done_meanwhile()) == ["look 3", "look 4"]
