"""The same object again, and other bytes under the same SOP Instance UID: nothing is swallowed, order is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.objects import image, instance
from support.polling import eventually, hold
from support.router import destination, route
from support.sender import send_all
from support.tap import take_all

FORWARD, PARK = 0, 1


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    """Two routes: one forwards what shares a UID, one parks it."""
    root = tmp_path_factory.mktemp("root")
    to = destination("tap", shared_tap.port, associations=4, park={"tries": 3, "over": "2s"})
    forward = route(root / "forward", to, name="forward")
    return make_shared_router(forward, route(root / "park", to, name="park", storage={"onConflict": "Park"}))


@pytest.fixture
def tap(shared_tap, router):
    """The target, there and healthy again after each test."""
    yield shared_tap
    shared_tap.answer = take_all
    if not shared_tap.listens:
        shared_tap.start()
    router.spool(FORWARD).wait_empty()


@pytest.fixture
def versions():
    """Three versions of one image, as a console makes them when somebody corrects the header."""
    first = image()
    study, series, uid = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    names = ("Tester^Tset", "Tester^Test", "Tester^Test^^Dr")
    return [instance(image(uid=uid, study=study, series=series, patient_name=name)) for name in names]


def arrivals(tap, uid):
    return [received.dataset for received in tap.by_uid().get(uid, [])]


def study_of(spool, uid):
    """The metadata of the study that an object belongs to, which has no other."""
    return next(
        study for folder, study in zip(spool.folders(), spool.metadata(), strict=True) if uid in receipts(folder)
    )


def receipts(folder):
    return (folder / ".receipts.jsonl").read_text()


def test_the_same_object_again_after_its_delivery_is_delivered_again(router, tap, versions):
    one, spool = versions[0], router.spool()
    for _ in range(2):
        send_all(router.port(), [one])
        spool.wait_empty()
    assert arrivals(tap, one.uid) == [one.dataset, one.dataset]
    first, second = spool.wait_receipts(2, kind="delivered", uid=one.uid)
    assert first["arrival"] != second["arrival"]
    assert sum(one.uid in receipts(folder) for folder in spool.folders()) == 1


def test_the_same_object_sent_at_once_by_several_is_delivered(router, tap, versions):
    one = versions[0]
    with ThreadPoolExecutor(8) as pool:
        for sent in [pool.submit(send_all, router.port(), [one] * 5, f"SCANNER_{n}") for n in range(8)]:
            sent.result()
    router.spool().wait_empty()
    found = arrivals(tap, one.uid)
    assert set(found) == {one.dataset}
    assert 1 <= len(found) <= 40


def test_the_same_object_while_it_waits_is_one_arrival(router, tap, versions):
    tap.stop()
    one = versions[0]
    send_all(router.port(), [one] * 5)
    assert [path.name for path in router.spool().waiting()] == [f"{one.uid}.dcm"]
    tap.start()
    router.spool().wait_empty()
    assert arrivals(tap, one.uid) == [one.dataset]


def test_other_bytes_are_forwarded_in_the_order_of_arrival(router, tap, versions):
    tap.stop()
    a, b, c = versions
    send_all(router.port(), [a, b, c, a])
    spool = router.spool()
    assert [path.name for path in spool.waiting()] == [f"{a.uid}{suffix}.dcm" for suffix in ("", "_2", "_3", "_4")]
    tap.start()
    spool.wait_empty()
    assert arrivals(tap, a.uid) == [a.dataset, b.dataset, c.dataset, a.dataset]
    eventually(lambda: study_of(spool, a.uid).get("conflict"), "the study is flagged")


def test_a_refused_version_holds_back_those_after_it(router, tap, versions):
    before = len(tap.arrived)
    tap.answer = lambda received: 0xC000 if received.dataset == versions[0].dataset else 0x0000
    other = instance(image())
    send_all(router.port(), [*versions, other])
    eventually(lambda: arrivals(tap, other.uid), "another object passes")
    eventually(lambda: len(tap.arrived) > before + 3, "the first version is tried again")
    assert {received.dataset for received in tap.arrived[before:]} == {versions[0].dataset, other.dataset}
    tap.answer = take_all
    router.spool().wait_empty()
    assert arrivals(tap, versions[0].uid) == [one.dataset for one in versions]


@pytest.mark.parametrize("when", ["while the first waits", "after the first has gone"])
def test_with_park_the_later_version_waits_for_a_person(when, router, tap, versions):
    spool, port = router.spool(PARK), router.port(PARK)
    first, second, _ = versions
    if when == "while the first waits":
        tap.stop()
    send_all(port, [first])
    if when == "after the first has gone":
        spool.wait_receipts(1, kind="delivered", uid=first.uid)
    send_all(port, [second])
    if when == "while the first waits":
        tap.start()
    (held,) = spool.wait_receipts(1, kind="held", uid=first.uid)
    assert held["why"] == "another object with this SOP Instance UID came before"
    spool.wait_receipts(1, kind="delivered", uid=first.uid)
    hold(lambda: arrivals(tap, first.uid) == [first.dataset], "the second is not sent", 1)
    (path,) = (path for path in spool.waiting() if path.name.startswith(first.uid))
    assert path.read_bytes().endswith(second.dataset)
    figures = {"delivered": 1, "waiting": 0, "stored": 0, "parked": 0, "held": 1}
    eventually(lambda: study_of(spool, first.uid).get("progress", {}).get("destinations") == {"tap": figures}, "shown")
