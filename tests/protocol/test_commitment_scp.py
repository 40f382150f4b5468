"""A scanner asks for storage commitment: it is told the truth, on its own association or where it listens."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_CONTEXTS,
    COMMITMENT_INSTANCE,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.requestor import Requestor
from support.objects import CT, EXPLICIT, MR, image, instance, series
from support.peers import Orthanc
from support.polling import eventually
from support.processes import LOOPBACK, free_port
from support.router import AE_TITLE, destination, route
from support.sender import send_all

NO_SUCH_INSTANCE, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110


def information(transaction: str, references: list[tuple[str, str]]) -> Dataset:
    made = Dataset()
    made.TransactionUID = transaction
    made.ReferencedSOPSequence = []
    for sop_class, uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        made.ReferencedSOPSequence.append(item)
    return made


@dataclass
class Reports:
    """Takes reports, on whatever association they come."""

    status: int = 0
    got: list[tuple[int, Dataset]] = field(default_factory=list)
    roles: list[Any] = field(default_factory=list)

    def take(self, event: evt.Event) -> tuple[int, None]:
        self.roles.append(event.assoc.requestor.role_selection)
        self.got.append((event.event_type, event.event_information))
        return self.status, None

    def wait(self) -> tuple[str, list[str], dict[str, int]]:
        """Transaction, committed, and failed with their reasons, of the only report."""
        eventually(lambda: self.got, "a report")
        ((kind, found),) = self.got
        failed = {str(item.ReferencedSOPInstanceUID): item.FailureReason for item in found.get("FailedSOPSequence", [])}
        committed = [str(item.ReferencedSOPInstanceUID) for item in found.get("ReferencedSOPSequence", [])]
        assert kind == (2 if failed else 1)
        return str(found.TransactionUID), committed, failed


def ask(
    port: int,
    references: list[tuple[str, str]],
    reports: Reports,
    *,
    calling: str = "SCANNER_1",
    stay: Callable[[], Any] | None = None,
    transaction: str = "2.25.4711",
) -> int:
    """Ask, and keep the association open as long as `stay` runs; the status of the response."""
    ae = AE(calling)
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(LOOPBACK, port, evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take)])
    assert association.is_established
    status, _ = association.send_n_action(
        information(transaction, references), 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    if stay is not None:
        stay()
    association.release()
    return int(status.Status)


@contextmanager
def listening(calling: str, port: int, reports: Reports):
    """A scanner's own listener for reports."""
    ae = AE(calling)
    ae.require_called_aet = True
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    server = ae.start_server((LOOPBACK, port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take)])
    try:
        yield
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def keeper(tmp_path_factory, make_shared_router):
    """A router without a destination: all stays on the disk."""
    return make_shared_router(route(tmp_path_factory.mktemp("root") / "root"))


def test_the_truth_about_every_object(tmp_path, make_router, tap):
    to = destination("tap", tap.port, match=[{"modalities": ["CT"]}])
    router = make_router(route(tmp_path / "root", to))
    spool = router.spool()
    delivered, waiting = instance(image()), instance(image(modality="MR"))
    bare = instance(image(without=("PixelData",)))
    send_all(router.port(), [delivered, waiting, bare])
    tap.wait_stored(1)
    eventually(lambda: [path.stem for path in spool.waiting()] == [waiting.uid], "only the MR is on disk")
    reports = Reports()
    references = [(CT, delivered.uid), (MR, waiting.uid), (bare.sop_class, bare.uid), (CT, "1.2.3.4")]
    assert ask(router.port(), references, reports, stay=reports.wait) == 0
    transaction, committed, failed = reports.wait()
    assert transaction == "2.25.4711"
    assert sorted(committed) == sorted([delivered.uid, waiting.uid])
    assert failed == {bare.uid: PROCESSING_FAILURE, "1.2.3.4": NO_SUCH_INSTANCE}
    router.wait_for("scp", "storage commitment reported", '"committed": 2')


def test_another_class_than_the_objects_is_a_conflict(keeper):
    one = instance(image())
    send_all(keeper.port(), [one])
    reports = Reports()
    ask(keeper.port(), [(MR, one.uid)], reports, stay=reports.wait)
    assert reports.wait()[1:] == ([], {one.uid: CLASS_CONFLICT})


def test_many_objects_in_one_request(keeper):
    objects = series(300, rows=8)
    send_all(keeper.port(), objects)
    reports = Reports()
    ask(keeper.port(), [(one.sop_class, one.uid) for one in objects], reports, stay=reports.wait)
    assert sorted(reports.wait()[1]) == sorted(one.uid for one in objects)


