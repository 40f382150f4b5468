"""Which destination gets what, when one of them is away, and when there is more variety than an association carries."""

import pytest

from support.objects import CT, EXPLICIT, MR, Instance, encode, image, instance, series
from support.polling import eventually, hold
from support.router import changed, destination, route
from support.sender import send_all
from support.tap import taps


@pytest.fixture
def ct_and_mr():
    return [instance(image()), instance(image(modality="MR"))]


def uids(tap):
    return sorted(tap.by_uid())


RULES = {
    "everything": ([], "CT MR"),
    "modality": ([{"modalities": ["CT"]}], "CT"),
    "sop-class": ([{"sopClasses": [MR]}], "MR"),
    "calling": ([{"callingAeTitles": ["SCANNER_1"]}], "CT MR"),
    "other-calling": ([{"callingAeTitles": ["SCANNER_2"]}], ""),
    "all-of-a-rule": ([{"calledAeTitles": ["DICOMRS"], "stations": ["STATION-1"], "modalities": ["MR"]}], "MR"),
    "one-list-differs": ([{"calledAeTitles": ["DICOMRS"], "stations": ["STATION-2"]}], ""),
    "any-of-the-rules": ([{"modalities": ["RTSTRUCT"]}, {"sopClasses": [CT], "stations": ["STATION-1"]}], "CT"),
}


def test_rules_decide_what_a_destination_gets(tmp_path, make_router, ct_and_mr):
    with taps(len(RULES)) as targets:
        to = [
            destination(name, tap.port, match=rules)
            for tap, (name, (rules, _)) in zip(targets, RULES.items(), strict=True)
        ]
        router = make_router(route(tmp_path / "root", *to))
        send_all(router.port(), ct_and_mr, calling="SCANNER_1")
        router.spool().wait_empty()
        found = [uids(tap) for tap in targets]
    uid = {"CT": ct_and_mr[0].uid, "MR": ct_and_mr[1].uid}
    assert dict(zip(RULES, found, strict=True)) == {
        name: sorted(uid[modality] for modality in goes.split()) for name, (_, goes) in RULES.items()
    }


def undestined(study):
    return study.get("progress", {}).get("noDestination")


def test_what_no_destination_wants_is_kept_and_shown(tmp_path, make_router, tap, ct_and_mr):
    to = destination("tap", tap.port, match=[{"modalities": ["CT"]}])
    router = make_router(route(tmp_path / "root", to))
    send_all(router.port(), ct_and_mr)
    tap.wait_stored(1)
    spool = router.spool()
    eventually(lambda: [path.stem for path in spool.waiting()] == [ct_and_mr[1].uid], "only the MR is on disk")
    eventually(lambda: any(undestined(study) for study in spool.metadata()), "it is shown")
    assert uids(tap) == [ct_and_mr[0].uid]
    # A destination that is added later gets what still waits.
    router.rewrite(changed(router.routes[0], destinations=[destination("tap", tap.port)]))
    spool.wait_empty()
    assert uids(tap) == sorted(one.uid for one in ct_and_mr)


def test_one_destination_away_does_not_keep_the_other_waiting(tmp_path, make_router, two_taps):
    here, away = two_taps
    away.stop()
    router = make_router(route(tmp_path / "root", destination("here", here.port), destination("away", away.port)))
    objects = series(30)
    send_all(router.port(), objects)
    here.wait_stored(30)
    spool = router.spool()
    hold(lambda: len(spool.waiting()) == 30, "they stay until the other has them", 1)
    assert not spool.receipts(destination="away")
    away.start()
    spool.wait_empty()
    for tap in two_taps:
        assert {uid: [one.identity for one in copies] for uid, copies in tap.by_uid().items()} == {
            one.uid: [one.identity] for one in objects
        }


def test_more_contexts_than_an_association_carries(tmp_path, make_router, tap):
    tap.stop()
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    objects = []
    for number in range(200):
        made = image(without=("PixelData",))
        made.SOPClassUID = f"1.3.12.2.1107.5.9.{number}"
        objects.append(Instance(made.SOPClassUID, str(made.SOPInstanceUID), EXPLICIT, encode(made)))
    for part in (objects[:120], objects[120:]):
        send_all(router.port(), part)
    tap.start()
    router.spool().wait_empty()
    assert {one.identity for one in tap.stored} == {one.identity for one in objects}
    assert len(tap.stored) == 200
    assert 2 <= tap.associations <= 4


def test_a_class_that_the_target_does_not_accept_holds_up_no_other(tmp_path, make_router, tap, ct_and_mr):
    tap.refused_contexts = {MR}
    router = make_router(route(tmp_path / "root", destination("tap", tap.port, park={"tries": 5, "over": "4s"})))
    spool = router.spool()
    send_all(router.port(), ct_and_mr)
    assert [one.uid for one in tap.wait_stored(1)] == [ct_and_mr[0].uid]
    router.wait_for("scu", "objects not taken", "it does not accept SOP class")
    others = series(5)
    send_all(router.port(), others)
    tap.wait_stored(6)
    eventually(lambda: [path.stem for path in spool.waiting()] == [ct_and_mr[1].uid], "only the MR waits")
    tap.refused_contexts = set()
    spool.wait_empty()
    assert tap.stored[-1].identity == ct_and_mr[1].identity
    assert not spool.receipts(kind="parked")
