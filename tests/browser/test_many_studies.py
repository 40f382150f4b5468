"""10,000 studies at a browser: how soon a person can read the list and use it; measured and printed."""

import time

import pytest
from playwright.sync_api import Page, expect

from support.many_studies import fill
from support.router import destination, route
from support.site import Site

pytestmark = pytest.mark.peer("chromium")

STUDIES, OBJECTS = 10_000, 20
_USABLE = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return Math.max(page.domContentLoadedEventEnd, paint.startTime);
}"""
"""Milliseconds from asking for the page until it is painted and its scripts have run."""


@pytest.fixture
def site(make_router, tmp_path) -> Site:
    root = fill(tmp_path / "root", STUDIES, OBJECTS).root
    made = Site(make_router(route(root, destination("one", 1)), start=False))
    made.start("dashboard")
    return made


def milliseconds_to_use(page: Page, path: str) -> float:
    """Go to a list of studies."""
    page.goto(path, wait_until="load")
    expect(page.locator("table.studies tbody tr").first).to_be_visible()
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    return float(page.evaluate(_USABLE))


def test_the_list_of_ten_thousand_studies_is_soon_of_use(site: Site, sign_in, tell):
    person = sign_in(site)
    page = person.page
    page.set_default_timeout(60_000)
    began = time.monotonic()
    milliseconds_to_use(page, "/studies")
    expect(page.get_by_role("status").get_by_text("10,000 studies")).to_be_visible(timeout=60_000)
    tell(f"10,000 studies, the dashboard just started: {1000 * (time.monotonic() - began):.0f} ms until all are listed")
    for path in ("/studies", "/studies?q=silva&sort=patient", "/studies?page=200"):
        times = sorted(milliseconds_to_use(page, path) for _ in range(5))
        tell(f"10,000 studies, {path}: of use after {times[0]:.0f} to {times[-1]:.0f} ms (at most 1000)")
    page.goto("/studies")
    began = time.monotonic()
    page.get_by_label("Search").fill("conceicao")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=conceicao**")
    expect(page.locator("table.studies tbody tr").first).to_contain_text("Concei")
    tell(f"10,000 studies, a search: found after {1000 * (time.monotonic() - began):.0f} ms")
    person.check()
