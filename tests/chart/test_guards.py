"""What cannot work is refused before anything is installed, in a sentence that says what to do."""

import re

import pytest

from support.chart import ALL, CHART, SAID, merged, refusal, render

pytestmark = pytest.mark.peer("helm")

COMMITMENT = {"hostIP": "192.168.10.5", "ports": [11113]}
ROUTE = {"enabled": True, "spec": {"receiver": {"bindAddress": "172.22.61.14"}}}
INGRESS = {"enabled": True, "host": "dicom.example", "tlsSecretName": "tls"}
PROXIED = {"trustedProxies": ["10.244.0.0/16"]}
OPENID = {"issuer": "https://idp.example", "clientId": "x", "secretName": "y"}
# What is changed of values that work, and what the sentence begins with.
REFUSED = [
    ({"htr": {"address": ""}}, "htr.address is missing"),
    ({"htr": {"address": "172.22.61.0/24"}}, 'htr.address is "172.22.61.0/24", which is no IPv4 address'),
    ({"htr": {"address": "172.22.61.256"}}, 'htr.address is "172.22.61.256", which is no IPv4 address'),
    ({"htr": {"address": "router.example"}}, 'htr.address is "router.example", which is no IPv4 address'),
    ({"htr": {"address": "0.0.0.0"}}, "htr.address is 0.0.0.0, which is on every machine"),
    ({"htr": {"address": "127.0.0.1"}}, "htr.address is 127.0.0.1, which is on every machine"),
    ({"htr": {"ports": []}}, "htr.ports is empty"),
    ({"htr": {"ports": [0]}}, "htr.ports has 0, which is no TCP port"),
    ({"htr": {"ports": [104, 65536]}}, "htr.ports has 65536, which is no TCP port"),
    ({"htr": {"ports": [104, 104]}}, "htr.ports names a port twice"),
    ({"spool": {"mountPath": "home/dicom"}}, 'spool.mountPath is "home/dicom"'),
    ({"spool": {"mountPath": "/home/../etc"}}, 'spool.mountPath is "/home/../etc"'),
    ({"spool": {"mountPath": "/etc/dicomrs"}}, 'spool.mountPath is "/etc/dicomrs"'),
    ({"spool": {"mountPath": "/"}}, 'spool.mountPath is "/"'),
    ({"spool": {"accessModes": ["ReadWriteOncePod"]}}, "spool.accessModes must be"),
    ({"spool": {"accessModes": []}}, "spool.accessModes must be"),
    ({"spool": {"accessModes": ["ReadWriteMany"]}}, "spool.accessModes is [ReadWriteMany] without spool.storageClass"),
    ({"spool": {"reclaimPolicy": ""}}, "spool.reclaimPolicy is not Retain"),
    ({"spool": {"reclaimPolicy": "Delete"}}, "spool.reclaimPolicy is not Retain"),
    ({"image": {"registry": ""}}, "image.registry is empty"),
    ({"image": {"tag": "latest"}}, "image.tag is latest"),
    ({"scp": {"image": {"repository": ""}}}, 'scp.image.repository is ""'),
    ({"dashboard": {"image": {"repository": "x:latest"}}}, 'dashboard.image.repository is "x:latest"'),
    ({"operator": {"image": {"digest": "sha256:12"}}}, 'operator.image.digest is "sha256:12"'),
    ({"dashboard": {"basePath": "/a/"}}, 'dashboard.basePath is "/a/"'),
    ({"dashboard": {"trustedProxies": ["ingress"]}}, 'dashboard.trustedProxies has "ingress"'),
    ({"dashboard": {"ingress": INGRESS}}, "dashboard.ingress is enabled without dashboard.trustedProxies"),
    (
        {"dashboard": {"httpRoute": {"enabled": True}}},
        "dashboard.httpRoute is enabled without dashboard.trustedProxies",
    ),
    ({"dashboard": {"ingress": INGRESS} | PROXIED}, "dashboard.ingress is enabled, but networkPolicy.dashboardFrom"),
    (
        {"dashboard": {"ingress": {"enabled": True}} | PROXIED, "networkPolicy": {"enabled": False}},
        "dashboard.ingress is enabled without host and tlsSecretName",
    ),
    (
        {"dashboard": {"httpRoute": {"enabled": True}} | PROXIED, "networkPolicy": {"enabled": False}},
        "dashboard.httpRoute is enabled without parentRefs",
    ),
    ({"dashboard": {"proxyUser": {"header": "X-User"}} | PROXIED}, "dashboard.proxyUser needs both"),
    (
        {"dashboard": {"proxyUser": {"header": "X-User", "groupsHeader": "X-Groups"}}},
        "dashboard.proxyUser.header is set without dashboard.trustedProxies",
    ),
    ({"dashboard": {"openid": {"issuer": "http://idp.example"}}}, 'dashboard.openid.issuer is "http://idp.example"'),
    ({"dashboard": {"openid": {"issuer": "https://idp.example"}}}, "dashboard.openid.issuer is set without clientId"),
    ({"dashboard": {"openid": {"clientId": "x"}}}, "dashboard.openid has a clientId, a secretName or networks, but no"),
    (
        {"dashboard": {"openid": OPENID | {"networks": ["10.1.2.3"]}}},
        'dashboard.openid.networks has "10.1.2.3"',
    ),
    ({"scu": {"commitment": COMMITMENT | {"ports": [104]}}}, "scu.commitment.ports has 104"),
    ({"scu": {"commitment": COMMITMENT | {"ports": [8080]}}}, "scu.commitment.ports has 8080"),
    ({"scu": {"commitment": COMMITMENT | {"ports": [11113, 11113]}}}, "scu.commitment.ports names a port twice"),
    ({"scu": {"commitment": {"ports": [11113]}}}, "scu.commitment.ports are reserved, but no target could reach them"),
    ({"scu": {"commitment": {"hostIP": "192.168.10.5"}}}, "scu.commitment has a hostIP, a service or networks, but no"),
    ({"scu": {"commitment": COMMITMENT | {"hostIP": "here"}}}, 'scu.commitment.hostIP is "here"'),
    ({"scu": {"commitment": COMMITMENT | {"from": ["192.168.10.16"]}}}, 'scu.commitment.from has "192.168.10.16"'),
    (
        {"htr": {"ports": [11113]}, "scu": {"commitment": COMMITMENT | {"hostIP": "172.22.61.14"}}},
        "scu.commitment wants port 11113 of 172.22.61.14",
    ),
    ({"scp": {"healthPort": 65536}}, "scp.healthPort is 65536, which is no TCP port"),
    ({"scp": {"healthPort": -1}}, "scp.healthPort is -1, which is no TCP port"),
    ({"scp": {"healthPort": 104}}, "Port 104 is for DICOM"),
    ({"scp": {"healthPort": 11113}, "scu": {"commitment": COMMITMENT}}, "Port 11113 is for DICOM"),
    ({"networkPolicy": {"apiServerNetworks": ["api"]}}, 'networkPolicy.apiServerNetworks has "api"'),
    ({"networkPolicy": {"apiServerPorts": [0]}}, "networkPolicy.apiServerPorts has 0"),
    ({"networkPolicy": {"apiServerPorts": []}}, "networkPolicy.apiServerPorts is empty"),
    ({"route": ROUTE | {"name": "Hospital_A"}}, 'route.name is "Hospital_A"'),
    ({"route": {"enabled": True}}, "route.enabled is true, but route.spec has no receiver"),
    ({"route": {"spec": {"receiver": {"port": 104}}}}, "route.name or route.spec is set, but route.enabled is not"),
    (
        {"route": {"enabled": True, "spec": {"receiver": {"bindAddress": "10.0.0.1"}}}},
        "route.spec.receiver.bindAddress is 10.0.0.1, but this release has reserved 172.22.61.14",
    ),
    (
        {"route": {"enabled": True, "spec": {"receiver": {"bindAddress": "172.22.61.14", "port": 105}}}},
        "route.spec.receiver.port is 105, which this release has not reserved",
    ),
    ({"tests": {"sendTo": ["zeroclick"]}}, 'tests.sendTo has "zeroclick": name a route and one of its destinations'),
    ({"route": ROUTE, "tests": {"sendTo": ["hospital-a/nowhere"]}}, 'tests.sendTo has "hospital-a/nowhere", but'),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_what_cannot_work_is_refused_in_a_sentence(change, sentence):
    said = refusal(merged(SAID, change))
    assert sentence in said
    told, *rest = said[said.index(sentence) :].strip().splitlines()
    assert told.endswith("."), told
    assert set(rest) <= {"", "Use --debug flag to render out invalid YAML"}, said


@pytest.mark.parametrize(
    ("release", "sentence"),
    [("a" * 40, "install it under a shorter one."), ("a.b", "has no dots."), ("1a", "begins with a letter")],
)
def test_a_release_whose_names_kubernetes_would_not_take_is_refused(release, sentence):
    assert sentence in refusal(SAID, release=release)


def test_every_sentence_of_the_guards_has_a_case_here():
    guards = (CHART / "templates" / "guards.yaml").read_text(encoding="utf-8")
    sentences = re.findall(r'fail \(?(?:printf )?"(.+)"', guards)
    said = "\n".join(
        [refusal(merged(SAID, change)) for change, _ in REFUSED]
        + [refusal(SAID, release=name) for name in ("a" * 40, "a.b")]
    )
    assert len(sentences) == guards.count("{{- fail ")
    assert [one for one in (re.split("%[qds]", line)[0] for line in sentences) if one not in said] == []


def test_values_that_work_are_taken():
    for values in (
        SAID,
        ALL,
        merged(SAID, {"spool": {"reclaimPolicy": "", "acceptDeletion": True}}),
        merged(SAID, {"spool": {"reclaimPolicy": "", "existingClaim": "mine"}}),
        merged(SAID, {"tests": {"sendTo": ["another-route/applied-by-hand"]}}),
    ):
        assert render(values)


def test_the_guards_render_nothing():
    assert None not in [one.get("kind") for one in render(SAID)]


@pytest.mark.parametrize(
    "path", ["htr.adress", "scp.image.tag", "spool.retain", "global", "monitoring.prometheusRule.on"]
)
def test_a_key_that_the_chart_does_not_know_is_refused(path):
    change: dict = {path.split(".")[-1]: "x"}
    for key in reversed(path.split(".")[:-1]):
        change = {key: change}
    assert "additional properties" in refusal(merged(SAID, change))
