"""The disk fails, stands still, becomes read-only, has no inodes left: what cannot be kept is refused, what was
acknowledged arrives, and when the fault ends the work goes on without a restart.

Where a real file system can be given the fault it is; the others are put between the service and its system (shim.c).
"""

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from dicomrs_wire.errors import Rejected
from support.objects import Instance, image, instance, series
from support.polling import eventually
from support.proof import LONG, trials
from support.router import Router, destination, route
from support.sender import association, send, send_all, store
from support.shim import CHANGES, Shim
from support.tap import Tap
from support.volumes import break_down, ext4_volume, mend, standstill, take_inodes

NOT_NOTED = "receipts not durable, objects will be sent again"
OUT_OF_RESOURCES = 0xA700
REJECTED_TRANSIENT = 2
WRITES = tuple(f"{op} *" for op in CHANGES if op not in ("fsync", "send"))


def single_images(number: int) -> list[Instance]:
    """Each of a study of its own."""
    return [instance(image(rows=16)) for _ in range(number)]


def refused(router: Router, objects: list[Instance]) -> list[Instance]:
    """Send; those that were answered A700. No other refusal is right."""
    statuses = [reply.status for reply in send(router.port(), objects)]
    assert set(statuses) <= {0, OUT_OF_RESOURCES}
    return [one for one, status in zip(objects, statuses, strict=True) if status]


@pytest.fixture
def faulty(tmp_path, make_router, tap, shim_library):
    """Make a router of which one service can be given faults; nothing runs but that service."""

    def make(service: str) -> tuple[Router, Shim]:
        park = {"tries": 3, "over": "2s"}  # short pauses of an object
        router = make_router(route(tmp_path / "root", destination("tap", tap.port, park=park)), start=False)
        shim = Shim(shim_library, router.folder, router.spool().root)
        router.wrap = shim.wrap
        router.start(service)
        router.wrap = []
        return router, shim

    return make


NOT_KEPT = {
    "no file can be made": (errno.EIO, "open .incoming/*"),
    "an object cannot be written": (errno.EIO, "write .incoming/*/part-*"),
    "the disk is full while an object is written": (errno.ENOSPC, "write .incoming/*/part-*"),
    "the quota is used up": (errno.EDQUOT, "write .incoming/*/part-*"),
    "an object cannot be made durable": (errno.EIO, "fsync .incoming/*/part-*"),
    "an object cannot be given its name": (errno.EIO, "link *"),
    "a study's folder cannot be made": (errno.EIO, "mkdir .incoming/*"),
    "a study's folder cannot be given its name": (errno.EIO, "rename *"),
    "a study's receipts cannot be made durable": (errno.EIO, "fsync .incoming/*/.receipts.jsonl"),
    "the volume is read-only": (errno.EROFS, *WRITES),
}


@pytest.mark.peer("cc")
def test_what_the_disk_does_not_take_is_refused_until_it_does(faulty, tap, proof):
    """One fault after another, and the services are never restarted."""
    router, shim = faulty("scp")
    spool = router.spool()
    router.start("scu")
    sent: list[Instance] = []
    for what, fault in NOT_KEPT.items():
        before, meanwhile, after = single_images(2), single_images(trials(3, 20)), single_images(2)
        sent += [*before, *meanwhile, *after]
        with proof.row("disk", f"receiving: {what}") as row:
            send_all(router.port(), before)
            shim.fail(*fault)
            not_kept = refused(router, meanwhile)
            # A file that was made ready before the fault is as good as any.
            assert len(meanwhile) - len(not_kept) <= ("open" in " ".join(fault[1:]))
            shim.clear()
            spool.wait_empty()
            assert not {one.uid for one in not_kept} & tap.by_uid().keys(), "what is refused does not travel"
            send_all(router.port(), [*not_kept, *after])
            spool.wait_empty()
            row.trials, row.acknowledged = len(not_kept), len(before + meanwhile + after)
            row.losses = len(tap.lost(sent, once=True))
            assert row.losses == 0
        assert not spool.parts()
    router.wait_for("scp", "object refused", "could not be kept")


