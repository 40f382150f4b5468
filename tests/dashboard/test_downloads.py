"""Downloads that take a while: what is added to a file meanwhile, and who goes away in the middle."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from dicomrs.audit import AuditLog
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from support.objects import series
from support.polling import eventually
from support.router import destination, route

FS = OsFileSystem()


class Taker:
    """A browser that takes an answer piece by piece; taken: is called after each, and says whether it stays."""

    def __init__(self, app: FastAPI, browser, taken: Callable[[], bool]) -> None:
        self._app = app
        self._cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self._taken = taken
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    def take(self, method: str, path: str, form: bytes = b"") -> "Taker":
        headers = {"host": "clinic.test", "cookie": self._cookies, "accept": "text/html"}
        headers |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(form))}
        scope = {
            "type": "http", "method": method, "path": path.partition("?")[0], "raw_path": path.encode(),
            "query_string": path.partition("?")[2].encode(), "scheme": "https", "client": ("192.0.2.7", 50000),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("clinic.test", 443), "asgi": {"version": "3.0", "spec_version": "2.3"},
        }  # fmt: skip
        asyncio.run(self._talk(scope, form))
        return self

    async def _talk(self, scope: dict, form: bytes) -> None:
        said = [{"type": "http.request", "body": form, "more_body": False}]
        gone = asyncio.Event()

        async def receive() -> dict:
            if said:
                return said.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            if message["type"] == "http.response.start":
                self.status, self.headers = message["status"], dict(message["headers"])
                return
            self.body += message["body"]
            if not await asyncio.to_thread(self._taken):
                gone.set()
                await asyncio.Event().wait()

        await self._app(scope, receive, send)


def test_an_audit_log_is_downloaded_as_it_was_when_that_began(spool, ask):
    asked = ask(route(spool.root))
    browser = asked.signed_in(Role.ADMIN)
    log = AuditLog(FS, asked.settings.state)
    path = Path(asked.settings.state) / ".dicomrs" / "audit.jsonl"
    before: list[bytes] = []

    def more() -> bool:
        before.append(path.read_bytes())
        log.append({"action": "sign-in", "who": "bob", "identified": "password", "complete": True})
        return True

    log.append({"action": "sign-in", "who": "x" * 200_000, "identified": "password", "complete": True})
    found = Taker(asked.app, browser, more).take("GET", "/audit/download?source=dashboard")
    assert found.status == 200
    assert found.body == before[0]
    assert found.headers.get(b"content-length", str(len(found.body)).encode()) == str(len(found.body)).encode()


def test_an_export_that_is_broken_off_is_on_record_and_keeps_no_other_page_waiting(spool, ask, monkeypatch):
    spool.receive(*series(3, study="1.2.3"))
    asked = ask(route(spool.root, destination("one", 1)))
    browser = asked.signed_in(Role.ADMIN)
    (folder,) = [name for name in os.listdir(spool.root) if name[0] == "2"]
    view = spool.outbox.key(folder)
    threads: list[str] = []
    append = AuditLog.append
    monkeypatch.setattr(
        AuditLog, "append", lambda *words: [append(*words), threads.append(threading.current_thread().name)][0]
    )
    found = Taker(asked.app, browser, lambda: False).take("POST", f"/studies/clinic/{view}/export", b"why=physicist")
    assert found.status == 200

    def ended() -> list[dict]:
        return [one.fields for one in AuditLog(FS, str(spool.root)).read().entries if "of" in one.fields]

    (end,) = eventually(ended, "its end is on record")
    assert end["failed"] == "it was broken off before its end"
    assert set(threads) == {"patience"}, "the loop that answers all requests has waited for the disk"
    eventually(lambda: not open_files(spool.root / folder), "its files are closed")


def open_files(folder: Path) -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(str(folder))]


@pytest.mark.parametrize("path", ["/logs/download", "/audit/download?source=dashboard"])
def test_who_goes_away_leaves_no_file_open(path, spool, ask):
    asked = ask(route(spool.root))
    browser = asked.signed_in(Role.ADMIN)
    logs = Path(asked.log_folder)
    logs.mkdir(parents=True)
    line = '{"service": "scp", "event": "association", "level": "info", "timestamp": "2026-01-01T00:00:00+00:00"}\n'
    (logs / "scp.jsonl").write_text(line * 9000)
    AuditLog(FS, asked.settings.state).append({"action": "x" * 3_000_000, "complete": True})
    Taker(asked.app, browser, lambda: False).take("GET", path)
    state = Path(asked.settings.state)
    eventually(lambda: not [one for one in open_files(state) if one.endswith(".jsonl")], "they are closed")
