"""The pods: as restricted as each can be, in the one place where they work, and reading what the operator makes."""

import json

import pytest

from support.chart import ALL, SAID, kinds, merged, pod_specs, render

pytestmark = pytest.mark.peer("helm")

BOTH = pytest.mark.parametrize("values", [SAID, ALL], ids=["least", "all"])
ROUTES = "/etc/dicomrs/routes/routes.yaml"
# The API server refuses it for a pod on the node's network, whose own setting counts there.
PING = [{"name": "net.ipv4.ping_group_range", "value": "10001 10001"}]
# The one container that may do more than nothing: it binds port 104.
RECEIVER = "hospital-a-dicomrs-scp"
ON_THE_NODES_NETWORK = {RECEIVER, "hospital-a-dicomrs-test-receivers"}


def containers(manifests):
    for name, spec in pod_specs(manifests).items():
        assert "initContainers" not in spec
        for container in spec["containers"]:
            yield name, container


def the(manifests, component):
    (container,) = pod_specs(manifests)[f"hospital-a-dicomrs-{component}"]["containers"]
    return container


@BOTH
def test_every_container_is_as_restricted_as_it_can_be(values):
    for name, container in containers(render(values)):
        capabilities = {"drop": ["ALL"]} | ({"add": ["NET_BIND_SERVICE"]} if name == RECEIVER else {})
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": capabilities,
        }, name


@BOTH
def test_every_pod_runs_as_the_user_who_owns_the_spool(values):
    for name, spec in pod_specs(render(values)).items():
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
            **({"sysctls": PING} if name == "hospital-a-dicomrs-scu" else {}),
        }, name
        assert not {"hostPID", "hostIPC", "shareProcessNamespace"} & set(spec), name
        assert bool(spec.get("hostNetwork")) == (name in ON_THE_NODES_NETWORK), name
        assert all("hostPath" not in volume for volume in spec["volumes"]), name


@BOTH
def test_only_the_operator_is_anybody_to_kubernetes(values):
    manifests = render(values)
    for name, account in kinds(manifests, "ServiceAccount").items():
        assert account["automountServiceAccountToken"] is False, name
    for name, spec in pod_specs(manifests).items():
        assert spec["automountServiceAccountToken"] is (name == "hospital-a-dicomrs-operator"), name
    accounts = {
        name: one["spec"]["template"]["spec"]["serviceAccountName"]
        for name, one in kinds(manifests, "Deployment").items()
    }
    assert all(name == account for name, account in accounts.items())
    assert set(accounts) == set(kinds(manifests, "ServiceAccount"))


@BOTH
def test_every_container_says_what_memory_it_may_take(values):
    for name, container in containers(render(values)):
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), name
        assert set(resources["limits"]) == {"memory"}, name


@BOTH
def test_one_pod_of_each_never_two(values):
    for name, deployment in kinds(render(values), "Deployment").items():
        assert deployment["spec"]["replicas"] == 1, name
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}, name


def test_what_touches_the_spool_runs_where_the_address_is_reserved_for_this_namespace():
    specs = pod_specs(render(ALL))
    operator = specs.pop("hospital-a-dicomrs-operator")
    assert operator["nodeSelector"] == {"disk": "ssd"}
    for name, spec in specs.items():
        assert spec["nodeSelector"] == {"htr.dicomrs.io/172.22.61.14": "clinic-a"}, name
        assert "affinity" not in spec, name


@BOTH
def test_what_frees_the_disk_is_not_evicted_for_a_full_disk(values):
    for component in ("scp", "scu"):
        spec = pod_specs(render(values))[f"hospital-a-dicomrs-{component}"]
        assert spec["priorityClassName"] == "system-cluster-critical"
        assert {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"} in spec[
            "tolerations"
        ]
        assert spec["terminationGracePeriodSeconds"] >= 45


