"""A service's desk: each request is on record before it is carried out, and nothing that goes wrong ends it."""

import json
import shutil
import threading
from pathlib import Path

import pytest

from dicomrs.audit import AuditLog, outcomes
from dicomrs.desk import KINDS, Desk, Examine, Restart, ask_service
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import CONTROL, STATE
from dicomrs.spool.mailbox import Answer, NoAnswerError, pack, unpack
from dicomrs.spool.proof import prepare_root
from support.polling import eventually

ANA = {"who": "ana", "identified": "password", "why": "it looks stuck"}
FS = OsFileSystem()


class Served:
    """A root with a desk; begun: what it was asked to examine."""

    def __init__(self, root: Path) -> None:
        prepare_root(FS, str(root))
        self.root = str(root)
        self.restart = threading.Event()
        self.begun: list[Examine] = []
        self.desk = Desk(FS, self.root, "scu", self.restart.set, self._examine)
        self.desk.start()

    def _examine(self, request: Examine) -> Answer:
        if request.destination == "fault":
            raise RuntimeError("a fault of ours")
        self.begun.append(request)
        return Answer(0, run="20261128T101500-1")

    def ask(self, request: Restart | Examine, seconds: float = 10.0) -> Answer:
        return ask_service(FS, self.root, "scu", request, seconds)


@pytest.fixture
def served(tmp_path):
    one = Served(tmp_path / "root")
    yield one
    one.desk.stop()


def test_a_restart_is_on_record_with_who_and_why_and_then_asked_for(served):
    assert served.ask(Restart(**ANA)) == Answer(0)
    assert served.restart.is_set()
    ((begun, ended),) = outcomes(AuditLog(FS, served.root).read().entries)
    assert {**ANA, "action": "restart", "service": "scu"}.items() <= begun.fields.items()
    assert ended.fields["failed"] == ""


def test_an_examination_is_named_once_it_has_begun(served):
    request = Examine(**ANA, destination="zero-click", send_image=True)
    assert served.ask(request).run == "20261128T101500-1"
    assert served.begun == [request]
    ((begun, ended),) = outcomes(AuditLog(FS, served.root).read().entries)
    assert (begun.fields["destination"], begun.fields["send_image"]) == ("zero-click", True)
    assert ended.fields["run"] == "20261128T101500-1"


def test_without_a_record_nothing_is_done(served):
    shutil.rmtree(f"{served.root}/{STATE}")
    Path(served.root, STATE).write_text("no folder")
    assert "cannot be put on record" in served.ask(Restart(**ANA)).failed
    assert not served.restart.is_set()


def test_a_fault_while_examining_is_answered_and_the_next_request_is_served(served):
    assert "ended meanwhile" in served.ask(Examine(**ANA, destination="fault")).failed
    assert served.ask(Examine(**ANA)).run


def test_a_folder_that_somebody_removed_is_made_anew(served):
    eventually(lambda: Path(served.root, CONTROL, "scu").is_dir(), "the folder is made")
    shutil.rmtree(f"{served.root}/{CONTROL}/scu")
    eventually(lambda: Path(served.root, CONTROL, "scu").is_dir(), "the folder is made again", 10)
    assert served.ask(Examine(**ANA)).run


def test_a_service_that_has_never_run_on_a_root_has_not_answered_either(tmp_path):
    prepare_root(FS, str(tmp_path / "root"))
    with pytest.raises(NoAnswerError, match="is it running"):
        ask_service(FS, str(tmp_path / "root"), "scu", Restart(**ANA), 0.3)


def test_a_service_that_does_not_run_has_not_answered(served):
    served.desk.stop()
    with pytest.raises(NoAnswerError, match="is it running"):
        served.ask(Restart(**ANA), 0.3)


@pytest.mark.parametrize(
    "changed",
    [
        {"who": ""},
        {"why": " "},
        {"who": 1},
        {"why": "x" * 1001},
        {"destination": None},
        {"send_image": "yes"},
        {"probe": 1},
        {"action": "eat"},
        {"action": []},
        {"mood": "good"},
    ],
)
def test_what_nobody_can_have_meant_is_no_request(changed):
    assert unpack(KINDS, pack(Examine(**ANA))) == Examine(**ANA)
    with pytest.raises(ValueError):
        unpack(KINDS, json.dumps({**json.loads(pack(Examine(**ANA))), **changed}).encode())
