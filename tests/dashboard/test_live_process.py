"""Live pages of a real process: they keep nobody from signing in, and the program from ending."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import httpx2
import pytest

from dicomrs_dashboard.connections import CONNECTIONS
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.live import MOST_OF_ONE
from support.polling import PATIENCE
from support.router import destination, route
from support.site import Site


@pytest.fixture
def site(make_router, tmp_path) -> Site:
    made = Site(make_router(route(tmp_path / "spool", destination("zero-click", 9)), start=False))
    made.start("dashboard")
    return made


@pytest.fixture
def open_page(site: Site) -> Iterator[Callable[..., Iterator[str]]]:
    """Open the overview's stream as the browser of one of several viewers does; its lines."""
    with ExitStack() as leaving:
        limits = httpx2.Limits(max_connections=None)

        @cache
        def browser_of(viewer: int) -> httpx2.Client:
            cookies = site.cookies(Role.VIEWER, viewer)
            client = httpx2.Client(base_url=site.origin, cookies=cookies, timeout=PATIENCE, limits=limits)
            return leaving.enter_context(client)

        def open_one(viewer: int = 0) -> Iterator[str]:
            headers = {"Accept": "text/event-stream"}
            answer = leaving.enter_context(browser_of(viewer).stream("GET", "/live/overview", headers=headers))
            assert answer.status_code == 200
            return answer.iter_lines()

        yield open_one


def test_many_live_pages_keep_nobody_out_and_none_is_cut_off(site: Site, open_page):
    pages = [open_page(number // MOST_OF_ONE) for number in range(CONNECTIONS + 20)]
    for lines in pages:
        assert "event: content" in lines
    assert httpx2.get(f"{site.origin}/healthz", timeout=PATIENCE).text == "ok\n"
    assert site.cookies(Role.ADMIN)  # who signs in now
    for lines in pages:
        assert next(lines) is not None


def test_told_to_end_while_a_page_is_live_it_ends_at_once_and_without_a_complaint(site: Site, open_page):
    lines = open_page()
    assert "event: content" in lines
    assert site.router.stop("dashboard") == 0
    # That it had to wait for the page, and cut it off in the end, would be told as an error.
    assert not [line for line in site.router.events("dashboard") if line["level"] in ("error", "critical")]
