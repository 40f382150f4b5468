"""The overview: per route whether images flow, why not, and whose job that is."""

import os
import re
import threading
from datetime import datetime, timedelta

import pytest

from dicomrs.spool.fs import OsFileSystem
from dicomrs.watched import is_watched
from dicomrs_dashboard.doors.people import Role
from support.objects import series
from support.polling import eventually
from support.router import destination, route
from support.sender import send_all


@pytest.fixture
def overview(ask):
    """The page of routes, as a viewer's browser gets it."""

    def get(*routes, language="en"):
        browser = ask(*routes).signed_in(Role.VIEWER)
        answer = browser.get("/", headers={"accept": "text/html", "accept-language": language})
        assert answer.status_code == 200, answer.text
        return answer.text

    return get


def stay_clear_of_midnight() -> None:
    """What came a moment ago came yesterday, if the day has ended since."""
    left = timedelta(minutes=2)
    eventually(lambda: (now := datetime.now().astimezone()).date() == (now + left).date(), "the next day", 130)


def test_a_route_without_services_is_stopped_and_that_is_this_servers_job(tmp_path, overview):
    (tmp_path / "root").mkdir()
    page = overview(route(tmp_path / "root", destination("zeroclick", 4243)))
    assert "Images do not flow on 1 route" in page
    assert "A service does not run, or hangs." in page
    assert "Whose job: this server (hospital IT)" in page
    assert "scp (receives images from the scanners): " in re.sub(r"<[^>]+>", "", page), "which of them is said at once"
    assert 'href="/services"' in page[page.index("reasons") :]


def test_a_root_that_is_not_there_is_unknown(tmp_path, overview):
    page = overview(route(tmp_path / "nowhere", destination("zeroclick", 4243)))
    assert "unknown" in page
    assert "there is no such folder" in page
    assert "Nobody knows how 1 route stands" in page


def test_what_came_today_is_counted_and_shown_by_hours(tmp_path, make_router, tap, overview):
    router = make_router(route(tmp_path / "root", destination("zeroclick", tap.port)))
    stay_clear_of_midnight()
    send_all(router.port(), series(7))
    router.spool().wait_empty()
    page = overview(*router.routes)
    assert "Images flow" in page
    assert re.search(r"<dt>Today</dt><dd>7 images", page)
    assert page.count("<rect") >= 24


def test_in_portuguese(tmp_path, overview):
    (tmp_path / "root").mkdir()
    page = overview(route(tmp_path / "root", destination("zeroclick", 4243)), language="pt-BR")
    assert 'lang="pt-BR"' in page
    assert "Quem resolve: este servidor (TI do hospital)" in page


def test_nobody_without_login_sees_it(tmp_path, ask):
    answer = ask(route(tmp_path / "root", destination("zeroclick", 4243))).client.get(
        "/", headers={"accept": "text/html"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_no_route_yet(overview):
    page = overview()
    assert "There is no route yet" in page


def test_the_route_that_needs_somebody_comes_first(tmp_path, make_router, tap, overview):
    router = make_router(route(tmp_path / "well", destination("zeroclick", tap.port), name="a-well"))
    (tmp_path / "stopped").mkdir()
    page = overview(*router.routes, route(tmp_path / "stopped", destination("zeroclick", 4243), name="b-stopped"))
    assert page.index("b-stopped") < page.index("a-well")


class TestThatSomebodyLooksOn:
    """Then scu asks idle targets more often: it is said in a file in each root."""

    @pytest.fixture
    def clinic(self, spool):
        return route(spool.root, destination("zeroclick", 4243))

    @pytest.fixture
    def asked(self, clinic, ask):
        return ask(clinic)

    def test_it_is_said_by_the_overview_and_by_no_other_page(self, spool, asked):
        browser = asked.signed_in(Role.VIEWER)
        browser.get("/connectivity")
        assert not is_watched(OsFileSystem(), str(spool.root))
        browser.get("/")
        asked.board.has_changed(str(spool.root))  # so that it is looked at anew
        browser.get("/")
        assert is_watched(OsFileSystem(), str(spool.root))

    def test_a_pipe_in_the_place_of_the_file_hangs_nothing(self, spool, asked):
        browser = asked.signed_in(Role.VIEWER)
        os.mkfifo(spool.root / ".status" / "watched")
        for _ in range(2):
            assert "its volume hangs" not in browser.get("/").text
            asked.board.has_changed(str(spool.root))

    def test_a_volume_that_hangs_then_keeps_no_other_page_waiting(self, clinic, ask, monkeypatch):
        asked, free = ask(clinic, patience=0.5), threading.Event()
        monkeypatch.setattr("dicomrs_dashboard.looking.note_watched", lambda _root: free.wait(60))
        browser = asked.signed_in(Role.VIEWER)
        try:
            assert "its volume hangs or is very slow" in browser.get("/").text
            assert asked.client.get("/healthz").text == "ok\n"
        finally:
            free.set()
