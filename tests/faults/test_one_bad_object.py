"""One object that makes the target abort every time: those behind it arrive, and it is parked and says why."""

from support.objects import series
from support.polling import eventually
from support.router import destination, route
from support.sender import others_flowing, send_all
from support.tap import Act


def test_an_object_that_the_target_aborts_at_is_parked_after_its_tries(tmp_path, make_router, tap, proof):
    park = {"tries": 3, "over": "6s"}
    router = make_router(route(tmp_path / "root", destination("tap", tap.port, park=park)))
    spool = router.spool()
    objects = series(20)
    bad = objects[5]
    tap.answer = lambda received: Act.ABORT if received.uid == bad.uid else 0x0000
    with proof.row("targets", "aborts at one object each time") as row:
        send_all(router.port(), objects)
        eventually(lambda: [path.stem for path in spool.waiting()] == [bad.uid], "those before and behind it have left")
        row.trials, row.acknowledged = 1, len(objects)
        row.losses = len(tap.lost(one for one in objects if one is not bad))
    assert not spool.receipts(kind="parked")

    with others_flowing(router.port()):
        (parked,) = spool.wait_receipts(1, kind="parked")
    assert parked["uid"] == bad.uid
    assert "aborted the association" in parked["why"]
    assert sum(received.uid == bad.uid for received in tap.arrived) >= 3
    eventually(lambda: [path.stem for path in spool.waiting()] == [bad.uid], "nothing else is left behind")
    router.wait_for("scu", "object parked", "aborted the association")

    # It stays parked, and stays on the disk, through a restart.
    tries = len(tap.arrived)
    router.kill("scu")
    router.start("scu")
    send_all(router.port(), series(1))
    tap.wait_stored(len(tap.stored) + 1)
    eventually(lambda: len(spool.waiting()) == 1, "the new one has left")
    assert bad.uid not in {received.uid for received in tap.arrived[tries:]}
