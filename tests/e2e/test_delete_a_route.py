"""A route is deleted while objects wait: it drains first, or goes at once by force and leaves its files."""

import json

import pytest

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.objects import image, instance, series
from support.polling import eventually, hold

ROUTE = ("clinicroute", "hospital-a")
FILES = "import glob, json; print(json.dumps(glob.glob('/home/dicom/hospital-a/**/*.dcm', recursive=True)))"


@pytest.fixture(scope="module")
def clinic(make_clinic) -> Clinic:
    made: Clinic = make_clinic("deletes")
    made.label_node()
    made.install("--wait")
    return made


def test_it_drains_first(clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps) -> None:
    """Its receiver stops, what waits is counted and goes, and the last word tells what stays behind."""
    objects = series(5)
    _begin(clinic, orthanc, scanner)
    orthanc.down()
    scanner.send_all([*objects, instance(image(without=("PixelData",)))])
    eventually(lambda: _waits(clinic) == len(objects), "they wait")

    clinic.kubectl("delete", *ROUTE, "--wait=false")
    eventually(lambda: "zeroclick: " in clinic.condition("Ready")[2], "what is in the way")
    status, reason, message = clinic.condition("Ready")
    steps.say(f"Ready={status} {reason}: {message}")
    assert (status, reason) == ("False", "Draining")
    assert "objects that wait: 5 " in message
    assert "1 quarantined" in message
    eventually(lambda: clinic.condition("Receiving")[:2] == ("False", "Draining"), "its receiver has stopped")
    assert not scanner.echo(), "the receiver takes nothing more"
    hold(lambda: clinic.get(*ROUTE), "it stays while objects wait", 4)
    assert len(_files(clinic)) == len(objects) + 1

    with steps.step("until it has drained and gone"):
        orthanc.up()
        eventually(lambda: not _exists(clinic), "it has gone")
    assert orthanc.instances() == {one.uid for one in objects}
    told = eventually(lambda: _let_go(clinic), "the Event")
    steps.say(told)
    assert "nothing waits any more; it leaves behind in its folder: 1 quarantined" in told
    (quarantined,) = _files(clinic)
    assert "/_INVALID_NO_PIXELS/" in quarantined


def test_by_force_it_goes_at_once(clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps) -> None:
    """Its files stay on the volume, and a route made again with this root sends them."""
    objects = series(3)
    _begin(clinic, orthanc, scanner)
    orthanc.down()
    scanner.send_all(objects)
    eventually(lambda: _waits(clinic) == len(objects), "they wait")

    clinic.kubectl("annotate", *ROUTE, "dicomrs.io/force-delete=true")
    with steps.step("until it has gone by force"):
        clinic.kubectl("delete", *ROUTE, "--timeout=30s")
    eventually(lambda: "by force" in _let_go(clinic), "the Event")
    steps.say(_let_go(clinic))
    eventually(lambda: not scanner.echo(), "the receiver has gone")
    orthanc.up()
    orthanc.wait()
    there = orthanc.instances()
    hold(lambda: len(_files(clinic)) == len(objects) + 1, "its files stay, and nothing sends them", 4)
    assert orthanc.instances() == there

    clinic.apply(clinic.route(orthanc.destination))
    eventually(lambda: orthanc.instances() == there | {one.uid for one in objects}, "they are sent after all")


def _begin(clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner) -> None:
    clinic.apply(clinic.route(orthanc.destination))
    clinic.wait_condition("Ready", "True")
    eventually(scanner.echo, "C-ECHO")


def _waits(clinic: Clinic) -> int:
    found: int = clinic.status().get("waiting", {}).get("objects", 0)
    return found


def _exists(clinic: Clinic) -> bool:
    return bool(clinic.kubectl("get", *ROUTE, "--ignore-not-found"))


def _let_go(clinic: Clinic) -> str:
    """The newest Event that tells of a route's end."""
    events = clinic.get("events", "--field-selector=reason=LetGo", "--sort-by=.lastTimestamp")["items"]
    return str(events[-1]["message"]) if events else ""


def _files(clinic: Clinic) -> list[str]:
    """The objects that are on the route's volume, wherever in its folder."""
    found: list[str] = json.loads(clinic.exec("scu", "python", "-c", FILES))
    return found
