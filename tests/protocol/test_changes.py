"""A manifest that changes while the services run: suspended, moved, added, taken away, broken."""

import pytest

from dicomrs_wire.errors import Rejected, Unreachable
from support.objects import image, instance, series
from support.polling import eventually, hold
from support.processes import free_port
from support.router import changed, destination, route
from support.sender import association, send, send_all, store


@pytest.fixture
def router(tmp_path, make_router, tap):
    return make_router(route(tmp_path / "root", destination("tap", tap.port)))


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


def test_a_destination_that_has_moved_gets_what_waits(tmp_path, make_router, two_taps):
    old, new = two_taps
    old.stop()
    router = make_router(route(tmp_path / "root", destination("target", old.port)))
    objects = series(10)
    send_all(router.port(), objects)
    router.wait_for("scu", "destination failed")
    router.rewrite(changed(router.routes[0], destinations=[destination("target", new.port)]))
    router.spool().wait_empty()
    assert {one.identity for one in new.stored} == {one.identity for one in objects}


def test_what_only_a_removed_destination_lacks_is_complete(tmp_path, make_router, two_taps):
    stays, goes = two_taps
    goes.stop()
    first, second = destination("stays", stays.port), destination("goes", goes.port)
    router = make_router(route(tmp_path / "root", first, second))
    send_all(router.port(), series(5))
    stays.wait_stored(5)
    router.spool().wait_receipts(5, kind="delivered", destination="stays")
    assert len(router.spool().waiting()) == 5
    router.rewrite(changed(router.routes[0], destinations=[first]))
    router.spool().wait_empty()
    assert len(stays.stored) == 5


def test_what_nobody_has_got_stays_when_the_last_destination_is_removed(router, tap):
    tap.stop()
    send_all(router.port(), series(3))
    to = router.routes[0]["spec"]["destinations"]
    router.rewrite(changed(router.routes[0], destinations=[]))
    spool = router.spool()
    eventually(lambda: spool.metadata()[0].get("progress", {}).get("noDestination") == 3, "it is shown")
    assert len(spool.waiting()) == 3
    tap.start()
    router.rewrite(changed(router.routes[0], destinations=to))
    spool.wait_empty()


def test_an_open_association_survives_a_reload_and_a_receiver_that_moves(router, tap):
    one, two, three = (instance(image()) for _ in range(3))
    old = router.port()
    with association(old, [one]) as requestor:
        assert store(requestor, one).status == 0
        router.rewrite(changed(router.routes[0], destinations=[destination("tap", tap.port, associations=2)]))
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
    ("text", "words"), [("spec: [", "yaml"), ("apiVersion: dicomrs.io/v1\nkind: ClinicRoute\n", "apiVersion")]
)
def test_a_broken_manifest_changes_nothing_and_says_so_once(router, tap, text, words):
    good = router.manifest.read_text()
    router.manifest.write_text(text)
    for service in ("scp", "scu"):
        line = router.wait_for(service, "manifest refused, the last good one stays")
        assert words.lower() in line["problem"].lower()
        assert str(router.manifest) in line["problem"]
    send_all(router.port(), series(3))
    router.spool().wait_empty()
    router.manifest.write_text(good)
    for service in ("scp", "scu"):
        router.wait_for(service, "manifests loaded")
        assert (
            len({line["problem"] for line in router.events(service, "manifest refused, the last good one stays")}) > 0
        )
    send_all(router.port(), series(1))
    tap.wait_stored(4)