@pytest.mark.peer("cc")
def test_a_folder_that_cannot_be_made_durable_ends_acknowledging_until_a_restart(faulty, tap, proof):
    """What the system said once of a failed fsync it may never say again: the disk is not to be believed any more."""
    router, shim = faulty("scp")
    before, meanwhile = series(3), series(2)
    with proof.row("disk", "receiving: a study's folder cannot be made durable") as row:
        send_all(router.port(), before)
        shim.fail(errno.EIO, "fsync [0-9]*T*")
        assert refused(router, meanwhile) == meanwhile
        shim.clear()
        with pytest.raises(Rejected) as caught:
            send_all(router.port(), meanwhile)
        assert caught.value.result == REJECTED_TRANSIENT
        eventually(lambda: "restart" in router.spool().status("scp").get("trouble", ""), "the status says what to do")
        router.kill("scp")
        router.start()
        send_all(router.port(), meanwhile)
        router.spool().wait_empty()
        row.trials, row.acknowledged = 1, len(before + meanwhile)
        row.losses = len(tap.lost([*before, *meanwhile]))
        assert row.losses == 0


NOT_SENT = {
    "receipts cannot be made durable": (errno.EIO, "fsync *.receipts.jsonl"),
    "receipts cannot be written": (errno.EIO, "write *.receipts.jsonl"),
    "the disk is full, and there is no ballast": (errno.ENOSPC, "write *", "open *"),
    "an object cannot be opened": (errno.EIO, "look *.dcm"),
    "an object cannot be read": (errno.EIO, "read *.dcm"),
    "the volume is read-only": (errno.EROFS, *WRITES),
}


def send_through(fault: tuple, objects: list[Instance], router: Router, shim: Shim, tap: Tap) -> None:
    """Have objects wait for the target, and departing while there is a fault, until that is noticed."""
    tap.wait_idle()
    tap.refuses_associations = True
    send_all(router.port(), objects)
    waits = lambda: router.spool().status("scu")["destinations"]["tap"]["waiting"]  # noqa: E731 (asked again and again)
    eventually(lambda: waits() == len(objects), "all are known")
    troubles = lambda: len(router.events("scu", NOT_NOTED) + router.events("scu", "object not taken"))  # noqa: E731
    before = troubles()
    shim.fail(*fault)
    tap.refuses_associations = False
    eventually(lambda: troubles() > before, "it is noticed")


@pytest.mark.peer("cc")
def test_what_cannot_be_sent_and_noted_stays_until_it_can(faulty, tap, proof):
    """One fault after another, and the services are never restarted."""
    router, shim = faulty("scu")
    router.start("scp")
    spool = router.spool()
    (spool.root / ".ballast").unlink()
    sent: list[Instance] = []
    for what, fault in NOT_SENT.items():
        objects = series(trials(10, 100), rows=16)
        sent += objects
        with proof.row("disk", f"sending: {what}") as row:
            send_through(fault, objects, router, shim, tap)
            gone = {one.uid for one in sent} - {path.stem for path in spool.waiting()}
            assert gone <= {event["uid"] for event in spool.receipts(kind="delivered")}
            shim.clear()
            spool.wait_empty()
            row.trials, row.acknowledged, row.losses = 1, len(objects), len(tap.lost(sent))
            assert row.losses == 0
    assert {event["uid"] for event in spool.receipts(kind="delivered")} == {one.uid for one in sent}
    assert not spool.receipts(kind="parked"), "the disk's faults are not the objects'"


@pytest.mark.peer("cc")
def test_what_cannot_be_removed_is_removed_later(faulty, tap, proof):
    """By the next rescan, that is within a minute, or at the next start."""
    router, shim = faulty("scu")
    router.start("scp")
    spool = router.spool()
    objects = series(5)
    with proof.row("disk", "sending: a delivered object cannot be removed") as row:
        shim.fail(errno.EIO, "unlink *.dcm")
        send_all(router.port(), objects)
        spool.wait_receipts(len(objects), kind="delivered")
        router.wait_for("scu", "object not removed")
        shim.clear()
        if not LONG:
            router.kill("scu")
            router.start("scu")
        spool.wait_empty(100)
        row.trials, row.acknowledged, row.losses = 1, len(objects), len(tap.lost(objects, once=True))
        assert row.losses == 0


