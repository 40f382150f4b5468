"""The head of a spooled file: it is a Part 10 file to others, and carries the record of the arrival to us."""

import json
import string
from contextlib import suppress
from dataclasses import asdict, replace
from io import BytesIO

import pydicom
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.record import RECORD_CREATOR_UID, RECORD_SIZE, NotOursError, Record, blank_head, read_head_of

FS = OsFileSystem()
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
IDENTITY = (CT, "1.2.3", EXPLICIT)
RECORD = Record(
    arrival="0123456789abcdef0123456789abcdef",
    digest="xxh3-128:99aa06d3014798d86001c324468d497f",
    length=42,
    received="2026-01-22T10:15:30.123+01:00",
    calling="CT1",
    called="DICOMRS",
    address="192.0.2.1",
    modality="CT",
    station="石",
    series="1.2.3.4",
)
TITLE = st.text(st.characters(codec="utf-8"), max_size=16)


def spooled(record: Record = RECORD, dataset: bytes = b"") -> bytes:
    head, at = blank_head(CT, "1.2.3", EXPLICIT)
    return head[:at] + record.pack(IDENTITY) + head[at + RECORD_SIZE :] + dataset


def read_back(tmp_path, data: bytes):
    path = tmp_path / "object.dcm"
    path.write_bytes(data)
    return read_head_of(FS, str(path))


AE_TITLE = st.text(string.printable[:95], max_size=16)


@given(AE_TITLE, AE_TITLE, TITLE, TITLE, st.integers(0, 1 << 40), st.text(string.printable[:94], max_size=64))
def test_record_survives_packing(calling, called, modality, station, length, series):
    """At their longest."""
    record = replace(
        RECORD,
        calling=calling,
        called=called,
        modality=modality,
        station=station,
        series=series,
        address="2001:db8::1%eth0",
        length=length,
    )
    assert len(record.pack(IDENTITY)) == RECORD_SIZE
    assert Record.unpack(record.pack(IDENTITY), IDENTITY) == record


def test_record_of_an_earlier_format_is_read(tmp_path):
    """As format 1 was written: without the series, which its check does not know."""
    first = {name: value for name, value in asdict(RECORD).items() if name != "series"} | {"format": 1}
    check = xxhash.xxh3_64_hexdigest(json.dumps([IDENTITY, first]).encode("ascii"))
    head, at = blank_head(CT, "1.2.3", EXPLICIT)

    def written(fields: dict) -> bytes:
        return head[:at] + json.dumps({**fields, "check": check}).encode().ljust(RECORD_SIZE) + b"dataset"

    found = read_back(tmp_path, written(first))
    assert found.record == replace(RECORD, series="", format=1)
    with pytest.raises(NotOursError):
        read_back(tmp_path, written({**first, "station": "other"}))


def test_record_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at most 1024 fit"):
        Record("a" * 1024, "", 0, "", "", "", "", "", "").pack(IDENTITY)


def test_head_is_read_back(tmp_path):
    head = read_back(tmp_path, spooled(dataset=b"dataset"))
    assert (head.sop_class, head.sop_instance, head.transfer_syntax) == (CT, "1.2.3", EXPLICIT)
    assert head.record == RECORD
    assert spooled(dataset=b"dataset")[head.start :] == b"dataset"


def test_others_read_it_as_a_part_10_file(tmp_path):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientName = CT, "1.2.3", "Doe^John"
    dataset.Rows, dataset.PixelData = 1, b"\0\1"
    dataset["PixelData"].VR = "OW"
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    data = spooled(dataset=buffer.getvalue())

    found = pydicom.dcmread(BytesIO(data))

    assert found.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert found.file_meta.PrivateInformationCreatorUID == RECORD_CREATOR_UID
    assert found.PatientName == "Doe^John"
    assert found.PixelData == b"\0\1"
    assert data[read_back(tmp_path, data).start :] == buffer.getvalue()


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing", b""),
        ("zeros, as after a torn write", bytes(2048)),
        ("no preamble", spooled()[132:]),
        ("cut in the record", spooled()[:-100]),
        ("somebody else's private information", spooled().replace(RECORD_CREATOR_UID.encode(), b"1" * 41 + b".22")),
        ("no record", blank_head(CT, "1.2.3", EXPLICIT)[0]),
        ("a list as record", spooled().replace(RECORD.pack(IDENTITY), b"[1]".ljust(RECORD_SIZE))),
        ("a record too deep to read", spooled().replace(RECORD.pack(IDENTITY), b"[" * RECORD_SIZE)),
        ("a record of another format", spooled(replace(RECORD, format=3))),
        ("a UID that is no ASCII", spooled().replace(b"1.2.3\0", b"1.\xff.3\0")),
    ],
)
def test_what_is_not_ours_is_told_so(tmp_path, what, data):
    with pytest.raises(NotOursError):
        read_back(tmp_path, data)


def test_a_record_that_can_be_read_but_not_written_is_damaged():
    """Python reads JSON a little deeper than it writes it."""
    for depth in range(900, 1000):
        text = RECORD.pack(IDENTITY).replace(b'"CT1"', b"[" * depth + b"]" * depth)
        with pytest.raises(NotOursError):
            Record.unpack(text, IDENTITY)


@given(st.integers(0, len(spooled()) - 1), st.integers(1, 255))
def test_a_damaged_byte_is_noticed_wherever_it_says_something(tmp_path_factory, at, mask):
    data = bytearray(spooled())
    data[at] ^= mask
    path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    path.write_bytes(data)
    with suppress(NotOursError):
        head = read_head_of(FS, str(path))
        assert (head.sop_class, head.sop_instance, head.transfer_syntax, head.record) == (*IDENTITY, RECORD)
        assert head.start == len(data)
