"""Diagnostics: one file that tells all, without patients unless an admin has a reason; compared with an earlier one."""

import json
import re
from datetime import datetime
from pathlib import Path
from time import process_time

import pytest
from pydantic import JsonValue

from dicomrs.causes import Cause
from dicomrs.doctor import Check, State, Step, new_run, write_run
from dicomrs.log_files import log_path
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.diagnosis.comparing import MOST, Area, Difference, differences
from dicomrs_dashboard.diagnosis.files import NoDiagnosisError, embedded, parse
from dicomrs_dashboard.diagnosis.model import LARGEST, Diagnosis, RouteReport
from dicomrs_dashboard.doors.people import Role
from support.objects import image, instance, respelled, series
from support.router import destination, route

FS = OsFileSystem()
NOW = datetime.now().astimezone()
NAME, IDENTITY = "GEHEIM", "PID-4711"


@pytest.fixture
def asked(spool, ask):
    """A route with a waiting, a quarantined and a damaged study of a patient, a check that failed, and a log."""
    made = ask(route(spool.root, destination("tap", 104, tls={"secretName": "certificates"})))
    one, bad = (instance(image(patient_name=NAME, patient_id=IDENTITY)) for _ in range(2))
    (arrival,) = spool.receive(one)
    spool.quarantine(bad)
    folder = str(spool.root / arrival.folder)
    spool.heartbeat(
        "scu", NOW.isoformat(), destinations={"tap": {"trouble": f"{folder}: no such file"}}, version="0.1.0"
    )
    run = new_run("scu", "clinic", "tap", "ana", [Check.PING, Check.TCP], NOW)
    write_run(FS, str(spool.root), run.with_step(Step(check=Check.TCP, state=State.FAILED, cause=Cause.PORT_CLOSED)))
    Path(made.log_folder).mkdir(parents=True)
    line = {"service": "scp", "event": "failed", "level": "error", "timestamp": NOW.isoformat(), "reason": folder}
    Path(log_path(made.log_folder, "scp")).write_text(json.dumps(line) + "\n")
    return made


def exported(browser) -> str:
    answer = browser.get("/diagnostics/download")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="dicomrs-diagnosis-')
    return answer.text


def test_the_page_and_its_file_tell_all_and_nothing_of_patients(asked):
    browser = asked.signed_in(Role.ADMIN)
    for text in (browser.get("/diagnostics").text, exported(browser)):
        assert NAME not in text
        assert IDENTITY not in text
        for told in (
            "clinic",
            "certificates",
            "The connection to that port is refused",
            "1 line",
            "&lt;study folder&gt;",
        ):
            assert told in text, told
    found = parse(exported(browser).encode())
    (one,) = found.routes
    assert one.manifest["spec"]["destinations"][0]["host"] == "127.0.0.1"
    assert one.checks[0].step(Check.TCP).cause is Cause.PORT_CLOSED
    assert one.heartbeats["scu"]["version"] == "0.1.0"
    assert sorted(study.state for study in one.studies) == ["quarantined", "waiting"]
    assert (one.studies[0].patient_name, one.studies[0].folder, found.patients) == ("•••", "•••", False)
    assert found.log[0].event == "failed"


def test_with_patients_only_for_an_admin_with_a_reason_and_on_record(asked):
    admin = asked.signed_in(Role.ADMIN, "ana")
    for role in (Role.VIEWER, Role.OPERATOR):
        browser = asked.signed_in(role)
        assert 'name="why"' not in browser.get("/diagnostics").text
        assert browser.post("/diagnostics/download", data={"why": "curious"}).status_code == 403
    assert "Say why" in admin.post("/diagnostics/download", data={"why": " "}, follow_redirects=True).text
    answer = admin.post("/diagnostics/download", data={"why": "asked for by the vendor"})
    found = parse(answer.content)
    assert (found.patients, found.routes[0].studies[0].patient_name) == (True, NAME)
    assert "-with-patients" in answer.headers["content-disposition"]
    (entry,) = [one.fields for one in asked.doors.audit.read().entries if one.fields["action"] == "diagnose"]
    assert (entry["who"], entry["why"], entry["patients"]) == ("ana", "asked for by the vendor", True)


def test_what_cannot_be_put_on_record_is_not_given(asked, tmp_path):
    admin = asked.signed_in(Role.ADMIN)
    log = tmp_path / ".dicomrs" / "audit.jsonl"
    log.unlink()
    log.mkdir()
    answer = admin.post("/diagnostics/download", data={"why": "x"})
    assert answer.status_code == 503
    assert NAME not in answer.text


HOSTILE = '</script><img src=x onerror="alert(1)">\u2028\u202e'


def test_nothing_that_a_scanner_sends_ends_the_script_or_steers_the_page(asked, spool):
    spool.receive(*[respelled(one, HOSTILE[:30].encode()) for one in series(1)])
    admin = asked.signed_in(Role.ADMIN)
    html = admin.post("/diagnostics/download", data={"why": "x"}).text
    assert html.count("</script>") == 1
    assert "<img" not in html
    assert parse(html.encode()).routes[0].studies