def test_the_taints_that_a_clinics_nodes_have_are_tolerated_by_all():
    for name, spec in pod_specs(render(ALL)).items():
        assert {"key": "htr", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"], name


def test_the_receivers_ports_are_reserved_at_its_address_and_the_health_port_at_the_nodes_own():
    ports = {port["containerPort"]: port for port in the(render(ALL), "scp")["ports"]}
    health = next(number for number, port in ports.items() if port["name"] == "health")
    assert {number: port["hostIP"] for number, port in ports.items()} == {
        104: "172.22.61.14",
        11112: "172.22.61.14",
        health: "127.0.0.1",
    }
    assert all(port["hostPort"] == number for number, port in ports.items())
    assert pod_specs(render(ALL))[RECEIVER]["dnsPolicy"] == "ClusterFirstWithHostNet"


def test_the_receiver_is_started_by_its_image_and_answers_probes_by_its_release_only():
    container = the(render(SAID), "scp")
    assert "command" not in container  # the entry point is the interpreter that may bind port 104
    port = next(port["containerPort"] for port in container["ports"] if port["name"] == "health")
    assert container["args"] == [
        ROUTES,
        "--secrets=/etc/dicomrs/secrets",
        "--await-manifests",
        "--log-folder=/home/dicom/.status/logs",
        f"--health=127.0.0.1:{port}",
        "--health-name=clinic-a/hospital-a-dicomrs-scp",
    ]
    for probe, path in (("startupProbe", "livez"), ("livenessProbe", "livez"), ("readinessProbe", "readyz")):
        assert container[probe]["httpGet"] == {
            "host": "127.0.0.1",
            "port": "health",
            "path": f"/{path}/clinic-a/hospital-a-dicomrs-scp",
        }


@BOTH
def test_no_probe_opens_a_connection_to_a_dicom_port(values):
    for name, container in containers(render(values)):
        dicom = {port["name"] for port in container.get("ports", []) if port["name"].startswith(("dicom", "commit"))}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            if kind in container:
                assert "tcpSocket" not in container[kind], name
                assert container[kind]["httpGet"]["port"] not in dicom, name


def test_releases_get_health_ports_of_their_own():
    def port(release, namespace):
        ports = pod_specs(render(SAID, release, namespace))[f"{release}-scp"]["containers"][0]["ports"]
        return next(one["containerPort"] for one in ports if one["name"] == "health")

    places = [("dicomrs", f"clinic-{letter}") for letter in "abcdef"] + [("dicomrs-two", "clinic-a")]
    ports = {port(*place) for place in places}
    assert len(ports) == len(places)
    assert all(20000 <= one <= 29999 for one in ports)
    assert port("dicomrs", "clinic-a") == port("dicomrs", "clinic-a")


def test_a_health_port_of_ones_own_is_used_everywhere():
    container = the(render(merged(SAID, {"scp": {"healthPort": 9104}})), "scp")
    assert "--health=127.0.0.1:9104" in container["args"]
    assert {"name": "health", "containerPort": 9104, "hostPort": 9104, "hostIP": "127.0.0.1"} in container["ports"]


@BOTH
def test_what_the_operator_makes_may_be_missing_and_goes_to_whom_it_is_meant_for(values):
    specs = pod_specs(render(values))
    made = {}
    for name, spec in specs.items():
        for volume in spec["volumes"]:
            source = volume.get("configMap") or volume.get("secret")
            if source:
                assert source["optional"] is True, name
                made.setdefault(name.removeprefix("hospital-a-dicomrs-"), set()).add(
                    source.get("name") or source["secretName"]
                )
    routes, scp, scu, token = (
        f"hospital-a-dicomrs-{what}" for what in ("routes", "scp-secrets", "scu-secrets", "dashboard-token")
    )
    assert made == {
        "scp": {routes, scp},
        "scu": {routes, scu},
        "dashboard": {routes, token, *({"dashboard-openid"} if values is ALL else ())},
        "test-receivers": {routes, scp},
        "test-destinations": {routes, scu},
    }


@BOTH
def test_what_is_mounted_is_there_and_only_the_spool_and_tmp_can_be_written(values):
    for name, spec in pod_specs(render(values)).items():
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
            assert set(mounts) == volumes, name
            assert {one for one, mount in mounts.items() if not mount.get("readOnly")} <= {"spool", "tmp"}, name
    writers = {
        name for name, spec in pod_specs(render(values)).items() if "spool" in {v["name"] for v in spec["volumes"]}
    }
    assert writers == {f"hospital-a-dicomrs-{one}" for one in ("scp", "scu", "dashboard")}


def test_images_by_version_and_by_digest_from_a_registry_of_ones_own():
    plain = {name: container["image"] for name, container in containers(render(SAID))}
    assert plain[RECEIVER] == "localhost/dicomrs-scp:0.1.0"
    own = {name: container["image"] for name, container in containers(render(ALL))}
    assert all(image.startswith("registry.example/dicomrs/dicomrs-") for image in own.values())
    assert own[RECEIVER] == "registry.example/dicomrs/dicomrs-scp@sha256:" + "a" * 64
    assert own["hospital-a-dicomrs-test-receivers"] == own[RECEIVER]
    for name, spec in pod_specs(render(ALL)).items():
        assert spec["imagePullSecrets"] == [{"name": "pull"}], name


def test_the_operator_is_told_what_this_release_has_reserved():
    told = {one["name"]: one["value"] for one in the(render(ALL), "operator")["env"]}
    assert json.loads(told.pop("DICOMRS_RESERVATION")) == {
        "address": "172.22.61.14",
        "ports": [104, 11112],
        "commitmentPorts": [11113],
        "mountPath": "/home/dicom",
    }
    assert told == {
        "DICOMRS_NAMESPACE": "clinic-a",
        "DICOMRS_FULLNAME": "hospital-a-dicomrs",
        "DICOMRS_INSTANCE": "hospital-a",
        "DICOMRS_NETWORK_POLICY": "true",
        "DICOMRS_DASHBOARD_URL": "http://hospital-a-dicomrs-dashboard.clinic-a.svc",
    }


def test_places_for_commitment_reports_are_open_where_values_say_so_only():
    assert [port["name"] for port in the(render(SAID), "scu")["ports"]] == ["health"]
    assert {"name": "commit-11113", "containerPort": 11113, "hostPort": 11113, "hostIP": "192.168.10.5"} in the(
        render(ALL), "scu"
    )["ports"]
    service = kinds(render(ALL), "Service")["hospital-a-dicomrs-scu-commitment"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert [port["port"] for port in service["spec"]["ports"]] == [11113]


def test_helm_test_sends_an_image_to_what_the_values_name_and_to_nothing_else():
    assert not [word for word in the(render(SAID), "test-destinations")["args"] if "send" in word]
    assert "--send=hospital-a/zeroclick" in the(render(ALL), "test-destinations")["args"]
    for name, pod in kinds(render(SAID), "Pod").items():
        assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test", name
        assert pod["spec"]["restartPolicy"] == "Never", name


def test_the_dashboard_is_told_who_may_come_and_how():
    words = the(render(ALL), "dashboard")["args"]
    for word in (
        "--state=/home/dicom",
        "--base-path=/hospital-a",
        "--trusted-proxy=10.244.0.0/16",
        "--session-idle=30",
        "--session-longest=720",
        "--role=radiotherapy-it=admin",
        "--proxy-user=X-Forwarded-User",
        "--proxy-groups=X-Forwarded-Groups",
        "--openid-issuer=https://idp.hospital.example:8443/realms/staff",
        "--openid-client=dicomrs",
        "--openid-secret-file=/etc/dicomrs/openid/client-secret",
        "--openid-ca=/etc/dicomrs/openid/ca.crt",
    ):
        assert word in words, word
    least = the(render(SAID), "dashboard")["args"]
    assert not [word for word in least if word.startswith(("--proxy", "--openid", "--base", "--trusted", "--role"))]
