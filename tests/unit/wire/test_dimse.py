"""Command sets as bytes, judged by pydicom."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RQ, C_STORE_RSP
from pynetdicom.dsutils import decode, encode

from dicomrs_wire import dimse
from dicomrs_wire.errors import ProtocolError

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
COMMITMENT = "1.2.840.10008.1.20.1"

numbers = st.integers(0, 0xFFFF)
uids = st.lists(st.integers(1, 10**8), min_size=2, max_size=7).map(lambda parts: ".".join(map(str, parts)))
printable = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\")
comments = st.text(printable, max_size=64)


def read_by_pydicom(command: bytes) -> Dataset:
    dataset = decode(BytesIO(command), is_implicit_vr=True, is_little_endian=True)
    assert dataset.CommandGroupLength == len(command) - 12
    return dataset


def written_by_pydicom(**elements: object) -> bytes:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    encoded = encode(dataset, is_implicit_vr=True, is_little_endian=True)
    assert encoded is not None
    return encoded


def request(field: int = dimse.C_STORE_RQ, **changes: object) -> dimse.CommandSet:
    values = {"message_id": 7, "sop_class": CT_IMAGE, "sop_instance": "1.2.3", "has_dataset": True} | changes
    return dimse.CommandSet(field=field, **values)  # type: ignore[arg-type]


@given(numbers, uids, uids)
def test_a_store_request_is_what_pydicom_reads(message_id: int, sop_class: str, sop_instance: str) -> None:
    command = dimse.store_request(message_id, sop_class, sop_instance)
    dataset = read_by_pydicom(command)
    assert dataset.CommandField == 0x0001
    assert dataset.MessageID == message_id
    assert dataset.AffectedSOPClassUID == sop_class
    assert dataset.AffectedSOPInstanceUID == sop_instance
    assert dataset.Priority == 0
    assert dataset.CommandDataSetType != 0x0101
    assert {e.keyword for e in dataset} == {e.keyword for e in C_STORE_RQ().command_set} - {
        "MoveOriginatorApplicationEntityTitle",
        "MoveOriginatorMessageID",
    }


@given(
    st.builds(
        dimse.CommandSet,
        field=numbers,
        has_dataset=st.booleans(),
        message_id=numbers,
        responded_to=numbers,
        sop_class=uids,
        sop_instance=uids,
        status=numbers,
        error_comment=comments,
        move_originator=comments.map(lambda text: text[:16]),
        move_originator_id=numbers,
    )
)
def test_what_pydicom_writes_is_read_whole(expected: dimse.CommandSet) -> None:
    kind = "Requested" if expected.field in (0x0110, 0x0120, 0x0130, 0x0150) else "Affected"
    data = written_by_pydicom(
        CommandGroupLength=0,
        CommandField=expected.field,
        MessageID=expected.message_id,
        MessageIDBeingRespondedTo=expected.responded_to,
        CommandDataSetType=0x0001 if expected.has_dataset else 0x0101,
        Status=expected.status,
        ErrorComment=expected.error_comment,
        MoveOriginatorApplicationEntityTitle=expected.move_originator,
        MoveOriginatorMessageID=expected.move_originator_id,
        **{f"{kind}SOPClassUID": expected.sop_class, f"{kind}SOPInstanceUID": expected.sop_instance},
    )
    assert dimse.decode_command(data) == expected


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda b: dimse.echo_request(1)[:-4] + b))
def test_any_bytes_are_a_command_set_or_refused(data: bytes) -> None:
    try:
        command = dimse.decode_command(data)
    except ProtocolError:
        return
    assert isinstance(command.field, int)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(dimse.COMMAND_LIMIT + 1), "more than 65536 bytes"),
        (b"", "lacks its command field"),
        (written_by_pydicom(CommandField=1), "lacks its command field or its dataset type"),
        (written_by_pydicom(PatientName="A^B"), "does not belong"),
        (b"\0\0\0\x01\xff\xff\xff\xff\1\0", "4294967295 bytes does not belong"),
        (b"\0\0\0\x01\2\0\0", "ends inside an element"),
        (b"\0\0\0\x01\4\0\0\0\1\0\0\0", "4 bytes instead of 2"),
    ],
)
def test_a_malformed_command_set_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        dimse.decode_command(data)


def test_padding_of_uids_and_titles_is_not_part_of_them() -> None:
    data = written_by_pydicom(
        AffectedSOPClassUID=CT_IMAGE,
        CommandField=1,
        CommandDataSetType=1,
        AffectedSOPInstanceUID="1.2.3",
        MoveOriginatorApplicationEntityTitle="CT ",
    )
    assert b"1.2.3\0" in data
    command = dimse.decode_command(data)
    assert (command.sop_class, command.sop_instance, command.move_originator) == (CT_IMAGE, "1.2.3", "CT")


@given(numbers, numbers, st.text(max_size=100))
def test_a_store_response_answers_its_request(message_id: int, status: int, comment: str) -> None:
    response = dimse.store_response(request(message_id=message_id), status, comment)
    dataset = read_by_pydicom(response)
    assert dataset.CommandField == 0x8001
    assert dataset.MessageIDBeingRespondedTo == message_id
    assert dataset.Status == status
    assert dataset.CommandDataSetType == 0x0101
    assert (dataset.AffectedSOPClassUID, dataset.AffectedSOPInstanceUID) == (CT_IMAGE, "1.2.3")
    assert ("ErrorComment" in dataset) == bool(comment)
    assert len(dataset.get("ErrorComment", "")) <= 64
    assert {e.keyword for e in dataset} <= {e.keyword for e in C_STORE_RSP().command_set}


def test_an_error_comment_is_made_a_long_string() -> None:
    response = dimse.store_response(request(), 0xA700, "no space\\on é\ndisk")
    assert read_by_pydicom(response).ErrorComment == "no space?on ??disk"


def test_of_a_comment_without_end_there_is_the_beginning() -> None:
    said = dimse.encode_command({0x0100: 0x8001, 0x0120: 1, 0x0800: 0x0101, 0x0900: 0xA700, 0x0902: "x" * 60_000})
    assert dimse.decode_command(said).error_comment == "x" * 256


def test_echo_is_asked_and_answered() -> None:
    asked = dimse.decode_command(dimse.echo_request(9))
    assert asked == dimse.CommandSet(0x0030, has_dataset=False, message_id=9, sop_class=dimse.VERIFICATION)
    answer = read_by_pydicom(dimse.echo_response(asked))
    assert (answer.CommandField, answer.MessageIDBeingRespondedTo, answer.Status) == (0x8030, 9, 0)
    assert {e.keyword for e in answer} <= {e.keyword for e in C_ECHO_RSP().command_set}


def test_an_unknown_request_is_answered_as_unrecognised() -> None:
    data = written_by_pydicom(
        RequestedSOPClassUID=COMMITMENT,
        CommandField=0x0130,
        MessageID=3,
        CommandDataSetType=1,
        RequestedSOPInstanceUID="1.2.840.10008.1.20.1.1",
    )
    answer = read_by_pydicom(dimse.failure_response(dimse.decode_command(data)))
    assert (answer.CommandField, answer.MessageIDBeingRespondedTo, answer.Status) == (0x8130, 3, 0x0211)
    assert answer.AffectedSOPClassUID == COMMITMENT


@pytest.mark.parametrize("field", [dimse.C_CANCEL_RQ, dimse.C_STORE_RSP, 0x8130])
def test_what_is_not_a_request_gets_no_answer(field: int) -> None:
    assert not request(field).expects_response
    with pytest.raises(ProtocolError, match="not a request"):
        dimse.failure_response(request(field))


def test_a_request_without_message_id_cannot_be_answered() -> None:
    with pytest.raises(ProtocolError, match="no message id"):
        dimse.store_response(request(message_id=None), 0)


def test_a_store_that_names_its_object_as_requested_names_none() -> None:
    """The answer would be about another object than the one that the peer has named."""
    named = dimse.encode_command(
        {0x0003: "1.2.840.10008.5.1.4.1.1.2", 0x0100: 1, 0x0110: 7, 0x0800: 1, 0x1001: "1.2.3"}
    )
    found = dimse.decode_command(named)
    assert (found.sop_class, found.sop_instance) == ("", "")
