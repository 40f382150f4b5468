"""What persons and programs are told when something is not there."""

import pytest
from starlette.testclient import TestClient

from dicomrs_dashboard.doors.outside import Outside
from dicomrs_dashboard.doors.people import Role
from support.router import destination, route

HTML = {"accept": "text/html", "accept-language": "pt-BR"}


@pytest.fixture
def viewer(tmp_path, ask):
    return ask(route(tmp_path / "root", destination("zeroclick", 1))).signed_in(Role.VIEWER)


def test_persons_get_a_page_in_their_language(viewer):
    answer = viewer.get("/no-such-page", headers=HTML)
    assert answer.status_code == 404
    assert "Esta página não existe" in answer.text
    assert "<nav" in answer.text


def test_programs_get_what_programs_get(viewer):
    answer = viewer.get("/no-such-page")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_a_form_that_is_not_understood(viewer):
    answer = viewer.post("/preferences", data={"back": "x" * 9999}, headers={**HTML, "sec-fetch-site": "same-origin"})
    assert answer.status_code == 422
    assert "formulário" in answer.text
    assert "xxx" not in answer.text


def test_a_fault_is_told_behind_the_doors_and_under_the_prefix(tmp_path, ask, monkeypatch):
    asked = ask(route(tmp_path / "root"), outside=Outside("/images"))
    viewer = asked.signed_in(Role.VIEWER)
    monkeypatch.setattr(asked.board, "views", None)
    browser = TestClient(asked.app, "https://clinic.test", cookies=viewer.cookies, raise_server_exceptions=False)
    answer = browser.get("/images/", headers=HTML)
    assert answer.status_code == 500
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert 'href="/images/studies"' in answer.text
