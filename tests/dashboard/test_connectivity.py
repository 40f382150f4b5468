"""The page Connectivity: what a check has found, whose job it is, and the text for the mail; and who may begin one."""

import re
import string
from html import unescape

import pytest

from dicomrs.causes import Cause, Owner, owner_of
from dicomrs.doctor import Capabilities, Check, Facts, Interface, Listening, RouteEntry, State, Step, new_run, write_run
from dicomrs.moments import moment
from dicomrs.route import Receiver
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.language import LANGUAGES
from dicomrs_dashboard.words.callers import refusal
from dicomrs_dashboard.words.mails import REQUESTS, mail
from dicomrs_scp import admission
from dicomrs_wire.association import decode_request, encode_request
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.pdu import HEADER
from support.objects import IMPLICIT
from support.polling import eventually
from support.processes import LOOPBACK, free_port
from support.router import destination, route

FS = OsFileSystem()
AT = "2026-01-22T10:15:30-03:00"
TOLD = {
    "host": "192.168.10.16",
    "port": "4243",
    "own": "192.168.10.2",
    "calling": "DICOMRS",
    "called": "ZEROCLICK",
    "at": AT,
}
CHECKS = [Check.ADDRESS, Check.LINK, Check.ROUTE, Check.PING, Check.TCP, Check.ASSOCIATION, Check.ECHO]
FACTS = Facts(
    interfaces=(Interface(name="eth1", addresses=("192.168.10.2/24",), up=True, running=True),),
    routes=(RouteEntry(network="0.0.0.0/0", gateway="192.168.10.1", interface="eth1"),),
    listening=(Listening(address="172.22.61.14", port=104, ours=True),),
)


def examined(root, cause=Cause.FILTERED, check=Check.TCP, detail="does not answer within 5 s", **fields):
    """Put a check on record that has failed at a step, and ended."""
    run = new_run("scu", "clinic", "zeroclick", "ana", CHECKS, moment(AT))
    index = CHECKS.index(check)
    steps = [Step(check=one, state=State.OK, params=TOLD, milliseconds=1.5) for one in CHECKS[:index]]
    steps.append(Step(check=check, state=State.FAILED, cause=cause, params=TOLD, detail=detail, milliseconds=5003.0))
    steps += [Step(check=one, state=State.SKIPPED) for one in CHECKS[index + 1 :]]
    run = run.model_copy(update={"steps": tuple(steps), "facts": FACTS, "ended": AT, **fields})
    write_run(FS, str(root), run)
    return run


@pytest.fixture
def clinic(spool):
    return route(spool.root, destination("zeroclick", 4243, host="192.168.10.16"))


def asked(calling, called):
    """A scanner's request, as the receiver reads it."""
    return decode_request(encode_request(calling, called, [(VERIFICATION, IMPLICIT)], 16384)[HEADER.size :])


def html(browser, path, code=200):
    answer = browser.get(path, headers={"accept": "text/html", "accept-language": "en"})
    assert answer.status_code == code, answer.text
    return answer.text


def test_without_a_check_the_page_says_so_and_names_every_row_that_must_be_let_through(clinic, ask):
    page = html(ask(clinic).signed_in(Role.VIEWER), "/connectivity")
    assert "Receiver (HTR)" in page
    assert "192.168.10.16:4243" in page
    assert page.count("not measured") == 3
    assert "never" in page
    assert "Check now" not in page, "a viewer only looks"


def test_a_failed_check_names_the_step_the_owner_and_what_was_seen_of_the_firewall(clinic, spool, ask):
    run = examined(spool.root)
    browser = ask(clinic).signed_in(Role.VIEWER)
    page = html(browser, "/connectivity")
    assert "TCP port: Nothing answers at the port" in page
    assert "Whose job: network team" in page
    assert "does not pass" in page
    assert "192.168.10.1" in page, "the machine's routes"
    page = html(browser, f"/connectivity/clinic/{run.id}")
    assert "It fails at: TCP port." in page
    assert page.count('class="step ok"') == 4
    assert page.count('class="step skipped"') == 2
    assert "5,003 ms" in page
    text = unescape(re.search(r'<textarea id="mail-tcp" readonly[^>]*>([^<]*)</textarea>', page)[1])
    for words in (
        "192.168.10.2",
        "192.168.10.16",
        "4243",
        "ZEROCLICK",
        "DICOMRS",
        f"{moment(AT):%Y-%m-%d %H}",  # as this machine's clocks show it
        "let TCP connections",
    ):
        assert words in text


