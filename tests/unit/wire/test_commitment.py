"""Storage commitment datasets as bytes, judged by pydicom; and whatever a stranger may send in their place."""

import contextlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom.dsutils import decode

from dicomrs.dataset.source import MalformedError
from dicomrs_wire.commitment import (
    COMMITMENT_CONTEXTS,
    EXPLICIT_LITTLE_ENDIAN,
    PROCESSING_FAILURE,
    REFERENCE_LIMIT,
    Commitments,
    Reference,
    decode_commitments,
    describe_reason,
    encode_commitments,
)

SYNTAXES = [syntax for _, syntax in COMMITMENT_CONTEXTS]
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

uids = st.lists(st.integers(1, 10**8), min_size=2, max_size=7).map(lambda parts: ".".join(map(str, parts)))
references = st.builds(Reference, uids, uids)
commitments = st.builds(
    Commitments,
    uids,
    st.lists(references, max_size=5).map(tuple),
    st.lists(st.tuples(references, st.integers(0, 0xFFFF)), max_size=5).map(tuple),
)


def items(sequence) -> list[Reference]:
    return [Reference(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID)) for item in sequence]


def written_by_pydicom(what: Commitments, syntax: str, *, undefined: bool, noise: bool) -> bytes:
    dataset = Dataset()
    dataset.TransactionUID = what.transaction

    def item(reference: Reference, **more: int) -> Dataset:
        made = Dataset()
        made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = reference
        for keyword, value in more.items():
            setattr(made, keyword, value)
        if noise:
            made.StorageMediaFileSetID = "DISK"
            inner = Dataset()
            inner.ReferencedSOPInstanceUID = "9.9.9"
            made.PurposeOfReferenceCodeSequence = [inner]
            made["PurposeOfReferenceCodeSequence"].is_undefined_length = undefined
        made.is_undefined_length_sequence_item = undefined
        return made

    dataset.FailedSOPSequence = [item(reference, FailureReason=reason) for reference, reason in what.failed]
    dataset.ReferencedSOPSequence = [item(reference) for reference in what.references]
    for keyword in ("FailedSOPSequence", "ReferencedSOPSequence"):
        dataset[keyword].is_undefined_length = undefined
    if noise:
        dataset.RetrieveAETitle = "ARCHIVE"
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax != EXPLICIT_LITTLE_ENDIAN
    buffer.is_little_endian = True
    write_dataset(buffer, dataset)
    return buffer.getvalue()


@given(commitments, st.sampled_from(SYNTAXES))
def test_what_is_written_is_what_pydicom_reads(what: Commitments, syntax: str) -> None:
    explicit = syntax == EXPLICIT_LITTLE_ENDIAN
    dataset = decode(BytesIO(encode_commitments(what, syntax)), is_implicit_vr=not explicit, is_little_endian=True)
    assert dataset.TransactionUID == what.transaction
    assert items(dataset.get("ReferencedSOPSequence", [])) == list(what.references)
    failed = dataset.get("FailedSOPSequence", [])
    assert items(failed) == [reference for reference, _ in what.failed]
    assert [item.FailureReason for item in failed] == [reason for _, reason in what.failed]


@given(commitments, st.sampled_from(SYNTAXES), st.booleans(), st.booleans())
def test_what_pydicom_writes_is_read(what: Commitments, syntax: str, undefined: bool, noise: bool) -> None:
    data = written_by_pydicom(what, syntax, undefined=undefined, noise=noise)
    assert decode_commitments(data, syntax) == what


@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_any_bytes_are_read_or_refused(data: bytes, syntax: str) -> None:
    with contextlib.suppress(MalformedError):
        decode_commitments(data, syntax)


@given(commitments, st.sampled_from(SYNTAXES), st.booleans(), st.data())
def test_a_damaged_dataset_is_read_or_refused(what: Commitments, syntax: str, undefined: bool, data) -> None:
    whole = bytearray(written_by_pydicom(what, syntax, undefined=undefined, noise=True))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    left = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(MalformedError):
        decode_commitments(left, syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_dataset_cut_short_is_refused(syntax: str) -> None:
    whole = encode_commitments(Commitments("2.25.1", (Reference(CT_IMAGE, "1.2.3"),)), syntax)
    for length in range(20, len(whole)):
        with pytest.raises(MalformedError):
            decode_commitments(whole[:length], syntax)


def test_without_a_transaction_it_is_refused() -> None:
    with pytest.raises(MalformedError, match="Transaction UID"):
        decode_commitments(b"", EXPLICIT_LITTLE_ENDIAN)


def test_more_objects_than_anybody_asks_about_are_refused() -> None:
    what = Commitments("2.25.1", (Reference("1.2", "1.2.3"),) * (REFERENCE_LIMIT + 1))
    with pytest.raises(MalformedError, match="more than"):
        decode_commitments(encode_commitments(what, EXPLICIT_LITTLE_ENDIAN), EXPLICIT_LITTLE_ENDIAN)


def test_a_failed_object_without_a_reason_is_a_processing_failure() -> None:
    dataset = Dataset()
    dataset.TransactionUID = "2.25.1"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT_IMAGE, "1.2.3"
    dataset.FailedSOPSequence = [item]
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    write_dataset(buffer, dataset)
    found = decode_commitments(buffer.getvalue(), "1.2.840.10008.1.2")
    assert found.failed == ((Reference(CT_IMAGE, "1.2.3"), PROCESSING_FAILURE),)


def test_reasons_have_words() -> None:
    assert describe_reason(0x0112) == "0112 no such object instance"
    assert describe_reason(0xC123).startswith("C123 ")
