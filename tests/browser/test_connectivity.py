"""The page Connectivity at a browser, over a clinic's network of which every step is made to fail."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dicomrs_dashboard.doors.people import Role
from support.browsing import PHONE, Visitor
from support.certificates import Authority
from support.clinic_network import HTR, OWN, TARGET, Clinic, clinics, orthanc, storescp, web_server
from support.network import PROGRAMS
from support.polling import eventually
from support.router import route
from support.site import Site

pytestmark = pytest.mark.peer(*PROGRAMS, "chromium", "storescp", "Orthanc", "openssl")

STORESCP, ORTHANC, WEB, CLOSED, FILTERED = 11104, 11105, 11180, 11109, 11110
HERE, MISSING = "here", "missing"


def to(name: str, port: int, host: str = TARGET, title: str = "STORESCP", **fields: Any) -> dict[str, Any]:
    return {"name": name, "host": host, "port": port, "aeTitle": title, **fields}


DESTINATIONS = [
    to("zero-click", STORESCP),
    to("nameless", STORESCP, host="no-such-host.invalid"),
    to("unplugged", STORESCP, host="10.91.4.1"),
    to("elsewhere", STORESCP, host="203.0.113.1"),
    to("beyond", STORESCP, host="10.91.9.9"),
    to("filtered", FILTERED),
    to("closed", CLOSED),
    to("web", WEB),
    to("stranger", ORTHANC, title="ORTHANC", callingAeTitle="STRANGER"),
    to("misnamed", ORTHANC, title="ORTHANK"),
    to("tls-to-plain", STORESCP, tls={"secretName": "secret"}),
]
SERVER, NETWORK, VENDOR = "this server (hospital IT)", "network team", "vendor of the target"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Iterator[Clinic]:
    with clinics(tmp_path_factory.mktemp("clinic")) as made:
        yield made


@pytest.fixture(scope="module")
def site(clinic: Clinic, tmp_path_factory, make_shared_router) -> Site:
    """The router in its network, and its dashboard outside of that: it has nothing but the volume."""
    folder = tmp_path_factory.mktemp("site")
    storescp(clinic.target, folder / "storescp", STORESCP, "+xa")
    orthanc(clinic.target, folder / "orthanc", ORTHANC)
    web_server(clinic.target, folder / "web", WEB)
    clinic.target.firewall(f"tcp dport {FILTERED} drop")
    clinic.gateway.must("ip", "route", "add", "unreachable", "10.91.9.0/24")
    routes = [
        route(folder / HERE, *DESTINATIONS, name=HERE, receiver={"bindAddress": HTR, "port": 10104}),
        route(folder / MISSING, name=MISSING, receiver={"bindAddress": "10.91.99.1", "port": 10104}),
    ]
    router = make_shared_router(*routes, start=False)
    Authority(folder / "authority").issue(router.folder / "secrets" / "secret")
    made = Site(router)
    clinic.run(router)
    eventually(lambda: router.spool(0).status("scp").get("listening"), "the receiver listens")
    made.start("dashboard")
    return made


@pytest.fixture
def come(site: Site, visit):
    """A person of a role, at the page."""

    def make(role: Role = Role.OPERATOR, path: str = f"/connectivity?route={HERE}", **wishes: Any) -> Visitor:
        person = visit(site.origin, **wishes)
        person.context.add_cookies(
            [{"name": name, "value": value, "url": site.origin} for name, value in site.cookies(role).items()]
        )
        person.open(path)
        return person

    return make


def check(page: Page, name: str) -> None:
    """Press the button, and see the check to its end without reloading."""
    page.get_by_role("button", name=f"Check {name}", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Check of {name}")
    expect(page.locator(".step.waiting, .step.running")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "step", "owner"),
    [
        ("nameless", "Name", NETWORK),
        ("unplugged", "Link", SERVER),
        ("elsewhere", "Network route", SERVER),
        ("beyond", "TCP port", NETWORK),
        ("filtered", "TCP port", NETWORK),
        ("closed", "TCP port", VENDOR),
        ("tls-to-plain", "TLS", VENDOR),
        ("web", "DICOM association", VENDOR),
        ("stranger", "DICOM association", VENDOR),
        ("misnamed", "DICOM association", VENDOR),
    ],
)
def test_the_failing_step_is_shown_with_its_owner_and_a_text_for_them(name, step, owner, come):
    person = come()
    check(person.page, name)
    failed = person.page.locator(".step.failed")
    expect(failed).to_have_count(1)
    expect(failed.locator("strong").first).to_have_text(step)
    expect(failed.locator(".owner")).to_have_text(f"Whose job: {owner}")
    expect(person.page.get_by_text(f"It fails at: {step}.")).to_be_visible()
    wanted = next(one for one in DESTINATIONS if one["name"] == name)
    text = failed.get_by_label("Mail").input_value()
    for words in (wanted["host"], str(wanted["port"]), wanted["aeTitle"]):
        assert words in text
    person.check()


def test_an_address_that_is_missing_is_this_servers_job(come):
    person = come(path=f"/connectivity?route={MISSING}")
    check(person.page, "Receiver (HTR)")
    failed = person.page.locator(".step.failed")
    expect(failed.locator("strong").first).to_have_text("Address")
    expect(failed.locator(".owner")).to_have_text(f"Whose job: {SERVER}")
    person.check()


def test_a_receiver_that_is_well_is_green_at_every_step(come):
    person = come()
    check(person.page, "Receiver (HTR)")
    expect(person.page.get_by_text("Nothing prevents images from flowing here.")).to_be_visible()
    expect(person.page.locator(".step")).to_have_count(5)
    expect(person.page.locator(".step.ok")).to_have_count(5)
    person.check()


def test_a_test_image_is_sent_after_it_is_confirmed_and_the_matrix_knows_the_way(come):
    person = come()
    page = person.page
    page.get_by_role("button", name="Test image… zero-click").click()
    expect(page.get_by_text("DICOMRS^TEST")).to_be_visible()
    person.check()
    page.get_by_role("button", name="Send it").click()
    expect(page.locator(".step.ok", has_text="Test image (C-STORE)")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Nothing prevents images from flowing here.")).to_be_visible()
    page.get_by_role("link", name=f"Back to all connections of {HERE}").click()
    row = page.get_by_role("row").filter(has_text="Images to the target (zero-click)")
    expect(row).to_contain_text("passes")
    person.check()


def test_what_a_target_can_take_is_listed(come):
    person = come()
    page = person.page
    page.get_by_role("button", name="What it can take… zero-click").click()
    page.get_by_role("button", name="Ask it").click()
    expect(page.get_by_role("heading", name="What it can take")).to_be_visible(timeout=30_000)
    page.get_by_text("SOP classes that it takes").click()
    expect(page.get_by_text("CT Image Storage 1.2.840.10008.5.1.4.1.1.2", exact=True)).to_be_visible()
    person.check()


def test_the_mail_is_copied(come):
    person = come()
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    check(person.page, "closed")
    person.page.get_by_role("button", name="Copy").click()
    expect(person.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = person.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == person.page.get_by_label("Mail").input_value()
    assert f"From: {OWN}" in copied


def test_a_viewer_sees_and_begins_nothing(come):
    person = come(Role.VIEWER)
    expect(person.page.get_by_role("table", name="Connections")).to_be_visible()
    expect(person.page.get_by_role("button", name="Check")).to_have_count(0)


def test_without_scripts_a_check_is_begun_and_read_by_reloading(come):
    person = come(scripts=False)
    page = person.page
    page.get_by_role("button", name="Check closed").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Check of closed")
    while page.get_by_role("link", name="Reload this page").count():
        page.reload()
    expect(page.get_by_text("It fails at: TCP port.")).to_be_visible()
    expect(page.get_by_label("Mail")).to_be_visible()
    person.check()


@pytest.mark.parametrize("wishes", [{"screen": PHONE}, {"dark": True}, {"language": "pt-BR"}])
def test_it_reads_on_a_phone_in_the_dark_and_in_portuguese(wishes, come):
    check(come().page, "closed")  # so that there is one to be read of
    person = come(**wishes)
    for name in ("machine-1", "history-1"):
        person.page.locator(f"#{name} > summary").click()
    person.check()
    person.page.locator("#history-1 tbody a").first.click()
    person.check()
    if "language" in wishes:
        expect(person.page.get_by_role("heading", level=1)).to_contain_text("Teste de")
