"""What the operator says of a dashboard that cannot be reached: words for whoever reads a route's condition."""

import asyncio
import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import aiohttp
import pytest

from dicomrs.status_api import StatusReport
from dicomrs_operator.dashboard import DashboardError, ask, new_session
from support.processes import LOOPBACK, free_port


def test_nobody_listens() -> None:
    url = f"http://{LOOPBACK}:{free_port()}"

    async def asked() -> None:
        async with aiohttp.ClientSession() as session:
            await ask(session, url, "")

    with pytest.raises(DashboardError) as caught:
        asyncio.run(asked())
    assert str(caught.value) == f"no connection to {url} (Connection refused); look at its pod"


async def _asked_of(answer: list[bytes], token: bytes) -> tuple[StatusReport, bytes]:
    """What is read from a server that sends these pieces, and what it was shown."""
    shown = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(10_000)
        try:
            for piece in [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(b"".join(answer)), *answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.close()
            await writer.wait_closed()
        finally:
            shown.set_result(head)

    port = free_port()
    async with await asyncio.start_server(serve, LOOPBACK, port):
        try:
            async with aiohttp.ClientSession() as session:
                report = await ask(session, f"http://{LOOPBACK}:{port}", base64.b64encode(token).decode())
        finally:
            head = await shown
        return report, head


def test_an_answer_comes_in_pieces_and_a_token_made_by_a_person_ends_its_line() -> None:
    text = StatusReport(version="1", at="").model_dump_json(by_alias=True).encode()
    report, shown = asyncio.run(_asked_of([text[:9], text[9:]], b"made-by-hand\n"))
    assert report.version == "1"
    assert b"Authorization: Bearer made-by-hand\r\n" in shown


class _OneAfterTheOther(BaseHTTPRequestHandler):
    """Each connection is served by who has the address when it is made: a stranger, then the dashboard."""

    protocol_version = "HTTP/1.1"  # connections stay open
    statuses: ClassVar[Iterator[int]]

    def setup(self) -> None:
        super().setup()
        self.status = next(self.statuses)

    def do_GET(self) -> None:
        text = StatusReport(version="1", at="").model_dump_json(by_alias=True).encode() if self.status == 200 else b""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_whoever_answered_first_at_the_address_is_not_asked_for_ever() -> None:
    _OneAfterTheOther.statuses = iter([404, 200])
    server = ThreadingHTTPServer((LOOPBACK, 0), _OneAfterTheOther)
    url = f"http://{LOOPBACK}:{server.server_port}"

    async def asked() -> StatusReport:
        async with new_session() as session:
            with pytest.raises(DashboardError, match="answered 404"):
                await ask(session, url, "")
            return await ask(session, url, "")

    with ThreadPoolExecutor(1) as pool, server:
        pool.submit(server.serve_forever)
        try:
            assert asyncio.run(asked()).version == "1"
        finally:
            server.shutdown()


def test_a_token_that_no_header_can_carry_is_told() -> None:
    with pytest.raises(DashboardError, match="delete that Secret"):
        asyncio.run(_asked_of([], b"two\nlines"))
