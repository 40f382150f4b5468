"""What keeps other sites' pages out: the cross-origin check, and the policy that every answer carries."""

import re

import pytest

from dicomrs_dashboard.doors.people import Role
from support.router import route

FORM = {"language": "en"}


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root))


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),  # a change is never typed into the address bar
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://clinic.test"}, False),
        ({"Origin": "https://clinic.test"}, True),
        ({"Origin": "http://clinic.test"}, False),
        ({"Origin": "https://clinic.test:8443"}, False),
        ({"Origin": "https://evil.test"}, False),
        ({"Origin": "null"}, False),
        ({}, True),  # no browser: it carries no cookie that it was not given
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_change_is_taken_from_our_own_pages_only(headers, taken, method, asked):
    browser = asked.signed_in(Role.ADMIN)
    answer = browser.request(method, "/preferences", data=FORM, headers=headers)
    assert answer.status_code == ((303 if method == "POST" else 405) if taken else 403)


def test_looking_is_free_from_anywhere(asked):
    browser = asked.signed_in(Role.VIEWER)
    assert browser.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", ["/login", "/", "/static/dicomrs.css", "/healthz", "/metrics", "/nowhere", "/once"])
def test_every_answer_carries_the_policy_with_a_nonce_of_its_own(path, asked):
    browser = asked.signed_in(Role.VIEWER)
    nonces = set()
    for _ in range(2):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
        nonces.add(nonce)
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        used = set(re.findall(r'nonce="([^"]*)"', answer.text))
        assert used <= {nonce}
    assert len(nonces) == 2


@pytest.mark.parametrize("path", ["/login", "/", "/once"])
def test_pages_have_no_code_or_style_of_their_own(path, asked):
    html = asked.signed_in(Role.VIEWER).get(path).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
    for script in re.findall(r"<script[^>]*>", html):
        assert "nonce=" in script
        assert "src=" in script


def test_no_cache_keeps_a_page(asked):
    browser = asked.signed_in(Role.VIEWER)
    for path in ("/", "/login", "/once", "/metrics"):
        assert browser.get(path).headers["cache-control"] == "no-store"


def test_a_request_may_not_be_larger_than_forms_are(asked):
    answer = asked.browser().post("/login", data={"name": "x" * 100_000, "password": "x"})
    assert answer.status_code == 413
