"""kill -9 of scp, of scu, of both, in the middle of 500 objects: whatever was acknowledged arrives, bit for bit."""

import threading

import pytest

from support.objects import series
from support.polling import eventually
from support.router import destination, route
from support.sender import StubbornScanner
from support.spool_view import DAMAGED, QUARANTINE

OBJECTS = 500


@pytest.mark.parametrize("victims", [("scp",), ("scu",), ("scp", "scu")], ids="+".join)
def test_what_was_acknowledged_arrives_when_services_are_killed(victims, tmp_path, make_router, tap):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    scanner = StubbornScanner(router.port(), series(OBJECTS))
    thread = threading.Thread(target=scanner.run)
    thread.start()
    try:
        for part in (5, 2):  # after a fifth, and once half is there
            eventually(lambda p=part: len(tap.stored) >= OBJECTS // p, "objects are on their way")
            router.kill(*victims)
            router.start(*victims)
    finally:
        thread.join(120)
    assert not thread.is_alive()
    assert len(scanner.acknowledged) == OBJECTS
    spool.wait_empty()
    sent = {one.uid: one.identity for one in scanner.instances}
    assert {uid: {one.identity for one in copies} for uid, copies in tap.by_uid().items()} == {
        uid: {identity} for uid, identity in sent.items()
    }
    assert {event["uid"] for event in spool.receipts(kind="delivered")} == set(sent)
    assert not spool.kept_aside(QUARANTINE)
    assert not spool.kept_aside(DAMAGED)
    assert not spool.parts(), "what was cut off is swept away at the next start"
    if "scp" in victims:
        assert scanner.failures
