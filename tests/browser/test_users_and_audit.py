"""Users, My account and Audit at a browser: an admin lets somebody in, changes the role, and finds it on record."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dicomrs_dashboard.doors.people import Role
from support.browsing import PHONE, Visitor
from support.router import destination, route
from support.site import PASSWORD, Site

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.timeout(180)]
NEW = "a password of my own"


@pytest.fixture(scope="module")
def site(make_shared_router, tmp_path_factory) -> Site:
    root = tmp_path_factory.mktemp("spool")
    made = Site(make_shared_router(route(root, destination("zero-click", 9)), start=False))
    made.start("dashboard")
    return made


@pytest.fixture
def come(site: Site, visit):
    """Somebody who has signed in."""

    def make(name: str, password: str = PASSWORD, **wishes: object) -> Visitor:
        person = visit(site.origin, **wishes)
        page = person.open("/login")
        page.locator("input[name=name]").fill(name)
        page.locator("input[name=password]").fill(password)
        page.get_by_role("main").get_by_role("button").first.click()
        page.wait_for_url(f"{site.origin}/")
        return person

    return make


def choose_first_password(person: Visitor, link: str) -> None:
    page = person.open(link)
    page.locator("input[name=password]").fill(NEW)
    page.locator("input[name=again]").fill(NEW)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.locator(".who")).to_be_visible()


def test_an_admin_adds_a_user_gives_another_role_and_removes_it(site: Site, visit, come):
    admin = come(Role.ADMIN.label)
    page = admin.open("/users")
    form = page.locator("form[action$='/users']")
    form.get_by_label("Name").fill("bob")
    form.get_by_label("operator").check()
    form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="One-time code for bob")).to_be_visible()
    admin.check()
    bob = visit(site.origin, screen=PHONE)
    choose_first_password(bob, f"/once?code={page.locator('code.code').inner_text()}")
    expect(bob.page.locator(".who")).to_have_text("bob")

    page = admin.open("/users/bob")
    page.get_by_label("viewer").check()
    page.get_by_role("button", name="Change the role").click()
    expect(page.get_by_role("status").first).to_contain_text("bob has another role now")
    admin.check()
    bob.page.goto("/services")
    expect(bob.page).to_have_url(f"{site.origin}/login?to=%2Fservices")

    page = admin.open("/users/bob")
    page.get_by_label("bob shall not sign in any more").check()
    page.get_by_role("button", name="Remove bob").click()
    expect(page.get_by_role("status").first).to_contain_text("bob was removed")
    admin.check()


def test_without_scripts_it_is_the_same(site: Site, visit, come):
    page = come(Role.ADMIN.label, scripts=False).open("/users")
    form = page.locator("form[action$='/users']")
    form.get_by_label("Name").fill("eva")
    form.get_by_role("button").click()
    choose_first_password(visit(site.origin, scripts=False), f"/once?code={page.locator('code.code').inner_text()}")


def test_a_person_changes_the_own_password(site: Site, come):
    person = come(Role.VIEWER.label)
    page = person.open("/account")
    for name, text in (("present", PASSWORD), ("password", NEW), ("again", NEW)):
        page.locator(f"input[name={name}]").fill(text)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").first).to_contain_text("The password is changed")
    person.check()
    come(Role.VIEWER.label, NEW)


def test_a_viewer_is_told_that_it_is_for_admins(site: Site, come):
    person = come(Role.OPERATOR.label)
    for path in ("/users", "/audit"):
        page = person.open(path, 403)
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()


def test_the_menu_closes_by_escape_and_once_a_person_turns_to_something_else(site: Site, come):
    page = come(Role.OPERATOR.label).open("/")
    menu = page.locator("details.menu")
    opener = menu.locator("summary")
    opener.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(opener).to_be_focused()
    opener.press("Enter")
    page.keyboard.press("Shift+Tab")
    expect(menu).not_to_have_attribute("open", "")


def test_the_record_is_filtered_and_taken_along(site: Site, come, tmp_path: Path):
    admin = come(Role.ADMIN.label)
    page = admin.open("/audit")
    page.get_by_label("What").select_option("sign-in")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**action=sign-in**")
    admin.check()
    rows = page.locator("table").nth(1).locator("tbody tr")
    expect(rows.first).to_contain_text("signed in")
    assert all("signed in" in text for text in rows.all_inner_texts())
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download the log of dashboard").click()
    taken.value.save_as(tmp_path / "log")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [one["number"] for one in lines] == list(range(1, len(lines) + 1))


def test_a_broken_chain_is_seen(site: Site, come):
    path = site.state / ".dicomrs" / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"sign-in"', b'"nothing"', 1))
    try:
        page = come(Role.ADMIN.label).open("/audit")
        expect(page.get_by_role("alert")).to_contain_text("The audit log of dashboard is not what was written.")
    finally:
        path.write_bytes(whole)
