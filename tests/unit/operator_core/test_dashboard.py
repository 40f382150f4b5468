"""What the operator says of a dashboard that cannot be reached: words for whoever reads a route's condition."""

import asyncio

import aiohttp
import pytest

from dicomrs_operator.dashboard import DashboardError, ask
from support.processes import LOOPBACK, free_port


def test_nobody_listens() -> None:
    url = f"http://{LOOPBACK}:{free_port()}"

    async def asked() -> None:
        async with aiohttp.ClientSession() as session:
            await ask(session, url, "")

    with pytest.raises(DashboardError) as caught:
        asyncio.run(asked())
    assert str(caught.value) == f"no connection to {url} (Connection refused); look at its pod"
