"""Studies at a browser, with a real target: they appear by themselves, and what a person does to one is done."""

import time
import zipfile
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect
from pydicom.uid import generate_uid

from dicomrs.spool.layout import study_key
from dicomrs_dashboard.doors.people import Role
from support.browsing import PHONE, Visitor
from support.objects import Instance, image, instance, series
from support.peers import Storescp
from support.polling import eventually
from support.processes import free_port
from support.router import destination, route
from support.sender import send_all
from support.site import PASSWORD, Site

pytestmark = pytest.mark.peer("chromium", "storescp")
ROW_SECONDS = 2  # of a machine that does nothing else


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storescp]:
    made = Storescp(tmp_path_factory.mktemp("target") / "received")
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(make_shared_router, target: Storescp, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The archive is away, so that objects stay that the other target has."""
    root = tmp_path_factory.mktemp("spool")
    to = (destination("zero-click", target.port), destination("archive", free_port()))
    made = Site(make_shared_router(route(root, *to), start=False))
    made.start()
    return made


@pytest.fixture
def enter(site: Site, visit):
    """Somebody of a role is at a browser."""

    def make(role: Role, **wishes: object) -> Visitor:
        person = visit(site.origin, **wishes)
        cookies = [{"name": name, "value": value, "url": site.origin} for name, value in site.cookies(role).items()]
        person.context.add_cookies(cookies)
        return person

    return make


def send(site: Site, *instances: Instance) -> None:
    send_all(site.router.port(), list(instances))


def study_path(site: Site, uid: str) -> str:
    return f"/studies/clinic/{study_key(uid)}"


def study_of(site: Site, count: int, uid: str, **fields: object) -> str:
    """Send a study, and wait until the target that is there has it; the path of its page."""
    send(site, *series(count, study=uid, **fields))
    eventually(lambda: sum(map(bool, _receipts(site, uid))) == count, "it is delivered")
    return study_path(site, uid)


def _receipts(site: Site, uid: str) -> list[int]:
    """How often each object was confirmed."""
    where = f"{site.origin}{study_path(site, uid)}/receipt.json"
    answer = httpx2.get(where, cookies=site.cookies(Role.VIEWER), timeout=60)
    return [len(one["deliveries"]) for one in answer.json()["objects"]] if answer.status_code == 200 else []


def flash(page: Page):
    return page.locator("p.flash").first


def test_a_study_that_arrives_is_in_the_list_without_a_reload(site: Site, enter, tell: Callable[[str], None]):
    person = enter(Role.OPERATOR)
    page = person.page
    with page.expect_response("**/live/studies**"):
        person.open("/studies")
    page.evaluate("window.notReloaded = true")
    seconds = []
    for number in range(5):
        page.wait_for_timeout(137 * number)  # at any moment between two looks
        began = time.monotonic()
        send(site, *series(2, patient_name=f"Arriving^Anna{number}"))
        page.get_by_role("link", name=f"Arriving^Anna{number}").wait_for()
        seconds.append(time.monotonic() - began)
    figures = ", ".join(f"{one:.2f}" for one in seconds)
    tell(f"the row of a study that arrives is there after {figures} s ({ROW_SECONDS} are promised)")
    assert page.evaluate("window.notReloaded")
    person.check()


_HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => window.unseen === true})"
"""A browser without a window never hides a page: the page is told so."""


def look(page: Page, *, away: bool) -> None:
    page.evaluate("away => {window.unseen = away; document.dispatchEvent(new Event('visibilitychange'))}", away)


def test_a_page_that_nobody_sees_rests_and_is_up_to_date_when_it_is_looked_at_again(site: Site, enter):
    person = enter(Role.OPERATOR)
    person.context.add_init_script(_HIDE)
    page = person.open("/studies")
    send(site, *series(1, patient_name="Seen^Sam"))
    page.get_by_role("link", name="Seen^Sam").wait_for()
    look(page, away=True)
    send(site, *series(1, patient_name="Unseen^Una"))
    page.wait_for_timeout(3000)
    assert page.get_by_role("link", name="Unseen^Una").count() == 0
    look(page, away=False)
    page.get_by_role("link", name="Unseen^Una").wait_for()
    expect(page.locator("#stale")).to_be_hidden()
    person.check()


def test_more_pages_than_a_browser_has_connections(site: Site, enter):
    """Six to a host, over HTTP/1.1."""
    person = enter(Role.OPERATOR)
    person.context.add_init_script(_HIDE)
    for _ in range(8):
        page = person.context.new_page()
        page.goto("/studies")
        expect(page.locator("table.studies")).to_be_visible()
        look(page, away=True)
    look(page, away=False)
    send(site, *series(1, patient_name="Eighth^Eve"))
    page.get_by_role("link", name="Eighth^Eve").wait_for()


def test_a_page_says_that_the_dashboard_is_gone_and_asks_to_sign_in_when_it_is_back(site: Site, enter):
    """Sessions end with the dashboard."""
    person = enter(Role.OPERATOR)
    page = person.page
    with page.expect_response("**/live/studies**"):
        person.open("/studies?q=nobody")
    site.router.kill("dashboard")
    expect(page.locator("#stale")).to_be_visible()
    site.start("dashboard")
    site.forget_cookies()
    expect(page.get_by_label("Password")).to_be_visible()
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Search")).to_have_value("nobody")


def test_a_study_is_found_sorted_and_opened_with_the_keyboard(site: Site, enter):
    for number in range(3):
        send(site, *series(1, patient_name=f"Finding^{number}", patient_id=f"F-{number}"))
    person = enter(Role.OPERATOR)
    page = person.open("/studies")
    page.get_by_label("Search").focus()
    page.keyboard.type("finding")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=finding**")
    expect(page.get_by_role("status").get_by_text("3 studies")).to_be_visible()
    page.get_by_role("link", name="Patient ID").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=id**")
    rows = page.locator("table.studies tbody tr th a")
    expect(rows).to_have_text(["Finding^0", "Finding^1", "Finding^2"])
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Patient ID ▲")
    person.check()
    page.get_by_role("link", name="Finding^1").press("Enter")
    page.get_by_role("heading", name="Finding^1").wait_for()
    person.check()


def test_a_study_page_follows_the_delivery_by_itself(site: Site, enter):
    path = study_of(site, 2, "1.2.840.1.11", patient_name="Following^Fay")
    person = enter(Role.VIEWER)
    page = person.open(path)
    steps = page.locator(".timeline")
    expect(steps).to_contain_text("Confirmed by zero-click 2 of 2")
    expect(steps).to_contain_text("Confirmed by archive 0 of 2")
    send(site, *series(1, study="1.2.840.1.11", patient_name="Following^Fay"))
    expect(steps).to_contain_text("Confirmed by zero-click 3 of 3")
    page.get_by_text(".metadata.json").click()
    expect(page.locator("pre")).to_contain_text('"studyInstanceUID": "1.2.840.1.11"')
    person.check()


def test_hold_release_and_send_again(site: Site, target: Storescp, enter):
    path = study_of(site, 2, "1.2.840.1.22", patient_name="Holding^Hal")
    person = enter(Role.OPERATOR)
    page = person.open(path)
    hold = page.locator("form[action$='/hold']")
    hold.get_by_label("Reason").fill("wrong patient selected")
    hold.get_by_role("button", name="Hold").click()
    expect(flash(page)).to_contain_text("and whatever else comes of this study")
    expect(page.locator("#standing-title + .badge")).to_have_text("held")
    person.check()

    page = person.open("/set-aside")
    card = page.get_by_role("article").filter(has_text="Holding^Hal")
    expect(card).to_contain_text("wrong patient selected")
    expect(card).to_contain_text("by operator")
    card.get_by_label("Reason").fill("it was the right one")
    card.get_by_role("button", name="Release").click()
    expect(flash(page)).to_contain_text("released")
    expect(page.get_by_role("article").filter(has_text="Holding^Hal")).to_have_count(0)

    had = len(target.files())
    person.open(path)
    again = page.locator("form[action$='/resend']")
    again.get_by_label("To").select_option("zero-click")
    again.get_by_label("Reason").fill("deleted there by mistake")
    again.get_by_role("button", name="Send again").click()
    expect(flash(page)).to_have_text("2 objects will be sent again.")
    eventually(lambda: _receipts(site, "1.2.840.1.22") == [2, 2], "both are sent again")
    assert len(target.files()) == had  # under the same names


def test_export_downloads_what_is_here(site: Site, enter, tmp_path):
    path = study_of(site, 3, "1.2.840.1.33", patient_name="Exporting^Eve")
    person = enter(Role.ADMIN)
    page = person.open(path)
    form = page.locator("form[action$='/export']")
    form.get_by_label("Reason").fill("asked for by the physicist")
    with page.expect_download() as download:
        form.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as found:
        assert found.testzip() is None
        assert sum(name.endswith(".dcm") for name in found.namelist()) == 3
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    assert download.value.suggested_filename == f"receipt-{study_key('1.2.840.1.33')}.json"


def test_discard_of_what_came_without_pixels(site: Site, enter):
    person = enter(Role.ADMIN)
    page = person.open("/set-aside")
    send(site, instance(image(study="1.2.840.1.44", patient_name="Discarding^Di", without=("PixelData",))))
    page.get_by_role("link", name="Show it as it is now").click()
    card = page.get_by_role("article").filter(has_text="Discarding^Di")
    expect(card).to_contain_text("The image came without its pixels.")
    card.get_by_role("link", name="Export or discard").click()
    page.get_by_label("quarantined: without pixels").check()
    page.get_by_role("button", name="See what would go").click()
    expect(page.get_by_text("1 object would go.")).to_be_visible()
    person.check()
    page.get_by_label("Reason").fill("test image of the service engineer")
    page.get_by_label("Type the study's name").fill("not its name")
    page.get_by_role("button", name="Discard for good").click()
    expect(flash(page)).to_contain_text("That is not the study's name")
    page.go_back()
    page.get_by_label("Reason").fill("test image of the service engineer")
    page.get_by_label("Type the study's name").fill(study_key("1.2.840.1.44"))
    page.get_by_role("button", name="Discard for good").click()
    expect(flash(page)).to_have_text("1 object discarded.")
    person.open("/set-aside")
    expect(page.get_by_role("article").filter(has_text="Discarding^Di")).to_have_count(0)


@pytest.mark.parametrize(
    "wishes",
    [
        {"language": "pt-BR"},
        {"language": "pt-BR", "dark": True, "screen": PHONE},
        {"screen": PHONE},
        {"dark": True},
        {"scripts": False},
    ],
    ids=["pt-BR", "pt-BR, dark, phone", "phone", "dark", "without scripts"],
)
def test_the_pages_are_in_order_in_any_way_of_looking(wishes, site: Site, enter):
    uid, other = generate_uid(), generate_uid()
    path = study_of(site, 1, uid, patient_name='<b>"Nasty^\u202eName', character_set="ISO_IR 192")
    send(site, instance(image(study=other, patient_name="Quarantined^Quin", without=("PixelData",))))
    aside = study_path(site, other)
    person = enter(Role.ADMIN, **wishes)
    for one in (
        "/studies",
        "/studies?q=nobody",
        path,
        f"{path}/receipt",
        "/set-aside",
        f"{aside}/discard?what=quarantined",
    ):
        person.open(one)
    viewer = enter(Role.VIEWER, **wishes)
    for one in ("/studies", path, "/set-aside"):
        viewer.open(one)
