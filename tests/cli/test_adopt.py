"""adopt: what an older version left on disk joins the spool, and nothing is lost on the way."""

import errno
import json
from pathlib import Path

import pytest

from dicomrs.exits import Exit
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs_cli.adoption import Fate, adopt_file
from support.filled_spool import FilledSpool
from support.objects import image, instance, part10, series, write_files
from support.router import destination, route
from support.spool_view import QUARANTINE, SpoolView


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def old(root):
    """The folder of a study as the old version kept it, under what is now the root."""
    folder = root / "20250101T080000_T-1_Tester_Test"
    folder.mkdir(parents=True)
    (folder / ".metadata.json").write_text(json.dumps({"PatientName": "Tester^Test", "received": 3}))
    return folder


@pytest.fixture
def manifest(root, write_manifest):
    return write_manifest(route(root, destination("zeroclick", 4243), name="hospital-a"))


def test_objects_are_queued_or_quarantined_and_their_originals_removed(root, old, manifest, dicomrs):
    study = {"study": "1.2.3.4"}
    write_files(old, [*series(3, **study), instance(image(without=("PixelData",), **study))])
    shown = dicomrs("adopt", manifest, "--route", "hospital-a")
    assert shown.exit_code == Exit.OK, shown.output
    spool = SpoolView(root)
    assert len(spool.waiting()) == 3
    assert {path.parent for path in spool.waiting()}.isdisjoint({old})
    assert len(spool.kept_aside(QUARANTINE)) == 1
    assert [path.name for path in old.iterdir()] == [".metadata.json"]
    assert json.loads((old / ".metadata.json").read_text())["PatientName"] == "Tester^Test"
    for line in ("3 queued", "1 quarantined", "1 no DICOM file, left in place .metadata.json"):
        assert line in " ".join(shown.output.split())


def test_what_is_no_whole_object_stays_and_is_named(root, old, manifest, dicomrs):
    whole, cut, garbage = old / "1.dcm", old / "2.dcm", old / "3.dcm"
    whole.write_bytes(part10(instance(image())))
    cut.write_bytes(part10(instance(image()))[:-100])
    garbage.write_bytes(b"no DICOM at all")
    before = cut.read_bytes(), garbage.read_bytes()
    shown = dicomrs("adopt", manifest, "--route", "hospital-a")
    assert shown.exit_code == Exit.FAILED
    assert (cut.read_bytes(), garbage.read_bytes()) == before
    assert not whole.exists()
    assert f"left {cut}: " in shown.output
    assert f"left {garbage}: no DICOM file" in shown.output
    assert len([path for path in SpoolView(root).waiting() if path.parent != old]) == 1


def test_a_folder_in_which_nothing_is_left_goes(tmp_path, root, manifest, dicomrs):
    old = tmp_path / "old" / "20250101T080000_T-1_Tester"
    write_files(old, series(2))
    assert dicomrs("adopt", manifest, tmp_path / "old", "--route", "hospital-a").exit_code == Exit.OK
    assert list((tmp_path / "old").iterdir()) == []
    assert len(SpoolView(root).waiting()) == 2


def test_a_dry_run_tells_and_changes_nothing(root, old, manifest, dicomrs):
    write_files(old, [*series(2), instance(image(without=("PixelData",)))])
    before = sorted(root.rglob("*"))
    shown = dicomrs("adopt", manifest, "--route", "hospital-a", "--dry-run")
    assert shown.exit_code == Exit.OK
    assert "2 queued" in " ".join(shown.output.split())
    assert sorted(root.rglob("*")) == before


def test_studies_of_the_spool_itself_are_left_alone(root, old, manifest, dicomrs):
    spool = FilledSpool(root)
    (waiting,) = spool.receive(*series(1))
    spool.receive(instance(image(without=("PixelData",))))
    before = {path: path.stat().st_ino for path in root.glob("*/*.dcm")}
    for path in ([], [root / waiting.folder], [root / QUARANTINE]):
        dicomrs("adopt", manifest, *path, "--route", "hospital-a")
    assert {path: path.stat().st_ino for path in root.glob("*/*.dcm")} == before
    assert len(SpoolView(root).kept_aside(QUARANTINE)) == 1


def test_an_object_of_a_spool_is_never_taken_for_an_original(tmp_path, root, manifest, dicomrs):
    (waiting,) = FilledSpool(root).receive(*series(1))
    stray = tmp_path / "stray" / "1.dcm"
    stray.parent.mkdir()
    stray.hardlink_to(root / waiting.folder / waiting.name)
    shown = dicomrs("adopt", manifest, stray.parent, "--route", "hospital-a")
    assert shown.exit_code == Exit.FAILED
    assert "an object of a spool already" in shown.output
    assert stray.exists()


def test_the_same_folder_can_be_adopted_again_after_an_interruption(root, old, manifest, dicomrs):
    objects = series(2)
    write_files(old, objects)
    dicomrs("adopt", manifest, "--route", "hospital-a")
    write_files(old, objects[:1])  # as if the power had failed before its removal was durable
    shown = dicomrs("adopt", manifest, "--route", "hospital-a")
    assert shown.exit_code == Exit.OK
    assert "1 already waiting" in " ".join(shown.output.split())
    assert len(SpoolView(root).waiting()) == 2


def test_adopted_objects_are_delivered_by_the_services_that_run(tmp_path, root, old, tap, make_router, dicomrs):
    objects = series(5)
    router = make_router(route(root, destination("tap", tap.port), name="hospital-a"))
    write_files(old, objects)
    assert dicomrs("adopt", router.manifest, "--route", "hospital-a").exit_code == Exit.OK
    tap.wait_stored(5)
    assert {one.identity for one in tap.stored} == {one.identity for one in objects}
    router.spool().wait_empty()


def test_a_full_volume_leaves_the_rest_in_place(root, old, dicomrs, write_manifest):
    manifest = write_manifest(route(root, name="hospital-a", storage={"reserve": "7E"}))
    files = write_files(old, series(2))
    shown = dicomrs("adopt", manifest, "--route", "hospital-a")
    assert shown.exit_code == Exit.FULL
    assert "spec.storage.reserve" in shown.stderr
    assert all(path.exists() for path in files)


def test_a_root_that_cannot_be_used_is_named(tmp_path, dicomrs, write_manifest):
    (tmp_path / "file").write_text("")
    (tmp_path / "old").mkdir()
    manifest = write_manifest(route(tmp_path / "file" / "root", name="hospital-a"))
    shown = dicomrs("adopt", manifest, tmp_path / "old", "--route", "hospital-a")
    assert shown.exit_code == Exit.ROOT
    assert "cannot carry a spool" in shown.stderr


class NothingIsRemoved(OsFileSystem):
    """A file system on which old files cannot be removed, as those of another user."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    def unlink(self, path: str) -> None:
        if Path(path).parent == self._kept:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        super().unlink(path)


def test_an_original_that_cannot_be_removed_is_named_though_it_is_queued(tmp_path, root):
    (original,) = write_files(tmp_path / "old", series(1))
    FilledSpool(root)
    inbox = Inbox(NothingIsRemoved(original.parent), str(root), lambda _: 0)
    try:
        found = adopt_file(inbox, original, "DICOMRS")
    finally:
        inbox.close()
    assert (found.fate, found.reason) == (Fate.LEFT, "it is queued now, but cannot be removed here: Permission denied")
    assert original.exists()
    assert len(SpoolView(root).waiting()) == 1
