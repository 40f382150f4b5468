"""Every status that a target may answer, standard or not: only what the standard calls stored lets an object go."""

from support.objects import series
from support.polling import eventually
from support.router import destination, route
from support.sender import send_all
from support.tap import take_all

STORED = (0x0000, 0xB000, 0xB006, 0xB007)
NEVER = (  # PS3.7 annex C, PS3.4 table B.2-1: about this object, for good
    *(0x0105, 0x0106, 0x0112, 0x0115, 0x0117, 0x0118, 0x0119, 0x0120, 0x0121, 0x0122, 0x0124, 0x0211, 0x0212),
    *(0xA900, 0xA9FF),
)
AGAIN = (
    *(0x0107, 0x0110, 0x0111, 0x0113, 0x0114, 0x0116, 0x0123, 0x0210, 0x0213),  # PS3.7 annex C
    *(0xA700, 0xA701, 0xA7FF, 0xC000, 0xC123, 0xCFFF),  # PS3.4 table B.2-1
    *(0xB001, 0xB005, 0xBFFF, 0x0001, 0x00FF, 0x0100, 0xA800, 0xA501, 0xD000),  # of no meaning for C-STORE
    *(0xFE00, 0xFF00, 0xFF01, 0xFFFF),  # cancelled, pending, and nothing at all
)


def test_only_what_is_stored_leaves_the_disk(tmp_path, make_router, tap, proof):
    """Between any two of them one is taken, so that the target does not pass for sick."""
    statuses = [*STORED, *NEVER, *AGAIN]
    objects = series(2 * len(statuses))
    answers = {one.uid: status for one, status in zip(objects[::2], statuses, strict=True)}
    tap.answer = lambda received: answers.get(received.uid, 0x0000)
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    with proof.row("statuses", "each status of PS3.4 table B.2-1 and PS3.7 annex C, and undefined ones") as row:
        send_all(router.port(), objects)
        row.trials, row.acknowledged = len(statuses), len(objects)
        eventually(
            lambda: {one.uid for one in objects} <= {received.uid for received in tap.arrived}, "each has been tried"
        )
        left = {one.uid for one in objects if answers.get(one.uid, 0x0000) in STORED}
        eventually(lambda: len(spool.waiting()) <= len(objects) - len(left), "what was taken has left")
        row.losses = len({one.uid for one in objects} - left - {path.stem for path in spool.waiting()})
        assert row.losses == 0, "only what the standard calls stored leaves the disk"
    assert {event["uid"] for event in spool.receipts(kind="delivered")} <= left
    never = {uid for uid, status in answers.items() if status in NEVER}
    eventually(
        lambda: {event["uid"] for event in spool.receipts(kind="parked")} == never, "what will never do is parked"
    )

    tap.answer = take_all
    eventually(lambda: {path.stem for path in spool.waiting()} == never, "the rest goes once it is taken", 120)
