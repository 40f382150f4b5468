"""The objects of a release: what is rendered, what is not, and what the cluster's own schemas say to it."""

import pytest
import yaml
from kubernetes_validate import validate

from dicomrs.route.model import ClinicRoute
from support.chart import ALL, CHART, SAID, helm, kinds, merged, pod_specs, render

pytestmark = pytest.mark.peer("helm")

BOTH = pytest.mark.parametrize("values", [SAID, ALL], ids=["least", "all"])
COMPONENTS = ("scp", "scu", "dashboard", "operator")
OF_THE_OPERATOR = {"routes", "scp-secrets", "scu-secrets", "dashboard-token", "scu-targets"}
# Kinds that clusters have of others: nothing here knows their schemas.
OF_OTHERS = {"ClinicRoute", "HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule"}


def test_helm_finds_nothing_to_say():
    done = helm("lint", "--strict", str(CHART), values=ALL)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["1.31", "1.34", "1.37"])
@BOTH
def test_kubernetes_takes_every_object(values, version):
    for one in render(values):
        if one["kind"] not in OF_OTHERS:
            validate(one, version, strict=True)


def test_the_objects_of_the_least_release():
    objects = sorted((one["kind"], one["metadata"]["name"].removeprefix("hospital-a-dicomrs-")) for one in render(SAID))
    assert objects == sorted(
        [("Deployment", one) for one in COMPONENTS]
        + [("ServiceAccount", one) for one in COMPONENTS]
        + [("NetworkPolicy", one) for one in ("default-deny", "dashboard", "operator", "dns")]
        + [("Pod", f"test-{one}") for one in ("receivers", "destinations", "dashboard")]
        + [
            ("Role", "operator"),
            ("RoleBinding", "operator"),
            ("Service", "dashboard"),
            ("PersistentVolumeClaim", "spool"),
        ]
    )


@BOTH
def test_nothing_that_the_operator_makes_is_rendered(values):
    made = {f"hospital-a-dicomrs-{name}" for name in OF_THE_OPERATOR}
    assert not [one["metadata"]["name"] for one in render(values) if one["metadata"]["name"] in made]
    assert not kinds(render(values), "Secret")


@BOTH
def test_every_object_is_in_the_releases_namespace_and_labelled(values):
    for one in render(values):
        metadata = one["metadata"]
        name = f"{one['kind']} {metadata['name']}"
        assert metadata["namespace"] == "clinic-a", name
        labels = metadata["labels"]
        assert labels["app.kubernetes.io/name"] == "dicomrs", name
        assert labels["app.kubernetes.io/instance"] == "hospital-a", name
        assert labels["app.kubernetes.io/managed-by"] == "Helm", name
        assert {"app.kubernetes.io/component", "app.kubernetes.io/version", "helm.sh/chart"} <= set(labels), name
        assert "Cluster" not in one["kind"], name


@BOTH
def test_pods_are_selected_by_what_never_changes(values):
    for name, deployment in kinds(render(values), "Deployment").items():
        component = name.removeprefix("hospital-a-dicomrs-")
        labels = {
            "app.kubernetes.io/name": "dicomrs",
            "app.kubernetes.io/instance": "hospital-a",
            "app.kubernetes.io/component": component,
        }
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        assert deployment["spec"]["template"]["metadata"] == {"labels": labels}


def test_names_of_digits_only_stay_text():
    for one in render(SAID, namespace="2026"):
        assert one["metadata"]["namespace"] == "2026"
        if one["kind"] not in OF_OTHERS:
            validate(one, "1.34", strict=True)


def test_a_release_that_bears_the_products_name_does_not_repeat_it():
    assert "dicomrs-scp" in kinds(render(SAID, release="dicomrs"), "Deployment")


def test_the_longest_name_that_is_taken_makes_names_that_kubernetes_takes():
    for one in render(ALL, release="a" * 35):
        assert len(one["metadata"]["name"]) <= 63