@pytest.mark.peer("cc")
def test_on_a_slow_disk_answers_wait_and_others_are_served(faulty, tap, proof):
    router, shim = faulty("scp")
    pause, scanners = trials(150, 2000), 4  # milliseconds
    studies = [series(trials(2, 5), rows=16) for _ in range(scanners)]
    shim.set(f"delay {pause} fsync *")
    router.wrap = shim.wrap
    router.start("scu")
    with proof.row("disk", f"each fsync takes {pause} ms") as row, ThreadPoolExecutor(scanners) as pool:
        began = time.monotonic()
        sending = [pool.submit(send_all, router.port(), objects) for objects in studies]
        with association(router.port(), []) as requestor:
            requestor.echo()
        assert not any(one.done() for one in sending), "an echo waits for no disk"
        for one in sending:
            one.result(120)
        assert time.monotonic() - began > pause / 1000 * len(studies[0]), "no answer came before the disk's"
        router.spool().wait_empty()
        objects = [one for study in studies for one in study]
        row.trials, row.acknowledged, row.losses = 1, len(objects), len(tap.lost(objects, once=True))
        assert row.losses == 0


@pytest.mark.peer("mount", "mkfs.ext4", "fsfreeze")
def test_while_the_disk_stands_still_answers_wait(tmp_path, make_router, tap, proof):
    with ext4_volume(tmp_path / "volume", 64) as volume:
        router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "1Mi"}))
        objects = series(20)
        with proof.row("disk", "the disk stands still for some seconds") as row, ThreadPoolExecutor(1) as pool:
            send_all(router.port(), objects[:10])
            with standstill(volume):
                sending = pool.submit(send_all, router.port(), objects[10:])
                with association(router.port(), []) as requestor:
                    requestor.echo()
                Event().wait(trials(1, 20))
                assert not sending.done()
            sending.result(30)
            router.spool().wait_empty()
            row.trials, row.acknowledged, row.losses = 1, len(objects), len(tap.lost(objects, once=True))
            assert row.losses == 0
        router.close()


@pytest.mark.peer("mount", "mkfs.ext4")
def test_a_volume_without_inodes_refuses_drains_and_recovers(tmp_path, make_router, tap, proof):
    with ext4_volume(tmp_path / "volume", 64, inodes=512) as volume:
        router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "1Mi"}))
        spool = router.spool()
        all_are_there = Event()
        tap.answer = lambda _: 0 * all_are_there.wait(60)
        objects = single_images(20)
        with proof.row("disk", "no inode is left") as row:
            with association(router.port(), objects) as requestor:
                kept, not_kept = objects[:5], objects[5:]
                assert [store(requestor, one).status for one in kept] == [0] * len(kept)
                filler = take_inodes(volume)
                assert {store(requestor, one).status for one in not_kept} == {OUT_OF_RESOURCES}
            router.wait_for("scp", "object refused", "(inodes): remove some")
            with pytest.raises(Rejected) as caught:
                send_all(router.port(), not_kept)
            assert caught.value.result == REJECTED_TRANSIENT
            all_are_there.set()
            spool.wait_empty()
            row.trials, row.acknowledged, row.losses = 1, len(kept), len(tap.lost(kept, once=True))
            assert row.losses == 0

            for path in filler.iterdir():
                path.unlink()
            send_all(router.port(), not_kept)
            spool.wait_empty()
            row.acknowledged, row.losses = len(objects), len(tap.lost(objects, once=True))
            assert row.losses == 0
        router.close()


@pytest.mark.peer("mount", "mkfs.ext4")
def test_a_volume_that_an_error_made_read_only_keeps_what_was_acknowledged(tmp_path, make_router, tap, proof):
    """It stays so until a person has mended it; meanwhile nothing is acknowledged, and nothing falls over."""
    with ext4_volume(tmp_path / "volume", 64) as volume:
        router = make_router(route(volume / "root", destination("tap", tap.port), storage={"reserve": "1Mi"}))
        all_are_there = Event()
        tap.answer = lambda _: 0 * all_are_there.wait(60)
        objects = single_images(10)
        with proof.row("disk", "the file system finds an error and is read-only") as row:
            send_all(router.port(), objects[:5])
            break_down(volume)
            assert refused(router, objects[5:]) == objects[5:]
            all_are_there.set()
            router.wait_for("scu", NOT_NOTED)
            assert all(child.alive for child in router.children.values())
            for service in ("scp", "scu"):
                assert router.stop(service) == 0
            mend(volume)
            router.start()
            send_all(router.port(), objects[5:])
            router.spool().wait_empty()
            row.trials, row.acknowledged, row.losses = 1, len(objects), len(tap.lost(objects))
            assert row.losses == 0
        router.close()
