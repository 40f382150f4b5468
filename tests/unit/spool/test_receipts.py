"""What a study's receipts say in their sum; lines that no scu wrote are passed over."""

import pytest

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import RECEIPTS
from dicomrs.spool.receipts import EVERYWHERE, History, Kind, Ledger, event_now


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"at": "2026-01-2',
        b"null",
        b'["delivered"]',
        b'{"kind": "delivered"}',
        b'{"kind": "eaten", "at": "", "arrival": "b", "destination": "tap"}',
        b'{"kind": "delivered", "at": "", "arrival": [], "destination": "tap"}',
        b'{"kind": "delivered", "at": "", "arrival": "b", "destination": {}}',
        b'{"kind": "delivered", "at": "", "arrival": "b", "destination": "tap", "uid": ["1.2"]}',
        b'{"kind": "delivered", "at": "", "arrival": "b", "destination": "tap", "mood": "good"}',
        b"[" * 100_000,
        b"\xff\xfe",
        bytes(4096),
    ],
)
def test_a_foreign_line_is_passed_over(line, tmp_path):
    path = tmp_path / RECEIPTS
    path.touch()
    fs = OsFileSystem()
    delivered = event_now(Kind.DELIVERED, "a", "tap", uid="1.2.3")
    Ledger(fs, str(tmp_path)).commit([delivered])
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    ledger = Ledger(fs, str(tmp_path))
    assert ledger.last("a", "tap") == delivered
    assert ledger.last("b", "tap") is None
    ledger.commit([event_now(Kind.PARKED, "c", "tap")])
    assert Ledger(fs, str(tmp_path)).counts() == {("tap", Kind.DELIVERED): 1, ("tap", Kind.PARKED): 1}


@pytest.mark.parametrize(
    ("kinds", "standing"),
    [
        ("held stored", "stored"),
        ("held stored uncommitted", "held"),
        ("stored held", "stored"),
        ("stored held uncommitted", "held"),
        ("stored held released uncommitted", "waits"),
        ("stored held delivered", "delivered"),
        ("held stored released uncommitted", "waits"),
        ("held stored uncommitted released", "waits"),
        ("held stored uncommitted released stored uncommitted", "waits"),
        ("held parked", "parked"),
        ("held parked released", "waits"),
        ("held parked resent stored uncommitted", "waits"),
        ("held delivered resent stored uncommitted", "waits"),
        ("STUDY-HELD stored uncommitted", "held"),
        ("stored STUDY-HELD uncommitted", "held"),
        ("stored STUDY-HELD released uncommitted", "waits"),
        ("released stored STUDY-HELD uncommitted", "held"),
        ("stored released STUDY-HELD STUDY-RELEASED uncommitted", "waits"),
        ("held stored STUDY-RELEASED uncommitted", "held"),
    ],
)
def test_a_persons_word_about_an_object_outlives_what_a_destination_says_of_it(kinds, standing):
    history = History()
    for kind in kinds.split():
        of_study = kind.startswith("STUDY-")
        what = Kind(kind.removeprefix("STUDY-").lower())
        history._apply([event_now(what, "", EVERYWHERE) if of_study else event_now(what, "a", "tap")])
    found = history.standing("a", "tap")
    assert found is not None
    assert standing == ("waits" if found.kind in (Kind.RELEASED, Kind.RESENT, Kind.UNCOMMITTED) else found.kind)
