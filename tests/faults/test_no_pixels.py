"""An image that has lost its pixels is kept aside with its reason and never travels; the rest of its study does."""

import json

from support.objects import image, instance, series
from support.router import destination, route
from support.sender import send_all
from support.spool_view import QUARANTINE

BROKEN = {
    "CT Image Storage without pixel data": {"without": ("PixelData",)},
    "PixelData is empty": {"pixels": b""},
    "PixelData holds 8064 bytes": {"pixels": bytes(64 * 63 * 2)},
}


def test_images_without_their_pixels_are_quarantined_and_their_study_delivered(tmp_path, make_router, tap, proof):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    study = image().StudyInstanceUID
    good = series(9, study=study)
    bad = {reason: instance(image(study=study, **fields)) for reason, fields in BROKEN.items()}
    with proof.row("scanners", "images without their pixels, twice, in the middle of a study") as row:
        send_all(router.port(), [*good[:4], *bad.values(), *good[4:], *bad.values()])
        spool.wait_empty()
        kept = dict(spool.kept_aside(QUARANTINE))
        row.trials, row.acknowledged = 2 * len(bad), len(good) + 2 * len(bad)
        missing = [one.uid for one in bad.values() if f"{one.uid}.dcm" not in kept]
        row.losses = len(tap.lost(good, once=True)) + len(missing)
    assert [one.identity for one in tap.stored] == [one.identity for one in good]

    assert kept.keys() == {f"{one.uid}.dcm" for one in bad.values()}  # sent twice, kept once
    (folder,) = (spool.root / QUARANTINE).iterdir()
    assert folder.name == spool.folders()[0].name
    for reason, one in bad.items():
        assert kept[f"{one.uid}.dcm"].startswith(reason)
        assert (folder / f"{one.uid}.dcm").read_bytes().endswith(one.dataset)
        note = json.loads((folder / f"{one.uid}.dcm.reason.json").read_text())
        assert (note["callingAeTitle"], note["sopInstanceUID"]) == ("SCANNER_1", one.uid)
        router.wait_for("scp", "object quarantined", reason)

    router.kill("scp", "scu")
    router.start()
    later = instance(image(study=study))
    send_all(router.port(), [later])
    spool.wait_empty()
    assert [one.uid for one in tap.arrived] == [one.uid for one in [*good, later]]
    assert dict(spool.kept_aside(QUARANTINE)) == kept
