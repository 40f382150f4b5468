"""What happens to images while a route is edited, edited wrongly, or taken from the services by mistake."""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, Scanner, TapTarget
from support.cluster.programs import CallError, Steps
from support.objects import series
from support.polling import eventually

AT_ONCE = 5  # seconds until an edit is in effect


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget) -> Iterator[Clinic]:
    made: Clinic = make_clinic("changes")
    made.begin(made.route(orthanc.destination))
    return made


@pytest.fixture
def good(clinic: Clinic, orthanc: OrthancTarget) -> Any:
    """The route as it should be; applied before each test."""
    route = clinic.route(orthanc.destination)
    clinic.apply(route)
    clinic.wait_condition("Ready", "True")
    return route


def test_a_destination_is_added_while_a_scanner_sends(
    clinic: Clinic, good: Any, orthanc: OrthancTarget, tap: TapTarget, scanner: Scanner, steps: Steps
) -> None:
    objects = series(1000, rows=512)
    before = orthanc.count()
    with ThreadPoolExecutor(1) as pool:
        # One association; send_all would miss what comes after its end.
        sending = pool.submit(scanner.send_all, objects)
        eventually(lambda: orthanc.count() > before, "the first has come through")
        assert not sending.done()
        with steps.step("kubectl apply; until the new destination gets images"):
            clinic.apply(clinic.route(orthanc.destination, tap.destination))
            eventually(tap.received, "an image at the new destination", AT_ONCE)
        assert not sending.done(), "the association was over before the edit took effect: send more"
        sending.result()
    eventually(lambda: orthanc.count() == before + len(objects), "all are at the old destination")
    clinic.wait_condition("Ready", "True")


def test_an_edit_that_is_invalid_is_refused_by_the_api_server(clinic: Clinic, good: Any, scanner: Scanner) -> None:
    bad = copy.deepcopy(good)
    bad["spec"]["receiver"]["port"] = 104_104
    with pytest.raises(CallError, match=r"spec\.receiver\.port"):
        clinic.apply(bad)
    assert scanner.echo()


def test_an_edit_that_only_its_meaning_forbids_changes_nothing(
    clinic: Clinic, good: Any, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    before = orthanc.count()
    clinic.apply(clinic.route(orthanc.destination, port=11112))
    reason, message = clinic.wait_condition("Accepted", "False")
    steps.say(f"{reason}: {message}")
    assert "11112" in message
    scanner.send_all(series(5))
    eventually(lambda: orthanc.count() == before + 5, "the last good route goes on")


def test_images_flow_without_operator_and_without_its_config_map(
    clinic: Clinic, good: Any, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    before = orthanc.count()
    clinic.kubectl("scale", f"deployment/{clinic.fullname}-operator", "--replicas=0")
    clinic.kubectl("delete", "configmap", f"{clinic.fullname}-routes")
    # A kubelet looks at a pod's ConfigMaps when the pod changes, else once a minute.
    clinic.kubectl("annotate", "pods", "--all", "tests/look=now", "--overwrite")
    for service in ("scp", "scu"):
        eventually(lambda service=service: not _has_routes(clinic, service), f"{service} has no manifests", 120)
    scanner.send_all(series(5))
    eventually(lambda: orthanc.count() == before + 5, "images flow by what was last good")

    with steps.step("the operator is back; until the route is Ready"):
        clinic.kubectl("scale", f"deployment/{clinic.fullname}-operator", "--replicas=1")
        clinic.wait_rolled_out("operator")
        clinic.wait_condition("Ready", "True")
    assert _has_routes(clinic, "scp")
    scanner.send_all(series(5))
    eventually(lambda: orthanc.count() == before + 10, "and by what it has written anew")


def _has_routes(clinic: Clinic, service: str) -> bool:
    return "True" in clinic.exec(
        service, "python", "-c", "import os; print(os.path.exists('/etc/dicomrs/routes/routes.yaml'))"
    )
