"""The disk gets full: scanners are refused before it is, and what frees it is the last thing to be evicted."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.cluster.clinic import Clinic
from support.cluster.kind import Cluster
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.objects import series
from support.polling import eventually
from tools.images import image_name, image_tag

MEBIBYTES, RESERVE = 128, "80Mi"  # of the volume
SLICES = 120  # of half a mebibyte: more than it takes
FOLDER, VOLUME = "/mnt/e2e-small", "e2e-small"
FOREIGN = f"{FOLDER}/of-somebody-else"
KUBELET = "/var/lib/kubelet/config.yaml"
WITNESS = "open('/tmp/much', 'wb').write(bytes(50_000_000)); import time; time.sleep(3600)"


@pytest.fixture(scope="module")
def small_volume(cluster: Cluster) -> Iterator[str]:
    """A StorageClass with one volume, on a filesystem of its own: it can be filled without harm to the node."""
    _remove_volume(cluster)
    cluster.on_node("mkdir", "-p", FOLDER)
    cluster.on_node("mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", VOLUME, FOLDER)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [cluster.node]}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},  # as much as is claimed
        "local": {"path": FOLDER},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": VOLUME,
    }
    cluster.apply(
        "default", {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": VOLUME}, "spec": spec}
    )
    yield VOLUME
    _remove_volume(cluster)


def _remove_volume(cluster: Cluster) -> None:
    cluster.kubectl("delete", "persistentvolume", VOLUME, "--ignore-not-found", "--wait=false")
    cluster.on_node("sh", "-c", f"! mountpoint -q {FOLDER} || umount -l {FOLDER}")


@pytest.fixture(scope="module")
def clinic(make_clinic, small_volume: str, orthanc: OrthancTarget) -> Iterator[Clinic]:
    made: Clinic = make_clinic("disk")
    made.label_node()
    made.install("--wait", spool__storageClass=small_volume)
    made.apply(made.route(orthanc.destination, storage={"reserve": RESERVE}))
    made.wait_condition("Ready", "True")
    yield made
    made.remove()  # before its volume


def test_scanners_are_refused_at_the_reserve_until_there_is_room_again(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    """A full disk drains, and what makes room is enough: nothing is restarted, nothing lost."""
    objects, life = series(SLICES, rows=512), _life(clinic)
    orthanc.down()
    with steps.step("send more than there is room for; until the route says so"):
        taken = {one.uid for one in scanner.send(objects)}
        assert 0 < len(taken) < SLICES
        reason, message = clinic.wait_condition("StorageHealthy", "False")
    steps.say(f"{len(taken)} of {SLICES} were acknowledged; {reason}: {message}")
    assert reason == "ReserveReached"
    assert "spec.storage.reserve" in message
    assert clinic.wait_condition("Receiving", "False")[0] == reason
    assert clinic.wait_condition("Ready", "False")[0] == reason
    eventually(lambda: not clinic.pod("scp")["status"]["containerStatuses"][0]["ready"], "the pod is not ready")

    clinic.cluster.on_node("sh", "-c", f"! dd if=/dev/zero of={FOREIGN} bs=1M 2>/dev/null")
    with steps.step("the target is back; until all has left a disk without a free byte"):
        orthanc.up()
        orthanc.wait()
        eventually(lambda: orthanc.instances() == taken, "all that was acknowledged is at the target", 120)
    assert not scanner.echo(), "an association is taken that nothing could be kept of"
    assert clinic.condition("StorageHealthy")[1] == reason

    clinic.cluster.on_node("rm", FOREIGN)
    with steps.step("somebody else's file is gone; until the route is Ready"):
        clinic.wait_condition("StorageHealthy", "True")
        clinic.wait_condition("Ready", "True")
    scanner.send_all([one for one in objects if one.uid not in taken])
    eventually(lambda: orthanc.count() == SLICES, "all are at the target")
    assert orthanc.instances() == {one.uid for one in objects}
    assert _life(clinic) == life, "a service was restarted"


def _life(clinic: Clinic) -> list[tuple[str, int]]:
    """Another one when a pod or its container is."""
    pods = [clinic.pod(component) for component in ("scp", "scu")]
    return [(pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]) for pod in pods]


def test_what_frees_the_disk_lives_while_the_kubelet_evicts(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    """The pods of scp and scu stay, new ones start, and they receive and drain; others have to go."""
    clinic.kubectl(
        "run", "witness", f"--image={image_name('scu', image_tag())}", "--command", "--", "python", "-c", WITNESS
    )
    clinic.kubectl("wait", "--for=condition=Ready", "pod/witness", "--timeout=60s")
    before, life = orthanc.instances(), _life(clinic)
    orthanc.down()
    waiting, later = series(20), series(20)
    scanner.send_all(waiting)
    with _disk_pressure(clinic.cluster, steps):
        with steps.step("until a pod is evicted"):
            eventually(lambda: clinic.get("pod", "witness")["status"].get("reason") == "Evicted", "the witness is", 120)
        assert _life(clinic) == life
        with steps.step("new pods of scp and scu"):
            clinic.kubectl("delete", "pods", "-l", clinic.selector("scp"))
            clinic.kubectl("delete", "pods", "-l", clinic.selector("scu"))
            clinic.wait_rolled_out("scp")
            clinic.wait_rolled_out("scu")
        with steps.step("receive, and drain"):
            eventually(scanner.echo, "C-ECHO")
            scanner.send_all(later)
            orthanc.up()
            orthanc.wait()
            eventually(lambda: orthanc.count() == len(before) + len(waiting) + len(later), "all are at the target", 90)
        assert _presses(clinic.cluster), "it was over too early to prove anything"
    assert orthanc.instances() == before | {one.uid for one in (*waiting, *later)}
    with steps.step("until all is as before"):
        clinic.wait_ready()
        clinic.wait_condition("Ready", "True")


@contextmanager
def _disk_pressure(cluster: Cluster, steps: Steps) -> Iterator[None]:
    """Have the kubelet evict as if the disk were nearly full; kind switches that off."""
    # It would first remove images that no pod uses, and nothing here could pull them again.
    pin = "ctr -n k8s.io images ls -q | xargs -I{} ctr -n k8s.io images label {} io.cri-containerd.pinned=pinned"
    cluster.on_node("sh", "-c", pin)
    kept = f"{KUBELET}.before-e2e"
    cluster.on_node("cp", KUBELET, kept)
    try:
        cluster.on_node("sed", "-i", "s/nodefs.available: .*/nodefs.available: 99%/", KUBELET)
        cluster.on_node("systemctl", "restart", "kubelet")
        with steps.step("until the node is under disk pressure"):
            eventually(lambda: _presses(cluster), "the node says so")
        yield
    finally:
        cluster.on_node("mv", kept, KUBELET)
        cluster.on_node("systemctl", "restart", "kubelet")
        with steps.step("until the node is no longer under disk pressure"):
            eventually(lambda: not _presses(cluster), "the node says so", 120)
        cluster.kubectl("delete", "pods", "-A", "--field-selector=status.phase=Failed")


def _presses(cluster: Cluster) -> bool:
    node = cluster.get("node", cluster.node)
    (pressure,) = [one for one in node["status"]["conditions"] if one["type"] == "DiskPressure"]
    tainted = any(one["key"] == "node.kubernetes.io/disk-pressure" for one in node["spec"].get("taints", ()))
    return pressure["status"] == "True" or tainted
