"""Routes as an operator hands them over on a cluster: they come, change and go while the services run."""

import json
import threading

import pytest
import yaml

from dicomrs_wire.errors import AssociationError, Unreachable
from support.objects import image, instance, series
from support.polling import PATIENCE, eventually, hold
from support.processes import LOOPBACK, free_port
from support.router import SERVICES, annotated, changed, destination, route
from support.sender import association, send, send_all, store


def hand_over(router, *routes):
    """As one list, in place of what is there."""
    router.routes = routes
    draft = router.manifest.with_suffix(".new")
    draft.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(routes)}), encoding="utf-8")
    draft.replace(router.manifest)


@pytest.fixture
def cluster_router(make_router, tmp_path):
    """Services that await their manifests; nothing runs yet."""

    def make(*routes):
        router = make_router(*routes, start=False)
        router.options = ["--await-manifests"]
        return router

    return make


def beats(router, **wanted):
    """Wait until both heartbeats say so."""
    for service in SERVICES:
        eventually(
            lambda s=service: wanted.items() <= router.spool().status(s).items(), f"{service}'s heartbeat has {wanted}"
        )


def test_manifests_are_waited_for_and_may_be_a_list_of_none(tmp_path, cluster_router, tap):
    document = route(tmp_path / "root", destination("tap", tap.port))
    router = cluster_router(document)
    router.manifest.unlink()
    children = [router.launch(service) for service in SERVICES]
    for service in SERVICES:
        router.wait_for(service, "waiting for manifests", str(router.manifest))
    hand_over(router)
    for service in SERVICES:
        router.wait_for(service, "manifests loaded", '"routes": []')
    hand_over(router, annotated(document, revision="uid/1"))
    children[0].wait_for_port(router.port())
    send_all(router.port(), series(2))
    tap.wait_stored(2)
    beats(router, revision="uid/1", refused="")
    for service in SERVICES:
        assert len(router.events(service, "waiting for manifests")) == 1


def test_images_flow_on_when_the_manifests_are_gone(tmp_path, cluster_router, tap):
    router = cluster_router(annotated(route(tmp_path / "root", destination("tap", tap.port)), revision="uid/1"))
    router.start()
    router.manifest.unlink()
    for service in SERVICES:
        router.wait_for(service, "manifests have gone, the last good ones stay")
    send_all(router.port(), series(2))
    tap.wait_stored(2)
    beats(router, revision="uid/1", refused="")


def test_refused_manifests_are_in_the_heartbeats_beside_the_revision_that_runs(tmp_path, cluster_router):
    document = annotated(route(tmp_path / "root"), revision="uid/1")
    router = cluster_router(document)
    router.start()
    hand_over(router, annotated(changed(document, receiver={"port": 70000}), revision="uid/2"))
    for service in SERVICES:
        refused = eventually(lambda s=service: router.spool().status(s).get("refused"), "it is told")
        assert "spec.receiver.port" in refused
        assert router.spool().status(service)["revision"] == "uid/1"
    hand_over(router, annotated(document, revision="uid/3"))
    beats(router, revision="uid/3", refused="")


def test_a_revision_alone_disturbs_no_transfer(tmp_path, cluster_router, tap):
    document = route(tmp_path / "root", destination("tap", tap.port))
    router = cluster_router(annotated(document, revision="uid/1"))
    router.start()
    told = threading.Event()

    def answer_late(_):
        assert told.wait(PATIENCE)
        return 0x0000

    tap.answer = answer_late
    objects = series(4)
    with association(router.port(), objects) as scanner:
        assert store(scanner, objects[0]).status == 0
        eventually(lambda: tap.arrived, "the target has the first object, and does not answer")
        hand_over(router, annotated(document, revision="uid/2"))
        beats(router, revision="uid/2")
        assert [store(scanner, one).status for one in objects[1:]] == [0, 0, 0]
    told.set()
    assert {one.identity for one in tap.wait_stored(4)} == {one.identity for one in objects}
    assert (len(tap.arrived), tap.associations) == (4, 1)


