"""Behind nginx, which ends TLS and serves the dashboard under a path: it is the same dashboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from support.certificates import Authority
from support.nginx import Nginx
from support.objects import series
from support.processes import LOOPBACK
from support.router import destination, route
from support.sender import send_all
from support.site import PASSWORD, Site

pytestmark = pytest.mark.peer("chromium", "nginx", "openssl")
PREFIX = "/clinic/dicomrs"


@pytest.fixture(scope="module")
def site(make_shared_router, tmp_path_factory) -> Site:
    root = tmp_path_factory.mktemp("spool")
    made = Site(
        make_shared_router(route(root, destination("zero-click", 9)), start=False),
        f"--base-path={PREFIX}",
        f"--trusted-proxy={LOOPBACK}/32",
        prefix=PREFIX,
    )
    made.start()
    return made


@pytest.fixture(scope="module", params=[True, False], ids=["takes the prefix away", "passes it on"])
def proxy(request, site: Site, tmp_path_factory) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("nginx")
    secret = Authority(folder / "authority").issue(folder / "secret")
    made = Nginx(folder, site.port, secret / "tls.crt", secret / "tls.key", PREFIX, strips=request.param)
    made.start()
    yield made
    made.close()


def test_signing_in_pages_streams_and_forms_work_under_the_prefix(site: Site, proxy: Nginx, visit):
    person = visit(proxy.origin, ignore_https_errors=True)
    page = person.open(f"{PREFIX}/")
    assert page.url.startswith(f"{proxy.origin}{PREFIX}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{proxy.origin}{PREFIX}/")
    person.check()
    (cookie,) = [one for one in person.context.cookies() if one["value"] and one["httpOnly"]]
    assert cookie["name"].startswith("__Host-")
    assert cookie["secure"]
    assert cookie["sameSite"] == "Lax"

    before = len(site.router.spool().waiting())
    send_all(site.router.port(), series(3))
    expect(page.locator(".facts").first).to_contain_text(f"{before + 3} images")  # by the stream, through nginx

    page.locator(".menu summary").click()
    page.get_by_label("Language").select_option("pt-BR")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    person.check()
    for link in page.get_by_role("navigation").get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith(f"{PREFIX}/")


def test_the_session_of_the_proxy_is_asked_for_by_no_other_site(site: Site, proxy: Nginx, visit):
    stranger = visit(proxy.origin, ignore_https_errors=True)
    answer = stranger.context.request.post(
        f"{proxy.origin}{PREFIX}/logout",
        headers={"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status == 403
