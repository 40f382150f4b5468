"""Logs: filtered, live, older ones, and to be taken along; nothing in a line steers the page."""

import html
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dicomrs.log_files import log_path
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.pages.logs import LINES
from support.router import route

BEGAN = datetime(2026, 11, 28, 10, 0).astimezone()


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


@pytest.fixture
def write(asked):
    Path(asked.log_folder).mkdir(parents=True)

    def put(second: int, event: str, service: str = "scp", level: str = "info", **fields: object) -> None:
        at = (BEGAN + timedelta(seconds=second)).isoformat()
        line = {"service": service, "event": event, **fields, "level": level, "timestamp": at}
        with open(log_path(asked.log_folder, service), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    return put


@pytest.fixture
def browser(asked):
    return asked.signed_in(Role.VIEWER)


def test_lines_are_shown_the_newest_first_and_filtered(browser, write):
    write(1, "association", calling="CT1", address="10.0.0.1")
    write(2, "delivered", "scu", host="10.0.0.9", destination="zero-click")
    write(3, "not receiving", level="error", reason="the port is taken")
    page = browser.get("/logs").text
    assert page.index("not receiving") < page.index("delivered") < page.index("association")
    assert [
        name for name in ("association", "delivered", "not receiving") if name in shown(browser, service="scu")
    ] == ["delivered"]
    assert "association" not in shown(browser, level="error")
    assert "not receiving" in shown(browser, level="error")
    assert "association" in shown(browser, calling="CT1")
    assert "delivered" in shown(browser, address="10.0.0.9")
    assert "not receiving" in shown(browser, text="PORT IS")
    assert "No line matches." in shown(browser, text="nowhere")


def shown(browser, **query: str) -> str:
    answer = browser.get("/logs", params=query)
    assert answer.status_code == 200
    return answer.text.split("<tbody>")[1]


def test_what_a_peer_has_sent_is_no_html_and_steers_nothing(browser, write):
    write(1, "association rejected", calling="<img src=x onerror=alert(1)>", reason="\u202eevil\u2066\x1b[2J")
    write(2, "failed", exception='Traceback\n  File "<script>"')
    page = browser.get("/logs").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "File &#34;&lt;script&gt;&#34;" in page


def test_older_lines_are_a_click_away_and_are_not_live(browser, write):
    for second in range(LINES + 50):
        write(second, f"event-{second:04}")
    first = browser.get("/logs")
    assert "sse-connect" in first.text
    assert "event-0049" not in first.text
    (older,) = re.findall(r'<a href="([^"]*)">Older lines</a>', first.text)
    page = browser.get(html.unescape(older))
    assert "event-0049" in page.text
    assert "event-0000" in page.text
    assert "sse-connect" not in page.text


def test_a_download_has_every_line_that_is_wanted_in_the_order_of_time(browser, write):
    for second in range(3000):
        write(second, "association", calling="CT1" if second % 2 else "CT2")
    answer = browser.get("/logs/download", params={"calling": "CT1"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len(lines) == 1500
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    assert 'attachment; filename="dicomrs-log-' in answer.headers["content-disposition"]


@pytest.mark.parametrize("query", [{"service": "../../etc"}, {"level": "all"}, {"until": "yesterday"}])
def test_a_filter_that_is_none_is_no_filter(browser, write, query):
    write(1, "association")
    assert "association" in shown(browser, **query)


def test_a_filter_that_is_too_long_is_refused(browser):
    assert browser.get("/logs", params={"text": "x" * 101}).status_code == 422


def test_without_log_files_the_page_says_so(browser):
    assert "No service has written anything yet." in browser.get("/logs").text
    assert browser.get("/logs/download").text == ""