def test_a_file_is_read_back_as_it_was_made():
    made = Diagnosis(at="2026-11-28T10:00:00+00:00", who=HOSTILE, version="0.1.0", refused=HOSTILE)
    page = f'<p>x</p><script type="application/json" id="dicomrs-diagnosis">{embedded(made)}</script></body>'
    assert parse(page.encode()) == made
    assert parse(made.model_dump_json(by_alias=True).encode()) == made


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"<html></html>",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"format":"dicomrs-diagnosis-1"}',
        b'{"format":"other","at":"","who":"","version":""}',
        json.dumps({"format": "dicomrs-diagnosis-1", "at": "x" * 3000, "who": "", "version": ""}).encode(),
        json.dumps(
            {"format": "dicomrs-diagnosis-1", "at": "", "who": "", "version": "", "routes": [{"name": "a"}] * 300}
        ).encode(),
        b'<script type="application/json" id="dicomrs-diagnosis">{"format":' + b'{"a":' * 5000,
        b" " * (LARGEST + 1),
    ],
    ids=range(12),
)
def test_what_is_no_file_of_ours_is_refused_in_a_sentence(data, asked):
    with pytest.raises(NoDiagnosisError):
        parse(data)
    answer = asked.signed_in(Role.VIEWER).post("/diagnostics/compare", files={"earlier": ("x.html", data)})
    assert answer.status_code in (413, 422)
    assert "This is no file of a diagnosis" in answer.text


def test_a_body_that_is_larger_than_any_file_is_not_taken(asked):
    browser = asked.signed_in(Role.VIEWER)
    answer = browser.post("/diagnostics/compare", files={"earlier": ("x.html", b" " * (LARGEST + 200_000))})
    assert answer.status_code == 413


def test_an_earlier_file_is_compared_with_how_it_is_now(asked, spool, tmp_path):
    browser = asked.signed_in(Role.VIEWER)
    earlier = exported(browser)
    changed = re.sub(r'"port":104\b', '"port":4242', earlier)
    answer = browser.post("/diagnostics/compare", files={"earlier": ("a.html", changed.encode())})
    assert "spec.destinations[tap].port" in answer.text
    assert ">4242<" in answer.text
    assert "spec.destinations[tap].host" not in answer.text


def test_an_earlier_file_with_anything_in_it_is_shown_as_text(asked):
    route_of = RouteReport(
        name="clinic", manifest={f"<img src=x onerror=alert(1)>{number}": HOSTILE for number in range(900)}
    )
    before = Diagnosis(at=HOSTILE, who=HOSTILE, version=HOSTILE, packages={HOSTILE: HOSTILE}, routes=(route_of,))
    data = before.model_dump_json(by_alias=True).encode()
    answer = asked.signed_in(Role.VIEWER).post("/diagnostics/compare", files={"earlier": ("a.json", data)})
    assert answer.status_code == 200
    assert "<img src=x" not in answer.text
    assert "\u202e" not in answer.text
    assert answer.text.count("<tr>") <= MOST + 1


def report(**fields: object) -> Diagnosis:
    return Diagnosis(at="", who="", version="1", routes=(RouteReport(name="clinic", **fields),))


def test_differences_name_the_place_and_both_values():
    before = report(
        manifest={"spec": {"destinations": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}}, light="green"
    )
    after = report(manifest={"spec": {"destinations": [{"name": "b", "port": 3}]}}, light="red")
    assert differences(before, after) == [
        Difference(Area.MANIFEST, "clinic", "spec.destinations[a].name", "a", None),
        Difference(Area.MANIFEST, "clinic", "spec.destinations[a].port", "1", None),
        Difference(Area.MANIFEST, "clinic", "spec.destinations[b].port", "2", "3"),
        Difference(Area.STATUS, "clinic", "light", "green", "red"),
    ]


def test_of_checks_the_newest_count_and_what_passes_by_does_not():
    def run(state: State):
        return new_run("scu", "clinic", "tap", "ana", [Check.TCP], NOW).with_step(Step(check=Check.TCP, state=state))

    before = report(checks=(run(State.OK), run(State.FAILED)), status={"lookedAt": "a", "parked": 1})
    after = report(checks=(run(State.FAILED), run(State.OK)), status={"lookedAt": "b", "parked": 1})
    assert differences(before, after) == [Difference(Area.CHECK, "clinic", "scu.tap.tcp", "ok", "failed")]
    assert differences(before, before) == []


def test_long_names_over_very_many_values_cost_no_more_than_their_reading():
    values: list[JsonValue] = [[number] * 500 for number in range(500)]
    route_of = RouteReport(name="clinic", manifest={"K" * 4_000_000: values})
    before = Diagnosis(at="", who="", version="", routes=(route_of,))
    began = process_time()
    found = differences(before, Diagnosis(at="", who="", version=""))
    assert process_time() - began < 20  # minutes, where the name is copied for each value
    assert max(len(one.where) for one in found) <= 300
