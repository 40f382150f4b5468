"""Signing in and out by password and by one-time code, and what ends a session."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dicomrs.audit import AuditLog
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.throttle import FREE
from support.router import route
from tests.dashboard.conftest import PASSWORD, stop_the_clock

COOKIE = "__Host-dicomrs"
PAGE = {"Accept": "text/html"}


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


def sign_in(browser, name: str, password: str = PASSWORD, **fields: str):
    return browser.post("/login", data={"name": name, "password": password, **fields})


def get_in(browser) -> bool:
    return browser.get("/", headers=PAGE).status_code == 200


def entries(asked) -> list[dict]:
    return [entry.fields for entry in AuditLog(OsFileSystem(), asked.settings.state).read().entries]


def test_whoever_is_nobody_is_sent_to_sign_in_and_then_to_where_they_wanted_to_go(asked):
    asked.signed_in(Role.VIEWER, "ana")
    browser = asked.browser()
    answer = browser.get("/?route=a", headers=PAGE)
    assert answer.status_code == 303
    to = parse_qs(urlsplit(answer.headers["location"]).query)["to"][0]
    assert f'value="{to}"' in browser.get(answer.headers["location"]).text
    assert sign_in(browser, "ana", to=to).headers["location"] == "/?route=a"
    assert get_in(browser)


def test_what_is_no_page_is_told_so_in_its_own_way(asked):
    assert asked.browser().get("/live/overview", headers={"Accept": "text/event-stream"}).status_code == 401


@pytest.mark.parametrize(
    "to", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:alert(1)", "/\t/evil.test", "\\evil", ""]
)
def test_nobody_is_sent_to_another_site(to, asked):
    asked.signed_in(Role.VIEWER, "ana")
    assert sign_in(asked.browser(), "ana", to=to).headers["location"] == "/"
    browser = asked.signed_in(Role.VIEWER, "ana")
    assert browser.get("/login", params={"to": to}).headers["location"] == "/"


def test_the_cookie_is_for_this_host_for_https_and_for_no_script(asked):
    asked.signed_in(Role.VIEWER, "ana")
    cookie = sign_in(asked.browser(), "ana").headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{COOKIE}=")
    assert parts == {"path=/", "secure", "httponly", "samesite=lax"}


@pytest.mark.parametrize("name", ["ana", "nobody-of-that-name", "", "x" * 10_000, "ana\x00", "ANA "])
def test_a_wrong_password_is_told_in_the_same_words_whoever_it_is(name, asked):
    asked.signed_in(Role.VIEWER, "ana")
    answer = sign_in(asked.browser(), name, "wrong password")
    assert answer.status_code == 403
    assert "The name or the password is wrong." in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")


def test_a_name_that_there_is_takes_as_long_as_one_that_there_is_not(asked):
    asked.signed_in(Role.VIEWER, "ana")

    def seconds(name: str) -> float:  # of CPU: others may be busy
        begun = time.process_time()
        assert asked.doors.users.check(name, "wrong password") is None
        return time.process_time() - begun

    there, not_there = (min(seconds(name) for _ in range(7)) for name in ("ana", "nobody"))
    assert 0.5 < there / not_there < 2
    assert not_there > 0.002, "nothing was hashed"


def test_a_session_that_a_stranger_has_planted_is_not_the_one_that_somebody_gets(asked):
    asked.signed_in(Role.VIEWER, "ana")
    stranger = asked.signed_in(Role.VIEWER, "eve")
    planted = stranger.cookies[COOKIE]
    browser = asked.browser()
    browser.cookies.set(COOKIE, planted, domain="clinic.test")
    assert sign_in(browser, "ana").status_code == 303
    token = asked.client.cookies.get(COOKIE) or browser.cookies.get(COOKIE, domain="clinic.test", path="/")
    assert token != planted
    assert asked.doors.sessions.find(planted) is None, "whoever planted it is signed in still"


def test_signing_out_ends_the_session_and_not_only_the_cookie(asked):
    browser = asked.signed_in(Role.VIEWER)
    token = browser.cookies[COOKIE]
    assert browser.post("/logout").headers["location"] == "/login"
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, token)
    assert not get_in(browser)


def change_role(asked) -> None:
    asked.doors.users.set_role("ana", Role.OPERATOR)


def change_password(asked) -> None:
    asked.doors.users.set_password("ana", "another good password")


def remove(asked) -> None:
    asked.doors.users.remove("ana")


def remove_and_add(asked) -> None:
    asked.doors.users.remove("ana")
    asked.doors.users.add("ana", Role.VIEWER)


def reset(asked) -> None:
    asked.doors.users.reset("ana")


def break_the_file(asked) -> None:
    Path(asked.doors.users.path).write_text("{")
    asked.doors.users.look()


@pytest.mark.parametrize("change", [change_role, change_password, remove, remove_and_add, reset, break_the_file])
def test_a_change_of_the_user_ends_the_sessions(change, asked):
    asked.signed_in(Role.ADMIN)
    browser = asked.signed_in(Role.VIEWER, "ana")
    assert get_in(browser)
    change(asked)
    assert not get_in(browser)


def test_by_a_code_somebody_sets_a_password_once(asked):
    code = asked.doors.users.add("ana", Role.ADMIN)
    browser = asked.browser()
    for _ in range(2):  # links are looked at before they are used
        page = browser.get("/once", params={"code": code.upper().replace("-", " ")})
        assert "Welcome, ana." in page.text
    for wrong in ({"password": PASSWORD, "again": "x"}, {"password": "short", "again": "short"}):
        assert browser.post("/once", data={"code": code, **wrong}).status_code == 422
    assert browser.post("/once", data={"code": code, "password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert get_in(browser)
    again = asked.browser().post("/once", data={"code": code, "password": PASSWORD, "again": PASSWORD})
    assert (again.status_code, "was used already" in again.text) == (403, True)
    assert sign_in(asked.browser(), "ana").status_code == 303


def test_a_code_that_sets_none_signs_in_once(asked):
    asked.doors.users.add("admin", Role.ADMIN)
    code = asked.doors.users.give_code("admin", sets_password=False)
    browser = asked.browser()
    assert browser.post("/once", data={"code": code}).status_code == 303
    assert get_in(browser)
    assert asked.browser().post("/once", data={"code": code}).status_code == 403
    assert asked.doors.users.find("admin").password == ""


def test_a_code_is_good_for_a_quarter_of_an_hour(asked):
    code = asked.doors.users.add("ana", Role.ADMIN)
    file = json.loads(Path(asked.doors.users.path).read_text())
    file["users"]["ana"]["code"]["until"] = "2020-01-01T00:00:00+00:00"
    Path(asked.doors.users.path).write_text(json.dumps(file))
    asked.doors.users.look()
    assert "older than 15 minutes" in asked.browser().get("/once", params={"code": code}).text


def test_where_others_could_read_along_no_password_is_asked_for_or_taken(asked):
    code = asked.doors.users.add("eva", Role.ADMIN)
    asked.signed_in(Role.VIEWER, "ana")
    browser = asked.browser("http://clinic.test")
    assert 'type="password"' not in browser.get("/login").text
    assert sign_in(browser, "ana").status_code == 403
    assert 'type="password"' not in browser.get("/once", params={"code": code}).text
    assert browser.post("/once", data={"code": code, "password": PASSWORD, "again": PASSWORD}).status_code == 200
    assert not browser.cookies
    assert asked.doors.users.whose_code(code), "it was used up"


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_on_the_machine_itself_plain_http_will_do(base, asked):
    asked.signed_in(Role.VIEWER, "ana")
    browser = asked.browser(base)
    cookie = sign_in(browser, "ana").headers["set-cookie"]
    assert cookie.startswith("dicomrs-8080=")
    assert "secure" not in cookie.lower()


def test_whoever_fails_too_often_must_wait_and_another_address_need_not(asked, monkeypatch):
    asked.signed_in(Role.ADMIN, "ana")
    stop_the_clock(asked, monkeypatch)
    browser = asked.browser(address="198.51.100.1")
    for _ in range(FREE):
        assert sign_in(browser, "ana", "wrong password").status_code == 403
    answer = sign_in(browser, "ana")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 s." in answer.text
    assert sign_in(asked.browser(address="198.51.100.2"), "ana").status_code == 303


def test_who_came_and_who_was_refused_is_on_record_and_no_password_is(asked):
    browser = asked.signed_in(Role.VIEWER, "ana")
    sign_in(asked.browser(), "ana", "wrong password")
    sign_in(asked.browser(), "my-secret-password", "x")
    browser.post("/logout")
    told = [(one["action"], one["who"], one["address"]) for one in entries(asked)]
    assert told == [
        ("sign-in", "ana", "192.0.2.7"),
        ("sign-in refused", "ana", "192.0.2.7"),
        ("sign-in refused", "", "192.0.2.7"),
        ("sign-out", "ana", "192.0.2.7"),
    ]
    log = Path(f"{asked.settings.state}/.dicomrs/audit.jsonl").read_text()
    assert "secret" not in log
    assert PASSWORD not in log


def test_where_the_record_takes_nothing_people_still_come_in_to_mend_it(asked):
    asked.signed_in(Role.VIEWER, "ana")
    path = Path(f"{asked.settings.state}/.dicomrs/audit.jsonl")
    path.unlink()
    path.mkdir()
    assert sign_in(asked.browser(), "ana").status_code == 303
