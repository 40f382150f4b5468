"""A service, a pod and the node die in the middle of it: whatever a scanner was told is safe arrives."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.cluster.clinic import Clinic
from support.cluster.network import CLINIC, HTR, Networks
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import CallError, Steps
from support.objects import Instance, series
from support.polling import eventually, hold

SLICES, WAITING, ONES = 1200, 40, 10
STAYS = 10  # seconds that the receiver waits for its address, without ending


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget, scanner: Scanner) -> Clinic:
    made: Clinic = make_clinic("kills")
    made.begin(made.route(orthanc.destination))
    eventually(scanner.echo, "C-ECHO")
    return made


def test_the_receiver_killed_in_mid_transfer(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    orthanc.down()
    objects = series(SLICES, rows=128)
    folder = clinic.folder()
    with ThreadPoolExecutor(1) as pool, steps.step("kill scp in mid-transfer"):
        sending = pool.submit(scanner.send, objects)
        eventually(lambda: clinic.cluster.waiting(folder) > SLICES / 20, "the transfer is under way")
        clinic.kill("scp")
        taken = sending.result()
    steps.say(f"{len(taken)} of {SLICES} were acknowledged")
    assert 0 < len(taken) < SLICES, "it was not killed in mid-transfer"
    with steps.step("until it receives again"):
        eventually(scanner.echo, "C-ECHO")
    orthanc.up()
    orthanc.wait()
    with steps.step("until what was acknowledged has arrived"):
        _arrive(orthanc, taken)
    with steps.step("the scanner sends the rest again; until it has arrived"):
        scanner.send_all([one for one in objects if one not in taken])
        _arrive(orthanc, objects)


def test_the_senders_pod_deleted_with_objects_waiting(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    orthanc.down()
    objects = series(WAITING)
    scanner.send_all(objects)
    eventually(lambda: clinic.status()["waiting"]["objects"] == WAITING, "all wait")
    with steps.step("delete scu's pod, at once; until there is another"):
        clinic.kubectl("delete", "pod", clinic.pod("scu")["metadata"]["name"], "--force", "--grace-period=0")
        clinic.wait_rolled_out("scu")
    assert clinic.status()["waiting"]["objects"] == WAITING
    orthanc.up()
    orthanc.wait()
    with steps.step("until all that waited has arrived"):
        _arrive(orthanc, objects)


@pytest.fixture
def networks_in_the_end(networks: Networks) -> Iterator[Networks]:
    yield networks
    networks.connect_node()


def test_the_node_restarted_without_its_address(
    clinic: Clinic, networks_in_the_end: Networks, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    networks = networks_in_the_end
    orthanc.down()
    waiting = series(WAITING)
    scanner.send_all(waiting)
    with steps.step("restart the node; until its pods are back"):
        before, _ = _running(clinic)
        networks.restart_node()
        networks.connect_node(CLINIC)
        eventually(lambda: _restarted(clinic, before), "scp runs again", 180)
        clinic.wait_rolled_out("scu")
        clinic.wait_rolled_out("operator")
    with steps.step("the receiver waits for its address"):
        eventually(lambda: clinic.condition("Receiving")[:2] == ("False", "NotListening"), "the route says so")
        steps.say(clinic.condition("Receiving")[2])
        started, _ = _running(clinic)
        hold(lambda: _running(clinic) == (started, False), "scp waits and is not ready", STAYS)
        assert clinic.status()["waiting"]["objects"] == WAITING
    with steps.step("the address comes; until C-ECHO is answered"):
        networks.connect_node(HTR)
        eventually(scanner.echo, "C-ECHO")
    assert _running(clinic)[0] == started, "it received only after another start"
    clinic.wait_condition("Ready", "True")
    later = series(ONES)
    scanner.send_all(later)
    orthanc.up()
    orthanc.wait()
    with steps.step("until all has arrived"):
        _arrive(orthanc, [*waiting, *later])


def _arrive(orthanc: OrthancTarget, objects: Sequence[Instance]) -> None:
    expected = {one.uid for one in objects}
    eventually(lambda: expected <= orthanc.instances(), "all that was acknowledged is at the target", 120)


def _restarted(clinic: Clinic, before: str) -> bool:
    """While the node starts, its API server comes and goes."""
    try:
        return _running(clinic)[0] not in {before, ""}
    except CallError:
        return False


def _running(clinic: Clinic) -> tuple[str, bool]:
    """When the receiver that runs was started ("" if none runs), and whether it is ready."""
    (state,) = clinic.pod("scp")["status"]["containerStatuses"]
    return state["state"].get("running", {}).get("startedAt", ""), state["ready"]
