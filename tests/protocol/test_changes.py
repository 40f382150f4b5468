"""A manifest that changes while the services run: suspended, moved, added, taken away, broken."""

import threading

import pytest

from dicomrs_wire.errors import Rejected, Unreachable
from support.objects import image, instance, series
from support.polling import PATIENCE, eventually, hold
from support.processes import free_port
from support.router import SERVICES, changed, destination, route
from support.sender import association, send, send_all, store
from support.tap import take_all, taps

REFUSED = "manifest refused, the last good one stays"


@pytest.fixture(scope="module")
def shared_router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port)))


@pytest.fixture
def router(shared_router):
    """Every test leaves it with its one destination and nothing waiting."""
    yield shared_router
    shared_router.spool().wait_empty()


@pytest.fixture
def tap(shared_tap):
    """The target, with nothing in it."""
    shared_tap.arrived.clear()
    shared_tap.stored.clear()
    return shared_tap


@pytest.fixture
def second_tap():
    with taps(1) as (made,):
        yield made


def test_a_suspended_route_receives_and_sends_later(router, tap):
    running = router.routes[0]
    router.rewrite(changed(running, suspend=True))
    objects = series(5)
    send_all(router.port(), objects)
    hold(lambda: not tap.arrived, "nothing is sent", 1)
    assert len(router.spool().waiting()) == 5
    router.rewrite(running)
    router.spool().wait_empty()
    assert {one.identity for one in tap.stored} == {one.identity for one in objects}


def test_a_suspended_receiver_rejects_for_now_and_sending_goes_on(router, tap):
    tap.stop()
    objects = series(5)
    send_all(router.port(), objects)
    running = router.routes[0]
    router.rewrite(changed(running, receiver={"suspend": True}))
    with pytest.raises(Rejected) as caught:
        send(router.port(), objects)
    assert caught.value.result == 2  # transient: the scanner tries again
    tap.start()
    router.spool().wait_empty()
    router.rewrite(running)
    send_all(router.port(), objects[:1])


def test_a_destination_that_has_moved_gets_what_waits(router, second_tap):
    running = router.routes[0]
    away = destination("tap", free_port())
    router.rewrite(changed(running, destinations=[away]))
    objects = series(10)
    send_all(router.port(), objects)
    router.wait_for("scu", "destination failed", f":{away['port']} refuses connections")
    router.rewrite(changed(running, destinations=[{**away, "port": second_tap.port}]))
    router.spool().wait_empty()
    assert {one.identity for one in second_tap.stored} == {one.identity for one in objects}
    router.rewrite(running)


def test_an_edit_lets_the_object_in_hand_finish_and_raises_no_alarm(router, tap):
    running, told = router.routes[0], threading.Event()

    def answer_late(_):
        assert told.wait(PATIENCE)
        return 0x0000

    tap.answer = answer_late
    try:
        objects = series(3)
        send_all(router.port(), objects)
        eventually(lambda: tap.arrived, "the target has the first object, and does not answer")
        for retention in ("7d", "8d"):  # the second while the first still waits
            router.rewrite(changed(running, storage={"retention": retention}))
        hold(lambda: len(tap.arrived) == 1, "nothing is sent beside the object in hand", 1)
        told.set()
        tap.wait_stored(3)
    finally:
        told.set()
        tap.answer = take_all
    assert len(tap.arrived) == 3
    assert not router.events("scu", "not sending")
    router.rewrite(running)


def test_what_only_a_removed_destination_lacks_is_complete(router, tap):
    running = router.routes[0]
    (first,) = running["spec"]["destinations"]
    router.rewrite(changed(running, destinations=[first, destination("away", free_port())]))
    objects = series(5)
    send_all(router.port(), objects)
    spool, uids = router.spool(), {one.uid for one in objects}
    eventually(lambda: uids <= {event["uid"] for event in spool.receipts(kind="delivered")}, "the first has them all")
    assert {path.stem for path in spool.waiting()} == uids
    router.rewrite(running)
    spool.wait_empty()
    assert len(tap.stored) == 5


def undestined(spool):
    return sum(study.get("progress", {}).get("noDestination", 0) for study in spool.metadata())


def test_what_nobody_has_got_stays_when_the_last_destination_is_removed(router, tap):
    tap.stop()
    send_all(router.port(), series(3))
    running = router.routes[0]
    router.rewrite(changed(running, destinations=[]))
    spool = router.spool()
    eventually(lambda: undestined(spool) == 3, "it is shown")
    assert len(spool.waiting()) == 3
    tap.start()
    router.rewrite(running)
    spool.wait_empty()
    assert len(tap.stored) == 3


def test_an_open_association_survives_a_reload_and_a_receiver_that_moves(router, tap):
    one, two, three = (instance(image()) for _ in range(3))
    old = router.port()
    with association(old, [one]) as requestor:
        assert store(requestor, one).status == 0
        router.rewrite(changed(router.routes[0], storage={"retention": "7d"}))
        assert store(requestor, two).status == 0
        router.rewrite(changed(router.routes[0], receiver={"port": free_port()}))
        eventually(router.is_listening, "the new port is open")
        with pytest.raises(Unreachable):
            send(old, [one])
        assert store(requestor, three).status == 0
    send_all(router.port(), [instance(image())])
    router.spool().wait_empty()
    assert {one.uid, two.uid, three.uid} < set(tap.by_uid())


@pytest.mark.parametrize(
    ("text", "words"), [("spec: [", "YAML"), ("apiVersion: dicomrs.io/v1\nkind: ClinicRoute\n", "apiVersion")]
)
def test_a_broken_manifest_changes_nothing_and_says_so_once(router, tap, text, words):
    good = router.manifest.read_text()
    loads = {service: len(router.events(service, "manifests loaded")) for service in SERVICES}
    router.manifest.write_text(text)
    for service in SERVICES:
        assert str(router.manifest) in router.wait_for(service, REFUSED, words)["problem"]
    send_all(router.port(), series(3))
    router.spool().wait_empty()
    router.manifest.write_text(good)
    for service, number in loads.items():
        eventually(lambda s=service, n=number: len(router.events(s, "manifests loaded")) > n, "the good one is loaded")
        assert len([line for line in router.events(service, REFUSED) if words in line["problem"]]) == 1
    send_all(router.port(), series(1))
    tap.wait_stored(4)
