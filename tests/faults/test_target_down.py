"""The target is away while objects arrive: all are acknowledged and kept, and delivered without anyone acting."""

import threading

import pytest

from dicomrs_scu.backoff import TARGET_LIMIT
from support.objects import series
from support.peers import Storescp
from support.polling import eventually
from support.processes import free_port
from support.proof import trials
from support.router import destination, route
from support.sender import send_all

OUTAGE = trials(6, 60)  # seconds
RECOVERY = TARGET_LIMIT + 10
OBJECTS, PARTS = 200, 10


def test_what_arrives_during_an_outage_is_delivered_after_it(tmp_path, make_router, tap):
    tap.stop()
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    objects = series(OBJECTS)
    clock = threading.Event()
    for start in range(0, OBJECTS, OBJECTS // PARTS):
        send_all(router.port(), objects[start : start + OBJECTS // PARTS])
        clock.wait(OUTAGE / PARTS)
    kept = {path.stem: path.read_bytes() for path in spool.waiting()}
    assert kept.keys() == {one.uid for one in objects}
    assert all(kept[one.uid].endswith(one.dataset) for one in objects)
    eventually(lambda: len(router.events("scu", "destination failed")) >= 3, "it is tried again and again")
    eventually(lambda: spool.status("scu")["destinations"]["tap"]["trouble"], "the status says so")

    tap.start()
    spool.wait_empty(within=RECOVERY)
    assert {uid: [one.identity for one in copies] for uid, copies in tap.by_uid().items()} == {
        one.uid: [one.identity] for one in objects
    }
    spool.wait_receipts(OBJECTS, kind="delivered")


@pytest.mark.peer("storescp")
def test_a_real_target_that_dies_in_the_middle_has_everything_in_the_end(tmp_path, make_router):
    port = free_port()
    target = Storescp(tmp_path / "target", port=port)
    target.start()
    router = make_router(route(tmp_path / "root", destination("target", port)))
    objects = series(OBJECTS)
    try:
        sending = threading.Thread(target=send_all, args=(router.port(), objects))
        sending.start()
        eventually(lambda: len(target.files()) > OBJECTS // 10, "it has some")
        target.kill()
        sending.join(60)
        router.wait_for("scu", "destination failed")
        target.start()
        router.spool().wait_empty(within=RECOVERY)
        kept = {path.name.split(".", 1)[1]: path.read_bytes() for path in target.files()}
    finally:
        target.close()
    assert kept.keys() == {one.uid for one in objects}
    assert all(kept[one.uid].endswith(one.dataset) for one in objects)
