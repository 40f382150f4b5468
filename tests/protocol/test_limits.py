"""What spec.receiver.limits says holds: who takes too much is turned away or cut off, everybody else is served."""

import socket
import struct
import time
from contextlib import ExitStack

import pytest

from dicomrs_wire import dimse
from dicomrs_wire.association import encode_request
from dicomrs_wire.errors import Aborted, Rejected
from dicomrs_wire.pdu import PduType
from dicomrs_wire.stream import PduReader
from support.objects import CT, EXPLICIT, image, instance, series
from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK
from support.router import changed, destination, route
from support.sender import associate, association, send_all, store

MIB = 1 << 20
LIMITS = {
    "associations": 4,
    "associationsPerPeer": 2,
    "artim": "2s",
    "idle": "60s",  # what is opened first must be there still when the last is turned away
    "pdu": "4Ki",
    "largestObject": "1Mi",
}


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port), receiver={"limits": LIMITS}))


def rejected(make):
    with pytest.raises(Rejected) as caught:
        make()
    return caught.value.result, caught.value.source, caught.value.reason


def if_there_is_room(port, source):
    try:
        return associate(port, source)
    except Rejected:
        return None


def test_associations_are_limited_for_each_peer_and_for_all(router, shared_tap):
    with ExitStack() as stack:
        for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3"):
            stack.enter_context(associate(router.port(), source))
        assert rejected(lambda: associate(router.port(), "127.0.0.2")) == (2, 3, 2)
        send_all(router.port(), [instance(image())])
        # The place of the one that was released is free once its thread has ended, a moment after the answer.
        stack.enter_context(eventually(lambda: if_there_is_room(router.port(), "127.0.0.4"), "a place is free"))
        assert rejected(lambda: associate(router.port(), "127.0.0.5")) == (2, 3, 2)
    reasons = {line["address"]: line["reason"] for line in router.events("scp", "association rejected")}
    assert "limits.associationsPerPeer" in reasons["127.0.0.2"]
    assert "limits.associations)" in reasons["127.0.0.5"]
    shared_tap.wait_stored(1)


def test_who_does_not_say_who_it_is_is_cut_off(router):
    began = time.monotonic()
    with socket.create_connection((LOOPBACK, router.port()), PATIENCE) as sock:
        assert sock.recv(10) == b""
    assert time.monotonic() - began >= 1.9


def test_who_is_silent_between_two_messages_is_cut_off(router):
    (document,) = router.routes
    router.rewrite(changed(document, receiver={"limits": {**LIMITS, "idle": "2s"}}))
    began = time.monotonic()
    with associate(router.port(), "127.0.0.6", calling="SLEEPER") as idle, pytest.raises(Aborted):
        idle._expect(PduType.P_DATA_TF, PATIENCE)
    assert time.monotonic() - began >= 1.9
    assert router.wait_for("scp", "association", "SLEEPER")["ended"] == "idle too long"
    router.rewrite(document)


def test_a_pdu_longer_than_agreed_ends_the_association(router):
    with socket.create_connection((LOOPBACK, router.port()), PATIENCE) as sock:
        sock.sendall(encode_request("LONG", "DICOMRS", [(CT, EXPLICIT)], 16384))
        reader = PduReader(sock)
        assert reader.read(PATIENCE)[0] is PduType.ASSOCIATE_AC
        sock.sendall(struct.pack(">BxI", PduType.P_DATA_TF, 0xFFFFFFFF))
        assert reader.read(PATIENCE)[0] is PduType.ABORT


def test_an_object_that_is_too_large_is_refused_and_the_next_one_taken(router, shared_tap):
    large, good = instance(image(rows=800)), instance(image())
    assert MIB < len(large.dataset) < 2 * MIB
    with association(router.port(), [large, good]) as requestor:
        reply = store(requestor, large)
        assert (reply.status, "largestObject" in reply.comment) == (0xA700, True)
        assert store(requestor, good).status == 0
    router.wait_for("scp", "object refused", "spec.receiver.limits.largestObject")
    router.spool().wait_empty()
    assert large.uid not in shared_tap.by_uid()
    assert not router.spool().parts()


def test_a_dataset_without_end_is_cut_off(router):
    with socket.create_connection((LOOPBACK, router.port()), PATIENCE) as sock:
        sock.sendall(encode_request("ENDLESS", "DICOMRS", [(CT, EXPLICIT)], 16384))
        reader = PduReader(sock)
        assert reader.read(PATIENCE)[0] is PduType.ASSOCIATE_AC
        command = dimse.store_request(1, CT, "1.2.3")
        sock.sendall(struct.pack(">BxIIBB", 4, len(command) + 6, len(command) + 2, 1, 3) + command)
        fragment = struct.pack(">BxIIBB", 4, 4096, 4092, 1, 0) + bytes(4090)
        with pytest.raises(ConnectionError):
            sock.sendall(fragment * (16 * MIB // len(fragment)))  # far more than any buffer on the way holds
    line = router.wait_for("scp", "association", "ENDLESS")
    assert (line["ended"], line["kept"]) == ("protocol error", 0)
    assert not router.spool().parts()


def test_other_limits_hold_from_the_next_association_on(router, shared_tap):
    (document,) = router.routes
    router.rewrite(changed(document, receiver={"limits": {**LIMITS, "largestObject": "4Mi"}}))
    send_all(router.port(), [instance(image(rows=800)), *series(2)])
    router.spool().wait_empty()
    router.rewrite(document)
