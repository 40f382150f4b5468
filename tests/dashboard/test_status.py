"""/api/v1/status: how every route stands, from the disk and the heartbeats alone."""

import json
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path

import yaml

from dicomrs import VERSION
from dicomrs.spool.receipts import Kind
from dicomrs.status_api import WaitingStatus
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.polling import eventually
from support.processes import run
from support.router import destination, route
from support.volumes import small_volume

# As the operator was promised it.
PROMISED = json.loads("""
{"version": "…", "at": "ISO 8601", "refused": "", "routes": [{
  "name": "hospital-a", "revision": "uid/3", "root": "/home/dicom/hospital-a", "error": "", "received": true,
  "disk": {"free": 1, "total": 2, "reserve": 3, "inodesFree": 4, "aboveReserve": true, "writable": true,
           "trouble": ""},
  "scp": {"alive": true, "at": "…", "revision": "uid/3", "refused": "", "listening": true, "trouble": "", "cause": "",
          "full": false, "associations": 0},
  "scu": {"alive": true, "at": "…", "revision": "uid/3", "refused": "", "trouble": ""},
  "waiting": {"objects": 0, "bytes": 0, "oldest": ""},
  "parked": 0, "held": 0, "noDestination": 0, "quarantined": 0, "damaged": 0, "uncommitted": 0,
  "lastDelivery": "", "lastArrival": "", "lookedAt": "ISO 8601",
  "destinations": [{"name": "zeroclick", "delivered": 0, "waiting": 0, "parked": 0, "held": 0, "uncommitted": 0,
                    "trouble": "", "cause": "", "retryIn": 0.0, "suspended": false}]}]}
""")


