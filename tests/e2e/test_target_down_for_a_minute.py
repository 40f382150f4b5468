"""The target is off for a minute: nothing is lost, the route says why, and the release can be upgraded meanwhile."""

import time

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.objects import series
from support.polling import eventually

OUTAGE = 60  # seconds


def test_target_down_for_a_minute(make_clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps) -> None:
    clinic: Clinic = make_clinic("outage")
    clinic.begin(clinic.route(orthanc.destination))
    clinic.wait_condition("Forwarding", "True")
    objects = series(50, rows=512)

    orthanc.down()
    began = time.monotonic()
    with steps.step("send to a router whose target is down; until the route says so"):
        scanner.send_all(objects)
        reason, message = clinic.wait_condition("Forwarding", "False")
        steps.say(f"{reason}: {message}")
        eventually(lambda: clinic.status()["waiting"]["objects"] == len(objects), "the route tells what waits")
    assert clinic.condition("Ready")[0] == "True", "an outage of the target is no failure of the router"
    assert clinic.status()["oldest"]

    with steps.step("helm upgrade --wait"):
        clinic.upgrade("--wait", "--timeout=120s", scu__resources__requests__cpu="101m")
    assert clinic.cpu_request("scu") == "101m"
    with steps.step("helm rollback --wait"):
        clinic.rollback("--wait", "--timeout=120s")
    assert clinic.cpu_request("scu") == "100m"
    clinic.wait_condition("Forwarding", "False")

    time.sleep(max(0, OUTAGE - (time.monotonic() - began)))
    with steps.step(f"the target is back after {time.monotonic() - began:.0f} s; until nothing waits"):
        orthanc.up()
        orthanc.wait()
        eventually(lambda: orthanc.count() == len(objects), "all are there", 90)
        clinic.wait_condition("Forwarding", "True")
        eventually(lambda: clinic.status()["waiting"]["objects"] == 0, "the route says that nothing waits")
    assert orthanc.instances() == {one.uid for one in objects}
    told = lambda: [line for line in _events(clinic) if "Forwarding" in line or reason in line]  # noqa: E731
    eventually(lambda: len(told()) >= 2, "Events tell that it stopped, and that it goes on")
    for line in _events(clinic):
        steps.say(line)


def _events(clinic: Clinic) -> list[str]:
    found = clinic.get("events", "--field-selector=involvedObject.kind=ClinicRoute")["items"]
    found.sort(key=lambda event: event.get("eventTime") or event["lastTimestamp"] or "")
    return [f"{event['type']} {event['reason']}: {event['message']}" for event in found]
