"""validate: the routes of manifests that are right, the problems of those that are not."""

import pytest

from dicomrs.exits import Exit
from support.certificates import Authority
from support.router import destination, route


def test_good_manifests_are_listed(tmp_path, dicomrs, write_manifest):
    one = route(tmp_path / "a", destination("zeroclick", 4243), name="hospital-a")
    two = route(tmp_path / "b", name="hospital-b")
    shown = dicomrs("validate", write_manifest(one, two))
    assert shown.exit_code == Exit.OK
    for text in ("hospital-a", "zeroclick: ZEROCLICK at 127.0.0.1 port 4243", str(tmp_path / "b"), "objects are kept"):
        assert text in shown.output


def test_every_problem_is_a_line_with_its_place(tmp_path, dicomrs, write_manifest):
    broken = route(tmp_path / "a", destination("zeroclick", 70000), receiver={"aeTitle": "MUCH TOO LONG A TITLE"})
    manifest = write_manifest(broken)
    shown = dicomrs("validate", manifest)
    assert shown.exit_code == Exit.MANIFEST
    assert shown.stdout == ""
    lines = shown.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["spec.destinations[0].port", "spec.receiver.aeTitle"]
    assert all(line.startswith(f"{manifest}:") for line in lines)


@pytest.mark.peer("openssl")
def test_certificates_that_routes_name_are_checked(tmp_path, dicomrs, write_manifest):
    tls = {"secretName": "here"}
    to = destination("zeroclick", 4243, tls={"secretName": "there"})
    manifest = write_manifest(route(tmp_path / "a", to, name="hospital-a", receiver={"tls": tls}))
    secrets = tmp_path / "secrets"
    Authority(tmp_path).issue(secrets / "here")
    (secrets / "here" / "tls.key").unlink()
    shown = dicomrs("validate", manifest)
    assert shown.exit_code == Exit.MANIFEST
    first, second = shown.stderr.splitlines()
    assert first.startswith(f"route hospital-a: spec.receiver.tls.secretName: {secrets}/here/tls.key is missing")
    assert second.startswith(f"route hospital-a: spec.destinations[0].tls.secretName: there is no folder {secrets}")
    Authority(tmp_path).issue(secrets / "here")
    Authority(tmp_path).issue(secrets / "there")
    shown = dicomrs("validate", manifest)
    assert shown.exit_code == Exit.OK
    assert "over TLS" in shown.output
    elsewhere = dicomrs("validate", manifest, "--secrets", tmp_path / "a")
    assert elsewhere.exit_code == Exit.MANIFEST


def test_brackets_in_a_path_are_no_markup(tmp_path, dicomrs, write_manifest):
    shown = dicomrs("validate", write_manifest(route(tmp_path / "[bold]a[/bold]")))
    assert "[bold]a[/bold]" in shown.output
