"""Association control PDUs as bytes, judged by pynetdicom's codec, and fed with hostile ones."""

import struct
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import PresentationContext, build_context

from dicomrs import IMPLEMENTATION_UID, IMPLEMENTATION_VERSION
from dicomrs_wire import association
from dicomrs_wire.association import ProposedContext
from dicomrs_wire.errors import ProtocolError

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"

titles = st.from_regex(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?", fullmatch=True)
syntaxes = st.lists(st.integers(1, 10**6), min_size=1, max_size=6).map(
    lambda parts: ".".join(["1.2.840.10008", *map(str, parts)])
)


def pynetdicom_request(*contexts: PresentationContext, max_pdu: int = 16382, user: tuple = ()) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.calling_ae_title, primitive.called_ae_title = "SCANNER", "ROUTER"
    primitive.application_context_name = association.APPLICATION_CONTEXT
    for index, context in enumerate(contexts):
        context.context_id = 2 * index + 1
    primitive.presentation_context_definition_list = list(contexts)
    limit, class_uid = MaximumLengthNotification(), ImplementationClassUIDNotification()
    limit.maximum_length_received = max_pdu
    class_uid.implementation_class_uid = "1.2.3.4"
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = "SCANNER 1"
    primitive.user_information = [limit, class_uid, version, *user]
    return A_ASSOCIATE_RQ(primitive).encode()


def raw_request(items: bytes, *, called: bytes = b"ROUTER", calling: bytes = b"SCANNER") -> bytes:
    """Body of an A-ASSOCIATE-RQ with these variable items."""
    return b"\0\1\0\0" + called.ljust(16) + calling.ljust(16) + bytes(32) + items


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def test_a_request_written_by_pynetdicom_is_read_whole() -> None:
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = CT_IMAGE, True, True
    request = association.decode_request(
        pynetdicom_request(
            build_context(CT_IMAGE, [JPEG, EXPLICIT]),
            build_context("1.2.840.10008.1.1", IMPLICIT),
            max_pdu=65536,
            user=(role,),
        )[6:]
    )
    assert (request.calling, request.called) == ("SCANNER", "ROUTER")
    assert request.protocol_version == 1
    assert request.application_context == association.APPLICATION_CONTEXT
    assert request.contexts == (
        ProposedContext(1, CT_IMAGE, (JPEG, EXPLICIT)),
        ProposedContext(3, "1.2.840.10008.1.1", (IMPLICIT,)),
    )
    assert request.peer == association.PeerUser(65536, "1.2.3.4", "SCANNER 1", {CT_IMAGE: (True, True)})


def test_negotiations_that_nobody_here_needs_are_skipped() -> None:
    window, identity = AsynchronousOperationsWindowNegotiation(), UserIdentityNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    identity.user_identity_type, identity.primary_field = 1, b"user"
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = CT_IMAGE, b"\2\0\0\0\0\0"
    encoded = pynetdicom_request(build_context(CT_IMAGE, IMPLICIT), user=(window, identity, extended))
    assert association.decode_request(encoded[6:]).peer.version_name == "SCANNER 1"


def test_items_of_unknown_types_are_skipped() -> None:
    context = item(0x20, b"\1\0\0\0" + item(0x99, b"?") + item(0x30, CT_IMAGE.encode()))
    request = association.decode_request(raw_request(item(0x7F, b"what") + context))
    assert request.contexts == (ProposedContext(1, CT_IMAGE, ()),)


def test_titles_that_are_not_ascii_are_escaped_and_kept_for_the_answer() -> None:
    request = association.decode_request(raw_request(b"", called=b"\xc9CRAN\n", calling=b""))
    assert (request.called, request.calling) == ("\\xc9CRAN\\x0a", "")
    assert request.titles == b"\xc9CRAN\n".ljust(16) + b" " * 16


def test_a_peer_that_leaves_its_limit_out_gets_a_modest_one() -> None:
    assert association.decode_request(raw_request(b"")).peer.max_pdu == 16384


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (raw_request(b"")[:-1], "67 bytes is too short"),
        (raw_request(b"\x20\0"), "ends inside an item"),
        (raw_request(b"\x20\0\0\5abcd"), "5 bytes does not fit"),
        (raw_request(item(0x20, b"\1\0\0")), "too short"),
        (raw_request(item(0x20, b"\2\0\0\0")), "id 2 is even or"),
        (raw_request(item(0x20, b"\1\0\0\0") * 2), "id 1 is even or proposed twice"),
        (raw_request(item(0x20, b"\1\0\0\0" + item(0x30, b"../etc"))), "'../etc' is not a UID"),
        (raw_request(item(0x20, b"\1\0\0\0" + item(0x40, b"1" * 65))), "is not a UID"),
        (raw_request(item(0x50, item(0x51, b"\0\0\1"))), "not 4 bytes"),
        (raw_request(item(0x50, item(0x54, b"\0\x071.2"))), "role selection"),
    ],
)
def test_a_malformed_request_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        association.decode_request(body)


VALID = pynetdicom_request(build_context(CT_IMAGE, [JPEG, EXPLICIT]), build_context("1.2.3", IMPLICIT))[6:]


