"""diagnose: the file of the dashboard's page Diagnostics, from a terminal, while nothing runs."""

import os
import stat
import threading

import pytest

from dicomrs.audit import AuditLog
from dicomrs.exits import Exit
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.diagnosis.files import parse
from support.filled_spool import FilledSpool
from support.objects import series
from support.router import destination, route


@pytest.fixture
def spool(tmp_path):
    made = FilledSpool(tmp_path / "root")
    made.receive(*series(3, patient_name="GEHEIM", patient_id="PID-4711"))
    return made


@pytest.fixture
def manifest(spool, write_manifest):
    return write_manifest(route(spool.root, destination("tap", 104)))


def test_one_file_tells_all_and_nothing_of_patients(manifest, dicomrs, tmp_path):
    target = tmp_path / "it.html"
    done = dicomrs("diagnose", manifest, "--output", target)
    assert (done.exit_code, done.output.strip()) == (Exit.OK, str(target))
    text = target.read_text()
    assert "GEHEIM" not in text
    assert "PID-4711" not in text
    found = parse(target.read_bytes())
    assert [(one.name, one.light, one.status["waiting"]["objects"]) for one in found.routes] == [("clinic", "red", 3)]
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o600


def test_without_a_name_it_gets_one_with_the_time_and_speaks_the_language_that_is_asked_for(
    manifest, dicomrs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    done = dicomrs("diagnose", manifest, "--language", "pt-BR")
    (written,) = tmp_path.glob("dicomrs-diagnosis-*.html")
    assert done.output.strip() == written.name
    assert '<html lang="pt-BR">' in written.read_text()
    assert "Rota clinic" in written.read_text()


def test_with_patients_only_with_a_reason_that_goes_on_record(manifest, dicomrs, tmp_path, spool):
    target = tmp_path / "it.html"
    assert dicomrs("diagnose", manifest, "--output", target, "--patients").exit_code == Exit.USAGE
    assert not target.exists()
    done = dicomrs("diagnose", manifest, "--output", target, "--patients", "--why", "asked for by the vendor")
    assert done.exit_code == Exit.OK
    assert "GEHEIM" in target.read_text()
    (entry,) = AuditLog(OsFileSystem(), str(spool.root)).read().entries
    assert (entry.fields["action"], entry.fields["why"]) == ("diagnose", "asked for by the vendor")


def test_what_cannot_be_put_on_record_is_not_written(manifest, dicomrs, tmp_path, spool):
    (spool.root / ".dicomrs" / "audit.jsonl").mkdir()
    done = dicomrs("diagnose", manifest, "--output", tmp_path / "it.html", "--patients", "--why", "x")
    assert done.exit_code == Exit.ROOT
    assert not (tmp_path / "it.html").exists()


def test_a_root_that_is_not_there_is_told_in_the_file(dicomrs, tmp_path, write_manifest):
    target = tmp_path / "it.html"
    manifest = write_manifest(route(tmp_path / "nowhere", destination("tap", 104)))
    assert dicomrs("diagnose", manifest, "--output", target).exit_code == Exit.OK
    assert "there is no such folder" in target.read_text()


def test_a_place_that_cannot_be_written_to_is_said(manifest, dicomrs, tmp_path):
    done = dicomrs("diagnose", manifest, "--output", tmp_path / "none" / "it.html")
    assert done.exit_code == Exit.ROOT
    assert "No such file or directory" in done.output


def test_a_volume_of_logs_that_hangs_is_told_in_the_file(manifest, dicomrs, tmp_path, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr("dicomrs_dashboard.diagnosis.making.newest", lambda *_: free.wait(60))
    target = tmp_path / "it.html"
    try:
        assert dicomrs("diagnose", manifest, "--output", target).exit_code == Exit.OK
    finally:
        free.set()
    assert "a volume hangs" in parse(target.read_bytes()).log_trouble


def test_a_root_that_hangs_is_told_in_the_file(manifest, dicomrs, tmp_path, spool):
    target = tmp_path / "it.html"
    with spool.hanging():
        assert dicomrs("diagnose", manifest, "--output", target).exit_code == Exit.OK
    assert "hangs" in parse(target.read_bytes()).routes[0].status["error"]