def test_a_check_without_failure_says_that_nothing_prevents_images(clinic, spool, ask):
    run = new_run("scu", "clinic", "zeroclick", "ana", [Check.TCP], moment(AT))
    run = run.with_step(Step(check=Check.TCP, state=State.OK)).model_copy(update={"ended": AT})
    can = Capabilities(max_pdu=16384, version="OFFIS_DCMTK_367", asked=244, sop_classes=("1.2.840.10008.5.1.4.1.1.2",))
    write_run(FS, str(spool.root), run.model_copy(update={"capabilities": can}))
    page = html(ask(clinic).signed_in(Role.VIEWER), f"/connectivity/clinic/{run.id}")
    assert "Nothing prevents images from flowing here." in page
    assert "CT Image Storage" in page
    assert "<textarea" not in page


def test_what_a_peer_says_is_escaped_and_steers_nothing(clinic, spool, ask):
    run = examined(spool.root, Cause.NOT_DICOM, Check.ASSOCIATION, "answers '<img onerror=x>\u202e'")
    page = html(ask(clinic).signed_in(Role.VIEWER), f"/connectivity/clinic/{run.id}")
    assert "<img onerror" not in page
    assert "\u202e" not in page
    assert "&lt;img onerror" in page


def test_who_has_called_is_shown_and_why_somebody_was_refused(clinic, spool, ask):
    why = "its AE title is not in spec.receiver.allow.callingAeTitles"
    peers = [
        {"calling": "CT_NEW", "address": "172.22.61.30", "at": AT, "refused": why},
        {"calling": "CT_RT_1", "address": "172.22.61.21", "at": AT, "refused": ""},
    ]
    spool.heartbeat("scp", AT, peers=peers)
    page = unescape(html(ask(clinic).signed_in(Role.VIEWER), "/connectivity"))
    assert page.index("CT_NEW") < page.index("Its AE title is not on the route's list: add it") < page.index("CT_RT_1")
    assert why in page
    assert '"/logs?calling=CT_NEW"' in page
    assert "No scanner has called" not in page


def test_while_nobody_has_called_the_page_says_where_to_look_first(clinic, ask):
    assert "No scanner has called since" in html(ask(clinic).signed_in(Role.VIEWER), "/connectivity")


def test_each_refusal_of_the_receiver_has_words():
    spec = {"bindAddress": "172.22.61.14", "checkCalledAeTitle": True}
    allow = {"networks": ["172.22.61.0/24"], "callingAeTitles": ["CT_RT_1"]}
    receiver = Receiver.model_validate({**spec, "allow": allow, "limits": {"associations": 1}})
    whys = {
        found.why
        for calling, called, address in (
            ("CT_RT_1", "DICOMRS", "10.0.0.1"),
            ("CT_NEW", "DICOMRS", "172.22.61.30"),
            ("CT_RT_1", "ANOTHER", "172.22.61.30"),
        )
        if (found := admission.refusal(asked(calling, called), address, "172.22.61.14", receiver))
    }
    whys |= {
        found.why for of_all, of_peer in ((1, 0), (0, 99)) if (found := admission.crowded(receiver, of_all, of_peer))
    }
    assert len(whys) == 5
    assert len({refusal(why) for why in whys}) == 4, "both limits are said alike"
    assert all(refusal(why) for why in whys)


def test_a_status_file_of_nonsense_spoils_no_page(clinic, spool, ask):
    peers = [7, {}, {"address": [], "at": {}, "calling": None}, {"address": "\ud800", "at": "\u202e", "calling": "<b>"}]
    spool.heartbeat("scp", AT, peers=peers)
    page = html(ask(clinic).signed_in(Role.VIEWER), "/connectivity")
    assert "<b>" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("path", ["clinic/20260101T000000-scu-000000", "clinic/..%2f..%2fetc", "other/x"])