@given(st.lists(st.tuples(st.integers(68, len(VALID) - 1), st.integers(0, 255)), max_size=6), st.integers(0, 300))
def test_a_damaged_request_is_read_or_refused(damage: list[tuple[int, int]], length: int) -> None:
    body = bytearray(VALID)
    for position, value in damage:
        body[position] = value
    for decode in (association.decode_request, association.decode_accept):
        try:
            decoded = decode(bytes(body[:length]))
        except ProtocolError:
            continue
        assert len(decoded.contexts) <= 128


@given(st.binary(max_size=200))
def test_any_bytes_after_the_titles_are_items_or_refused(items: bytes) -> None:
    try:
        request = association.decode_request(raw_request(items))
    except ProtocolError:
        return
    assert len(request.contexts) <= 128


@pytest.mark.parametrize(
    "items",
    [
        item(0x10, b"") * 262_000,
        item(0x50, item(0x51, b"\0\0\0\1") * 8_000) * 16,
        item(0x20, b"\1\0\0\0" + item(0x40, b"1") * 13_000),
        b"\x50\0\xff\xff" * 200_000,
    ],
)
def test_a_hostile_megabyte_costs_less_than_two_seconds_of_cpu(items: bytes) -> None:
    started = time.process_time()
    with suppress(ProtocolError):
        association.decode_request(raw_request(items))
    assert time.process_time() - started < 2


contexts_to_propose = st.lists(st.tuples(syntaxes, syntaxes), min_size=1, max_size=128)


@given(titles, titles, contexts_to_propose, st.integers(0, 2**32 - 1))
def test_our_request_is_what_pynetdicom_reads(
    calling: str, called: str, contexts: list[tuple[str, str]], max_pdu: int
) -> None:
    encoded = association.encode_request(calling, called, contexts, max_pdu)
    judge = A_ASSOCIATE_RQ()
    judge.decode(encoded)
    assert judge.pdu_length == len(encoded) - 6
    assert (judge.calling_ae_title, judge.called_ae_title) == (calling, called)
    assert judge.application_context_name == association.APPLICATION_CONTEXT
    assert [(c.context_id, c.abstract_syntax, c.transfer_syntax) for c in judge.presentation_context] == [
        (2 * index + 1, sop_class, [syntax]) for index, (sop_class, syntax) in enumerate(contexts)
    ]
    assert judge.user_information is not None
    assert judge.user_information.maximum_length == max_pdu
    assert judge.user_information.implementation_class_uid == IMPLEMENTATION_UID
    assert judge.user_information.implementation_version_name == IMPLEMENTATION_VERSION


def test_our_implementation_is_named_within_the_standards_limits() -> None:
    assert IMPLEMENTATION_VERSION.startswith("DICOMRS_")
    assert len(IMPLEMENTATION_VERSION) <= 16
    number = int(IMPLEMENTATION_UID.removeprefix("2.25."))
    assert number < 2**128


@pytest.mark.parametrize("title", ["", "   ", "SEVENTEEN_LETTERS", "BACK\\SLASH", "ÉCRAN", "NEW\nLINE"])
def test_what_is_no_ae_title_is_not_sent(title: str) -> None:
    with pytest.raises(ValueError, match="AE title"):
        association.encode_request(title, "CALLED", [(CT_IMAGE, IMPLICIT)], 0)
    with pytest.raises(ValueError, match="AE title"):
        association.encode_request("CALLING", title, [(CT_IMAGE, IMPLICIT)], 0)


@pytest.mark.parametrize("count", [0, 129])
def test_an_association_has_1_to_128_contexts(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 128"):
        association.encode_request("A", "B", [(CT_IMAGE, IMPLICIT)] * count, 0)


def test_an_answer_written_by_pynetdicom_is_read() -> None:
    judge = A_ASSOCIATE()
    judge.called_ae_title, judge.calling_ae_title = "ROUTER", "SCANNER"
    judge.application_context_name = association.APPLICATION_CONTEXT
    results = []
    for context_id, result, syntax in ((1, 0, EXPLICIT), (3, 3, IMPLICIT), (5, 4, IMPLICIT), (7, 0, JPEG)):
        context = PresentationContext()
        context.context_id, context.result = context_id, result
        context.add_transfer_syntax(syntax)
        results.append(context)
    judge.presentation_context_definition_results_list = results
    limit = MaximumLengthNotification()
    limit.maximum_length_received = 0
    judge.user_information = [limit]
    accepted = association.decode_accept(A_ASSOCIATE_AC(judge).encode()[6:])
    assert accepted.contexts == {1: EXPLICIT, 7: JPEG}
    assert accepted.peer.max_pdu == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [(bytes(67), "too short"), (bytes(68) + item(0x21, b"\1\0"), "too short")],
)
def test_a_malformed_answer_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        association.decode_accept(body)


def test_a_rejection_is_read_by_pynetdicom_and_by_us() -> None:
    encoded = association.encode_reject(1, 3, 2)
    judge = A_ASSOCIATE_RJ()
    judge.decode(encoded)
    assert (judge.result, judge.source, judge.reason_diagnostic) == (1, 3, 2)
    assert association.decode_reject(encoded[6:]) == (1, 3, 2)
    with pytest.raises(ProtocolError, match="too short"):
        association.decode_reject(b"\0\1")
