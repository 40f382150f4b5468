"""The checks in the services' images, which `helm test` runs: who answers, and where a test image goes."""

import io
import sys

import pydicom
import pytest
import yaml

from support.processes import free_port, run
from support.router import annotated, destination, route

OK, FAILED, USAGE, MANIFEST = 0, 1, 2, 65
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def check(tmp_path):
    """Run a check on routes; its exit code and lines."""

    def run_it(service, *routes, options=()):
        manifest = tmp_path / "routes.yaml"
        manifest.write_text(yaml.safe_dump({"kind": "List", "items": list(routes)}))
        done = run([sys.executable, "-m", f"dicomrs_{service}.check", manifest, *options])
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    return run_it


def test_receivers_that_answer_and_one_that_does_not(tmp_path, make_router, check):
    router = make_router(route(tmp_path / "root"))
    closed = route(tmp_path / "other", name="other")
    deleted = annotated(route(tmp_path / "deleted", name="deleted"), draining="true")
    code, (first, second) = check("scp", *router.routes, closed, deleted)
    assert code == FAILED
    assert first.startswith(f"ok: route clinic: receiver, DICOMRS at 127.0.0.1 port {router.port()}")
    assert second.startswith("FAILED: route other: receiver")
    assert "refuses connections" in second
    assert check("scp", *router.routes)[0] == OK


def test_destinations_get_a_c_echo_and_nothing_else(tmp_path, tap, check):
    closed = free_port()
    to = [destination("zeroclick", tap.port, callingAeTitle="ROUTER"), destination("closed", closed)]
    code, (first, second) = check("scu", route(tmp_path / "root", *to))
    assert code == FAILED
    assert first.startswith(
        f"ok: route clinic: destination zeroclick, ZEROCLICK at 127.0.0.1 port {tap.port}, as ROUTER"
    )
    assert second.startswith("FAILED: route clinic: destination closed")
    assert check("scu", route(tmp_path / "root", to[0]))[0] == OK
    assert not tap.arrived


def test_a_test_image_goes_to_the_destination_that_is_named_and_is_a_whole_image_of_nobody(tmp_path, two_taps, check):
    one, other = two_taps
    document = route(tmp_path / "root", destination("one", one.port), destination("other", other.port))
    code, lines = check("scu", document, options=["--send=clinic/other"])
    assert code == OK
    assert lines[2].startswith("ok: route clinic: test image to destination other")
    (image,) = other.stored
    assert not one.arrived
    dataset = pydicom.dcmread(io.BytesIO(image.dataset), force=True)
    assert (dataset.SOPClassUID, dataset.SOPInstanceUID) == (SECONDARY_CAPTURE, image.uid)
    assert (dataset.PatientName, dataset.PatientID) == ("DICOMRS^TEST", "DICOMRS-TEST")
    assert (dataset.Rows, dataset.Columns, dataset.BitsAllocated, len(dataset.PixelData)) == (16, 16, 8, 256)
    assert check("scu", document, options=["--send=clinic/other"])[0] == OK
    assert len({image.uid for image in other.stored}) == 2


def test_a_test_image_that_is_refused_fails_the_check(tmp_path, tap, check):
    document = route(tmp_path / "root", destination("zeroclick", tap.port))
    tap.answer = lambda _: 0xA700
    code, lines = check("scu", document, options=["--send=clinic/zeroclick"])
    assert code == FAILED
    assert "A700" in lines[1]
    tap.refused_contexts = {SECONDARY_CAPTURE}
    code, lines = check("scu", document, options=["--send=clinic/zeroclick"])
    assert code == FAILED
    assert "does not accept Secondary Capture images" in lines[1]


def test_a_name_that_no_destination_has_sends_nothing_anywhere(tmp_path, tap, check):
    document = route(tmp_path / "root", destination("zeroclick", tap.port))
    code, (line,) = check("scu", document, options=["--send=clinic/zeroclick", "--send=clinic/zero-click"])
    assert code == USAGE
    assert "there are: clinic/zeroclick" in line
    assert (tap.arrived, tap.associations) == ([], 0)


def test_no_routes_are_nothing_to_ask_and_wrong_manifests_are_told(tmp_path, check):
    for service in ("scp", "scu"):
        assert check(service) == (OK, ["no route has anybody to ask"])
        code, (line,) = check(service, route(tmp_path / "root", receiver={"port": 70000}))
        assert code == MANIFEST
        assert "spec.receiver.port" in line
