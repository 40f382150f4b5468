"""release: what a target would not take is tried again at a person's word, and that goes on record."""

import os

import pytest

from dicomrs.exits import Exit
from support.objects import series
from support.router import destination, route
from support.sender import send_all
from support.tap import take_all


def parked_study(tap, make_router, tmp_path):
    """A router with two objects of one study, of which the target refuses one for good."""
    router = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    good, bad = series(2)
    tap.answer = lambda received: 0xA900 if received.uid == bad.uid else 0x0000
    send_all(router.port(), [good, bad])
    router.spool().wait_receipts(1, kind="parked")
    tap.wait_stored(1)
    return router, bad


def test_a_parked_object_is_delivered_once_released(tap, make_router, tmp_path, dicomrs):
    router, bad = parked_study(tap, make_router, tmp_path)
    tap.answer = take_all
    done = dicomrs("release", router.manifest, "--route", "clinic", "--why", "target mended")
    assert (done.exit_code, done.output) == (Exit.OK, "objects released: 1\n")
    tap.wait_stored(2)
    router.spool().wait_empty()
    (released,) = router.spool().receipts(kind="released")
    assert (released["why"], released["destination"]) == ("target mended", "tap")
    assert released["who"]
    assert tap.by_uid()[bad.uid][0].dataset == bad.dataset


def test_only_the_named_study_is_released(tap, make_router, tmp_path, dicomrs):
    router, _ = parked_study(tap, make_router, tmp_path)
    unknown = dicomrs("release", router.manifest, "--route", "clinic", "--why", "x", "--study", "0000000000")
    assert unknown.exit_code == Exit.USAGE
    (key,) = {line["study"] for line in router.events("scu", "object parked")}
    done = dicomrs("release", router.manifest, "--route", "clinic", "--why", "x", "--study", key)
    assert done.output == "objects released: 1\n"


def test_without_a_service_nothing_is_promised(make_router, tmp_path, dicomrs, monkeypatch):
    monkeypatch.setattr("dicomrs_cli.asking._PATIENCE", 0.2)
    router = make_router(route(tmp_path / "root", destination("tap", 4243)), start=False)
    assert dicomrs("release", router.manifest, "--route", "clinic", "--why", "x").exit_code == Exit.ROOT
    (tmp_path / "root" / ".control").mkdir(parents=True)
    done = dicomrs("release", router.manifest, "--route", "clinic", "--why", "x")
    assert done.exit_code == Exit.FAILED
    assert "is it running?" in done.stderr
    assert list((tmp_path / "root" / ".control").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_as_another_user_nothing_is_written_that_the_service_cannot_read(make_router, tmp_path, dicomrs):
    (tmp_path / "root").mkdir()
    os.chown(tmp_path / "root", 12345, 12345)
    router = make_router(route(tmp_path / "root", destination("tap", 4243)), start=False)
    for words in (["release", router.manifest, "--why", "x"], ["adopt", router.manifest]):
        done = dicomrs(*words, "--route", "clinic")
        assert done.exit_code == Exit.ROOT
        assert "run this as that user" in done.stderr
    assert list((tmp_path / "root").iterdir()) == []
