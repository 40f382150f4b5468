"""Which presentation contexts the receiver accepts, judged by pynetdicom as requestor, and what then travels."""

import pytest
from pynetdicom import AE, build_context

from support.objects import (
    CT,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    JPEG_2000,
    RLE,
    SECONDARY_CAPTURE,
    Instance,
    encode,
    image,
    instance,
)
from support.processes import LOOPBACK
from support.router import destination, route
from support.sender import association, send_all, store
from support.syntaxes import BIG_ENDIAN, PRIVATE_SYNTAX, every_transfer_syntax, labelled
from support.tap import Tap

ACCEPTED, NO_ABSTRACT_SYNTAX = 0, 3
PRIVATE_CLASS = "1.3.12.2.1107.5.9.1"
FIND, MOVE, WORKLIST = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.31"
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT, PRINTER, MPPS = "1.2.840.10008.1.20.1", "1.2.840.10008.5.1.1.16", "1.2.840.10008.3.1.2.3.3"


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root")
    preferring = route(root / "jpeg", name="jpeg", receiver={"transferSyntaxes": [JPEG_2000, IMPLICIT]})
    return make_shared_router(route(root / "default", destination("tap", shared_tap.port)), preferring)


def negotiate(port, *contexts):
    """(result, transfer syntax) of each context, as pynetdicom understands the answer."""
    ae = AE("SCANNER_1")
    association = ae.associate(LOOPBACK, port, contexts=[build_context(*context) for context in contexts])
    assert association.is_established or association.rejected_contexts
    answers = {
        context.context_id: (context.result, context.transfer_syntax[0] if context.result == 0 else None)
        for context in (*association.accepted_contexts, *association.rejected_contexts)
    }
    association.release()
    return [answers[number] for number in sorted(answers)]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([JPEG, EXPLICIT, IMPLICIT], EXPLICIT),
        ([JPEG, IMPLICIT, EXPLICIT], EXPLICIT),
        ([JPEG, IMPLICIT], IMPLICIT),
        ([BIG_ENDIAN, IMPLICIT], IMPLICIT),
        ([JPEG_2000, JPEG, RLE], JPEG_2000),
        ([RLE], RLE),
        ([PRIVATE_SYNTAX], PRIVATE_SYNTAX),
        ([PRIVATE_SYNTAX, EXPLICIT], EXPLICIT),
    ],
)
def test_uncompressed_is_chosen_where_it_is_offered_and_else_the_first(router, offered, chosen):
    assert negotiate(router.port(), (CT, offered)) == [(ACCEPTED, chosen)]


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [([EXPLICIT, IMPLICIT, JPEG_2000], JPEG_2000), ([EXPLICIT, IMPLICIT], IMPLICIT), ([JPEG, EXPLICIT], JPEG)],
)
def test_the_preference_is_the_manifests(router, offered, chosen):
    assert negotiate(router.port(1), (CT, offered)) == [(ACCEPTED, chosen)]


def test_storage_classes_of_all_kinds_are_accepted_and_other_services_refused(router):
    wanted = [
        CT,
        PRIVATE_CLASS,
        "1.2.840.10008.5.1.4.1.1.481.3",
        "1.2.840.10008.5.1.4.1.1.66.4",
        VERIFICATION,
        COMMITMENT,
    ]
    refused = [FIND, MOVE, WORKLIST, PRINTER, MPPS]
    answers = negotiate(router.port(), *((uid, [IMPLICIT]) for uid in wanted + refused))
    assert answers == [(ACCEPTED, IMPLICIT)] * len(wanted) + [(NO_ABSTRACT_SYNTAX, None)] * len(refused)


def test_an_association_with_nothing_to_accept_is_answered_all_the_same(router):
    assert negotiate(router.port(), (FIND, [IMPLICIT])) == [(NO_ABSTRACT_SYNTAX, None)]


def test_a_dataset_travels_as_it_is_in_every_transfer_syntax(router, shared_tap: Tap):
    objects = [labelled(uid) for uid in every_transfer_syntax()]
    assert len(objects) > 50
    send_all(router.port(), objects)
    router.spool().wait_empty()
    found = shared_tap.by_uid()
    for one in objects:
        assert [copy.identity for copy in found[one.uid]] == [one.identity]


def test_a_private_class_travels(router, shared_tap: Tap):
    made = image(without=("PixelData",))
    made.SOPClassUID = PRIVATE_CLASS
    private = Instance(PRIVATE_CLASS, str(made.SOPInstanceUID), PRIVATE_SYNTAX, encode(made))
    send_all(router.port(), [private])
    router.spool().wait_empty()
    assert [copy.identity for copy in shared_tap.by_uid()[private.uid]] == [private.identity]


def test_a_dataset_that_is_not_what_the_request_says_is_refused_with_a900(router):
    made = image()
    dataset = encode(made)
    other_class = Instance(SECONDARY_CAPTURE, str(made.SOPInstanceUID), EXPLICIT, dataset)
    other_uid = Instance(CT, "1.2.3.4", EXPLICIT, dataset)
    with association(router.port(), [other_class, other_uid]) as requestor:
        for wrong, words in ((other_class, "SOP Class UID"), (other_uid, "SOP Instance UID")):
            reply = store(requestor, wrong)
            assert reply.status == 0xA900
            assert words in reply.comment
    assert not router.spool().waiting()


def test_any_calling_and_called_title_is_welcome(router):
    send_all(router.port(), [instance(image())], calling="ANYBODY", called="SOMEBODY ELSE")
