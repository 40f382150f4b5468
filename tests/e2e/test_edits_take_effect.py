"""A route is applied and edited: in effect in seconds, what runs is unharmed, and nothing bad replaces what is good."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, Scanner, TapTarget
from support.cluster.programs import CallError, Steps
from support.cluster.streams import streaming
from support.objects import image, instance
from support.polling import eventually
from support.router import changed

SOON = 60  # seconds; under 5 on a machine that does nothing else


@pytest.fixture(scope="module")
def clinic(make_clinic) -> Clinic:
    made: Clinic = make_clinic("edits")
    made.label_node()
    made.install("--wait", htr__ports="{104,105}")
    return made


@pytest.fixture(scope="module")
def good(clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps) -> Any:
    """The route, in effect, with Zero Click as its destination."""
    made = clinic.route(orthanc.destination)
    started = time.monotonic()
    clinic.apply(made)
    eventually(scanner.echo, "C-ECHO", SOON)
    steps.say(f"from kubectl apply to C-ECHO: {time.monotonic() - started:.1f} s")
    clinic.wait_condition("Ready", "True")
    return made


@pytest.fixture
def edited(clinic: Clinic, good: Any) -> Iterator[Any]:
    """The good route, which is back in effect after the test."""
    yield good
    clinic.apply(good)
    clinic.wait_condition("Ready", "True")


def test_another_destination(
    clinic: Clinic, edited: Any, orthanc: OrthancTarget, tap: TapTarget, scanner: Scanner, steps: Steps
) -> None:
    """What is sent after the edit arrives at the new one, while an association of a scanner goes on."""
    pod = clinic.pod("scp")["metadata"]["uid"]
    with streaming(scanner) as stream:
        started = time.monotonic()
        clinic.apply(changed(edited, destinations=[tap.destination]))
        eventually(tap.received, "an object at the new destination", SOON)
        steps.say(f"from kubectl apply of another destination to its first object: {time.monotonic() - started:.1f} s")
        stream.wait_for_more()
    sent = stream.acknowledged()
    eventually(lambda: orthanc.instances() | _uids(tap) == set(sent), "all that was acknowledged is at a destination")
    assert len(_uids(tap)) == len(tap.received()), "nothing is sent twice"
    assert sent[-1] in _uids(tap)
    assert sent[-1] not in orthanc.instances()
    assert clinic.pod("scp")["metadata"]["uid"] == pod, "scp went on"


def _uids(tap: TapTarget) -> set[str]:
    return {uid for _, uid, _, _ in tap.received()}


def test_an_edit_that_the_api_server_refuses(clinic: Clinic, good: Any) -> None:
    """In our words, before anything changes."""
    generation = clinic.get("clinicroute", "hospital-a")["metadata"]["generation"]
    with pytest.raises(CallError, match=re.escape('write an IP address such as "10.20.30.5"')):
        clinic.apply(changed(good, receiver={"bindAddress": "172.22.61"}))
    assert clinic.get("clinicroute", "hospital-a")["metadata"]["generation"] == generation


def test_an_edit_that_only_its_meaning_forbids(
    clinic: Clinic, edited: Any, orthanc: OrthancTarget, scanner: Scanner
) -> None:
    """The last good version goes on, and the condition says who must do what."""
    clinic.apply(changed(edited, receiver={"bindAddress": "172.22.61.15"}))
    reason, message = clinic.wait_condition("Accepted", "False")
    assert reason == "AddressNotReserved"
    assert "this release reserved 172.22.61.14, not 172.22.61.15" in message
    assert "the version accepted last goes on" in message
    assert clinic.wait_condition("Ready", "False") == (reason, message)
    _flows(scanner, orthanc)


def test_a_second_route_with_the_same_root(clinic: Clinic, good: Any, orthanc: OrthancTarget, scanner: Scanner) -> None:
    """It is refused, and the first knows nothing of it."""
    second = clinic.route(orthanc.destination, name="second", port=105, storage=good["spec"]["storage"])
    clinic.apply(second)
    reason, message = clinic.wait_condition("Accepted", "False", "second")
    assert reason == "RootInUse"
    assert 'of route "hospital-a" overlap; give each route a folder of its own' in message
    assert clinic.condition("Ready")[0] == "True"
    assert not scanner.echo(port=105)
    _flows(scanner, orthanc)
    clinic.kubectl("delete", "clinicroute", "second", "--timeout=30s")  # nothing of it was ever accepted


def test_the_operator_gone_and_its_configmap_deleted(
    clinic: Clinic, good: Any, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    """Images flow on; the operator writes it again when it is back."""
    name, told = f"{clinic.fullname}-routes", clinic.get("configmap", f"{clinic.fullname}-routes")["data"]
    clinic.kubectl("scale", f"deployment/{clinic.fullname}-operator", "--replicas=0")
    eventually(lambda: not clinic.get("pods", "-l", clinic.selector("operator"))["items"], "no operator")
    clinic.kubectl("delete", "configmap", name)
    for component in ("scp", "scu"):
        _see_volumes_anew(clinic, component)
        eventually(lambda c=component: not _has_routes(clinic, c), f"the file has gone in {component}")
    _flows(scanner, orthanc)

    clinic.kubectl("scale", f"deployment/{clinic.fullname}-operator", "--replicas=1")
    with steps.step("until the operator, back, has written its ConfigMap"):
        eventually(lambda: name in clinic.kubectl("get", "configmaps", "-o", "name"), "the ConfigMap")
    assert clinic.get("configmap", name)["data"] == told
    eventually(lambda: _has_routes(clinic, "scp"), "the file is back in scp")
    clinic.wait_condition("Ready", "True")
    _flows(scanner, orthanc)


def _flows(scanner: Scanner, orthanc: OrthancTarget) -> None:
    one = instance(image())
    scanner.send_all([one])
    eventually(lambda: one.uid in orthanc.instances(), "an image flows")


def _see_volumes_anew(clinic: Clinic, component: str) -> None:
    """The kubelet looks at a pod's volumes when the pod changes; else this would take a minute."""
    name = clinic.pod(component)["metadata"]["name"]
    clinic.kubectl("annotate", "pod", name, f"example.org/looked-at={time.time()}", "--overwrite")


def _has_routes(clinic: Clinic, component: str) -> bool:
    code = "import json, os; print(json.dumps(os.path.exists('/etc/dicomrs/routes/routes.yaml')))"
    found: bool = json.loads(clinic.exec(component, "python", "-c", code))
    return found
