"""Two clinics share a node, with an address and port 104 each; a third that wants a taken address waits, for ever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.cluster.clinic import Clinic
from support.cluster.network import HTR_ADDRESS, Networks
from support.cluster.peers import OrthancTarget, Scanner, TapTarget, identity
from support.cluster.programs import Steps
from support.objects import series
from support.polling import eventually, hold

SECOND_ADDRESS = "172.22.61.15"
OBJECTS = 20
WAITS = 5  # seconds after everything, for what must not happen


@pytest.fixture(scope="module")
def second_address(networks: Networks) -> Iterator[str]:
    networks.add_address(SECOND_ADDRESS)
    yield SECOND_ADDRESS
    networks.remove_address(SECOND_ADDRESS)


@pytest.fixture(scope="module")
def clinics(make_clinic, second_address: str, orthanc: OrthancTarget, tap: TapTarget) -> tuple[Clinic, Clinic, Clinic]:
    """North and south with a target each, and the intruder, who wants north's address and has no word of the admin."""
    north, south = make_clinic("north"), make_clinic("south", address=second_address)
    intruder = make_clinic("intruder")
    for clinic, target in ((north, orthanc), (south, tap)):
        clinic.label_node()
        clinic.install()
        clinic.apply(clinic.route(target.destination, name=clinic.namespace))
    intruder.install()
    for clinic in (north, south):
        clinic.wait_condition("Ready", "True", clinic.namespace, within=180)
    return north, south, intruder


def test_each_has_its_own_images_only(
    clinics: tuple[Clinic, Clinic, Clinic], orthanc: OrthancTarget, tap: TapTarget, scanner: Scanner, steps: Steps
) -> None:
    north, south, _ = clinics
    to_north, to_south = series(OBJECTS), series(OBJECTS)
    with steps.step("send to both, at port 104"):
        scanner.send_all(to_north, host=north.address)
        scanner.send_all(to_south, host=south.address)
    for clinic in (north, south):
        eventually(lambda: _drained(clinic), f"nothing waits in {clinic.namespace}")  # noqa: B023  # called here
    assert orthanc.instances() == {one.uid for one in to_north}
    assert sorted(tap.received()) == sorted(identity(one) for one in to_south)


def test_a_third_never_gets_the_address_of_another(
    clinics: tuple[Clinic, Clinic, Clinic], orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    north, _, intruder = clinics
    placed = intruder.pod("scp")
    (condition,) = [one for one in placed["status"]["conditions"] if one["type"] == "PodScheduled"]
    steps.say(f"{condition['reason']}: {condition['message']}")
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")

    before = north.pod("scp")["metadata"]["uid"]
    with ThreadPoolExecutor(1) as pool, steps.step("upgrade north, which restarts its receiver; the third waits"):
        upgrading = pool.submit(north.upgrade, "--wait", scp__resources__requests__cpu="101m")
        while not upgrading.done():
            assert _waits(intruder)
        upgrading.result()
    assert north.pod("scp")["metadata"]["uid"] != before, "its receiver was not restarted"
    hold(lambda: _waits(intruder), "the third waits", WAITS)
    objects = series(OBJECTS)
    scanner.send_all(objects, host=HTR_ADDRESS)
    eventually(lambda: {one.uid for one in objects} <= orthanc.instances(), "north receives as before")


def _waits(intruder: Clinic) -> bool:
    """None of its pods that need the node of the address has a node."""
    spread = {one: intruder.pod(one)["spec"].get("nodeName") for one in ("scp", "scu", "dashboard")}
    return not any(spread.values())


def _drained(clinic: Clinic) -> bool:
    status = clinic.status(clinic.namespace)
    return bool(status.get("lastDelivery")) and status["waiting"]["objects"] == 0
