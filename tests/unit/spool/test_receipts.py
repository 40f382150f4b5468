"""Lines that no scu wrote are passed over: the study's other receipts count as ever."""

import pytest

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import RECEIPTS
from dicomrs.spool.receipts import Kind, Ledger, event_now


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
