"""People who leave pages of the dashboard open: python -m bench.readers PORT reads from its input, a line each, the
path of a page and the cookies of who looks at it; loads each page, as a browser would, and follows its stream.

It prints a line when every page has had its first piece, and at the end of its input, as JSON, how many pieces and
bytes came, how many streams were still open, and the longest that a stream had been silent.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass

from support.processes import LOOPBACK

_STREAM = re.compile(r'sse-connect="([^"]+)"')
_PATIENCE = 60.0


@dataclass
class Stream:
    """One page that is open. last: when its newest piece came, of time.monotonic()."""

    pieces: int = 0
    bytes: int = 0
    last: float = 0.0
    longest: float = 0.0  # silence, in seconds
    task: asyncio.Task[None] | None = None


async def _ask(port: int, path: str, cookies: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1 << 20)
    accept = "text/event-stream" if "/live/" in path else "text/html"
    head = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nAccept: {accept}\r\nCookie: {cookies}\r\n"
    writer.write(f"{head}Accept-Language: en\r\n\r\n".encode())
    status = await asyncio.wait_for(reader.readline(), _PATIENCE)
    assert b" 200 " in status, (path, status)
    return reader, writer


async def _open(port: int, path: str, cookies: str) -> Stream:
    """Load the page; its stream goes on in a task."""
    reader, writer = await _ask(port, path, cookies)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    assert length is not None, head
    page = (await reader.readexactly(int(length[1]))).decode()
    writer.close()
    found = _STREAM.search(page)
    assert found is not None, f"{path} is not live"
    stream = Stream()
    connection = await _ask(port, found[1].replace("&amp;", "&"), cookies)
    stream.task = asyncio.create_task(_follow(stream, *connection))
    return stream


async def _follow(stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        stream.bytes += len(line)
        if line.startswith(b"event: content"):
            now = time.monotonic()
            stream.longest = max(stream.longest, now - (stream.last or now))
            stream.pieces, stream.last = stream.pieces + 1, now
    writer.close()


async def _run(port: int) -> None:
    wishes: list[tuple[str, str]] = []
    while (line := await asyncio.to_thread(sys.stdin.readline)) not in {"", "\n"}:
        path, _, cookies = line.strip().partition(" ")
        wishes.append((path, cookies))
    streams = [await _open(port, path, cookies) for path, cookies in wishes]
    deadline = time.monotonic() + _PATIENCE
    while not all(stream.pieces for stream in streams):
        assert time.monotonic() < deadline, "not every page had its first piece"
        await asyncio.sleep(0.1)
    print("open", flush=True)
    before = sum(stream.pieces for stream in streams), sum(stream.bytes for stream in streams)
    await asyncio.to_thread(sys.stdin.read)
    said = {
        "pieces": sum(stream.pieces for stream in streams) - before[0],
        "bytes": sum(stream.bytes for stream in streams) - before[1],
        "open": sum(not stream.task.done() for stream in streams),
        "silent": max(max(stream.longest, time.monotonic() - stream.last) for stream in streams),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
