"""The same object again, and other bytes under the same SOP Instance UID: nothing is swallowed, order is kept."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.objects import image, instance
from support.polling import eventually, hold
from support.router import destination, route
from support.sender import send_all


@pytest.fixture
def versions():
    """Three versions of one image, as a console makes them when somebody corrects the header."""
    first = image()
    study, series, uid = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    names = ("Tester^Tset", "Tester^Test", "Tester^Test^^Dr")
    return [instance(image(uid=uid, study=study, series=series, patient_name=name)) for name in names]


def arrivals(tap, uid):
    return [received.dataset for received in tap.by_uid().get(uid, [])]


def test_the_same_object_again_after_its_delivery_is_delivered_again(tmp_path, make_router, tap, versions):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    one = versions[0]
    for _ in range(2):
        send_all(router.port(), [one])
        router.spool().wait_empty()
    assert arrivals(tap, one.uid) == [one.dataset, one.dataset]
    first, second = router.spool().wait_receipts(2, kind="delivered", uid=one.uid)
    assert first["arrival"] != second["arrival"]
    assert len(router.spool().folders()) == 1


def test_the_same_object_sent_at_once_by_several_is_delivered(tmp_path, make_router, tap, versions):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    one = versions[0]
    with ThreadPoolExecutor(8) as pool:
        for sent in [pool.submit(send_all, router.port(), [one] * 5, f"SCANNER_{n}") for n in range(8)]:
            sent.result()
    router.spool().wait_empty()
    found = arrivals(tap, one.uid)
    assert set(found) == {one.dataset}
    assert 1 <= len(found) <= 40


def test_the_same_object_while_it_waits_is_one_arrival(tmp_path, make_router, tap, versions):
    tap.stop()
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    one = versions[0]
    send_all(router.port(), [one] * 5)
    assert [path.name for path in router.spool().waiting()] == [f"{one.uid}.dcm"]
    tap.start()
    router.spool().wait_empty()
    assert arrivals(tap, one.uid) == [one.dataset]


def test_other_bytes_are_forwarded_in_the_order_of_arrival(tmp_path, make_router, tap, versions):
    tap.stop()
    router = make_router(route(tmp_path / "root", destination("tap", tap.port, associations=4)))
    a, b, c = versions
    send_all(router.port(), [a, b, c, a])
    spool = router.spool()
    assert [path.name for path in spool.waiting()] == [f"{a.uid}{suffix}.dcm" for suffix in ("", "_2", "_3", "_4")]
    tap.start()
    spool.wait_empty()
    assert arrivals(tap, a.uid) == [a.dataset, b.dataset, c.dataset, a.dataset]
    eventually(lambda: spool.metadata()[0].get("conflict"), "the study is flagged")


def test_a_refused_version_holds_back_those_after_it(tmp_path, make_router, tap, versions):
    park = {"tries": 3, "over": "2s"}
    tap.answer = lambda received: 0xC000 if received.dataset == versions[0].dataset else 0x0000
    router = make_router(route(tmp_path / "root", destination("tap", tap.port, park=park)))
    other = instance(image())
    send_all(router.port(), [*versions, other])
    assert [one.uid for one in tap.wait_stored(1)] == [other.uid]
    eventually(lambda: len(tap.arrived) > 3, "the first version is tried again")
    assert {received.dataset for received in tap.arrived} == {versions[0].dataset, other.dataset}
    tap.answer = lambda _: 0x0000
    router.spool().wait_empty()
    assert arrivals(tap, versions[0].uid) == [one.dataset for one in versions]


@pytest.mark.parametrize("when", ["while the first waits", "after the first has gone"])
def test_with_park_the_later_version_waits_for_a_person(when, tmp_path, make_router, tap, versions):
    if when == "while the first waits":
        tap.stop()
    root = tmp_path / "root"
    router = make_router(route(root, destination("tap", tap.port), storage={"onConflict": "Park"}))
    spool = router.spool()
    first, second, _ = versions
    send_all(router.port(), [first])
    if when == "after the first has gone":
        spool.wait_empty()
    send_all(router.port(), [second])
    if when == "while the first waits":
        tap.start()
    tap.wait_stored(1)
    (held,) = spool.wait_receipts(1, kind="held")
    assert held["why"] == "another object with this SOP Instance UID came before"
    eventually(lambda: len(spool.waiting()) == 1, "the first has gone")
    hold(lambda: arrivals(tap, first.uid) == [first.dataset], "the second is not sent", 1.5)
    assert spool.waiting()[0].read_bytes().endswith(second.dataset)
    figures = {"delivered": 1, "waiting": 0, "parked": 0, "held": 1}
    eventually(lambda: spool.metadata()[0].get("progress", {}).get("destinations") == {"tap": figures}, "shown")
