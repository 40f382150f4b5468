"""P-DATA-TF, release and abort as bytes, judged by pynetdicom's PDU classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ABORT_RQ, A_RELEASE_RP, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_items import PresentationDataValueItem

from dicomrs_wire import pdu
from dicomrs_wire.errors import ProtocolError


def pynetdicom_pdata(values: list[tuple[int, bytes]]) -> bytes:
    """P-DATA-TF by pynetdicom: for each PDV its context id, and its control byte with its fragment."""
    message = P_DATA_TF()
    for context_id, value in values:
        item = PresentationDataValueItem()
        item.presentation_context_id = context_id
        item.presentation_data_value = value
        message.presentation_data_value_items.append(item)
    return message.encode()


pdvs = st.lists(
    st.tuples(st.integers(0, 127).map(lambda n: 2 * n + 1), st.integers(0, 3), st.binary(max_size=40)),
    min_size=1,
    max_size=8,
)


@given(pdvs)
def test_pdvs_written_by_pynetdicom_are_split_as_they_were(values: list[tuple[int, int, bytes]]) -> None:
    encoded = pynetdicom_pdata([(context, bytes([control]) + data) for context, control, data in values])
    kind, length = pdu.parse_header(encoded)
    body = memoryview(encoded)[pdu.HEADER.size :]
    assert (kind, length) == (pdu.PduType.P_DATA_TF, len(body))
    split = [(p.context_id, p.is_command + 2 * p.is_last, bytes(p.data)) for p in pdu.split_pdata(body)]
    assert split == values


@given(st.binary(max_size=200))
def test_any_bytes_as_pdata_are_split_without_loss_or_refused(body: bytes) -> None:
    try:
        split = list(pdu.split_pdata(memoryview(body)))
    except ProtocolError:
        return
    assert sum(6 + len(p.data) for p in split) == len(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "needs 6 bytes"),
        (b"\0\0\0\2\1", "needs 6 bytes"),
        (b"\0\0\0\1\1\2", "1 bytes does not fit"),
        (b"\0\0\0\7\1\2abcd", "7 bytes does not fit in the 6"),
        (b"\xff\xff\xff\xff\1\2abcd", "4294967295 bytes does not fit"),
        (b"\0\0\0\2\1\2\0", "needs 6 bytes, the PDU has 1 left"),
    ],
)
def test_a_pdv_that_does_not_fit_its_pdu_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        list(pdu.split_pdata(memoryview(body)))


def test_what_is_not_a_pdu_is_refused() -> None:
    with pytest.raises(ProtocolError, match="47 is unknown"):
        pdu.parse_header(b"GET / HTTP/1.1")


@given(st.binary(min_size=1, max_size=300), st.integers(8, 200))
def test_a_command_is_cut_to_the_peers_limit_and_pynetdicom_joins_it(command: bytes, peer_max: int) -> None:
    packed = pdu.pack_command(5, command, pdu.fragment_size(peer_max))
    joined, controls = b"", []
    while packed:
        _, length = pdu.parse_header(packed)
        assert length <= peer_max
        message = P_DATA_TF()
        message.decode(packed[: 6 + length])
        (item,) = message.presentation_data_value_items
        assert item.context_id == 5
        assert item.data is not None
        controls.append(item.data[0])
        joined += item.data[1:]
        packed = packed[6 + length :]
    assert joined == command
    assert controls == [1] * (len(controls) - 1) + [3]


@given(st.integers(8, 2**32 - 1))
def test_a_fragment_is_even_and_as_long_as_limit_and_purse_allow(peer_max: int) -> None:
    size = pdu.fragment_size(peer_max)
    limit = min(peer_max, pdu.MAX_SENT_PDU)
    assert size > 0
    assert size % 2 == 0
    assert limit - 1 <= size + 6 <= limit


def test_a_peer_without_limit_is_sent_our_own_size() -> None:
    assert pdu.fragment_size(0) == pdu.MAX_SENT_PDU - 6


@pytest.mark.parametrize("peer_max", [1, 7])
def test_a_peer_whose_limit_leaves_no_room_is_refused(peer_max: int) -> None:
    with pytest.raises(ProtocolError, match="no room"):
        pdu.fragment_size(peer_max)


def test_release_is_what_pynetdicom_writes() -> None:
    assert A_RELEASE_RQ().encode() == pdu.RELEASE_RQ
    assert A_RELEASE_RP().encode() == pdu.RELEASE_RP


@given(st.integers(0, 255), st.integers(0, 255))
def test_abort_is_read_by_pynetdicom_and_by_us(source: int, reason: int) -> None:
    packed = pdu.pack_abort(source, reason)
    judge = A_ABORT_RQ()
    judge.decode(packed)
    assert (judge.source, judge.reason_diagnostic) == (source, reason)
    assert pdu.parse_abort(packed[6:]) == (source, reason)


def test_a_truncated_abort_is_an_abort_all_the_same() -> None:
    assert pdu.parse_abort(b"\0") == (0, 0)


@given(st.binary(max_size=64))
def test_text_from_the_wire_is_shown_as_printable_ascii(raw: bytes) -> None:
    text = pdu.printable(raw)
    assert text.isascii()
    assert not text or text.isprintable()


def test_padding_goes_and_control_bytes_are_escaped() -> None:
    assert pdu.printable(b"  CT\n1\xe9\0 ") == "CT\\x0a1\\xe9"
