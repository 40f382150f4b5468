"""The volume with users and audit log hangs: those come in who are to mend it, and nothing is done off the record."""

import fcntl
import html
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.patience import Patience
from support.polling import eventually
from support.router import route
from tests.dashboard.conftest import PASSWORD

HERE = {"Accept": "text/html"}


@pytest.fixture
def asked(spool, ask, monkeypatch):
    made = ask(route(spool.root))
    monkeypatch.setattr(made.doors.record, "_patience", Patience(4, 0.5, 0.5))
    monkeypatch.setattr(made.doors.changing, "_seconds", 0.5)
    return made


@contextmanager
def hanging(asked, what: str) -> Iterator[None]:
    """Whoever adds an entry to the audit log ("audit") or changes users ("users") waits, as if its server were away."""
    fd = os.open(Path(asked.settings.state) / ".locks" / what, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


def test_people_come_in_still(asked):
    asked.signed_in(Role.VIEWER, "ana")
    with hanging(asked, "audit"):
        for _ in range(6):  # more than may hang
            browser = asked.browser()
            assert browser.post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 303
            assert browser.get("/", headers=HERE).status_code == 200


def test_what_is_not_on_record_yet_is_shown_to_nobody_also_not_to_who_asks_twice(asked):
    browser = asked.signed_in(Role.VIEWER, "ana")
    with hanging(asked, "audit"), ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: browser.get("/studies", headers=HERE), range(2)))
    for answer in answers:
        assert (answer.status_code, "it takes longer than 0.5 s" in answer.text) == (503, True)
    eventually(lambda: browser.get("/studies", headers=HERE).status_code == 200, "it is put on record, and shown")


def test_a_change_of_users_that_hangs_is_told_of(asked):
    browser = asked.signed_in(Role.ADMIN, "ana")
    with hanging(asked, "users"):
        for _ in range(3):
            answer = browser.post("/users/ana/role", data={"role": "admin"})
            assert "a volume" in html.unescape(browser.get(answer.headers["location"]).text)
        assert asked.browser().post("/login", data={"name": "ana", "password": PASSWORD}).status_code == 303
