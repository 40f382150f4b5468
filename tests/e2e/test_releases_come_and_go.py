"""A release is upgraded, rolled back, uninstalled and installed again, and its namespace deleted: nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster.clinic import Clinic
from support.cluster.kind import Cluster
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.objects import series
from support.polling import eventually
from support.router import changed

OBJECTS = 20
SECOND_PORT = 11112
RETAIN = "e2e-retain"


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget) -> Clinic:
    made: Clinic = make_clinic("comes")
    made.begin(made.route(orthanc.destination))
    return made


def test_upgrade_after_edits_and_rollback(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    """The chart and the operator write to one release, and neither to a field of the other: no conflicts to force."""
    day = clinic.route(orthanc.destination)
    clinic.apply(changed(day, receiver={"aeTitle": "EDITED"}))
    eventually(lambda: scanner.echo(called="EDITED"), "the edit is in effect")
    clinic.apply(day)
    night = clinic.route(orthanc.destination, name="night", port=SECOND_PORT)
    clinic.apply(night)
    assert clinic.wait_condition("Accepted", "False", "night")[0] == "PortNotReserved"
    with steps.step("helm upgrade reserves one more port"):
        clinic.upgrade("--wait", htr__ports=f"{{104,{SECOND_PORT}}}")
        clinic.wait_condition("Ready", "True", "night")
    eventually(lambda: scanner.echo(port=SECOND_PORT), "C-ECHO at the second port")
    with steps.step("helm rollback"):
        clinic.rollback("--wait")
        assert clinic.wait_condition("Accepted", "False", "night")[0] == "PortNotReserved"
    clinic.kubectl("delete", "clinicroute", "night", "--timeout=60s")
    clinic.wait_condition("Ready", "True")
    eventually(scanner.echo, "C-ECHO after the rollback")


def test_uninstalled_and_installed_again_with_objects_waiting(
    clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    delivered, waiting = series(OBJECTS), series(OBJECTS)
    scanner.send_all(delivered)
    eventually(lambda: orthanc.count() == OBJECTS and not _waiting(clinic), "the first are delivered")
    folder = clinic.folder()
    receipts = eventually(lambda: len(found := _receipts(clinic.cluster, folder)) == OBJECTS and found, "all receipts")
    assert receipts
    orthanc.down()
    scanner.send_all(waiting)
    with steps.step("helm uninstall"):
        clinic.uninstall()
    assert clinic.cluster.waiting(folder) == OBJECTS
    with steps.step("helm install; until the route is Ready"):
        clinic.install("--wait")
        clinic.wait_condition("Ready", "True")
    eventually(lambda: _waiting(clinic) == OBJECTS, "the new release finds what waits")
    orthanc.up()
    orthanc.wait()
    with steps.step("until all that waited has arrived"):
        eventually(lambda: not _waiting(clinic), "nothing waits", 90)
    assert orthanc.instances() == {one.uid for one in (*delivered, *waiting)}
    kept = _receipts(clinic.cluster, folder)
    assert set(receipts) <= set(kept)
    assert len(kept) == 2 * OBJECTS


@pytest.fixture
def retaining(cluster: Cluster) -> Iterator[None]:
    """A class like the cluster's own, but for what becomes of volumes whose claim is gone."""
    (own,) = [one for one in cluster.get("storageclasses")["items"] if one["metadata"]["name"] == "standard"]
    kept = {name: own[name] for name in ("apiVersion", "kind", "provisioner", "volumeBindingMode")}
    cluster.apply("default", {**kept, "metadata": {"name": RETAIN}, "reclaimPolicy": "Retain"})
    yield
    for volume in _volumes(cluster):
        cluster.kubectl("delete", "persistentvolume", volume["metadata"]["name"], "--wait=false")
        cluster.on_node("rm", "-rf", (volume["spec"].get("hostPath") or volume["spec"]["local"])["path"])
    cluster.kubectl("delete", "storageclass", RETAIN)


def test_a_deleted_namespace_with_a_class_that_retains_loses_nothing(
    clinic: Clinic, retaining: None, make_clinic, orthanc: OrthancTarget, scanner: Scanner, steps: Steps
) -> None:
    """As in docs/kubernetes/uninstall.md, without what it says to do before."""
    clinic.remove()  # it has the address
    goes: Clinic = make_clinic("goes")
    goes.label_node()
    goes.install(
        "--wait", spool__storageClass=RETAIN, spool__reclaimPolicy="Retain", spool__acceptDeletion="false"
    )  # fmt: skip
    route = goes.route(orthanc.destination)
    goes.apply(route)
    goes.wait_condition("Ready", "True")
    orthanc.down()
    objects = series(OBJECTS)
    scanner.send_all(objects)
    folder = goes.folder()
    with steps.step("delete the namespace with objects waiting, and let go of its route"):
        goes.cluster.kubectl("delete", "namespace", goes.namespace, "--wait=false")
        eventually(lambda: not goes.get("pods")["items"], "its pods are gone", 120)
        patch = '{"metadata":{"finalizers":null}}'
        goes.kubectl("patch", "clinicroute", "hospital-a", "--type=merge", "-p", patch)
        goes.cluster.kubectl("wait", "--for=delete", f"namespace/{goes.namespace}", "--timeout=60s")
    eventually(lambda: [one["status"]["phase"] for one in _volumes(goes.cluster)] == ["Released"], "it is let go")
    (volume,) = _volumes(goes.cluster)
    assert goes.cluster.waiting(folder) == OBJECTS

    with steps.step("a new namespace and release on the old volume"):
        name = volume["metadata"]["name"]
        goes.cluster.kubectl("patch", "persistentvolume", name, "--type=merge", "-p", '{"spec":{"claimRef":null}}')
        goes.cluster.kubectl("create", "namespace", goes.namespace)
        goes.apply(_claim(volume))
        goes.install("--wait", spool__existingClaim="rescued", spool__acceptDeletion="false")
        goes.apply(route)
        goes.wait_condition("Ready", "True")
    orthanc.up()
    orthanc.wait()
    with steps.step("until all that waited has arrived"):
        eventually(lambda: {one.uid for one in objects} <= orthanc.instances(), "all that waited arrives", 90)
    goes.remove()  # before its volume


def _volumes(cluster: Cluster) -> list[Any]:
    found = cluster.get("persistentvolumes")["items"]
    return [one for one in found if one["spec"].get("storageClassName") == RETAIN]


def _claim(volume: Any) -> dict[str, Any]:
    spec = volume["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "rescued"},
        "spec": {
            "accessModes": spec["accessModes"],
            "storageClassName": RETAIN,
            "volumeName": volume["metadata"]["name"],
            "resources": {"requests": spec["capacity"]},
        },
    }


def _waiting(clinic: Clinic) -> int:
    return int(clinic.status().get("waiting", {}).get("objects", -1))


def _receipts(cluster: Cluster, folder: str) -> list[str]:
    """The lines of all receipts of a route."""
    return cluster.on_node("find", folder, "-name", ".receipts.jsonl", "-exec", "cat", "{}", "+").splitlines()
