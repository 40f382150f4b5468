"""A proxy in front of it: path prefixes, forwarded addresses, and who it says is signed in."""

import asyncio
from ipaddress import ip_network

import pytest

from dicomrs_dashboard.doors.coming import WhoComes
from dicomrs_dashboard.doors.outside import Outside, is_base_path
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.settings import ProxySettings, RoleMap
from support.router import route
from tests.dashboard.conftest import PASSWORD

PROXY = "10.1.0.9"
NETWORKS = tuple(map(ip_network, ("10.1.0.0/16", "fd00::/8")))
PAGE = {"Accept": "text/html"}
WHO = {"X-User": "josé".encode(), "X-Groups": b"staff, rt-it"}


@pytest.fixture
def make(spool, ask):
    return lambda **doors: ask(route(spool.root), **doors)


@pytest.mark.parametrize("strips", [True, False], ids=["a proxy that strips it", "a proxy that does not"])
def test_under_a_prefix_all_links_and_redirects_carry_it(strips, make):
    asked = make(outside=Outside("/dicom/a", NETWORKS))
    browser = asked.browser()
    before = "" if strips else "/dicom/a"
    assert browser.get(f"{before}/", headers=PAGE).headers["location"] == "/dicom/a/login"
    page = browser.get(f"{before}/login").text
    assert 'action="/dicom/a/login"' in page
    assert 'href="/static' not in page
    assert browser.get(f"{before}/static/dicomrs.css").status_code == 200
    asked.doors.users.add("ana", Role.VIEWER)
    asked.doors.users.set_password("ana", PASSWORD)
    answer = browser.post(f"{before}/login", data={"name": "ana", "password": PASSWORD})
    assert answer.headers["location"] == "/dicom/a/"
    assert answer.headers["set-cookie"].startswith("__Host-dicomrs-dicom-a="), "two prefixes would share a cookie"
    assert browser.get(f"{before}/").status_code == 200


@pytest.mark.parametrize("path", ["", "/a", "/a/b", "/a-b_c.d"])
def test_what_is_a_prefix(path):
    assert is_base_path(path)


@pytest.mark.parametrize("path", ["/", "a", "/a/", "//a", "/a//b", "/..", "/a/../b", "/a b", "/é", "/a?b", "/a%20"])
def test_what_is_none(path):
    assert not is_base_path(path)


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.5"], "192.0.2.1"),  # no proxy of ours: what it says counts for nothing
        (PROXY, [], PROXY),
        (PROXY, ["203.0.113.5"], "203.0.113.5"),
        (PROXY, ["203.0.113.66, 203.0.113.5"], "203.0.113.5"),  # what came before is the sender's own word
        (PROXY, ["203.0.113.5, 10.1.2.3"], "203.0.113.5"),  # two proxies of ours
        (PROXY, ["203.0.113.5", "10.1.2.3"], "203.0.113.5"),
        (PROXY, ["<script>"], PROXY),
        (PROXY, ["203.0.113.5, unknown"], PROXY),
        ("::ffff:10.1.0.9", ["203.0.113.5"], "203.0.113.5"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("testclient", ["203.0.113.5"], "testclient"),
    ],
)
def test_the_address_is_what_our_own_proxies_say(peer, forwarded, sender):
    assert Outside("", NETWORKS).sender(peer, forwarded) == sender


def test_behind_a_proxy_that_ends_tls_the_connection_counts_as_private(make):
    asked = make(outside=Outside("", NETWORKS))
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
    ours = asked.browser("http://clinic.test", PROXY, **forwarded)
    assert 'type="password"' in ours.get("/login").text
    stranger = asked.browser("http://clinic.test", "192.0.2.1", **forwarded)
    assert 'type="password"' not in stranger.get("/login").text


class TestTrustedHeader:
    """A proxy that signs people in."""

    @pytest.fixture
    def asked(self, make):
        return make(
            outside=Outside("", NETWORKS),
            proxy=ProxySettings("X-User", "X-Groups"),
            role_map=RoleMap({"staff": Role.VIEWER, "rt-it": Role.OPERATOR}),
        )

    def test_it_is_believed_from_our_proxies_only(self, asked):
        assert "josé" in asked.browser(address=PROXY).get("/", headers=WHO).text
        assert asked.browser(address="192.0.2.1").get("/", headers=WHO | PAGE).status_code == 303

    def test_of_a_proxy_that_adds_to_what_a_stranger_sends_nothing_is_believed(self, asked):
        told = [("X-User", "boss"), ("X-User", "ana"), ("X-Groups", "it")]
        answer = asked.browser(address="10.0.0.9").get("/", headers=[*told, ("Accept", "text/html")])
        assert answer.status_code == 303

    def test_a_forwarded_address_makes_no_proxy_of_anybody(self, asked):
        forged = WHO | PAGE | {"X-Forwarded-For": PROXY}
        assert asked.browser(address="192.0.2.1").get("/", headers=forged).status_code == 303

    def test_the_largest_role_of_the_groups_counts(self, asked):
        assert "josé (operator)" in asked.browser(address=PROXY).get("/", headers=WHO).text

    @pytest.mark.parametrize("groups", ["", "others", "admin"])
    def test_without_a_role_it_is_said_who_can_give_one(self, groups, asked):
        answer = asked.browser(address=PROXY).get("/", headers=PAGE | {"X-User": "bob", "X-Groups": groups})
        assert answer.status_code == 403
        assert "You are signed in as bob" in answer.text

    @pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
    def test_a_name_is_shown_escaped(self, name, asked):
        html = asked.browser(address=PROXY).get("/", headers=WHO | {"X-User": name}).text
        assert name not in html
        assert "&lt;" in html

    @pytest.mark.parametrize("name", ["a\u202egnp.exe", "a\x1b[2J", "x" * 300])
    def test_a_name_that_steers_what_shows_it_is_nobodys(self, name, asked):
        headers = PAGE | WHO | {"X-User": name.encode()}
        assert asked.browser(address=PROXY).get("/", headers=headers).status_code == 303

    def test_a_user_here_of_the_same_name_is_somebody_else_on_record(self, asked):
        user = asked.signed_in(Role.VIEWER, "bob", address=PROXY)
        for _ in range(2):
            assert user.get("/studies").status_code == 200
            assert asked.browser(address=PROXY).get("/studies", headers=WHO | {"X-User": "bob"}).status_code == 200
        told = [one.fields for one in asked.doors.audit.read().entries if one.fields["action"] == "view"]
        assert [one["identified"] for one in told] == ["password", "header X-User of the proxy"]

    def test_a_live_page_of_somebody_whom_a_proxy_vouches_for_ends_after_a_while(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr("dicomrs_dashboard.doors.coming.time.monotonic", lambda: now[0])
        scope = {"headers": [(b"x-user", b"ana"), (b"x-groups", b"admin")], "type": "http", "client": (PROXY, 1)}
        scope |= {"state": {"proxied": True}, "scheme": "https", "root_path": ""}

        async def inner(*_: object) -> None:
            pass

        door = WhoComes(inner, None, ProxySettings("X-User", "X-Groups"), RoleMap())
        asyncio.run(door(scope, None, None))
        assert scope["state"]["may_still_see"]()
        now[0] = 600.0
        assert not scope["state"]["may_still_see"]()
