"""Signing in and out at a browser."""

from contextlib import ExitStack

import httpx2
import pytest
from playwright.sync_api import expect

from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.live import MOST_OF_ONE
from support.browsing import PHONE, Visitor, inaccessible
from support.polling import PATIENCE
from support.router import destination, route
from support.site import PASSWORD, Site

pytestmark = pytest.mark.peer("chromium")


@pytest.fixture(scope="module")
def site(make_shared_router, tmp_path_factory) -> Site:
    root = tmp_path_factory.mktemp("spool")
    made = Site(make_shared_router(route(root, destination("zero-click", 9)), start=False))
    made.start("dashboard")
    return made


def sign_in(person: Visitor, name: str, password: str) -> None:
    page = person.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_whoever_signs_in_gets_to_the_page_that_was_asked_for_and_is_out_after_signing_out(site: Site, visit):
    person = visit(site.origin)
    page = person.open("/?from=mail")
    assert page.url == f"{site.origin}/login?to=%2F%3Ffrom%3Dmail"
    sign_in(person, "viewer", "not this one")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    person.check(403)
    sign_in(person, "viewer", PASSWORD)
    page.wait_for_url(f"{site.origin}/?from=mail")
    person.check()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.origin}/login")
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_one_time_code_lets_its_user_in_once_and_sets_the_password(site: Site, visit):
    code = Users(str(site.state)).add("newcomer", Role.OPERATOR)
    person = visit(site.origin, screen=PHONE)
    page = person.open(f"/once?code={code}")
    page.locator("input[name=password]").fill("a password of my own")
    page.locator("input[name=again]").fill("a password of my own")
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url(f"{site.origin}/")
    person.check()
    visit(site.origin).open(f"/once?code={code}", 403)
    later = visit(site.origin)
    later.open("/login")
    sign_in(later, "newcomer", "a password of my own")
    later.page.wait_for_url(f"{site.origin}/")


def test_a_page_that_was_open_asks_for_a_new_sign_in_after_signing_out_in_another_tab(site: Site, visit):
    person = visit(site.origin)
    page = person.open("/login")
    sign_in(person, "operator", PASSWORD)
    page.wait_for_url(f"{site.origin}/")
    other = person.context.new_page()
    other.goto("/")
    other.locator(".menu summary").click()
    other.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.origin}/login**")


def test_whoever_has_very_many_pages_open_is_told_so_and_one_that_is_closed_makes_room(site: Site, visit):
    cookies = site.cookies(Role.OPERATOR, 1)  # of one who has no page of an earlier test
    with ExitStack() as pages:
        limits = httpx2.Limits(max_connections=None)
        client = httpx2.Client(base_url=site.origin, cookies=cookies, timeout=PATIENCE, limits=limits)
        browser = pages.enter_context(client)
        opened = [pages.enter_context(browser.stream("GET", "/live/overview")) for _ in range(MOST_OF_ONE)]
        streams = [answer.iter_lines() for answer in opened]
        assert all("event: content" in lines for lines in streams)
        person = visit(site.origin)
        person.bring(cookies)
        page = person.open("/")
        expect(page.get_by_text("You have very many pages open.")).to_be_visible()
        page.wait_for_timeout(4000)  # by then it would be said that the connection is lost
        expect(page.get_by_text("The connection to the dashboard is lost")).to_be_hidden()
        assert not inaccessible(page)  # not check(): htmx tells the console of each stream that ends
    expect(page.get_by_text("You have very many pages open.")).to_be_hidden()
