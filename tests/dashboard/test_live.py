"""Live pages: what changes is sent to all who look, and is put together once."""

import asyncio
from contextlib import suppress

import pytest

from dicomrs_dashboard.live import CROWDED, MOST_OF_ONE, Live
from support.polling import PATIENCE


class Figure:
    """What pages show; renders: how often somebody asked."""

    def __init__(self) -> None:
        self.value = "0"
        self.renders = 0

    async def render(self) -> str:
        self.renders += 1
        return f"<p>{self.value}</p>"


def reader(live: Live, figure: Figure, may_see=lambda: True, who: str = "ana"):
    return aiter(live.response(who, "figure", figure.render, may_see).body_iterator)


async def next_event(events) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await anext(events)


def test_a_page_gets_what_is_there_and_then_each_change():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=0.02)
        events = reader(live, figure)
        assert b"<p>0</p>" in await next_event(events)
        figure.value = "1"
        assert await next_event(events) == b"event: content\ndata: <p>1</p>\n\n"
        await events.aclose()

    asyncio.run(play())


def test_many_pages_of_one_thing_cost_as_much_as_one():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=3600)
        pages = [reader(live, figure, who=f"person {number // MOST_OF_ONE}") for number in range(200)]
        await asyncio.gather(*(next_event(events) for events in pages))
        assert live.readers == 200
        assert figure.renders == 1

    asyncio.run(play())


def test_what_nobody_looks_at_any_more_is_not_put_together():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=0.02)
        pages = [reader(live, figure) for _ in range(2)]
        for events in pages:
            await next_event(events)
        for events in pages:
            await events.aclose()
        assert live.readers == 0
        asked = figure.renders
        await asyncio.sleep(0.5)
        assert figure.renders == asked

    asyncio.run(play())


def test_a_page_that_comes_later_gets_the_newest_at_once():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=30.0)
        first = reader(live, figure)
        await next_event(first)
        second = reader(live, figure)
        assert b"<p>0</p>" in await next_event(second)
        assert figure.renders == 1

    asyncio.run(play())


def test_a_failure_is_no_end(capsys):
    async def play() -> None:
        figure, live = Figure(), Live(seconds=0.02)
        good = figure.render
        failures = iter([True, False])

        async def render() -> str:
            if next(failures, False):
                raise OSError("the volume is gone")
            return await good()

        events = aiter(live.response("ana", "figure", render, lambda: True).body_iterator)
        assert b"<p>0</p>" in await next_event(events)
        await events.aclose()

    asyncio.run(play())


def test_who_is_signed_out_sees_no_more():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=0.02)
        allowed = True
        events = reader(live, figure, lambda: allowed)
        await next_event(events)
        allowed = False
        figure.value = "secret"
        received = b""
        with suppress(StopAsyncIteration):
            while True:
                received += await next_event(events)
        assert b"signed-out" in received
        assert live.readers == 0

    asyncio.run(play())


def test_who_may_see_it_no_more_gets_no_change_that_comes_while_the_page_waits():
    async def play() -> None:
        figure, live, signed_in = Figure(), Live(seconds=0.02), [True]
        events = reader(live, figure, lambda: bool(signed_in))
        await next_event(events)
        coming = asyncio.ensure_future(next_event(events))
        await asyncio.sleep(0.1)
        signed_in.clear()
        figure.value = "secret"
        assert await coming == b"event: signed-out\ndata: \n\n"

    asyncio.run(play())


def test_a_page_that_fails_each_second_tells_the_log_once(capsys):
    async def play() -> None:
        asked, often = 0, asyncio.Event()

        async def fail() -> str:
            nonlocal asked
            asked += 1
            if asked > 5:
                often.set()
            raise KeyError("gone")

        async def look() -> None:
            await anext(events)

        events = aiter(Live(seconds=0.01).response("ana", "gone", fail, lambda: True).body_iterator)
        looking = asyncio.ensure_future(look())
        async with asyncio.timeout(PATIENCE):
            await often.wait()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    asyncio.run(play())
    told = capsys.readouterr()
    assert (told.out + told.err).count("a live page cannot be put together") == 1


def test_a_person_with_very_many_pages_is_told_so_and_others_are_not():
    async def play() -> None:
        figure, live = Figure(), Live(seconds=0.02)
        pages = [reader(live, figure) for _ in range(MOST_OF_ONE)]
        for events in pages:
            assert b"<p>0</p>" in await next_event(events)
        one_more = reader(live, figure)
        assert f"event: {CROWDED}\n" in (await next_event(one_more)).decode()
        with pytest.raises(StopAsyncIteration):
            await next_event(one_more)
        assert b"<p>0</p>" in await next_event(reader(live, figure, who="bob"))
        await pages[0].aclose()
        assert b"<p>0</p>" in await next_event(reader(live, figure))

    asyncio.run(play())
