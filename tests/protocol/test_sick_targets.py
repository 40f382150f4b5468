"""A target that is down, closed, confused, slow or silent: nothing is parked, and all arrives once it is well again."""

import threading

import pytest

from dicomrs_scu.backoff import TARGET_LIMIT
from support.objects import CT, MR, series
from support.polling import eventually
from support.proof import LONG
from support.router import destination, route
from support.sender import send_all
from support.tap import Act, take_all

RECOVERY = TARGET_LIMIT + 10


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    park = {"tries": 3, "over": "1s"}
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port, park=park)))


@pytest.fixture
def tap(shared_tap):
    """The target, well again after each test."""
    yield shared_tap
    recover(shared_tap)


def recover(tap):
    tap.answer = take_all
    tap.refuses_associations = tap.aborts_associations = False
    tap.refused_contexts = set()
    tap.chokes_on = set()


def refuse(tap):
    tap.refuses_associations = True


def abort_associations(tap):
    tap.aborts_associations = True


def accept_no_context(tap):
    tap.refused_contexts = {CT}


def answering(answer):
    def make_sick(tap):
        tap.answer = lambda _: answer

    return make_sick


SICKNESSES = {
    "it refuses associations": refuse,
    "it aborts associations": abort_associations,
    "it accepts no context": accept_no_context,
    "it aborts at every object": answering(Act.ABORT),
    "it has no room": answering(0xA700),
    "it cannot process anything": answering(0x0110),
    "it understands nothing": answering(0xC000),
}


def failures(router):
    events = ("destination failed", "object not taken", "objects not taken")
    return sum(len(router.events("scu", event)) for event in events)


def all_arrive_once(router, tap, objects):
    """Within the longest back-off, each object once."""
    uids = {one.uid for one in objects}
    router.spool().wait_empty(within=RECOVERY)
    found = {uid: [one.identity for one in copies] for uid, copies in tap.by_uid().items() if uid in uids}
    assert found == {one.uid: [one.identity] for one in objects}
    assert not router.spool().receipts(kind="parked")


@pytest.mark.parametrize("make_sick", SICKNESSES.values(), ids=SICKNESSES)
def test_nothing_is_parked_while_the_target_is_sick(make_sick, router, tap):
    tap.wait_idle()
    make_sick(tap)
    objects = series(10)
    before = failures(router)
    send_all(router.port(), objects)
    eventually(lambda: failures(router) >= before + 3, "it was tried several times")
    assert len(router.spool().waiting()) == len(objects)
    recover(tap)
    all_arrive_once(router, tap, objects)


def test_nothing_is_parked_while_the_target_is_silent_and_then_gone(router, tap):
    """It takes an object, never answers, and is switched off: the object goes again."""
    tap.answer = lambda _: Act.SILENCE
    objects = series(10)
    arrived, failed = len(tap.arrived), failures(router)
    send_all(router.port(), objects)
    eventually(lambda: len(tap.arrived) > arrived, "it has taken one")
    assert failures(router) == failed
    tap.stop()
    eventually(lambda: failures(router) > failed, "it is missed")
    recover(tap)
    tap.start()
    all_arrive_once(router, tap, objects)


def test_a_slow_target_gets_everything(router, tap):
    pause = threading.Event()

    def slowly(_):
        pause.wait(0.2)
        return 0x0000

    tap.answer = slowly
    objects = series(10)
    send_all(router.port(), objects)
    all_arrive_once(router, tap, objects)


@pytest.mark.skipif(not LONG, reason="takes two minutes: DICOMRS_LONG=1 runs it")
def test_a_target_that_never_answers_is_given_up_and_tried_again(router, tap):
    """PS3.7 leaves the time to the sender: 120 s."""
    tap.answer = lambda _: Act.SILENCE
    objects = series(3)
    send_all(router.port(), objects)
    router.wait_for("scu", "object not taken", "has sent no complete PDU within", within=150)
    recover(tap)
    all_arrive_once(router, tap, objects)


def test_a_target_that_chokes_on_one_context_gets_all_else(router, tap):
    """It ends the negotiation whenever one SOP class is proposed: only that class's object waits."""
    tap.chokes_on = {MR}
    (bad,), good = series(1, modality="MR"), series(10)
    send_all(router.port(), [bad, *good])
    tap.wait_stored(len(tap.stored) + 1)
    eventually(lambda: {one.uid for one in good} <= {one.uid for one in tap.stored}, "the others arrive")
    assert bad.uid not in {one.uid for one in tap.arrived}
    tap.chokes_on = set()
    eventually(lambda: bad.uid in {one.uid for one in tap.stored}, "it arrives at last", RECOVERY)
