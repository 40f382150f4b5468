"""Calls that touch a volume: none is waited for for ever, and those that hang are bounded."""

import asyncio
import threading
import time

import pytest

from dicomrs_dashboard.patience import HangsError, Patience


def test_what_a_call_returns_or_raises_is_handed_on():
    async def story():
        patience = Patience()
        assert await patience.call(int, "7") == 7
        with pytest.raises(ValueError, match="invalid literal"):
            await patience.call(int, "x")

    asyncio.run(story())


def test_a_call_that_hangs_is_given_up_and_others_go_on_until_too_many_hang():
    release = threading.Event()

    async def story():
        patience = Patience(most=2)
        with pytest.raises(HangsError, match=r"longer than 0\.1 s"):
            await patience.call(release.wait, seconds=0.1)
        assert await patience.call(int, "7") == 7
        with pytest.raises(HangsError, match=r"longer than 0\.1 s"):
            await patience.call(release.wait, seconds=0.1)
        with pytest.raises(HangsError, match="too many"):
            await patience.call(int, "7")
        release.set()
        assert await patience.call(int, "8") == 8

    try:
        asyncio.run(story())
    finally:
        release.set()


def test_many_calls_at_once_take_turns():
    async def story():
        patience = Patience(most=2)
        assert await asyncio.gather(*(patience.call(pause, number) for number in range(20))) == list(range(20))

    def pause(number: int) -> int:
        time.sleep(0.01)
        return number

    asyncio.run(story())
