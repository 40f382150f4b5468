"""A target that nothing waits for: it is asked whether it answers, often while somebody looks."""

import time

import pytest

from dicomrs.heartbeat import read_heartbeat
from dicomrs.watched import note_watched
from support.objects import series
from support.peers import Storescp
from support.polling import eventually, hold
from support.processes import free_port
from support.router import destination, route
from support.sender import send_all


@pytest.mark.peer("storescp")
def test_a_target_that_ends_while_nothing_waits_is_noticed_and_so_is_its_return(tmp_path, make_router):
    target = Storescp(tmp_path / "target")
    target.start()
    router = make_router(route(tmp_path / "root", destination("zeroclick", target.port)))
    root = str(tmp_path / "root")

    def told(cause):
        note_watched(root)
        return read_heartbeat(root, "scu").get("destinations", {}).get("zeroclick", {}).get("cause") == cause

    try:
        send_all(router.port(), series(3))
        router.spool().wait_empty()
        eventually(lambda: told(None), "all is well")
        target.kill()
        began = time.monotonic()
        eventually(lambda: told("port-closed"), "the end is noticed")
        print(f"a target that ended is told of after {time.monotonic() - began:.1f} s")
        target.start()
        eventually(lambda: told(None), "the return is noticed")
    finally:
        target.close()


def test_a_target_that_never_was_there_is_known_before_anything_comes(tmp_path, make_router):
    make_router(route(tmp_path / "root", destination("zeroclick", free_port())))
    root = str(tmp_path / "root")

    def known():
        note_watched(root)
        return read_heartbeat(root, "scu").get("destinations", {}).get("zeroclick", {}).get("trouble", "")

    assert "refuses connections" in eventually(known, "it is known")


def test_nobody_is_asked_while_nobody_looks(tmp_path, make_router, tap):
    router = make_router(route(tmp_path / "root", destination("zeroclick", tap.port)))
    hold(lambda: not tap.associations, "no association", 8)
    assert not router.events("scu", "destination asked")
