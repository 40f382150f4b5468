"""The disk changes waiting objects: the target never gets the whole of one, and their neighbours arrive."""

from dataclasses import dataclass

import pytest

from support.objects import CT, EXPLICIT, Instance, series
from support.polling import eventually
from support.router import destination, route
from support.sender import send_all
from support.spool_view import DAMAGED
from support.tap import Tap, taps


def flip(data: bytes, index: int) -> bytes:
    index %= len(data)
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


def after(data: bytes, text: str) -> int:
    """Where the last character of a text in the file meta group is."""
    return data.index(text.encode() + b"\0" * (len(text) % 2), 132) + len(text) - 1


# What happens to the file `data` of an object, whose dataset starts at byte `start`.
DAMAGES = {
    "the last pixel": lambda data, start, one: flip(data, -1),
    "the first element": lambda data, start, one: flip(data, start + 8),
    "a byte in the middle": lambda data, start, one: flip(data, (start + len(data)) // 2),
    "the end is missing": lambda data, start, one: data[:-100],
    "something was added": lambda data, start, one: data + b"\0\0",
    "it is empty": lambda data, start, one: b"",
    "zeros from the middle on": lambda data, start, one: data[: start + 500] + bytes(len(data) - start - 500),
    "our own record": lambda data, start, one: flip(data, data.index(b'"arrival"') + 1),
    "SOP Instance UID in the file meta group": lambda data, start, one: flip(data, after(data, one.uid)),
    "SOP Class UID in the file meta group": lambda data, start, one: flip(data, after(data, CT)),
    "transfer syntax in the file meta group": lambda data, start, one: flip(data, after(data, EXPLICIT)),
}


@dataclass(frozen=True)
class Rot:
    """What was sent, of that what was damaged, and where it all went."""

    victims: dict[str, Instance]
    neighbours: list[Instance]
    tap: Tap
    kept_aside: dict[str, str]
    """SOP Instance UID -> reason"""
    on_record: set[str]
    """SOP Instance UIDs of the receipts that say "damaged" """


@pytest.fixture(scope="module", params=["while scu runs", "while scu is away"])
def rot(request, tmp_path_factory, make_shared_router, proof) -> Rot:
    """Every second object of a series is damaged while the target is away."""
    fault = f"waiting objects are changed, cut or emptied {request.param}"
    with taps(1) as (tap,), proof.row("rot", fault) as row:
        tap.stop()
        router = make_shared_router(route(tmp_path_factory.mktemp("root"), destination("tap", tap.port)))
        spool = router.spool()
        objects = series(2 * len(DAMAGES) + 1)
        send_all(router.port(), objects)
        waits = lambda: spool.status("scu")["destinations"]["tap"]["waiting"]  # noqa: E731 (asked again and again)
        eventually(lambda: waits() == len(objects), "scu knows them all")
        if request.param == "while scu is away":
            router.kill("scu")
        victims = dict(zip(DAMAGES, objects[1::2], strict=True))
        for what, one in victims.items():
            (path,) = spool.root.glob(f"[!._]*/{one.uid}.dcm")
            data = path.read_bytes()
            path.write_bytes(DAMAGES[what](data, len(data) - len(one.dataset), one))
        tap.start()
        if request.param == "while scu is away":
            router.start("scu")
        spool.wait_empty()
        kept_aside = {name.removesuffix(".dcm"): reason for name, reason in spool.kept_aside(DAMAGED)}
        on_record = {receipt["uid"] for receipt in spool.receipts(kind="damaged")}
        missing = [one.uid for one in victims.values() if one.uid not in kept_aside]
        row.trials, row.acknowledged = len(victims), len(objects)
        row.losses = len(tap.lost(objects[::2], once=True)) + len(missing)
        yield Rot(victims, objects[::2], tap, kept_aside, on_record)


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_object_does_not_travel_and_is_kept_with_its_reason(what, rot):
    victim = rot.victims[what]
    assert victim.uid in rot.kept_aside
    assert rot.kept_aside[victim.uid]
    marks = (victim.uid.encode(), victim.dataset[-200:])
    assert not [received for received in rot.tap.arrived if any(mark in received.dataset for mark in marks)]


def test_the_neighbours_arrive_once(rot):
    uids = {one.uid for one in rot.neighbours}
    found = {uid: [copy.identity for copy in copies] for uid, copies in rot.tap.by_uid().items() if uid in uids}
    assert found == {one.uid: [one.identity] for one in rot.neighbours}


def test_every_damage_is_on_record(rot):
    """Of a file whose head is unreadable nobody knows which arrival it was, but its name says which SOP Instance."""
    assert rot.on_record == {one.uid for one in rot.victims.values()}
