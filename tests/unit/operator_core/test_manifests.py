"""The objects that the operator makes of routes."""

from dataclasses import replace

import yaml

from dicomrs.route import load_manifests
from dicomrs_operator.manifests import config_map, copies, is_as_wanted, receiver_secrets, targets_policy, token
from dicomrs_operator.routes import Running, read_routes_yaml, routes_yaml, running
from support.clinic_routes import DESTINATION, SETTINGS, spec, wanted


def runs(name: str = "hospital-a", **fields) -> Running:
    found = running(wanted(name, **fields), spec(**fields))
    assert isinstance(found, Running)
    return found


def test_the_services_load_what_the_operator_writes(tmp_path) -> None:
    routes = [runs("b", port=105), replace(runs("a"), draining=True)]
    file = tmp_path / "routes.yaml"
    file.write_text(config_map(SETTINGS, routes)["data"]["routes.yaml"])
    loaded = load_manifests([file])
    assert [route.metadata.name for route in loaded] == ["a", "b"]
    assert loaded[0].metadata.annotations["dicomrs.io/draining"] == "true"
    assert loaded[1].metadata.annotations == {"dicomrs.io/revision": "uid-b/1"}
    assert [route.spec for route in loaded] == [routes[1].route.spec, routes[0].route.spec]


def test_no_routes_are_a_list_without_items() -> None:
    assert yaml.safe_load(routes_yaml([])) == {"apiVersion": "v1", "kind": "List", "items": []}


def test_what_was_written_is_read_back_after_a_start() -> None:
    routes = {"a": replace(runs("a"), draining=True), "b": runs("b", port=105)}
    assert read_routes_yaml(routes_yaml(routes.values())) == routes


def test_what_cannot_be_read_is_left_out() -> None:
    good = routes_yaml([runs("a")])
    for written_by_hand in ("items: 5", "items: [{spec: 2001-99-99}]", "[" * 5000):
        assert read_routes_yaml(written_by_hand) == {}
    assert read_routes_yaml("{{{") == read_routes_yaml("") == read_routes_yaml("[]") == {}
    broken = yaml.safe_load(good)
    broken["items"] += [None, {}, broken["items"][0] | {"spec": {}}]
    assert list(read_routes_yaml(yaml.safe_dump(broken))) == ["a"]


def test_each_service_gets_its_own_secrets_only() -> None:
    route = runs(tls={"secretName": "door"}, destinations=[DESTINATION | {"tls": {"secretName": "target"}}])
    assert receiver_secrets([route]) == {"door"}
    sources = {"door": {"tls.crt": "QQ==", "tls.key": "Qg==", "password": "Qw=="}}
    assert copies(SETTINGS, "scp", {"door"}, sources, None)["data"] == {"door.tls.crt": "QQ==", "door.tls.key": "Qg=="}


def test_a_source_that_has_gone_leaves_its_copy() -> None:
    present = {"data": {"door.tls.crt": "QQ==", "other.tls.crt": "Qg=="}}
    assert copies(SETTINGS, "scp", {"door"}, {}, present)["data"] == {"door.tls.crt": "QQ=="}
    emptied = {"door": {"password": "Qw=="}}
    assert copies(SETTINGS, "scp", {"door"}, emptied, present)["data"] == {"door.tls.crt": "QQ=="}


def test_the_sending_service_reaches_its_targets_names_and_nothing_else() -> None:
    reports = {"commitment": {"listen": {"bindAddress": "0.0.0.0", "port": 11113}}}
    named = {"name": "archive", "host": "pacs.example.org", "port": 104, "aeTitle": "PACS"}
    six = {"name": "six", "host": "fd00::7", "port": 104, "aeTitle": "SIX"}
    policy = targets_policy(SETTINGS, [runs(destinations=[DESTINATION | reports, named, six])])["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "scu"
    assert policy["policyTypes"] == ["Egress", "Ingress"]
    assert policy["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 104}]},  # the host name's own rule
        {"ports": [{"protocol": "TCP", "port": 4243}], "to": [{"ipBlock": {"cidr": "192.168.10.16/32"}}]},
        {"ports": [{"protocol": "TCP", "port": 104}], "to": [{"ipBlock": {"cidr": "fd00::7/128"}}]},
    ]
    assert policy["ingress"] == [], "the chart's policy says who may deliver reports"


def test_a_target_in_an_ipv6_zone_is_a_block_without_it() -> None:
    rules = targets_policy(SETTINGS, [runs(destinations=[DESTINATION | {"host": "fe80::1%eth0"}])])["spec"]["egress"]
    assert rules[1]["to"] == [{"ipBlock": {"cidr": "fe80::1/128"}}]


def test_an_object_is_written_only_when_it_says_something_else() -> None:
    manifest = targets_policy(SETTINGS, [runs()])
    present = manifest | {
        "status": {},
        "spec": {key: part for key, part in manifest["spec"].items() if key != "ingress"},
    }
    assert is_as_wanted(present, manifest), "the API server leaves empty lists out"
    assert not is_as_wanted(None, manifest)
    assert not is_as_wanted(targets_policy(SETTINGS, []), manifest)
    assert not is_as_wanted(manifest, targets_policy(SETTINGS, []))
    secret = token(SETTINGS, "QQ==")
    assert is_as_wanted(secret | {"immutable": False}, secret)
    assert not is_as_wanted(secret | {"data": secret["data"] | {"more": "QQ=="}}, secret)
