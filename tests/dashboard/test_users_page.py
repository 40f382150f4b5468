"""The pages Users and My account: every change is on record, and no admin shuts the last one out."""

import html
import re
from pathlib import Path

import pytest

from dicomrs.audit import AuditLog
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from support.router import route
from tests.dashboard.conftest import PASSWORD, stop_the_clock

PAGE = {"Accept": "text/html"}
NEW = "another good password"


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


@pytest.fixture
def admin(asked):
    return asked.signed_in(Role.ADMIN, "ana")


def role_of(asked, name: str) -> Role:
    return asked.doors.users.find(name).role


def actions(asked) -> list[tuple[str, str, str]]:
    found = AuditLog(OsFileSystem(), asked.settings.state).read().entries
    return [(one.fields["action"], one.fields["who"], one.fields.get("user", "")) for one in found]


def code_in(page) -> str:
    return re.search(r'<code class="code">([^<]+)</code>', page.text)[1]


def told(browser, answer) -> str:
    """The sentence on the page that an action leads to."""
    assert answer.status_code == 303, answer.text
    return html.unescape(browser.get(answer.headers["location"]).text)


def test_a_user_is_added_and_comes_in_by_the_code_that_is_shown_once(asked, admin):
    page = admin.post("/users", data={"name": "bob", "role": "operator"})
    code = code_in(page)
    assert f"https://clinic.test/once?code={code}" in page.text
    assert code not in admin.get("/users").text
    bob = asked.browser()
    assert bob.post("/once", data={"code": code, "password": NEW, "again": NEW}).status_code == 303
    assert "bob (operator)" in bob.get("/").text
    assert actions(asked)[1:3] == [("user added", "ana", "bob"), ("sign-in", "bob", "")]


@pytest.mark.parametrize("name", ["", "Bob", "<script>alert(1)</script>", '"><img onerror=x>', "ana", "../x"])
def test_a_name_that_is_none_or_taken_is_refused_and_shown_escaped(name, asked, admin):
    answer = admin.post("/users", data={"name": name, "role": "viewer"})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "<img onerror" not in answer.text
    assert list(asked.doors.users.all()) == ["ana"]


def test_a_role_is_changed_and_the_user_signs_in_anew(asked, admin):
    bob = asked.signed_in(Role.VIEWER, "bob")
    assert "bob has another role now" in told(admin, admin.post("/users/bob/role", data={"role": "operator"}))
    assert role_of(asked, "bob") is Role.OPERATOR
    assert bob.get("/", headers=PAGE).status_code == 303


def test_a_password_is_taken_away_and_a_code_given(asked, admin):
    bob = asked.signed_in(Role.VIEWER, "bob")
    code = code_in(admin.post("/users/bob/reset"))
    assert bob.get("/", headers=PAGE).status_code == 303
    assert asked.browser().post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 403
    assert asked.browser().post("/once", data={"code": code, "password": NEW, "again": NEW}).status_code == 303


def test_a_code_alone_leaves_password_and_sessions(asked, admin):
    bob = asked.signed_in(Role.VIEWER, "bob")
    assert code_in(admin.post("/users/bob/code"))
    assert bob.get("/").status_code == 200


def test_a_user_is_removed_once_the_box_is_ticked(asked, admin):
    bob = asked.signed_in(Role.VIEWER, "bob")
    assert "Nothing was done: tick the box" in told(admin, admin.post("/users/bob/remove"))
    assert "bob was removed" in told(admin, admin.post("/users/bob/remove", data={"sure": "bob"}))
    assert asked.doors.users.find("bob") is None
    assert bob.get("/", headers=PAGE).status_code == 303
    assert admin.get("/users/bob").status_code == 404


def test_the_last_admin_stays(asked, admin):
    for path, fields in (("role", {"role": "viewer"}), ("remove", {"sure": "ana"})):
        assert "this is the last administrator" in told(admin, admin.post(f"/users/ana/{path}", data=fields))
    assert role_of(asked, "ana") is Role.ADMIN


def test_a_user_that_somebody_else_has_removed_meanwhile_is_told_of(asked, admin):
    assert "there is no user bob" in told(admin, admin.post("/users/bob/role", data={"role": "viewer"}))


def test_what_cannot_be_put_on_record_is_not_done(asked, admin, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asked.doors.audit, "append", full)
    answer = admin.post("/users", data={"name": "bob", "role": "viewer"})
    assert "Nothing was done, for it cannot be put on record: No space left" in html.unescape(answer.text)
    assert list(asked.doors.users.all()) == ["ana"]


def test_a_broken_file_is_told_of_where_people_sign_in(asked, admin):
    Path(asked.doors.users.path).write_text("{")
    asked.doors.users.look()
    answer = asked.browser().post("/login", data={"name": "ana", "password": PASSWORD})
    assert (answer.status_code, "The file of users cannot be read" in answer.text) == (503, True)


class TestAccount:
    """One's own password."""

    def change(self, browser, present: str = PASSWORD, password: str = NEW, again: str = NEW):
        fields = {"present": present, "password": password, "again": again}
        return browser.post("/account/password", data=fields)

    def test_it_is_changed_and_only_this_browser_stays_signed_in(self, asked):
        here, there = asked.signed_in(Role.VIEWER, "bob"), asked.signed_in(Role.VIEWER, "bob")
        assert "The password is changed" in told(here, self.change(here))
        assert here.get("/").status_code == 200
        assert there.get("/", headers=PAGE).status_code == 303
        assert asked.browser().post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 403

    @pytest.mark.parametrize(
        ("wrong", "code", "says"),
        [
            ({"present": "x"}, 403, "The present password is wrong."),
            ({"again": "x"}, 422, "The two passwords differ."),
            ({"password": "short", "again": "short"}, 422, "This password is not taken"),
        ],
    )
    def test_what_is_wrong_is_said(self, wrong, code, says, asked):
        browser = asked.signed_in(Role.VIEWER, "bob")
        answer = self.change(browser, **wrong)
        assert (answer.status_code, says in answer.text) == (code, True)
        assert asked.doors.users.check("bob", PASSWORD)

    def test_guessing_the_present_one_is_throttled(self, asked, monkeypatch):
        browser = asked.signed_in(Role.VIEWER, "bob")
        stop_the_clock(asked, monkeypatch)
        codes = [self.change(browser, present="x").status_code for _ in range(6)]
        assert codes == [*[403] * 5, 429]
