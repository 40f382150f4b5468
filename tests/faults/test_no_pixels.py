"""An image that has lost its pixels is kept aside with its reason and never travels; the rest of its study does."""

import json

import pytest

from support.objects import image, instance, series
from support.router import destination, route
from support.sender import send_all
from support.spool_view import QUARANTINE

BROKEN = {
    "removed": ({"without": ("PixelData",)}, "CT Image Storage without pixel data"),
    "empty": ({"pixels": b""}, "PixelData is empty"),
    "short": ({"pixels": bytes(64 * 63 * 2)}, "PixelData holds 8064 bytes"),
}


@pytest.mark.parametrize(("fields", "reason"), BROKEN.values(), ids=BROKEN)
def test_an_image_without_its_pixels_is_quarantined_and_its_study_delivered(fields, reason, tmp_path, make_router, tap):
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    spool = router.spool()
    made = image()
    good = series(9, study=made.StudyInstanceUID)
    bad = instance(image(study=made.StudyInstanceUID, **fields))
    send_all(router.port(), [*good[:4], bad, *good[4:], bad])
    spool.wait_empty()
    assert [one.identity for one in tap.stored] == [one.identity for one in good]

    ((name, why),) = spool.kept_aside(QUARANTINE)  # sent twice, kept once
    assert name == f"{bad.uid}.dcm"
    assert why.startswith(reason)
    (path,) = (spool.root / QUARANTINE).glob(f"*/{name}")
    assert path.parent.name == spool.folders()[0].name
    assert path.read_bytes().endswith(bad.dataset)
    note = json.loads(path.with_name(f"{name}.reason.json").read_text())
    assert (note["callingAeTitle"], note["sopInstanceUID"]) == ("SCANNER_1", bad.uid)
    router.wait_for("scp", "object quarantined", reason)

    router.kill("scp", "scu")
    router.start()
    later = instance(image(study=made.StudyInstanceUID))
    send_all(router.port(), [later])
    spool.wait_empty()
    assert bad.uid not in {received.uid for received in tap.arrived}
    assert path.exists()
