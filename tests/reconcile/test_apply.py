"""A route is applied, edited, refused; two of them want the same."""

import base64

from dicomrs_operator.crd import Status
from support.clinic_routes import DESTINATION
from support.polling import eventually, hold


def test_a_release_without_routes_has_its_objects(world) -> None:
    assert "items: []" in world.told()
    assert eventually(lambda: world.cluster.get("networkpolicies", "dicomrs-scu-targets"), "the policy")
    for name in ("dicomrs-scp-secrets", "dicomrs-scu-secrets"):
        assert world.cluster.get("secrets", name)["data"] == {}
    assert len(base64.b64decode(world.cluster.get("secrets", "dicomrs-dashboard-token")["data"]["token"])) >= 32


def test_an_applied_route_is_handed_over_and_becomes_ready(world) -> None:
    applied = world.apply()
    world.eventually_is("Ready", "True")
    assert f"dicomrs.io/revision: {applied['metadata']['uid']}/1" in world.told()
    assert world.route()["metadata"]["finalizers"] == ["dicomrs.io/drain"]
    assert set(world.route()["metadata"].get("annotations", {})) == set(), "nothing of ours in people's objects"
    assert Status.model_validate(world.route()["status"]).destinations == "zeroclick"
    policy = world.cluster.get("networkpolicies", "dicomrs-scu-targets")
    assert "192.168.10.16/32" in str(policy["spec"]["egress"])


def test_nothing_is_written_when_nothing_changes(world) -> None:
    world.apply()
    eventually(lambda: "Ready" in dict(world.events()), "the last of the first writes")
    count = len(world.cluster.writes)
    hold(lambda: len(world.cluster.writes) == count, "no writes", 5)


def test_an_edit_is_handed_over_under_its_generation(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    world.apply(destinations=[DESTINATION | {"host": "192.168.10.17"}])
    eventually(lambda: "192.168.10.17" in world.told(), "the edit")
    assert world.eventually_is("Ready", "True")["observedGeneration"] == 2
    assert "192.168.10.16" not in str(world.cluster.get("networkpolicies", "dicomrs-scu-targets"))


def test_a_refused_edit_leaves_the_last_good_version(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    before = world.told()
    world.apply(port=9999)
    refused = world.eventually_is("Accepted", "False", "PortNotReserved")
    assert "--set 'htr.ports={104,105,9999}'" in refused["message"]
    assert refused["message"].endswith("(see docs/troubleshooting.md#portnotreserved)")
    assert world.told() == before
    assert world.conditions()["Receiving"]["status"] == "True"
    assert world.conditions()["Receiving"]["observedGeneration"] == 1
    assert world.conditions()["Ready"]["status"] == "False"
    world.apply(port=105)
    world.eventually_is("Ready", "True")


def test_of_two_routes_on_one_port_the_second_waits_until_the_first_has_gone(world) -> None:
    world.apply("one")
    world.eventually_is("Ready", "True", name="one")
    world.apply("two")
    assert 'route "one"' in world.eventually_is("Accepted", "False", "AddressInUse", name="two")["message"]
    world.delete("one")
    world.eventually_is("Ready", "True", name="two")
    assert not world.route("one")


def test_a_root_that_has_received_something_stays(world) -> None:
    world.dashboard.changes["hospital-a"] = lambda status: status.update(received=True)
    world.apply()
    world.eventually_is("Ready", "True")
    world.apply(root="/home/dicom/elsewhere")
    world.eventually_is("Accepted", "False", "RootImmutable")
    assert "/home/dicom/elsewhere" not in world.told()


def test_events_tell_of_what_changed_and_of_nothing_twice(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    world.dashboard.changes["hospital-a"] = lambda status: status.update(
        destinations=[{"name": "zeroclick", "trouble": "connection refused"}]
    )
    assert (
        "zeroclick: connection refused" in world.eventually_is("Forwarding", "False", "DestinationTrouble")["message"]
    )
    assert world.conditions()["Ready"]["status"] == "True", "Ready never depends on a destination"
    eventually(lambda: "DestinationTrouble" in dict(world.events()), "the Event")
    del world.dashboard.changes["hospital-a"]
    world.eventually_is("Forwarding", "True")
    reasons = [reason for reason, _ in world.events()]
    assert reasons.count("DestinationTrouble") == 1
    assert all(one["involvedObject"]["name"] == "hospital-a" for one in world.cluster.all("events"))


def test_figures_reach_the_status(world) -> None:
    world.dashboard.changes["hospital-a"] = lambda status: status.update(
        waiting={"objects": 3, "bytes": 12, "oldest": "2026-01-01T00:00:00+00:00"}, parked=1
    )
    world.apply()
    eventually(lambda: world.route().get("status", {}).get("waiting") == {"objects": 3, "bytes": 12}, "what waits")
    del world.dashboard.changes["hospital-a"]
    eventually(lambda: "oldest" not in world.route()["status"], "nothing waits")
    assert world.route()["status"]["parked"] == 0


def test_pods_are_told_to_look_at_their_volumes_and_only_this_release_s(world) -> None:
    def pod(name: str, instance: str, component: str) -> None:
        labels = {"app.kubernetes.io/name": "dicomrs", "app.kubernetes.io/instance": instance}
        labels["app.kubernetes.io/component"] = component
        world.cluster.put("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}})

    def mounted(name: str) -> str:
        return str(world.cluster.get("pods", name)["metadata"].get("annotations", {}).get("dicomrs.io/mounted", ""))

    pod("scp", "dicomrs", "scp")
    pod("scu", "dicomrs", "scu")
    pod("operator", "dicomrs", "operator")
    pod("other", "another", "scp")
    eventually(lambda: mounted("scp") and mounted("scu"), "both are annotated")
    before = mounted("scp")
    world.apply()
    eventually(lambda: mounted("scp") != before, "annotated again")
    assert mounted("operator") == mounted("other") == ""
    assert ("PATCH", "pods", "scp") in world.cluster.writes


def test_a_killed_operator_changes_nothing_when_it_starts_again(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    before, version = world.told(), world.route()["metadata"]["resourceVersion"]
    world.operator.child.kill()
    world.operator.start()
    eventually(lambda: world.operator.http("/healthz")[0] == 200, "it runs again")
    hold(lambda: world.told() == before, "the same routes", 3)
    assert world.route()["metadata"]["resourceVersion"] == version
