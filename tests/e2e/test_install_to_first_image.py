"""From nothing to the first image: helm install, a label, kubectl apply; a CT is at both targets in seconds."""

from datetime import UTC, datetime

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, Scanner, TapTarget, identity
from support.cluster.programs import Steps
from support.objects import series
from support.polling import eventually

SLICES = 300
SOON = 60  # seconds; on a machine that does nothing else under 5 to the first C-ECHO, under 10 after the last slice
MEMORY = {"scp": 80, "scu": 80, "dashboard": 130, "operator": 130}  # megabytes, after that


def test_install_to_first_image(
    make_clinic, orthanc: OrthancTarget, tap: TapTarget, scanner: Scanner, steps: Steps
) -> None:
    clinic: Clinic = make_clinic("hospital-a")
    with steps.step("helm install"):
        clinic.install()
    with steps.step("label the node; until all pods are ready"):
        clinic.label_node()
        clinic.wait_ready()
    assert not scanner.echo(), "somebody answers before there is a route"

    applied = datetime.now(UTC)
    with steps.step("kubectl apply; until C-ECHO is answered"):
        clinic.apply(clinic.route(orthanc.destination, tap.destination))
        eventually(scanner.echo, "C-ECHO", SOON)
    for line in clinic.log_since(applied, "operator", "scp"):
        steps.say(line)
    with steps.step("until the route is Ready"):
        clinic.wait_condition("Ready", "True")

    objects = series(SLICES, rows=512)
    with steps.step(f"send {SLICES} slices"):
        scanner.send_all(objects)
    with steps.step("until both targets have them and nothing waits"):
        eventually(lambda: _arrived(clinic, orthanc, tap), "everything is everywhere", SOON)
    assert orthanc.instances() == {one.uid for one in objects}
    assert sorted(tap.received()) == sorted(identity(one) for one in objects)
    clinic.wait_condition("Ready", "True", within=SOON)
    for line in clinic.kubectl("get", "clinicroutes").splitlines():
        steps.say(line)

    with steps.step("idle"):
        usage = {component: clinic.usage(component) for component in MEMORY}
    for component, (memory, cpu) in usage.items():
        steps.say(f"{component}: {memory:.0f} MB, {cpu:.1f} % of a CPU")
    assert not [one for one, (memory, _) in usage.items() if memory >= MEMORY[one]], usage


def _arrived(clinic: Clinic, orthanc: OrthancTarget, tap: TapTarget) -> bool:
    status = clinic.status()
    told = status.get("waiting", {}).get("objects") == 0 and bool(status.get("lastDelivery"))
    return told and orthanc.count() == len(tap.received()) == SLICES
