"""import-env: the old .env becomes a ClinicRoute that loads."""

from dicomrs.exits import Exit
from dicomrs.route import load_manifests


def test_what_is_printed_is_a_manifest(tmp_path, dicomrs):
    (tmp_path / ".env").write_text("HTR_IP=10.20.30.5\nSCP_PORT=11112\nTARGET_HOST=192.168.10.16\n")
    shown = dicomrs("import-env", tmp_path / ".env", "--name", "hospital-a")
    assert shown.exit_code == Exit.OK
    (tmp_path / "route.yaml").write_text(shown.stdout)
    (route,) = load_manifests([tmp_path / "route.yaml"])
    assert route.metadata.name == "hospital-a"
    assert (route.spec.receiver.bind_address, route.spec.receiver.port) == ("10.20.30.5", 11112)


def test_a_missing_address_is_named_and_nothing_is_printed(tmp_path, dicomrs):
    (tmp_path / ".env").write_text("SCP_PORT=104\n")
    shown = dicomrs("import-env", tmp_path / ".env")
    assert (shown.exit_code, shown.stdout) == (Exit.MANIFEST, "")
    assert "HTR_IP: is missing" in shown.stderr


def test_a_file_that_is_not_there_is_named(tmp_path, dicomrs):
    shown = dicomrs("import-env", tmp_path / "none")
    assert shown.exit_code == Exit.MANIFEST
    assert "No such file" in shown.stderr
