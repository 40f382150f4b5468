"""Whole messages out of fragments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs_wire import dimse
from dicomrs_wire.errors import ProtocolError
from dicomrs_wire.messages import Assembler, Message, pack_message
from dicomrs_wire.pdu import HEADER, Pdv, split_pdata

LIMIT = 1000
ACTION = dimse.action_request(7, "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1", 1)
RESPONSE = dimse.normalized_response(dimse.decode_command(ACTION), 0)


def pdvs(data: bytes) -> list[Pdv]:
    found, view = [], memoryview(data)
    while view:
        length = int.from_bytes(view[2:6], "big")
        found += split_pdata(view[HEADER.size : HEADER.size + length])
        view = view[HEADER.size + length :]
    return found


@given(st.lists(st.one_of(st.none(), st.binary(min_size=1, max_size=LIMIT)), max_size=4), st.integers(2, 60))
def test_messages_come_out_as_they_went_in(datasets: list[bytes | None], fragment: int) -> None:
    data = b"".join(
        pack_message(3, RESPONSE, b"", fragment) if dataset is None else pack_message(3, ACTION, dataset, fragment)
        for dataset in datasets
    )
    assembler = Assembler(LIMIT)
    found = [message for pdv in pdvs(data) if (message := assembler.add(pdv)) is not None]
    assert found == [
        Message(3, dimse.decode_command(RESPONSE if dataset is None else ACTION), dataset or b"")
        for dataset in datasets
    ]
    assert [message.command.action_type for message in found] == [1] * len(datasets)


def test_a_dataset_that_is_too_long_is_refused() -> None:
    assembler = Assembler(LIMIT)
    *begun, last = pdvs(pack_message(1, ACTION, bytes(LIMIT + 1), 100))
    for pdv in begun:
        assembler.add(pdv)
    with pytest.raises(ProtocolError, match="more than 1000"):
        assembler.add(last)


def test_a_command_that_does_not_end_is_refused() -> None:
    assembler = Assembler(LIMIT)
    fragment = Pdv(1, is_command=True, is_last=False, data=memoryview(bytes(1024)))
    for _ in range(64):
        assembler.add(fragment)
    with pytest.raises(ProtocolError, match="more than 65536"):
        assembler.add(fragment)


@pytest.mark.parametrize(
    "second", [Pdv(3, True, True, memoryview(b"")), Pdv(1, False, True, memoryview(b""))], ids=["context", "dataset"]
)
def test_mixed_messages_are_refused(second: Pdv) -> None:
    assembler = Assembler(LIMIT)
    assembler.add(Pdv(1, True, False, memoryview(b"")))
    with pytest.raises(ProtocolError, match="mixed"):
        assembler.add(second)
