"""SIGTERM: no new associations, the object in hand is finished, exit code 0, and nothing is sent or lost for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicomrs_wire.errors import Aborted, Unreachable
from support.objects import image, instance, series
from support.polling import eventually
from support.router import destination, route
from support.sender import association, send, send_all, store


def test_scp_finishes_the_object_in_hand(tmp_path, make_router, tap):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    one, other = instance(image(rows=2048)), instance(image())
    scp = router.children["scp"]
    fragments = []

    def terminate_within(_):
        fragments.append(_)
        if len(fragments) == 30:  # of 64
            eventually(router.spool().parts, "it has the object in hand")
            scp.process.terminate()
            eventually(lambda: not router.is_listening(), "it has stopped to listen")
            with pytest.raises(Unreachable):
                send(router.port(), [other])

    with (
        association(router.port(), [one], calling="IDLE"),
        association(router.port(), [one, other]) as requestor,
    ):
        assert store(requestor, one, digest=terminate_within).status == 0x0000
        with pytest.raises(Aborted):
            store(requestor, other)
    assert scp.wait() == 0
    endings = {line["calling"]: (line["ended"], line["kept"]) for line in router.events("scp", "association")}
    assert endings == {"SCANNER_1": ("service stopped", 1), "IDLE": ("service stopped", 0)}
    router.spool().wait_empty()
    assert [received.identity for received in tap.stored] == [one.identity]


def test_scu_finishes_the_object_in_hand(tmp_path, make_router, tap):
    answer_now = threading.Event()

    def wait_for_it(_):
        answer_now.wait(30)
        return 0x0000

    tap.answer = wait_for_it
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    objects = series(5)
    send_all(router.port(), objects)
    eventually(lambda: tap.arrived, "the first object is under way")
    scu = router.children["scu"]
    with ThreadPoolExecutor(1) as pool:
        scu.process.terminate()
        ended = pool.submit(scu.wait)
        threading.Event().wait(0.5)
        assert not ended.done()
        answer_now.set()
        assert ended.result() == 0
    assert len(tap.arrived) == 1
    router.spool().wait_receipts(1, kind="delivered")
    assert len(router.spool().waiting()) == 4
    router.start("scu")
    router.spool().wait_empty()
    assert sorted(received.uid for received in tap.arrived) == sorted(one.uid for one in objects)


def test_both_end_at_once_when_nothing_is_in_hand(tmp_path, make_router, tap):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    assert router.children["scp"].stop(within=20) == 0
    assert router.children["scu"].stop(within=20) == 0
