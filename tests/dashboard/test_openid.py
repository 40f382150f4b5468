"""Signing in by OpenID Connect, at a real provider: the way of it, and each of its faults."""

import ssl
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from dicomrs.audit import AuditLog
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.settings import OpenIdSettings, RoleMap
from support.certificates import Authority
from support.openid_provider import CLIENT, SECRET, Provider, openid_provider
from support.polling import PATIENCE
from support.processes import free_port
from support.router import route

pytestmark = pytest.mark.peer("openssl")
PAGE = {"Accept": "text/html"}
BACK = "https://clinic.test/login/openid/back"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority, tmp_path):
    secret = authority.issue(tmp_path / "provider")
    with openid_provider(secret, free_port()) as made:
        made.redirect_uri = BACK
        yield made


@pytest.fixture
def asked(spool, ask, provider, authority, tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return ask(
        route(spool.root),
        openid=OpenIdSettings(
            provider.issuer, CLIENT, str(tmp_path / "secret"), "groups", "Hospital", str(authority.certificate)
        ),
        role_map=RoleMap({"rt-it": Role.OPERATOR}),
    )


@pytest.fixture
def person(authority, provider):
    """A person's browser at the provider: the address to which it is sent back."""

    def goes(to: str) -> str:
        assert to.startswith(provider.issuer)
        context = ssl.create_default_context(cafile=authority.certificate)
        answer = httpx2.get(to, verify=context, timeout=PATIENCE)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    return goes


def begin(browser, to: str = "/") -> str:
    answer = browser.get("/login/openid", params={"to": to})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def test_somebody_signs_in_with_the_role_of_the_groups_and_goes_on_to_the_page(asked, person, provider):
    browser = asked.browser()
    assert 'href="/login/openid"' in browser.get("/login").text
    back = person(begin(browser, "/?x=1"))
    answer = browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?x=1")
    html = browser.get("/").text
    assert "ana (operator)" in html
    (entry,) = AuditLog(OsFileSystem(), asked.settings.state).read().entries
    assert (entry.fields["action"], entry.fields["who"]) == ("sign-in", "ana")
    assert entry.fields["identified"] == f"OpenID {provider.issuer} 17"


def test_what_is_asked_for_uses_pkce_state_and_nonce(asked):
    query = parse_qs(urlsplit(begin(asked.browser())).query)
    assert query["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= query.keys()
    assert query["redirect_uri"] == [BACK]


def test_a_sign_in_that_another_browser_began_is_not_taken(asked, person):
    stranger = asked.browser()
    back = person(begin(stranger))
    answer = asked.browser().get(back)
    assert (answer.status_code, "begun in another browser" in answer.text) == (403, True)
    victim = asked.browser()
    begin(victim)
    assert victim.get(back).status_code == 403, "the stranger's account is signed in in the victim's browser"


def test_it_serves_once(asked, person):
    browser = asked.browser()
    back = person(begin(browser))
    cookies = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    again = asked.browser()
    for name, value in cookies.items():
        again.cookies.set(name, value)
    assert again.get(back).status_code == 403


def no_role(provider: Provider) -> None:
    provider.user["groups"] = ["everybody"]


def no_groups(provider: Provider) -> None:
    del provider.user["groups"]


@pytest.mark.parametrize("spoil", [no_role, no_groups])
def test_without_a_role_it_is_said_who_can_give_one(spoil, asked, person, provider):
    spoil(provider)
    browser = asked.browser()
    answer = browser.get(person(begin(browser)))
    assert answer.status_code == 403
    assert "You are signed in as ana, but this account may do nothing here." in answer.text
    assert browser.get("/", headers=PAGE).status_code == 303


def other_key(provider: Provider) -> None:
    provider.published = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


def nameless(provider: Provider) -> None:
    provider.claims = {"preferred_username": "a\u202eb"}


def claim(**claims: object):
    def spoil(provider: Provider) -> None:
        provider.claims = claims

    spoil.__name__ = f"{claims}"
    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        claim(iss="https://evil.test"),
        claim(aud="another-client"),
        claim(nonce="another"),
        claim(exp=int(time.time()) - 3600),
        other_key,
        nameless,
    ],
)
def test_a_token_that_is_not_in_order_opens_nothing(spoil, asked, person, provider):
    spoil(provider)
    browser = asked.browser()
    answer = browser.get(person(begin(browser)))
    assert provider.tokens == 1, "it was never asked"
    assert (answer.status_code, "Signing in with Hospital has failed" in answer.text) == (403, True)
    assert browser.get("/", headers=PAGE).status_code == 303


def test_a_key_that_the_provider_has_renewed_is_fetched(asked, person, provider):
    browser = asked.browser()
    assert browser.get(person(begin(browser))).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    browser = asked.browser()
    assert browser.get(person(begin(browser))).status_code == 303


def test_a_wrong_secret_is_told_of_and_a_renewed_one_counts_at_once(asked, person, tmp_path):
    (tmp_path / "secret").write_text("old")
    browser = asked.browser()
    assert "the provider refuses: invalid_client" in browser.get(person(begin(browser))).text
    (tmp_path / "secret").unlink()
    assert "must see to it" in browser.get("/login/openid").text
    (tmp_path / "secret").write_text(SECRET)
    assert browser.get(person(begin(browser))).status_code == 303


def test_what_the_provider_says_when_it_refuses_is_shown_escaped(asked):
    browser = asked.browser()
    begin(browser)
    said = {"error": "access_denied", "error_description": "<script>alert(1)</script>"}
    answer = browser.get("/login/openid/back", params=said)
    assert answer.status_code == 403
    assert "access_denied" in answer.text
    assert "<script>alert" not in answer.text


def test_a_provider_that_is_away_keeps_nobody_from_signing_in_with_a_password(spool, ask, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    gone = OpenIdSettings(f"https://localhost:{free_port()}", CLIENT, str(tmp_path / "secret"), "groups", "Hospital")
    asked = ask(route(spool.root), openid=gone)
    answer = asked.browser().get("/login/openid")
    assert (answer.status_code, "cannot be asked" in answer.text) == (502, True)
    assert asked.signed_in(Role.VIEWER).get("/").status_code == 200


def test_a_certificate_of_another_authority_is_not_taken(spool, ask, provider, tmp_path):
    other = Authority(tmp_path / "other").certificate
    Path(tmp_path / "secret").write_text(SECRET)
    settings = OpenIdSettings(provider.issuer, CLIENT, str(tmp_path / "secret"), "groups", "Hospital", str(other))
    assert ask(route(spool.root), openid=settings).browser().get("/login/openid").status_code == 502


def test_without_the_file_of_the_authority_the_rest_works_and_it_is_said_what_is_missing(
    spool, ask, provider, tmp_path
):
    (tmp_path / "secret").write_text(SECRET)
    gone = str(tmp_path / "ca.crt")
    settings = OpenIdSettings(provider.issuer, CLIENT, str(tmp_path / "secret"), "groups", "Hospital", gone)
    answer = ask(route(spool.root), openid=settings).browser().get("/login/openid")
    assert (answer.status_code, f"{gone} cannot be read" in answer.text) == (502, True)