def now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def shape(value: object) -> object:
    """Its fields and their types."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value)


def tree(root: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in [root, *root.rglob("*")]}


def annotated(document: dict, **annotations: str) -> dict:
    named = {f"dicomrs.io/{name}": value for name, value in annotations.items()}
    return {**document, "metadata": {**document["metadata"], "annotations": named}}


def test_the_answer_has_the_fields_that_were_promised_and_no_other(spool, ask):
    spool.receive(*series(1))
    told = ask(route(spool.root, destination("zeroclick", 4243))).get("/api/v1/status").json()
    assert shape(told) == shape(PROMISED)


def test_objects_are_counted_by_what_becomes_of_them(spool, ask):
    delivered, parked, held, stored, moved, _, _ = spool.receive(*series(7))
    spool.receive(instance(image(without=("PixelData",))))
    spool.note(delivered, Kind.DELIVERED, "one", leaves=True)
    spool.note(parked, Kind.PARKED, "one", why="A900")
    spool.note(held, Kind.HELD, "one")
    spool.note(stored, Kind.STORED, "one")
    spool.outbox.move_damaged(moved.folder, moved.name, "its bytes have changed")
    found = ask(route(spool.root, destination("one", 1))).route()
    (to,) = found.destinations
    assert (found.waiting.objects, found.parked, found.held, found.uncommitted) == (2, 1, 1, 1)
    assert (to.delivered, to.waiting, to.parked, to.held, to.uncommitted) == (1, 2, 1, 1, 1)
    assert (found.quarantined, found.damaged, found.no_destination, found.received) == (1, 1, 0, True)
    assert found.waiting.bytes > 2 * 1000
    told = [found.waiting.oldest, found.last_arrival, found.last_delivery]
    moments = [*map(datetime.fromisoformat, told), datetime.now().astimezone()]
    assert moments == sorted(moments)


def test_what_the_services_say_is_passed_on(spool, ask):
    told = {"one": {"trouble": "connection refused", "cause": "port-closed", "retry_in": 7.0, "suspended": True}}
    door = {"listening": True, "trouble": "t", "cause": "a newer word", "full": True, "associations": 2}
    spool.heartbeat("scp", now(), revision="u/3", refused="a.yaml:3: no", **door)
    spool.heartbeat("scu", now(), revision="u/2", refused="b.yaml:1: no", destinations=told)
    found = ask(annotated(route(spool.root, destination("one", 1)), revision="u/3")).route()
    assert found.revision == "u/3"
    scp, scu, (to,) = found.scp, found.scu, found.destinations
    assert (scp.alive, scp.revision, scp.refused, scp.listening) == (True, "u/3", "a.yaml:3: no", True)
    assert (scp.trouble, scp.cause, scp.full, scp.associations) == ("t", "unknown", True, 2)
    assert (scu.alive, scu.revision, scu.refused, scu.trouble) == (True, "u/2", "b.yaml:1: no", "")
    assert (to.trouble, to.cause, to.retry_in, to.suspended) == ("connection refused", "port-closed", 7.0, True)


def test_a_service_that_has_fallen_silent_neither_listens_nor_has_associations(spool, ask):
    spool.heartbeat("scp", "2026-01-22T10:15:30-03:00", listening=True, associations=2)
    scp = ask(route(spool.root)).route().scp
    assert (scp.alive, scp.listening, scp.associations, scp.at) == (False, False, 0, "2026-01-22T10:15:30-03:00")


def test_a_heartbeat_of_nonsense_spoils_no_answer(spool, ask):
    nonsense = {"trouble": "\ud800" + "x" * 5000, "revision": 7, "refused": [], "listening": 1, "associations": -1}
    spool.heartbeat("scp", "\ud800", **nonsense, sinceStart={"kept": 10**400, "refused": "many"})
    told = {"one": {"retry_in": float("nan"), "refused": float("inf"), "trouble": "\ud800", "confirmed": 10**400}}
    spool.heartbeat("scu", now(), destinations=told)
    asked = ask(route(spool.root, destination("one", 1)))
    found = asked.route()
    assert (found.scp.alive, found.scp.trouble[:2], len(found.scp.trouble)) == (False, "?x", 1000)
    assert (found.destinations[0].retry_in, found.destinations[0].trouble) == (0.0, "?")
    assert asked.get("/metrics").status_code == 200


def test_a_route_that_drains_is_shown_like_any_other(spool, ask):
    spool.receive(*series(2))
    found = ask(annotated(route(spool.root, destination("one", 1)), draining="true", revision="u/4")).route()
    assert (found.revision, found.waiting.objects) == ("u/4", 2)


def test_a_list_of_no_routes_is_shown_as_such(ask):
    report = ask().report()
    assert (report.routes, report.refused, report.version) == ((), "", VERSION)


def test_a_root_that_is_not_there_has_an_error_and_the_other_route_none(spool, tmp_path, ask):
    there, gone = route(spool.root), route(tmp_path / "gone", name="other")
    asked = ask(there, gone)
    assert asked.route().error == ""
    lost = asked.route("other")
    assert (
        lost.error == f"{tmp_path / 'gone'}: there is no such folder; scp and scu make it when they take the route over"
    )
    assert (lost.disk.trouble, lost.received, lost.scp.alive) == (lost.error, False, False)
    FilledSpool(tmp_path / "gone")
    assert eventually(lambda: asked.route("other").error == "", "it is there")


def test_the_reserve_and_the_mount_of_a_real_volume_are_seen(tmp_path, ask):
    with small_volume(tmp_path / "volume", 32) as volume:
        spool = FilledSpool(volume / "root")
        roomy = ask(route(spool.root, storage={"reserve": "4Mi"})).route().disk
        assert (roomy.total, roomy.reserve, roomy.above_reserve, roomy.writable) == (32 << 20, 4 << 20, True, True)
        assert (roomy.free > roomy.reserve, roomy.inodes_free > 0, roomy.trouble) == (True, True, "")
        tight = ask(route(spool.root, storage={"reserve": "32Mi"})).route().disk
        assert (tight.above_reserve, tight.writable) == (False, True)
        assert "are reserved (spec.storage.reserve): free some space" in tight.trouble
        assert run(["mount", "-o", "remount,ro", volume]).returncode == 0
        shut = ask(route(spool.root, storage={"reserve": "4Mi"})).route().disk
        assert (shut.above_reserve, shut.writable) == (True, False)
        assert "read-only" in shut.trouble


def test_asking_changes_nothing(spool, ask):
    kept, refused, _ = spool.receive(*series(3))
    spool.receive(instance(image(without=("PixelData",))))
    spool.note(kept, Kind.DELIVERED, "one", leaves=True)
    spool.note(refused, Kind.PARKED, "one", why="no")
    asked = ask(route(spool.root, destination("one", 1)))
    before = tree(spool.root)
    for path in ("/api/v1/status", "/metrics", "/healthz"):
        assert asked.get(path).status_code == 200
    assert tree(spool.root) == before


def test_manifests_are_followed_and_broken_ones_are_told_of(spool, tmp_path, ask):
    asked = ask(route(spool.root, destination("one", 1)))
    stop = threading.Event()
    following = threading.Thread(target=asked.board.follow_manifests, args=(stop,))
    following.start()
    try:
        asked.manifest.write_text(yaml.safe_dump(route(spool.root, destination("two", 1))))
        eventually(lambda: [to.name for to in asked.route().destinations] == ["two"], "it is loaded")
        asked.manifest.write_text("kind: Nonsense\n")
        refused = eventually(lambda: asked.report().refused, "it is refused")
        assert "routes.yaml" in refused
        assert [to.name for to in asked.route().destinations] == ["two"]
        assert "dicomrs_manifests_refused 1.0" in asked.get("/metrics").text
    finally:
        stop.set()
        following.join()


def test_a_volume_that_hangs_is_said_to_and_keeps_neither_health_nor_the_other_route(spool, tmp_path, ask):
    other = FilledSpool(tmp_path / "other")
    other.receive(*series(1))
    asked = ask(route(spool.root), route(other.root, destination("one", 1), name="other"), patience=0.5)
    with spool.hanging():
        for _ in range(3):
            began = time.monotonic()
            report = asked.report()
            assert time.monotonic() - began < 10
            assert "its volume hangs or is very slow" in report.routes[0].error
            assert report.routes[0].disk.trouble == report.routes[0].error
            assert (report.routes[1].error, report.routes[1].waiting.objects) == ("", 1)
        assert asked.get("/healthz").text == "ok\n"
        text = asked.get("/metrics").text
        assert 'dicomrs_route_readable{route="clinic"} 0.0' in text
        assert 'dicomrs_waiting_objects{route="other"} 1.0' in text
        looking = lambda: sum(thread.name == "look" for thread in threading.enumerate())  # noqa: E731 (asked again)
        eventually(lambda: looking() == 1, "only the look that hangs is left")
    spool.heartbeat("scp", now(), listening=True)
    assert eventually(lambda: asked.route().scp.listening, "it is read again")


def test_what_a_root_held_is_gone_with_the_root(spool, ask):
    spool.receive(*series(1))
    asked = ask(route(spool.root, destination("one", 1)))
    assert asked.route().waiting.objects == 1
    shutil.rmtree(spool.root)
    lost = eventually(lambda: (found := asked.route()).error and found, "it is missed")
    assert lost.waiting == WaitingStatus()
