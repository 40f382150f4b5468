"""The disk changes a waiting object: the target never gets the whole of it, and its neighbours arrive."""

import pytest

from support.objects import Instance, series
from support.polling import eventually
from support.router import destination, route
from support.sender import send_all
from support.spool_view import DAMAGED


def flip(data: bytes, index: int) -> bytes:
    index %= len(data)
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


def rotten(data: bytes, one: Instance) -> dict[str, bytes]:
    start = len(data) - len(one.dataset)
    return {
        "the last pixel": flip(data, -1),
        "the first element": flip(data, start + 8),
        "a byte in the middle": flip(data, start + len(one.dataset) // 2),
        "the end is missing": data[:-100],
        "something was added": data + b"\0\0",
        "it is empty": b"",
        "zeros from the middle on": data[: start + 500] + bytes(len(one.dataset) - 500),
        "our own record": flip(data, data.index(b'"arrival"') + 1),
        "the UID in the file meta group": flip(data, data.index(one.uid.encode()) + 20),
        "the transfer syntax in the file meta group": flip(data, data.index(b"1.2.840.10008.1.2.1\0", 200) + 18),
    }


DAMAGES = list(
    rotten(
        b'1.2.3"arrival"' + bytes(200) + b"1.2.840.10008.1.2.1\0" + bytes(900), Instance("", "1.2.3", "", bytes(800))
    )
)


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_object_does_not_travel_and_its_neighbours_do(what, shared, shared_tap):
    router, spool, tap = shared, shared.spool(), shared_tap
    tap.stop()
    objects = series(9)
    victim = objects[4]
    send_all(router.port(), objects)
    router.wait_for("scu", "destination failed")
    (path,) = (path for path in spool.waiting() if path.stem == victim.uid)
    path.write_bytes(rotten(path.read_bytes(), victim)[what])
    before = spool.kept_aside(DAMAGED)
    tap.start()
    spool.wait_empty()
    arrived = tap.by_uid()
    for one in objects[:4] + objects[5:]:
        assert [copy.identity for copy in arrived[one.uid]] == [one.identity]
    assert victim.uid not in {received.uid for received in tap.arrived}
    assert len(tap.arrived) == len({received.uid for received in tap.arrived})
    (kept,) = (item for item in spool.kept_aside(DAMAGED) if item not in before)
    assert kept[0] == path.name
    assert kept[1]
    eventually(lambda: len(spool.receipts(kind="damaged")) == len(before) + 1, "it is on record")


@pytest.fixture(scope="module")
def shared(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port)))