def test_a_check_that_is_not_there_is_not_found(clinic, ask, path):
    html(ask(clinic).signed_in(Role.VIEWER), f"/connectivity/{path}", 404)


def test_a_check_belongs_to_its_route(clinic, spool, tmp_path, ask):
    run = examined(spool.root, route="another")
    html(ask(clinic).signed_in(Role.VIEWER), f"/connectivity/clinic/{run.id}", 404)


def test_a_viewer_begins_nothing(clinic, ask):
    browser = ask(clinic).signed_in(Role.VIEWER)
    assert browser.post("/connectivity/check", data={"route": "clinic"}).status_code == 403
    wish = "/connectivity/wish?route=clinic&destination=zeroclick&wish=image"
    assert browser.get(wish, headers={"accept": "text/html"}).status_code == 403


def test_an_operator_is_asked_before_anything_is_sent(clinic, ask):
    browser = ask(clinic).signed_in(Role.OPERATOR)
    page = html(browser, "/connectivity/wish?route=clinic&destination=zeroclick&wish=image")
    assert "DICOMRS^TEST" in page
    assert 'name="wish" value="image"' in page
    assert "Nothing is sent" in html(browser, "/connectivity/wish?route=clinic&destination=zeroclick&wish=probe")
    html(browser, "/connectivity/wish?route=clinic&destination=other&wish=probe", 404)


def test_without_the_service_the_operator_is_told(clinic, ask):
    browser = ask(clinic).signed_in(Role.OPERATOR)
    answer = browser.post("/connectivity/check", data={"route": "clinic", "destination": "zeroclick"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/connectivity")
    assert "The check did not begin" in html(browser, "/connectivity")


def test_an_operator_has_the_services_check_and_sees_the_steps(tmp_path, make_router, ask):
    router = make_router(route(tmp_path / "root", destination("zeroclick", free_port())))
    browser = ask(*router.routes).signed_in(Role.OPERATOR)

    def check(name):
        answer = browser.post("/connectivity/check", data={"route": "clinic", "destination": name})
        path = answer.headers["location"]
        eventually(lambda: "The check is running." not in html(browser, path), f"{path} ends")
        return html(browser, path)

    page = check("zeroclick")
    assert "It fails at: TCP port." in page
    assert "Whose job: vendor of the target" in page
    assert "refuses connections: nothing listens on that port, or a firewall refuses" in unescape(page)
    page = check("")
    assert "Nothing prevents images from flowing here." in page
    page = html(browser, "/connectivity")
    assert f"{LOOPBACK}:{router.port()}" in page
    assert page.count("does not pass") == 1


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_mail_with_all_that_its_owner_asks_for(cause, language):
    for destination_name in ("zeroclick", ""):
        run = new_run("scu", "clinic", destination_name, "ana", CHECKS, moment(AT))
        step = Step(check=Check.TCP, state=State.FAILED, cause=cause, params=TOLD, detail="in its own words 100 %")
        text = mail(run.with_step(step), step, language)
        for words in ("192.168.10.16", "4243", "ZEROCLICK", "in its own words 100 %"):
            assert words in text
        assert not re.search(r"%\(|None|\?\?", text)


def test_what_is_somebody_elses_job_is_asked_of_them():
    others = {cause for cause in Cause if owner_of(cause) in (Owner.NETWORK, Owner.TARGET, Owner.SCANNER)}
    assert others - REQUESTS.keys() == set()
    for text in REQUESTS.values():
        assert text.startswith("Please")
        assert set(re.findall(r"%\((\w+)\)s", text)) <= TOLD.keys()
        assert not set(text) - set(string.printable)


def test_what_nobody_has_found_out_is_a_question_mark():
    run = new_run("scu", "clinic", "zeroclick", "ana", CHECKS, moment(AT))
    step = Step(check=Check.NAME, state=State.FAILED, cause=Cause.NAME_UNKNOWN, params={"host": "nowhere"})
    assert "From: ?, AE title ?" in mail(run, step, LANGUAGES["en"])
    assert mail(run, Step(check=Check.NAME, state=State.OK), LANGUAGES["en"]) == ""