def test_a_route_that_is_drained_receives_nothing_and_delivers_what_waits(tmp_path, cluster_router, tap):
    tap.stop()
    document = route(tmp_path / "root", destination("tap", tap.port))
    router = cluster_router(annotated(document, revision="uid/1"))
    router.start()
    objects = series(3)
    with association(router.port(), objects) as scanner:
        assert store(scanner, objects[0]).status == 0
        hand_over(router, annotated(document, revision="uid/2", draining="true"))
        beats(router, revision="uid/2")
        with pytest.raises(AssociationError):
            store(scanner, objects[1])
    eventually(lambda: router.spool().status("scp")["associations"] == 0, "nothing is open")
    beat = router.spool().status("scp")
    assert not beat["listening"]
    assert "is being deleted" in beat["trouble"]
    with pytest.raises(Unreachable):
        send(router.port(), objects)

    router.kill("scp")
    child = router.launch("scp")
    eventually(lambda: router.spool().status("scp").get("pid") == child.process.pid, "started again, it tells of it")
    assert not router.is_listening()
    tap.start()
    router.spool().wait_empty()
    assert [one.identity for one in tap.stored] == [objects[0].identity]

    hand_over(router, annotated(document, revision="other/1"))
    child.wait_for_port(router.port())
    send_all(router.port(), objects[1:])
    tap.wait_stored(3)


def test_a_route_that_is_taken_away_by_force_sends_nothing_more(tmp_path, cluster_router, tap):
    """The operator lets a deleted route drain first, unless a person has said that nothing more is to be sent."""
    tap.stop()
    document = annotated(route(tmp_path / "root", destination("tap", tap.port)), revision="uid/1")
    router = cluster_router(document)
    router.start()
    objects = series(3)
    send_all(router.port(), objects)
    router.wait_for("scu", "destination failed")
    hand_over(router)
    router.wait_for("scu", "the route was taken away by force: what waits stays and is not sent", '"waiting": 3')
    tap.start()
    hold(lambda: not tap.arrived, "nothing is sent", 4)
    router.routes = (document,)
    assert len(router.spool().waiting()) == len(objects)

    hand_over(router, annotated(document, revision="other/1"))
    assert len(tap.wait_stored(len(objects))) == len(objects)


def test_the_object_in_hand_is_finished_when_its_route_is_drained(tmp_path, cluster_router):
    document = route(tmp_path / "root")
    router = cluster_router(annotated(document, revision="uid/1"))
    router.start()
    one = instance(image(rows=512))
    drained = False

    def drain_in_the_middle(_: memoryview) -> None:
        nonlocal drained
        if not drained:
            drained = True
            hand_over(router, annotated(document, revision="uid/2", draining="true"))
            eventually(lambda: not router.is_listening(), "it listens no more")

    with association(router.port(), [one]) as scanner:
        assert store(scanner, one, digest=drain_in_the_middle).status == 0
        with pytest.raises(AssociationError):
            store(scanner, instance(image()))
    assert drained
    assert [path.stem for path in router.spool().waiting()] == [one.uid]


def test_receivers_that_cannot_serve_end_no_service_that_awaits_its_manifests(tmp_path, cluster_router):
    """Another route may come, and the operator reads from the heartbeat what is wrong with this one."""
    taken = free_port()
    (tmp_path / "file").write_text("not a folder")
    first = cluster_router(route(tmp_path / "first", receiver={"port": taken}))
    first.start("scp")
    second = cluster_router(
        annotated(route(tmp_path / "second", receiver={"port": taken}), revision="uid/1"),
        route(tmp_path / "file" / "root", name="other", receiver={"bindAddress": LOOPBACK}),
    )
    children = [second.launch(service) for service in SERVICES]
    second.wait_for("scp", "not receiving", "is used by another program")
    second.wait_for("scu", "not sending", "cannot carry a spool")
    beats(second, revision="uid/1")
    assert "is used by another program" in second.spool().status("scp")["trouble"]
    first.stop("scp")
    children[0].wait_for_port(taken)
    assert all(child.alive for child in children), json.dumps(second.story())
