"""Services, Logs and Diagnostics against `dicomrs up`, as a clinic runs it."""

import sys
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from dicomrs_dashboard.diagnosis.files import parse
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from support.browsing import PHONE, Visitor, inaccessible
from support.objects import series
from support.polling import eventually
from support.processes import LOOPBACK, Child, free_port
from support.router import Router, destination, route
from support.sender import send_all
from support.tap import Tap

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.timeout(300)]
PASSWORD: Final = "correct horse battery"
NAME: Final = "GEHEIM"


class Clinic:
    """`dicomrs up` with its dashboard."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.root = router.routes[0]["spec"]["storage"]["root"]
        self.port = free_port()
        self.origin = f"http://{LOOPBACK}:{self.port}"
        users = Users(self.root)
        for role in Role:
            users.add(role.label, role)
            users.set_password(role.label, PASSWORD)
        command = [sys.executable, "-m", "dicomrs_cli", "up", str(router.manifest)]
        router.children["up"] = Child([*command, "--dashboard", f"{LOOPBACK}:{self.port}"], router.log("up"))
        router.children["up"].wait_for_port(self.port)
        router.children["up"].wait_for_port(router.port())
        eventually(lambda: router.spool().status("scp").get("listening"), "its pages can tell that it receives")

    def starts(self, service: str) -> int:
        return len([one for one in self.router.events("up", "child started") if one["child"] == service])


@pytest.fixture(scope="module")
def clinic(make_shared_router, tmp_path_factory, shared_tap: Tap) -> Clinic:
    root = tmp_path_factory.mktemp("spool")
    made = Clinic(make_shared_router(route(root, destination("tap", shared_tap.port)), start=False))
    send_all(made.router.port(), series(2, patient_name=NAME))
    shared_tap.wait_stored(2)
    return made


@pytest.fixture
def come(clinic: Clinic, visit):
    """Make somebody who has signed in."""

    def make(role: Role = Role.OPERATOR, **wishes: object) -> Visitor:
        person = visit(clinic.origin, **wishes)
        page = person.open("/login")
        page.locator("input[name=name]").fill(role.label)
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button").first.click()
        page.wait_for_url(f"{clinic.origin}/")
        return person

    return make


def restart(person: Visitor, service: str, why: str) -> Page:
    """By the keyboard alone."""
    page = person.open("/services")
    page.get_by_role("button", name=f"Restart {service}").or_(
        page.get_by_role("link", name=f"Restart {service}")
    ).press("Enter")
    page.wait_for_url(f"**/services/{service}/restart")
    person.check()
    page.get_by_label("Why?").fill(why)
    page.get_by_label("Why?").press("Enter")
    page.wait_for_url("**/services")
    return page


def restarts_in(card: Locator) -> Locator:
    return card.locator("dl > div", has_text="Restarts").locator("dd")


@pytest.mark.parametrize("service", ["scp", "scu"])
def test_a_service_is_restarted_and_the_page_shows_it_without_a_reload(clinic: Clinic, come, shared_tap: Tap, service):
    before = clinic.starts(service)
    person = come()
    page = restart(person, service, "it looks stuck")
    expect(page.get_by_role("status").filter(has_text=f"{service} restarts now.")).to_be_visible()
    card = page.locator("article", has=page.locator(f"#service-{service}"))
    expect(restarts_in(card)).to_have_text(str(before))
    expect(card.get_by_text("does not run")).to_have_count(0)
    person.check()
    clinic.router.children["up"].wait_for_port(clinic.router.port())
    sent = series(2)
    send_all(clinic.router.port(), sent)
    eventually(lambda: {one.uid for one in sent} <= shared_tap.by_uid().keys(), "images flow as before")


def test_the_dashboard_restarts_itself_and_its_page_comes_back_to_life(clinic: Clinic, come):
    before = clinic.starts("dashboard")
    person = come()
    page = restart(person, "dashboard", "a new certificate")
    expect(page.get_by_text("dashboard restarts now.")).to_be_visible()
    eventually(lambda: clinic.starts("dashboard") == before + 1, "it is started again")
    clinic.router.children["up"].wait_for_port(clinic.port)
    again = come().open("/services")
    card = again.locator("article", has=again.locator("#service-dashboard"))
    expect(restarts_in(card)).to_have_text(str(before))
    person.problems()  # its stream broke off, which the console tells


def test_a_viewer_sees_the_services_and_restarts_none(come):
    person = come(Role.VIEWER, screen=PHONE, dark=True, language="pt-BR")
    page = person.open("/services")
    expect(page.get_by_text("recebe imagens dos equipamentos")).to_be_visible()
    expect(page.locator("a[href*=restart]")).to_have_count(0)
    person.open("/services/scp/restart", 403)


def test_who_reads_the_log_keeps_the_place_and_the_selection_while_lines_come(clinic: Clinic, come):
    send_all(clinic.router.port(), series(60))
    page = come(Role.VIEWER).open("/logs")
    expect(page.locator("table.log tbody tr").nth(60)).to_be_attached()  # one for each delivery
    page.wait_for_timeout(1500)  # the stream is open
    name = page.locator("table.log tbody tr").nth(40).get_attribute("id")
    row = page.locator(f"[id='{name}']")
    row.evaluate("row => { row.scrollIntoView({block: 'center'}); getSelection().selectAllChildren(row) }")
    place, selected = "row => row.getBoundingClientRect().top", "() => String(getSelection())"
    before, read = row.evaluate(place), page.evaluate(selected)
    assert read.strip()
    send_all(clinic.router.port(), series(3), calling="A_LATE_CT")
    expect(page.get_by_text("A_LATE_CT").first).to_be_attached(timeout=3000)
    assert abs(row.evaluate(place) - before) < 3, "pixels"
    assert page.evaluate(selected) == read


def test_a_line_appears_in_the_log_without_a_reload_and_filters_hold(clinic: Clinic, come):
    person = come(Role.VIEWER)
    page = person.open("/logs?calling=A_NEW_CT")
    expect(page.get_by_text("No line matches.")).to_be_visible()
    send_all(clinic.router.port(), series(1), calling="A_NEW_CT")
    expect(page.get_by_role("cell", name="association").first).to_be_visible()
    person.check()
    page.get_by_label("Service").select_option("scu")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/logs?service=scu*")
    expect(page.get_by_text("No line matches.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.get_by_role("cell", name="scu", exact=True).first).to_be_visible()
    person.check()


def test_on_a_phone_a_line_of_the_log_is_read_without_moving_it_aside(clinic: Clinic, come):
    page = come(Role.VIEWER, screen=PHONE).open("/logs?service=scp&text=listening")
    place = page.locator("table.log td").last.bounding_box()
    assert place is not None
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= PHONE[0]


def test_the_log_is_taken_along(clinic: Clinic, come):
    page = come(Role.VIEWER).open("/logs?service=scp")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download").click()
    text = coming.value.path().read_text()
    assert '"service": "scp"' in text
    assert '"service": "scu"' not in text


def test_a_diagnosis_is_exported_and_compared_and_has_no_patient(clinic: Clinic, come, tmp_path):
    person = come(Role.VIEWER)
    page = person.open("/diagnostics")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export without").or_(page.get_by_role("link", name="Export without")).click()
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    text = file.read_text()
    assert NAME not in text
    assert parse(text.encode()).routes[0].heartbeats["scp"]["listening"] is True
    file.write_text(text.replace('"aeTitle":"TAP"', '"aeTitle":"OTHER"'))
    page.get_by_text("Compare with an earlier file").click()
    page.get_by_label("An earlier file").set_input_files(file)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/diagnostics/compare")
    expect(page.get_by_role("rowheader", name="spec.destinations[tap].aeTitle")).to_be_visible()
    person.check()


def test_the_exported_file_reads_by_itself(clinic: Clinic, come, visit, tmp_path):
    page = come(Role.VIEWER, language="pt-BR").open("/diagnostics")
    with page.expect_download() as coming:
        page.locator("a[download]").click()
    file = tmp_path / "diagnosis.html"
    coming.value.save_as(file)
    reader = visit("file://", language="pt-BR")
    alone = reader.page
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", name="Diagnóstico do dicomrs")).to_be_visible()
    assert not inaccessible(alone)
    assert all("no strict policy" in one for one in reader.problems()), "a file has no header for it"


def test_an_admin_exports_with_patients_for_a_reason(clinic: Clinic, come):
    page = come(Role.ADMIN).open("/diagnostics")
    page.get_by_text("Export with patients' names and IDs").click()
    page.get_by_label("Why?").fill("asked for by the vendor")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export with patients' data").click()
    assert "with-patients" in coming.value.suggested_filename
