"""Datasets from files as P-DATA-TF PDUs: what is in the PDUs is what is in the file."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomrs_wire.frames import FrameBuffer
from dicomrs_wire.pdu import HEADER, parse_header, split_pdata

DATA = os.urandom(5000)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "object"
    path.write_bytes(DATA)
    return path


def joined(pdus: memoryview) -> tuple[bytes, list[int], list[bool]]:
    """Dataset bytes, PDU body lengths and `last` flags of PDUs side by side."""
    data, lengths, lasts = b"", [], []
    while len(pdus):
        _, length = parse_header(pdus)
        lengths.append(length)
        for pdv in split_pdata(pdus[HEADER.size : HEADER.size + length]):
            assert (pdv.context_id, pdv.is_command) == (9, False)
            data += bytes(pdv.data)
            lasts.append(pdv.is_last)
        pdus = pdus[HEADER.size + length :]
    return data, lengths, lasts


@settings(deadline=None)
@given(fragment=st.integers(1, 700).map(lambda n: 2 * n), start=st.integers(0, 100), length=st.integers(0, 4900))
def test_a_file_goes_out_in_batches_of_full_fragments(file: Path, fragment: int, start: int, length: int) -> None:
    buffer = FrameBuffer(fragment)
    sent, lengths, lasts = b"", [], []
    with file.open("rb") as opened:
        for offset in range(0, max(length, 1), buffer.capacity):
            count = min(buffer.capacity, length - offset)
            last = offset + count == length
            pdus, fragments = buffer.load(9, opened.fileno(), start + offset, count, last=last)
            data, more_lengths, more_lasts = joined(pdus)
            assert b"".join(fragments) == data
            sent, lengths, lasts = sent + data, lengths + more_lengths, lasts + more_lasts
    assert sent == DATA[start : start + length]
    assert set(lengths[:-1]) <= {fragment + 6}
    assert lasts == [False] * (len(lasts) - 1) + [True]


def test_a_file_shorter_than_promised_is_noticed(file: Path) -> None:
    with file.open("rb") as opened, pytest.raises(EOFError, match="ends 100 bytes early"):
        FrameBuffer(64).load(9, opened.fileno(), 4000, 1100, last=True)


def test_a_source_that_gives_little_at_a_time_is_read_to_the_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preadv = os.preadv

    def reluctant(fd: int, views: list[memoryview], offset: int) -> int:
        return preadv(fd, [views[0][:7]], offset)

    monkeypatch.setattr(os, "preadv", reluctant)
    with file.open("rb") as opened:
        pdus, _ = FrameBuffer(64).load(9, opened.fileno(), 10, 1000, last=True)
    assert joined(pdus)[0] == DATA[10:1010]
