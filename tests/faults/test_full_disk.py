"""The volume runs full: nothing acknowledged is lost, new objects are refused, and it drains and recovers by itself."""

import pytest

from dicomrs_wire.errors import AssociationError, Rejected
from support.objects import image, instance, series
from support.polling import eventually
from support.router import destination, route
from support.sender import CALLING, association, send_all, store
from support.volumes import fill, small_volume

OUT_OF_RESOURCES = 0xA700
MEGABYTE = 1 << 20


@pytest.fixture
def volume(tmp_path):
    with small_volume(tmp_path / "volume", 64) as folder:
        yield folder


def keep_sending(port, objects):
    """Until something is refused: what was acknowledged, and how the refusal went."""
    kept = []
    try:
        with association(port, objects) as requestor:
            for one in objects:
                reply = store(requestor, one)
                if reply.status:
                    return kept, reply
                kept.append(one)
    except AssociationError as error:
        return kept, error
    return kept, None


@pytest.mark.peer("mount")
def test_a_full_volume_refuses_keeps_drains_and_recovers(volume, make_router, tap, proof):
    tap.stop()
    router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "20Mi"}))
    spool = router.spool()
    objects = series(120, rows=512)  # of half a megabyte each
    with proof.row("disk", "the disk runs full, the reserve too, while the target is away") as row:
        kept, refusal = keep_sending(router.port(), objects)
        assert 10 < len(kept) < len(objects)
        assert refusal.status == OUT_OF_RESOURCES
        assert "reserve" in refusal.comment or "free" in refusal.comment
        router.wait_for("scp", "object refused", "are reserved (spec.storage.reserve): free some space")
        with pytest.raises(Rejected) as caught:
            send_all(router.port(), objects[-1:])
        assert caught.value.result == 2  # transient
        eventually(lambda: spool.status("scp")["full"], "the heartbeat tells it")
        assert {path.stem for path in spool.waiting()} == {one.uid for one in kept}

        # Somebody else takes the reserve too: not a byte is left when the target comes back.
        filler = fill(volume)
        tap.start()
        spool.wait_empty()
        router.wait_for("scu", "disk full: the ballast was freed so that it can drain")
        assert not tap.lost(kept, once=True)

        filler.unlink()
        send_all(router.port(), objects[-3:])
        spool.wait_empty()
        eventually(lambda: not spool.status("scp")["full"], "the heartbeat tells that it is over")
        row.trials, row.acknowledged = 1, len(kept) + 3
        row.losses = len(tap.lost([*kept, *objects[-3:]], once=True))
        assert row.losses == 0
    assert all(child.alive for child in router.children.values())


@pytest.mark.peer("mount")
def test_the_last_byte_is_lost_in_the_middle_of_an_object(volume, make_router, tap, proof):
    """The reserve was there when the object began, and somebody else took it before its end."""
    router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "1Mi"}))
    spool = router.spool()
    one = instance(image(rows=4096))  # of 32 MB
    fragments = []

    def take_all_space(_):
        fragments.append(_)
        if len(fragments) == 20:
            fill(volume)

    with proof.row("disk", "the last room is taken in the middle of an object") as row:
        with association(router.port(), [one], calling=CALLING) as requestor:
            reply = store(requestor, one, digest=take_all_space)
            assert reply.status == OUT_OF_RESOURCES
            (volume / "filler").unlink()
            assert store(requestor, one).status == 0
        router.wait_for("scp", "object refused", "No space left on device): free some space")
        spool.wait_empty()
        row.trials, row.acknowledged, row.losses = 1, 1, len(tap.lost([one], once=True))
        assert row.losses == 0
    eventually(lambda: not spool.parts(), "nothing of it is left over")


@pytest.mark.peer("mount")
def test_services_that_start_on_a_full_volume_deliver_and_then_receive(volume, make_router, tap, proof):
    tap.stop()
    router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "1Mi"}))
    objects = series(10)
    with proof.row("disk", "the services start on a full disk") as row:
        send_all(router.port(), objects)
        eventually((volume / "root" / ".ballast").exists, "the ballast is laid")
        router.kill("scp", "scu")
        filler = fill(volume)
        tap.start()
        router.launch("scu")
        router.spool().wait_empty()
        assert not tap.lost(objects)
        filler.unlink()
        router.start("scp")
        (last,) = series(1)
        send_all(router.port(), [last])
        router.spool().wait_empty()
        row.trials, row.acknowledged = 1, len(objects) + 1
        row.losses = len(tap.lost([*objects, last]))
        assert row.losses == 0
