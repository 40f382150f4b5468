"""What an acceptor makes of a request, judged by pynetdicom as the requestor."""

from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC

from dicomrs.dataset import is_storage
from dicomrs_wire import negotiation
from dicomrs_wire.association import (
    APPLICATION_CONTEXT,
    AssociationRequest,
    PeerUser,
    ProposedContext,
    decode_accept,
)
from dicomrs_wire.negotiation import AcceptedContext

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
COMMITMENT = "1.2.840.10008.1.20.1"
IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"
PREFERENCE = (EXPLICIT, IMPLICIT)
TITLES = b"ROUTER".ljust(16) + b"SCANNER".ljust(16)


def request(
    *contexts: ProposedContext, roles: dict[str, tuple[bool, bool]] | None = None, **changes: object
) -> AssociationRequest:
    values = {
        "calling": "SCANNER",
        "called": "ROUTER",
        "protocol_version": 1,
        "application_context": APPLICATION_CONTEXT,
        "titles": TITLES,
    } | changes
    return AssociationRequest(contexts=contexts, peer=PeerUser(roles=roles or {}), **values)  # type: ignore[arg-type]


def accepted_by_pynetdicom(pdu: bytes) -> A_ASSOCIATE_AC:
    judge = A_ASSOCIATE_AC()
    judge.decode(pdu)
    assert judge.pdu_length == len(pdu) - 6
    return judge


def test_each_context_gets_its_own_answer() -> None:
    pdu, accepted = negotiation.accept(
        request(
            ProposedContext(1, CT_IMAGE, (JPEG, IMPLICIT, EXPLICIT)),
            ProposedContext(3, FIND, (IMPLICIT,)),
            ProposedContext(5, CT_IMAGE, (JPEG,)),
            ProposedContext(7, CT_IMAGE, ()),
            ProposedContext(9, "", (IMPLICIT,)),
        ),
        is_storage,
        65536,
        PREFERENCE,
    )
    judge = accepted_by_pynetdicom(pdu)
    assert [(c.context_id, c.result) for c in judge.presentation_context] == [
        (1, 0),
        (3, 3),
        (5, 0),
        (7, 4),
        (9, 3),
    ]
    assert [c.transfer_syntax for c in judge.presentation_context if c.result == 0] == [EXPLICIT, JPEG]
    assert accepted == {1: AcceptedContext(1, CT_IMAGE, EXPLICIT), 5: AcceptedContext(5, CT_IMAGE, JPEG)}
    assert judge.user_information is not None
    assert judge.user_information.maximum_length == 65536


def test_the_answer_repeats_the_titles_as_they_came() -> None:
    titles = b"\xc9CRAN".ljust(16) + bytes(16)
    pdu, _ = negotiation.accept(request(titles=titles), is_storage, 0)
    assert pdu[10:42] == titles


syntax_lists = st.lists(st.sampled_from([IMPLICIT, EXPLICIT, JPEG, "1.2.3.4"]), max_size=5).map(tuple)


@given(st.lists(syntax_lists, max_size=128), syntax_lists)
def test_the_first_preferred_else_the_first_offered_is_taken(
    offers: list[tuple[str, ...]], preference: tuple[str, ...]
) -> None:
    proposed = [ProposedContext(2 * i + 1, CT_IMAGE, offer) for i, offer in enumerate(offers)]
    pdu, accepted = negotiation.accept(request(*proposed), is_storage, 0, preference)
    assert decode_accept(pdu[6:]).contexts == {c.id: c.transfer_syntax for c in accepted.values()}
    assert accepted.keys() == {context.id for context in proposed if context.transfer_syntaxes}
    for context in accepted.values():
        offered = proposed[context.id // 2].transfer_syntaxes
        best = [syntax for syntax in preference if syntax in offered]
        assert context.transfer_syntax == (best[0] if best else offered[0])


def test_a_requestor_stays_scu_whatever_it_proposes_to_be() -> None:
    roles = {CT_IMAGE: (True, True), MR_IMAGE: (False, True), FIND: (True, True), "1.2.3": (True, False)}
    contexts = [ProposedContext(i, uid, (IMPLICIT,)) for i, uid in ((1, CT_IMAGE), (3, MR_IMAGE), (5, FIND))]
    pdu, _ = negotiation.accept(request(*contexts, roles=roles), is_storage, 0)
    judge = accepted_by_pynetdicom(pdu).user_information
    assert judge is not None
    answered = {uid: (role.scu_role, role.scp_role) for uid, role in judge.role_selection.items()}
    assert answered == {CT_IMAGE: (1, 0), MR_IMAGE: (0, 0)}
    assert judge.async_ops_window is None
    assert judge.user_identity is None


def test_what_no_acceptor_may_take_is_refused() -> None:
    assert negotiation.refusal(request()) is None
    assert negotiation.refusal(request(protocol_version=3)) is None
    assert negotiation.refusal(request(protocol_version=2)) == (1, 2, 2)
    assert negotiation.refusal(request(application_context="1.2.3")) == (1, 1, 2)


def test_who_reports_to_us_is_scp_of_that_class_only() -> None:
    roles = {COMMITMENT: (True, True), CT_IMAGE: (True, True)}
    contexts = [ProposedContext(1, COMMITMENT, (IMPLICIT,)), ProposedContext(3, CT_IMAGE, (IMPLICIT,))]
    pdu, _ = negotiation.accept(request(*contexts, roles=roles), lambda _: True, 0, reported=(COMMITMENT,))
    judge = accepted_by_pynetdicom(pdu).user_information
    assert judge is not None
    answered = {uid: (role.scu_role, role.scp_role) for uid, role in judge.role_selection.items()}
    assert answered == {COMMITMENT: (0, 1), CT_IMAGE: (1, 0)}


def test_datasets_that_we_read_come_in_transfer_syntaxes_that_we_read() -> None:
    offers = [(JPEG, IMPLICIT), (JPEG,), (IMPLICIT, EXPLICIT)]
    proposed = [ProposedContext(2 * i + 1, COMMITMENT, offer) for i, offer in enumerate(offers)]
    pdu, accepted = negotiation.accept(request(*proposed), lambda _: True, 0, (JPEG, IMPLICIT))
    assert [context.result for context in accepted_by_pynetdicom(pdu).presentation_context] == [0, 4, 0]
    assert [context.transfer_syntax for context in accepted.values()] == [IMPLICIT, EXPLICIT]
