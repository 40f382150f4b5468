"""What becomes of an object by what the target answers: delivered, delivered with a note, parked, or tried again."""

import json

import pytest

from support.objects import image, instance, series
from support.polling import eventually
from support.router import destination, route
from support.sender import others_flowing, send_all
from support.tap import Act, Tap, comment, take_all

TRIES = 3
PARK = {"tries": TRIES, "over": "1s"}  # an object that is refused is tried again within 0.5 s


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap):
    root = tmp_path_factory.mktemp("root") / "root"
    return make_shared_router(route(root, destination("tap", shared_tap.port, park=PARK)))


@pytest.fixture
def spool(router):
    return router.spool()


@pytest.fixture
def tap(shared_tap, spool):
    """The target, healthy again after each test: whatever is not parked leaves."""
    yield shared_tap
    shared_tap.answer = take_all
    eventually(lambda: waiting(spool) <= set(receipts(spool, "parked")), "only parked objects are left")


def answers(tap: Tap, by_uid):
    tap.answer = lambda received: by_uid.get(received.uid, 0x0000)


def waiting(spool):
    return {path.stem for path in spool.waiting()}


def receipts(spool, kind):
    """SOP Instance UID -> event."""
    return {event["uid"]: event for event in spool.receipts(kind=kind)}


def tries_of(tap, one):
    return sum(received.uid == one.uid for received in tap.arrived)


def test_warnings_are_successes_with_a_note(router, spool, tap):
    objects = series(4)
    odd = {objects[0].uid: comment(0xB000, "coerced the ID"), objects[1].uid: 0xB006, objects[2].uid: 0xB007}
    answers(tap, odd)
    send_all(router.port(), objects)
    eventually(lambda: not waiting(spool) & {one.uid for one in objects}, "all have left")
    delivered = receipts(spool, "delivered")
    assert [delivered[one.uid]["status"] for one in objects] == ["B000", "B006", "B007", "0000"]
    assert delivered[objects[0].uid]["why"] == "coerced the ID"
    assert [tries_of(tap, one) for one in objects] == [1, 1, 1, 1]


def test_permanent_refusals_park_at_once_and_no_other(router, spool, tap):
    objects = series(8)
    refusals = {
        objects[1].uid: (
            comment(0xA900, "not mine"),
            "A900 failure: the dataset does not match its SOP class (not mine)",
        ),
        objects[3].uid: (0xA9FF, "A9FF"),
        objects[4].uid: (0x0122, "0122"),
        objects[6].uid: (0x0124, "0124"),
    }
    answers(tap, {uid: answer for uid, (answer, _) in refusals.items()})
    send_all(router.port(), objects)
    uids = {one.uid for one in objects}
    eventually(lambda: waiting(spool) & uids == set(refusals), "the others have left")
    parked = eventually(lambda: (found := receipts(spool, "parked")).keys() >= refusals.keys() and found, "parked")
    for uid, (_, words) in refusals.items():
        assert words in parked[uid]["why"]
        assert parked[uid]["destination"] == "tap"
    assert [tries_of(tap, one) for one in objects] == [1] * len(objects)
    figures = {"delivered": 4, "waiting": 0, "stored": 0, "parked": 4, "held": 0}
    eventually(
        lambda: any(study.get("progress", {}).get("destinations") == {"tap": figures} for study in spool.metadata()),
        ".metadata.json tells it",
    )


@pytest.mark.parametrize("status", [0x0110, 0xC000], ids="{:04X}".format)
def test_vague_refusals_park_only_when_others_were_confirmed_in_between(router, spool, tap, status):
    bad = instance(image())
    answers(tap, {bad.uid: comment(status, "try later")})
    send_all(router.port(), [bad])
    eventually(lambda: tries_of(tap, bad) > TRIES + 2, "it is tried again and again")
    assert bad.uid not in receipts(spool, "parked")

    with others_flowing(router.port()):
        eventually(lambda: bad.uid in receipts(spool, "parked"), "it is parked")
    why = receipts(spool, "parked")[bad.uid]["why"]
    assert f"{status:04X}" in why
    assert "try later" in why
    order = [received.uid for received in tap.arrived]
    *_, first, second, third = (index for index, uid in enumerate(order) if uid == bad.uid)
    assert first + 1 < second < third - 1


def test_what_a_target_says_of_an_object_stays_out_of_log_and_figures(router, spool, tap):
    """It may name the patient; the figures go into the status of a ClinicRoute, which many may read."""
    tap.answer = lambda _: comment(0xC000, "DOE^JOHN is unknown here")
    objects = series(30)
    send_all(router.port(), objects)
    told = eventually(
        lambda: (
            (one := spool.status("scu")["destinations"]["tap"])["trouble"].startswith("it refuses everything") and one
        ),
        "the figures say so",
    )
    assert "C000" in told["trouble"]
    assert "DOE" not in json.dumps(spool.status("scu"))
    assert router.events("scu", "object not taken")
    assert "DOE" not in router.log("scu").read_text()
    tap.answer = take_all
    eventually(lambda: {one.uid for one in objects} <= receipts(spool, "delivered").keys(), "they are delivered")


def test_lack_of_room_never_parks(router, spool, tap):
    full = instance(image())
    answers(tap, {full.uid: 0xA700})
    send_all(router.port(), [full])
    with others_flowing(router.port()):
        eventually(lambda: tries_of(tap, full) > 3 * TRIES, "it is tried again and again")
    assert full.uid not in receipts(spool, "parked")
    tap.answer = take_all
    eventually(lambda: full.uid in receipts(spool, "delivered"), "it is delivered")
    assert tap.by_uid()[full.uid][0].identity == full.identity


@pytest.mark.parametrize(
    ("number", "answer"), [(1, 0xC000), (30, 0xC000), (30, Act.ABORT)], ids=["one", "many", "aborts"]
)
def test_objects_that_are_refused_do_not_keep_a_new_study_waiting(router, tap, number, answer):
    """However often the old study's objects are tried, the new one's turn comes."""
    bad, good = series(number), instance(image())
    answers(tap, dict.fromkeys((one.uid for one in bad), answer))
    before = len(tap.arrived)
    send_all(router.port(), bad)
    eventually(lambda: len(tap.arrived) >= before + 4, "the bad ones are tried again and again")
    send_all(router.port(), [good])
    eventually(lambda: good.uid in tap.by_uid(), "the new one has arrived")


def test_a_refused_object_keeps_its_study_moving(router, spool, tap):
    objects = series(20)
    refused = {objects[0].uid: 0xC000, objects[7].uid: 0x0110}
    answers(tap, refused)
    send_all(router.port(), objects)
    uids = {one.uid for one in objects}
    eventually(lambda: waiting(spool) & uids == set(refused), "the others have left")
    tap.answer = take_all
    eventually(lambda: not waiting(spool) & uids, "all have left")
    for one in objects:
        assert [copy.identity for copy in tap.by_uid()[one.uid]] == [one.identity]
