"""The end of a receiver, as when its route is taken out of the manifests: nothing is taken into its root afterwards."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomrs.heartbeat import read_heartbeat
from dicomrs.received import received
from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import OsFileSystem
from dicomrs_scp.frontdoor import FrontDoor
from dicomrs_scp.receiver import RunningReceiver
from dicomrs_wire.errors import PeerClosed
from dicomrs_wire.pdu import PduType
from dicomrs_wire.stream import PduReader
from support.objects import image, instance
from support.polling import eventually
from support.processes import LOOPBACK
from support.raw import request, store_pdus
from support.router import route


class Scene:
    """A receiver without listening sockets; connections are admitted by hand."""

    def __init__(self, root: Path) -> None:
        self.door = FrontDoor(lambda *_: None, lambda _: 30.0)
        self.door.start()
        document = ClinicRoute.model_validate(route(root))
        self.receiver = RunningReceiver(OsFileSystem(), document, self.door, Secrets([]), lambda: None)
        self._socks: list[socket.socket] = []

    def scanner(self) -> tuple[socket.socket, PduReader]:
        with socket.create_server((LOOPBACK, 0)) as listener:
            sock = socket.create_connection(listener.getsockname(), 10)
            ours, _ = listener.accept()
        self._socks.append(sock)
        self.receiver.admit(ours, LOOPBACK, request())
        return sock, PduReader(sock)

    def close(self) -> None:
        self.door.stop()
        for sock in self._socks:
            sock.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "root")
    yield made
    made.close()


def in_hand(receiver: RunningReceiver) -> bool:
    return any(association._message is not None for association in list(receiver._associations))


def test_who_comes_as_the_receiver_ends_is_turned_away(scene: Scene) -> None:
    scene.receiver.stop(time.monotonic() + 10)
    _, reader = scene.scanner()
    assert reader.read(10)[0] is PduType.ASSOCIATE_RJ


def test_an_object_that_is_not_whole_in_time_is_cut_off_before_the_root_is_given_up(scene: Scene) -> None:
    sock, reader = scene.scanner()
    assert reader.read(10)[0] is PduType.ASSOCIATE_AC
    sock.sendall(store_pdus(1, instance(image(rows=64)), 1024)[:3000])
    eventually(lambda: in_hand(scene.receiver), "the object has begun")
    scene.receiver.stop(time.monotonic() + 0.2)
    assert not scene.receiver._threads
    assert reader.read(10)[0] is PduType.ABORT
    with pytest.raises(PeerClosed):
        reader.read(10)


def test_bytes_are_counted_while_the_association_is_open_once_and_on_after_a_new_start(tmp_path: Path) -> None:
    one = instance(image(rows=64))
    first, root = Scene(tmp_path / "root"), str(tmp_path / "root")

    def counted(scene: Scene) -> int:
        scene.receiver.beat(None, "")
        found = received(read_heartbeat(root, "scp"))
        assert found is not None
        return sum(found.bytes.values())

    try:
        sock, reader = first.scanner()
        assert reader.read(10)[0] is PduType.ASSOCIATE_AC
        assert counted(first) == 0
        sock.sendall(store_pdus(1, one, 1024))
        reader.read(10)
        length = len(one.dataset)
        assert [counted(first), counted(first)] == [length, length]
        sock.close()
        eventually(lambda: not first.receiver._associations, "the association has ended")
        assert counted(first) == length
        first.receiver.stop(time.monotonic() + 10)
        again = Scene(tmp_path / "root")
        try:
            assert counted(again) == length
        finally:
            again.receiver.stop(time.monotonic() + 10)
            again.close()
    finally:
        first.close()