def test_a_scanner_that_has_left_is_told_where_it_listens(tmp_path, make_router):
    place = free_port()
    peers = [{"aeTitle": "SCANNER_1", "host": LOOPBACK, "port": place}]
    router = make_router(route(tmp_path / "root", receiver={"peers": peers}))
    one = instance(image())
    send_all(router.port(), [one])
    # It ends its association without having answered the report; and its listener comes up later.
    reports = Reports()
    leave_without_answering(router.port(), [(CT, one.uid)])
    router.wait_for("scp", "storage commitment report not taken yet", "nothing listens on that port")
    with listening("SCANNER_1", place, reports):
        assert reports.wait()[1] == [one.uid]
    assert reports.roles[0] is not None


def leave_without_answering(port: int, references: list[tuple[str, str]]) -> None:
    """Ask, and release as soon as the response is here, as many scanners do."""
    asked = Commitments("2.25.4711", tuple(Reference(*one) for one in references))
    with Requestor.connect(
        LOOPBACK, port, calling="SCANNER_1", called=AE_TITLE, contexts=COMMITMENT_CONTEXTS
    ) as association:
        status, _ = association.action(
            COMMITMENT, COMMITMENT_INSTANCE, 1, lambda syntax: encode_commitments(asked, syntax)
        )
    assert status == 0


def test_a_scanner_that_is_no_peer_is_named_in_the_log(keeper):
    one = instance(image())
    send_all(keeper.port(), [one])
    leave_without_answering(keeper.port(), [(CT, one.uid)])
    line = keeper.wait_for("scp", "storage commitment not reported")
    assert '"SCANNER_1" ended its association' in line["reason"]
    assert "spec.receiver.peers[]" in line["reason"]


def test_a_report_that_is_refused_is_not_repeated(keeper):
    reports = Reports(status=0x0110)
    ask(keeper.port(), [(CT, "1.2.3")], reports, calling="FUSSY", stay=reports.wait)
    keeper.wait_for("scp", "storage commitment reported", "0110")
    assert not [line for line in keeper.events("scp") if line.get("calling") == "FUSSY" and "not" in line["event"]]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"instance": "1.2.3"}, 0x0112),
        ({"action": 2}, 0x0123),
        ({"references": []}, 0x0115),
        ({"transaction": None}, 0x0115),
    ],
)
def test_a_request_that_is_none_is_refused(keeper, changes, status):
    ae = AE("SCANNER_1")
    ae.add_requested_context(StorageCommitmentPushModel)
    association = ae.associate(LOOPBACK, keeper.port())
    asked = information("2.25.1", changes.get("references", [(CT, "1.2.3")]))
    if "transaction" in changes:
        del asked.TransactionUID
    answer, _ = association.send_n_action(
        asked,
        changes.get("action", 1),
        StorageCommitmentPushModel,
        changes.get("instance", StorageCommitmentPushModelInstance),
    )
    assert answer.Status == status
    association.release()


def test_objects_and_requests_share_an_association(keeper):
    ae = AE("SCANNER_1")
    ae.add_requested_context(StorageCommitmentPushModel)
    ae.add_requested_context(CT, EXPLICIT)
    reports = Reports()
    roles = [build_role(StorageCommitmentPushModel, scu_role=True)]
    association = ae.associate(
        LOOPBACK, keeper.port(), ext_neg=roles, evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take)]
    )
    for number in range(3):
        made = image(number=number)
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = EXPLICIT
        assert association.send_c_store(made).Status == 0
        asked = information(f"2.25.{number + 1}", [(CT, str(made.SOPInstanceUID))])
        answer, _ = association.send_n_action(asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
        assert answer.Status == 0
        eventually(lambda n=number: len(reports.got) > n, "a report")
    association.release()
    assert [kind for kind, _ in reports.got] == [1, 1, 1]


@pytest.mark.peer("Orthanc")
def test_orthanc_asks(tmp_path, make_router):
    orthanc = Orthanc(tmp_path / "orthanc")
    peers = [{"aeTitle": "ORTHANC", "host": LOOPBACK, "port": orthanc.port}]
    router = make_router(route(tmp_path / "root", receiver={"peers": peers}))
    orthanc.modalities = {"router": (AE_TITLE, router.port())}
    orthanc.start()
    try:
        one = instance(image())
        send_all(router.port(), [one])
        asked = [{"SOPClassUID": CT, "SOPInstanceUID": uid} for uid in (one.uid, "1.2.3.4")]
        made = orthanc.rest("/modalities/router/storage-commitment", {"DicomInstances": asked})
        path = f"/storage-commitment/{made['ID']}"
        found = eventually(lambda: (now := orthanc.rest(path))["Status"] != "Pending" and now, "Orthanc has the report")
        assert found["Status"] == "Failure", json.dumps(found)
        assert [item["SOPInstanceUID"] for item in found["Success"]] == [one.uid]
        assert [item["SOPInstanceUID"] for item in found["Failures"]] == ["1.2.3.4"]
        assert found["Failures"][0]["FailureReason"] == NO_SUCH_INSTANCE, json.dumps(found)
    finally:
        orthanc.close()
