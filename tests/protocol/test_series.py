"""A scanner sends a CT series; two targets hold all of it, and the spool's books are complete. DCMTK and Orthanc."""

import pytest

from support.objects import series, write_files
from support.peers import Orthanc, Storescp
from support.polling import eventually
from support.router import destination, route
from support.sender import dcmsend, storescu

SENDERS = {"storescu": storescu, "dcmsend": dcmsend}


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    storescp, orthanc = Storescp(folder / "storescp"), Orthanc(folder / "orthanc")
    try:
        storescp.start()
        orthanc.start()
        yield storescp, orthanc
    finally:
        storescp.close()
        orthanc.close()


@pytest.mark.peer("storescu", "dcmsend", "storescp", "Orthanc")
@pytest.mark.parametrize(
    ("sender", "slices", "rows"), [("storescu", 300, 64), ("storescu", 30, 512), ("dcmsend", 100, 64)]
)
def test_a_series_reaches_both_targets_and_nothing_waits(sender, slices, rows, tmp_path, make_router, targets):
    storescp, orthanc = targets
    ours = [destination("storescp", storescp.port), destination("orthanc", orthanc.port, associations=2)]
    router = make_router(route(tmp_path / "root", *ours))
    objects = series(slices, rows=rows)
    write_files(tmp_path / "scan", objects)

    sent = SENDERS[sender](router.port(), tmp_path / "scan")
    assert sent.returncode == 0, sent.stderr

    spool = router.spool()
    spool.wait_empty()
    uids = {one.uid for one in objects}
    kept = {path.name.split(".", 1)[1]: path.read_bytes() for path in storescp.files()}
    assert {one.uid: kept[one.uid][-len(one.dataset) :] for one in objects} == {one.uid: one.dataset for one in objects}
    assert orthanc.uids() >= uids
    assert_books_complete(spool, uids)


def assert_books_complete(spool, uids):
    """Every arrival has its receipt for either target, and the study's figures say so."""
    names = ("storescp", "orthanc")
    for name in names:
        receipts = spool.receipts(kind="delivered", destination=name)
        assert {event["uid"] for event in receipts} == uids
        assert len({event["arrival"] for event in receipts}) == len(receipts) == len(uids)
        assert all(event["status"] == "0000" and event["association"] and event["digest"] for event in receipts)
    assert len(spool.folders()) == 1
    figures = {"delivered": len(uids), "waiting": 0, "stored": 0, "parked": 0, "held": 0}
    expected = {"onDisk": 0, "noDestination": 0, "destinations": dict.fromkeys(names, figures)}
    eventually(lambda: spool.metadata()[0].get("progress") == expected, ".metadata.json tells the final figures")
    study = spool.metadata()[0]
    assert study["patientID"] == "T-1"
    assert study["patientName"] == "Tester^Test"
    assert study["modality"] == "CT"
    assert study["callingAeTitle"] in {"STORESCU", "DCMSEND"}
