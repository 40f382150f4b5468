"""The page Audit: who did what, of all logs of a release, and whether each of them is whole."""

import html
import json
import re
from pathlib import Path

import pytest

from dicomrs.audit import AuditLog, check
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.trail import logs_of
from support.filled_spool import FilledSpool
from support.router import route

NASTY = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\u202egnp\u200b.exe"]


@pytest.fixture
def logs(tmp_path) -> dict[str, AuditLog]:
    """Of two routes' roots."""
    roots = {name: FilledSpool(tmp_path / name).root for name in ("ct", "mr")}
    return {name: AuditLog(OsFileSystem(), str(root)) for name, root in roots.items()}


@pytest.fixture
def asked(logs, ask):
    return ask(*(route(Path(log.root), name=name) for name, log in logs.items()))


@pytest.fixture
def admin(asked):
    return asked.signed_in(Role.ADMIN, "ana", address="192.0.2.99")


def page(browser, **query: object) -> str:
    answer = browser.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def rows(text: str) -> list[str]:
    """Those of the second table."""
    return text.split("<tbody>")[2].split("</tbody>", maxsplit=1)[0].split("<tr>")[1:]


def hold(log: AuditLog, **fields: object) -> int:
    told = {"action": "hold", "who": "bob", "identified": "password", "why": "wrong patient", "study": "5f2c09ab31"}
    return log.append({**told, **fields}).number


def test_what_was_done_stands_there_with_who_when_from_where_why_and_how_it_ended(logs, admin):
    number = hold(logs["ct"])
    logs["ct"].append({"of": number, "objects": 3, "notes": ["one was sent meanwhile"], "failed": ""})
    hold(logs["mr"])
    text = page(admin)
    _, mr, ct, *own = rows(text)
    for word in ("bob", "hold", "wrong patient", "study: 5f2c09ab31", "3 objects", "one was sent meanwhile"):
        assert word in ct, word
    assert "not known" in mr
    assert any("signed in" in row and "ana" in row and "192.0.2.99" in row for row in own)
    assert text.count("whole") >= 3


def test_looking_at_it_is_on_record_too(admin):
    page(admin)
    assert any("looked at" in row and "what: the page Audit" in row for row in rows(page(admin)))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"source": "ct"}, 2),
        ({"who": "eve"}, 1),
        ({"action": "release"}, 1),
        ({"text": "WRONG patient"}, 1),
        ({"since": "2999-01-01"}, 0),
        ({"until": "2020-01-01"}, 0),
        ({"since": "no day", "source": "ct"}, 2),
        ({"source": "ct", "page": 99}, 2),
        ({"source": "nowhere"}, 0),
    ],
)
def test_it_is_filtered(query, count, logs, admin):
    hold(logs["ct"])
    hold(logs["ct"], action="release", why="seen to")
    hold(logs["mr"], who="eve", why="x")
    found = rows(page(admin, **query))
    assert len([row for row in found if "colspan" not in row]) == count


def test_very_many_are_on_pages(logs, admin):
    for number in range(101):
        hold(logs["ct"], why=f"reason {number:03}")
    first, second = page(admin, source="ct"), page(admin, source="ct", page=2)
    assert (len(rows(first)), len(rows(second))) == (100, 1)
    assert "reason 100" in first
    assert "reason 000" in second
    assert "page=2" in first


def spoil_a_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"reason 1", b"reason 7", 1))


def take_a_line_out(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], *lines[2:]]))


def cut_the_end_off(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def write_another(path: Path) -> None:
    path.unlink()
    head = path.parents[1] / ".status" / "audit.json"
    noted = head.read_bytes()
    log = AuditLog(OsFileSystem(), str(path.parents[1]))
    head.unlink()
    for number in range(4):
        hold(log, why=f"another {number}")
    head.write_bytes(noted)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_a_line, "The first line that was changed, added, moved or taken out is 2."),
        (take_a_line_out, "The first line that was changed, added, moved or taken out is 2."),
        (cut_the_end_off, "The last 2 entries are missing"),
        (write_another, "It was written anew as a whole"),
    ],
)
def test_a_log_that_is_not_what_was_written_is_told_of_in_words(spoil, says, logs, admin):
    for number in range(4):
        hold(logs["ct"], why=f"reason {number}")
    hold(logs["mr"])
    assert "is not what was written" not in page(admin)
    spoil(Path(logs["ct"].root) / ".dicomrs" / "audit.jsonl")
    text = page(admin)
    assert "The audit log of ct is not what was written." in text
    assert says in text
    assert "The audit log of mr" not in text
    assert "reason 0" in text or spoil is write_another, "what stands before the break is shown"


def test_a_log_that_cannot_be_read_is_told_of(logs, admin):
    path = Path(logs["ct"].root) / ".dicomrs" / "audit.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.mkdir()
    assert "It cannot be read: Is a directory" in page(admin).replace(f"{path}: ", "")


@pytest.mark.parametrize("name", NASTY)
def test_what_others_have_written_is_shown_escaped_and_steers_nothing(name, logs, admin):
    hold(logs["ct"], who=name, why=name, study=name, action=name, identified=name, address=name)
    raw = re.sub(r'value="[^"]*"', "", admin.get("/audit").text)  # nobody sees what forms send back
    assert "<script>alert" not in raw
    assert "<img src=x" not in raw
    assert "\u202e" not in raw
    assert "\u200b" not in raw


def test_a_log_is_taken_along_as_it_is_and_that_is_on_record(logs, admin):
    hold(logs["ct"])
    answer = admin.get("/audit/download", params={"source": "ct"})
    assert answer.headers["content-disposition"].startswith("attachment")
    found = check(answer.content)
    assert (found.broken, len(found.entries)) == (None, 1)
    own = admin.get("/audit/download", params={"source": "dashboard"})
    assert json.loads(own.content.splitlines()[-1])["action"] == "audit log downloaded"
    assert admin.get("/audit/download", params={"source": "../etc/passwd"}).status_code == 404


def test_a_log_that_nothing_was_written_to_yet_is_not_there_to_be_taken_along(admin):
    assert admin.get("/audit/download", params={"source": "mr"}).status_code == 404


def test_the_log_of_a_root_that_is_the_dashboards_too_stands_there_once():
    assert logs_of("/a", "dashboard", [("x", "/a"), ("y", "/b")]) == {"dashboard": "/a", "y": "/b"}
