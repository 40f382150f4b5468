"""What the operator owns is put back when somebody changes or removes it, and follows the Secrets that routes name."""

from support.clinic_routes import DESTINATION
from support.polling import eventually, hold

DOOR, TARGET = "dicomrs-scp-secrets", "dicomrs-scu-secrets"


def secret(name: str, **data: str) -> dict:
    keys = {key.replace("_", "."): value for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": keys}


def data(world, name: str) -> dict:
    return world.cluster.get("secrets", name)["data"]


def test_a_deleted_config_map_is_written_again(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    before = world.told()
    world.cluster.delete("configmaps", "dicomrs-routes")
    eventually(lambda: world.told() == before, "the same routes again")


def test_a_config_map_that_somebody_wrote_is_put_right(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")
    before = world.told()
    forged = {"data": {"routes.yaml": before.replace("192.168.10.16", "10.6.6.6"), "more.yaml": "items: []"}}
    world.cluster.patch("configmaps", "dicomrs-routes", forged)
    eventually(lambda: world.told() == before, "the operator's own routes")


def test_a_rotated_secret_reaches_the_copy_and_each_service_has_only_its_own(world) -> None:
    world.cluster.put("secrets", secret("door", tls_crt="QQ==", tls_key="Qg==", password="Qw=="))
    world.cluster.put("secrets", secret("target", ca_crt="RA=="))
    world.apply(tls={"secretName": "door"}, destinations=[DESTINATION | {"tls": {"secretName": "target"}}])
    eventually(lambda: data(world, DOOR) == {"door.tls.crt": "QQ==", "door.tls.key": "Qg=="}, "the receiver's")
    assert eventually(lambda: data(world, TARGET), "the destination's") == {"target.ca.crt": "RA=="}
    world.cluster.put("secrets", secret("door", tls_crt="TkVX", tls_key="Qg=="))
    eventually(lambda: data(world, DOOR)["door.tls.crt"] == "TkVX", "the new certificate", within=5)


def test_a_secret_that_is_not_there_is_a_trouble_and_one_that_has_gone_leaves_its_copy(world) -> None:
    world.dashboard.changes["hospital-a"] = lambda status: status["scp"].update(
        listening=False, trouble="no certificate"
    )
    world.apply(tls={"secretName": "door"})
    missing = world.eventually_is("Receiving", "False", "SecretMissing")
    assert '"door"' in missing["message"]
    assert world.conditions()["Accepted"]["status"] == "True"
    world.cluster.put("secrets", secret("door", tls_crt="QQ=="))
    world.dashboard.changes.clear()
    world.eventually_is("Receiving", "True")
    world.cluster.delete("secrets", "door")
    eventually(lambda: "a copy is in use, make it again" in world.conditions()["Receiving"]["message"], "it is told")
    assert data(world, DOOR) == {"door.tls.crt": "QQ=="}


def test_copies_go_with_the_route_that_needed_them(world) -> None:
    world.cluster.put("secrets", secret("door", tls_crt="QQ=="))
    world.apply(tls={"secretName": "door"})
    eventually(lambda: data(world, DOOR), "the copy")
    world.eventually_is("Ready", "True")
    world.delete()
    eventually(lambda: data(world, DOOR) == {}, "no copy")


def test_the_token_is_made_once(world) -> None:
    first = data(world, "dicomrs-dashboard-token")
    world.operator.kill()
    world.operator.start()
    eventually(lambda: world.operator.http("/healthz")[0] == 200, "it runs again")
    hold(lambda: data(world, "dicomrs-dashboard-token") == first, "the same token", 3)


def test_network_policies_can_be_left_out(make_world) -> None:
    world = make_world()
    eventually(lambda: world.cluster.get("networkpolicies", "dicomrs-scu-targets"), "the policy")
    world.operator.kill()
    world.operator.set("DICOMRS_NETWORK_POLICY", "false")
    world.operator.start()
    eventually(lambda: world.cluster.get("networkpolicies", "dicomrs-scu-targets") is None, "no policy")
