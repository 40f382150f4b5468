"""Services: their state by what they say of themselves, and restarts, asked for with a reason and on record."""

import json
import threading
from datetime import datetime, timedelta

import pytest

from dicomrs.audit import AuditLog, outcomes
from dicomrs.desk import Desk
from dicomrs.heartbeat import write_heartbeat
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.mailbox import Answer
from dicomrs_dashboard.doors.people import Role
from support.router import destination, route

FS = OsFileSystem()


def told(browser) -> str:
    return browser.get("/services").text


@pytest.fixture
def asked(spool, ask):
    return ask(route(spool.root, destination("tap", 104)))


@pytest.fixture
def beating(spool):
    """Both services say that they work."""
    write_heartbeat(str(spool.root), "scp", {"listening": True, "trouble": "", "restarts": 3})
    write_heartbeat(str(spool.root), "scu", {"destinations": {}})


def age(spool, service: str, **changes: object) -> None:
    path = spool.root / ".status" / f"{service}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_each_service_tells_how_it_fares(asked, beating):
    page = told(asked.signed_in(Role.VIEWER))
    scp = page.split('id="service-scp"')[1].split("</article>")[0]
    assert "listening" in scp
    assert ">3" in scp.split("Restarts")[1]
    assert " MB" in scp.split("Memory")[1]
    assert "not counted here" in page.split('id="service-scu"')[1].split("</article>")[0]
    assert " MB" in page.split('id="service-dashboard"')[1].split("</article>")[0]
    assert page.count("does not run") == 0
    assert "/services/scp/restart" not in page, "a viewer restarts nothing"


def test_a_service_that_says_nothing_any_more_does_not_run(asked, beating, spool):
    age(spool, "scu", at=(datetime.now().astimezone() - timedelta(minutes=5)).isoformat())
    scu = told(asked.signed_in(Role.OPERATOR)).split('id="service-scu"')[1].split("</article>")[0]
    assert "does not run" in scu
    assert "/services/scu/restart" not in scu, "it is there to be started by whoever supervises it, not to be asked"


def test_a_service_that_does_not_listen_says_why_and_nothing_in_its_words_is_html(asked, beating, spool):
    age(spool, "scp", listening=False, trouble='port 104 <script>alert("x")</script>')
    scp = told(asked.signed_in(Role.VIEWER)).split('id="service-scp"')[1].split("</article>")[0]
    assert "not listening" in scp
    assert "port 104 &lt;script&gt;" in scp


@pytest.mark.parametrize(
    "strange", [{"pid": "x"}, {"memory": -1}, {"cpuSeconds": []}, {"startedAt": 7}, {"version": {}}, {"restarts": True}]
)
def test_a_heartbeat_that_says_anything_else_is_borne(asked, beating, spool, strange):
    age(spool, "scp", **strange)
    assert "listening" in told(asked.signed_in(Role.VIEWER))


def test_of_a_root_that_cannot_be_read_nobody_knows_whether_services_run(tmp_path, ask):
    page = told(ask(route(tmp_path / "nowhere", destination("tap", 104))).signed_in(Role.VIEWER))
    for service in ("scp", "scu"):
        card = page.split(f'id="service-{service}"')[1].split("</article>")[0]
        assert "there is no such folder" in card
        assert card.count("unknown") == 3, "the light, the state and the route"
        assert " run" not in card


def test_older_versions_beside_newer_ones_are_pointed_at(asked, beating, spool):
    age(spool, "scu", version="0.0.9")
    assert "different versions: 0.0.9, " in told(asked.signed_in(Role.VIEWER))


class Served:
    def __init__(self, root: str, service: str) -> None:
        self.restarted = threading.Event()
        self.desk = Desk(FS, root, service, self.restarted.set, lambda _: Answer(0))
        self.desk.start()


@pytest.mark.parametrize("service", ["scp", "scu"])
def test_an_operator_restarts_a_service_with_a_reason_and_on_record(service, asked, beating, spool):
    served, browser = Served(str(spool.root), service), asked.signed_in(Role.OPERATOR, "ana")
    try:
        page = browser.get(f"/services/{service}/restart").text
        assert "It goes on record" in page
        answer = browser.post(f"/services/{service}/restart", data={"why": "it hangs"}, follow_redirects=True)
        assert f"{service} restarts now." in answer.text
        assert served.restarted.is_set()
    finally:
        served.desk.stop()
    ((begun, _),) = outcomes(AuditLog(FS, str(spool.root)).read().entries)
    fields = begun.fields
    assert (fields["who"], fields["why"], fields["action"]) == ("ana", "it hangs", "restart")
    assert fields["identified"].endswith(", from 192.0.2.7")


def test_without_a_reason_nothing_is_asked(asked, beating, spool):
    browser = asked.signed_in(Role.OPERATOR)
    answer = browser.post("/services/scp/restart", data={"why": "  "}, follow_redirects=True)
    assert "Say why" in answer.text
    assert not list((spool.root / ".control").glob("*/*"))


def test_a_service_that_does_not_run_cannot_be_asked_and_the_page_says_so(asked, spool):
    answer = asked.signed_in(Role.OPERATOR).post("/services/scu/restart", data={"why": "x"}, follow_redirects=True)
    assert "scu is not restarted: it does not run" in answer.text


def test_the_dashboard_restarts_itself_and_puts_it_on_record_first(asked, beating):
    browser = asked.signed_in(Role.OPERATOR, "ana")
    answer = browser.post("/services/dashboard/restart", data={"why": "a new certificate"}, follow_redirects=True)
    assert "dashboard restarts now." in answer.text
    assert asked.restarts == [True]
    (entry,) = [one.fields for one in asked.doors.audit.read().entries if one.fields["action"] == "restart"]
    assert (entry["service"], entry["who"], entry["why"]) == ("dashboard", "ana", "a new certificate")


def test_what_cannot_be_put_on_record_is_not_done(asked, beating, tmp_path):
    browser = asked.signed_in(Role.OPERATOR)
    log = tmp_path / ".dicomrs" / "audit.jsonl"
    log.unlink()
    log.mkdir()
    answer = browser.post("/services/dashboard/restart", data={"why": "x"}, follow_redirects=True)
    assert "dashboard is not restarted" in answer.text
    assert asked.restarts == []


def test_there_is_no_other_service(asked):
    browser = asked.signed_in(Role.OPERATOR)
    assert browser.get("/services/sshd/restart").status_code == 422
    assert browser.post("/services/sshd/restart", data={"why": "x"}).status_code == 422