def test_the_claim_stays_and_is_adopted():
    claim = kinds(render(SAID), "PersistentVolumeClaim")["hospital-a-dicomrs-spool"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert "storageClassName" not in claim["spec"]


def test_a_claim_of_ones_own_is_used_and_none_is_made():
    manifests = render(merged(SAID, {"spool": {"reclaimPolicy": "", "existingClaim": "mine"}}))
    assert not kinds(manifests, "PersistentVolumeClaim")
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for spec in pod_specs(manifests).values()
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert claims == ["mine"] * 3


def test_a_route_is_made_only_where_values_ask_and_stays():
    assert not kinds(render(SAID), "ClinicRoute")
    route = kinds(render(ALL), "ClinicRoute")["hospital-a"]
    assert route["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert ClinicRoute.model_validate(route).spec.destinations[0].ae_title == "ZEROCLICK"


def test_the_operator_may_do_what_it_must_in_its_namespace_and_reads_no_secret_by_list():
    manifests = render(ALL)
    (role,) = kinds(manifests, "Role").values()
    (binding,) = kinds(manifests, "RoleBinding").values()
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "hospital-a-dicomrs-operator", "namespace": "clinic-a"}
    ]
    anywhere = {
        (resource, verb)
        for rule in role["rules"]
        if "resourceNames" not in rule
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert anywhere == {
        ("clinicroutes", "list"),
        ("clinicroutes", "watch"),
        ("clinicroutes", "patch"),
        ("clinicroutes/status", "patch"),
        ("secrets", "get"),
        ("pods", "list"),
        ("pods/status", "patch"),
        ("events", "create"),
    }
    named = {name for rule in role["rules"] for name in rule.get("resourceNames", [])}
    assert named == {f"hospital-a-dicomrs-{name}" for name in OF_THE_OPERATOR}


def test_pods_with_a_network_of_their_own_are_closed_but_for_what_they_need():
    policies = kinds(render(ALL), "NetworkPolicy")
    deny = policies["hospital-a-dicomrs-default-deny"]["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(deny)
    assert deny["podSelector"]["matchExpressions"][0]["values"] == ["scu", "dashboard", "operator"]
    (door,) = policies["hospital-a-dicomrs-dashboard"]["spec"]["ingress"]
    assert door["ports"] == [{"port": "http"}]
    assert [list(peer) for peer in door["from"]] == [["podSelector"]] * 2 + [["namespaceSelector"]] * 2
    api, dashboard = policies["hospital-a-dicomrs-operator"]["spec"]["egress"]
    assert api == {"ports": [{"port": 443}, {"port": 6443}], "to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}]}
    assert dashboard["ports"] == [{"port": "http"}]
    (reports,) = policies["hospital-a-dicomrs-scu-commitment"]["spec"]["ingress"]
    assert reports == {"ports": [{"port": 11113}], "from": [{"ipBlock": {"cidr": "192.168.10.16/32"}}]}


def test_by_default_only_the_operator_and_helm_test_reach_the_dashboard():
    (door,) = kinds(render(SAID), "NetworkPolicy")["hospital-a-dicomrs-dashboard"]["spec"]["ingress"]
    components = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in door["from"]]
    assert components == ["operator", "test"]


@pytest.mark.parametrize(("base", "path"), [("", "/"), ("/hospital-a", "/hospital-a")])
def test_people_come_to_the_dashboard_by_an_ingress_or_a_gateway(base, path):
    manifests = render(merged(ALL, {"dashboard": {"basePath": base}}))
    ingress = kinds(manifests, "Ingress")["hospital-a-dicomrs-dashboard"]["spec"]
    assert ingress["tls"] == [{"hosts": ["dicom.hospital.example"], "secretName": "dicom-tls"}]
    (rule,) = ingress["rules"]
    (way,) = rule["http"]["paths"]
    assert (rule["host"], way["path"], way["pathType"]) == ("dicom.hospital.example", path, "Prefix")
    service = kinds(manifests, "Service")["hospital-a-dicomrs-dashboard"]
    assert way["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": "http"}}
    gateway = kinds(manifests, "HTTPRoute")["hospital-a-dicomrs-dashboard"]["spec"]
    assert gateway["parentRefs"] == [{"name": "web", "namespace": "gateways"}]
    (way,) = gateway["rules"]
    assert way["matches"] == [{"path": {"type": "PathPrefix", "value": path}}]
    assert way["backendRefs"] == [{"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}]


def test_by_default_nobody_from_outside_comes_to_it():
    assert not kinds(render(SAID), "Ingress")
    assert not kinds(render(SAID), "HTTPRoute")


@pytest.mark.parametrize(("issuer", "port"), [("https://idp.example/x", 443), ("https://idp.example:8443", 8443)])
def test_the_dashboard_reaches_its_openid_provider_and_nothing_else(issuer, port):
    change = {"dashboard": {"openid": {"issuer": issuer}}}
    policy = kinds(render(merged(ALL, change)), "NetworkPolicy")["hospital-a-dicomrs-dashboard-openid"]["spec"]
    assert policy["policyTypes"] == ["Egress"]
    names, provider = policy["egress"]
    assert {one["port"] for one in names["ports"]} == {53}
    assert provider == {"ports": [{"port": port}], "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}


def test_prometheus_shows_the_dashboards_token():
    (monitor,) = kinds(render(ALL), "ServiceMonitor").values()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "hospital-a-dicomrs-dashboard-token", "key": "token"}}


def test_network_policies_can_be_left_to_others():
    manifests = render(merged(ALL, {"networkPolicy": {"enabled": False}}))
    assert not kinds(manifests, "NetworkPolicy")
    environment = pod_specs(manifests)["hospital-a-dicomrs-operator"]["containers"][0]["env"]
    assert {"name": "DICOMRS_NETWORK_POLICY", "value": "false"} in environment


def test_the_chart_has_the_version_of_the_packages():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    workspace = (CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{chart["appVersion"]}"' in workspace
    assert chart["version"] == chart["appVersion"]
