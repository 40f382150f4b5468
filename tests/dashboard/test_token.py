"""Who is let in: under /api nobody without the token, which may come, change and go while the dashboard runs."""

import os

import pytest

from dicomrs_dashboard.bearer import BearerToken
from support.router import route

PAGE = "/api/v1/status"


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


def refused(asked, **headers: str | bytes) -> str:
    answer = asked.client.get(PAGE, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json().keys() == {"detail"}
    return answer.json()["detail"]


def test_the_token_opens_whatever_the_case_of_the_scheme(asked):
    token = asked.token.read_text().strip()
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert asked.client.get(PAGE, headers={"Authorization": f"{scheme} {token}"}).status_code == 200


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: f"{t}x", lambda t: f"x{t}", str.upper, lambda _: "é"])
def test_any_other_token_does_not(change, asked):
    shown = f"Bearer {change(asked.token.read_text().strip())}".encode()
    assert refused(asked, Authorization=shown) == "this is not the token of the dashboard"


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_without_one_it_is_said_what_is_needed(shown, asked):
    assert "needs the header Authorization: Bearer" in refused(asked, Authorization=shown)


def test_no_header_at_all_is_refused_too(asked):
    assert "needs the header Authorization: Bearer" in refused(asked)


@pytest.mark.parametrize("content", [None, b"", b" \n"])
def test_as_long_as_there_is_no_token_nobody_is_let_in(content, asked):
    if content is None:
        asked.token.unlink()
    else:
        asked.token.write_bytes(content)
    for shown in ("Bearer", "Bearer ", "Bearer x"):
        assert str(asked.token) in refused(asked, Authorization=shown)


def test_a_token_that_is_replaced_counts_at_once_and_the_old_one_no_longer(asked):
    old = asked.token.read_text().strip()
    asked.token.with_suffix(".new").write_text("another-0123456789")
    asked.token.with_suffix(".new").replace(asked.token)
    assert asked.get(PAGE, "another-0123456789").status_code == 200
    assert asked.get(PAGE, old).status_code == 401
    asked.token.unlink()
    assert asked.get(PAGE, "another-0123456789").status_code == 401


def test_a_pipe_in_its_place_keeps_nobody_waiting(asked):
    asked.token.unlink()
    os.mkfifo(asked.token)
    assert asked.get("/api/v1/status").status_code == 401
    assert asked.get("/healthz").status_code == 200


def test_health_needs_none(asked):
    asked.token.unlink()
    assert asked.client.get("/healthz").status_code == 200


def test_metrics_need_it_too(asked):
    assert asked.client.get("/metrics").status_code == 401
    assert asked.get("/metrics").status_code == 200


def test_without_a_file_for_it_no_program_is_let_in(asked):
    assert "--token-file" in BearerToken(None).refusal("Bearer x")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_there_are_no_other_pages(path, asked):
    assert asked.get(path).status_code == 404
