"""Hostile bytes in what the dashboard and the services' desks read: answered in words and at once."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from dicomrs import desk
from dicomrs.doctor import Check, State, Step, new_run
from dicomrs.log_files import Wanted, chronicle, log_path, newest
from dicomrs.spool import mailbox
from dicomrs_dashboard.diagnosis.comparing import differences
from dicomrs_dashboard.diagnosis.files import NoDiagnosisError, embedded, parse
from dicomrs_dashboard.diagnosis.model import Diagnosis, LogEntry, Reason, RouteReport, Study
from support.fuzzing import Target, fuzz, outcome

INPUTS = 3000
STRANGE = (b"[]", b"{}", b"null", b"1e999", b'"', b"[" * 2000, b'{"a":', b"\\ud800", b"</script>", b"\xff", b"\n")
ANA = {"who": "ana", "why": "it looks stuck"}
NOW = datetime(2026, 11, 28, 10).astimezone()


def requests(_: Path) -> Target:
    asked = [mailbox.pack(one) for one in (desk.Restart(**ANA), desk.Examine(**ANA, destination="tap", probe=True))]

    def answer(data: bytes) -> str:
        try:
            found = mailbox.unpack(desk.KINDS, data)
        except ValueError:
            return "refused"
        assert mailbox.unpack(desk.KINDS, mailbox.pack(found)) == found
        return found.action

    return Target("requests to a service about itself", answer, asked, STRANGE)


def files(_: Path) -> Target:
    run = new_run("scu", "clinic", "tap", "ana", [Check.TCP], NOW).with_step(Step(check=Check.TCP, state=State.OK))
    now = Diagnosis(
        at=NOW.isoformat(),
        who="ana",
        version="0.1.0",
        routes=(
            RouteReport(
                name="clinic",
                manifest={"spec": {"destinations": [{"name": "tap", "port": 104}, [1, None, True]]}},
                reasons=(Reason(cause="parked", owner="target"),),
                heartbeats={"scp": {"startedAt": "x"}},
                checks=(run,),
                studies=(Study(key="a", state="parked"),),
            ),
        ),
        log=(LogEntry(at="", service="scp", level="info", event="association"),),
    )
    plain = now.model_dump_json(by_alias=True).encode()
    page = f'<p><script type="application/json" id="dicomrs-diagnosis">{embedded(now)}</script>'.encode()

    def answer(data: bytes) -> str:
        try:
            found = parse(data)
        except NoDiagnosisError as error:
            return outcome(error)
        return str(len(differences(found, now)))

    return Target("files of a diagnosis", answer, [plain, page], STRANGE)


def logs(folder: Path) -> Target:
    line = {"service": "scp", "event": "association", "calling": "CT", "level": "info", "timestamp": NOW.isoformat()}
    path = Path(log_path(str(folder), "scp"))

    def answer(data: bytes) -> str:
        path.write_bytes(data)
        wanted = Wanted(level="info", text="t")
        found = newest(str(folder), wanted, 10, NOW)
        return f"{len(found.lines)} {sum(1 for _ in chronicle(str(folder), wanted))}"

    return Target("log files", answer, [json.dumps(line).encode() + b"\n" for _ in range(3)], STRANGE)


@pytest.mark.parametrize("make", [requests, files, logs])
def test_hostile_bytes_are_answered_in_words(make, tmp_path):
    found = fuzz(make(tmp_path), INPUTS, tmp_path)
    assert found.inputs >= INPUTS
    assert len(found.answers) > 1, "some of them must get through"
