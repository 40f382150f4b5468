"""Who may do what: service accounts what they need and nothing else; a namespace's admin everything for a clinic."""

import json
from typing import Any

import pytest

from support.cluster.clinic import Clinic
from support.cluster.kind import Cluster
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import CallError
from support.polling import eventually

Right = tuple[str, str, str, str]  # API group, resource or path, name ("" for any), verb
ADMIN = "ana"
ABOUT_ONESELF = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}
NEEDED: set[Right] = {
    ("dicomrs.io", "clinicroutes", "", "list"),
    ("dicomrs.io", "clinicroutes", "", "watch"),
    ("dicomrs.io", "clinicroutes", "", "patch"),
    ("dicomrs.io", "clinicroutes/status", "", "patch"),
    ("", "configmaps", "dicomrs-routes", "get"),
    ("", "configmaps", "dicomrs-routes", "create"),
    ("", "configmaps", "dicomrs-routes", "patch"),
    ("", "secrets", "", "get"),
    *(
        ("", "secrets", f"dicomrs-{name}", verb)
        for name in ("scp-secrets", "scu-secrets", "dashboard-token")
        for verb in ("create", "patch")
    ),
    ("networking.k8s.io", "networkpolicies", "dicomrs-scu-targets", "get"),
    ("networking.k8s.io", "networkpolicies", "dicomrs-scu-targets", "create"),
    ("networking.k8s.io", "networkpolicies", "dicomrs-scu-targets", "patch"),
    ("networking.k8s.io", "networkpolicies", "dicomrs-scu-targets", "delete"),
    ("", "pods", "", "list"),
    ("", "pods/status", "", "patch"),
    ("", "events", "", "create"),
}


@pytest.fixture(scope="module")
def clinic(make_clinic, cluster: Cluster) -> Clinic:
    """A namespace of which somebody is the admin, and nothing more; that person has installed the clinic's chart."""
    made: Clinic = make_clinic("rights")
    cluster.kubectl("create", "namespace", made.namespace)
    made.kubectl("create", "rolebinding", "its-admin", "--clusterrole=admin", f"--user={ADMIN}")
    made.label_node()
    with pytest.raises(CallError, match="forbidden"):
        cluster.kubectl("-n", "default", "get", "pods", "--as", ADMIN)
    made.upgrade("--install", "--wait", "--kube-as-user", ADMIN)
    return made


@pytest.mark.parametrize("component", ["scp", "scu", "dashboard"])
def test_a_service_has_no_rights_and_no_token(clinic: Clinic, component: str) -> None:
    account = f"system:serviceaccount:{clinic.namespace}:{clinic.pod(component)['spec']['serviceAccountName']}"
    for namespace in (clinic.namespace, "default", "kube-system"):
        assert _rights(clinic.cluster, account, namespace) == set()
    with pytest.raises(CallError):
        clinic.exec(component, "python", "-c", "open('/var/run/secrets/kubernetes.io/serviceaccount/token')")


def test_the_operator_has_those_it_needs(clinic: Clinic) -> None:
    """That they are enough is what every other scenario shows."""
    account = f"system:serviceaccount:{clinic.namespace}:{clinic.pod('operator')['spec']['serviceAccountName']}"
    assert _rights(clinic.cluster, account, clinic.namespace) == NEEDED
    for namespace in ("default", "kube-system"):
        assert _rights(clinic.cluster, account, namespace) == set()


def test_the_namespaces_admin(clinic: Clinic, orthanc: OrthancTarget, scanner: Scanner) -> None:
    """Applies a route, sees it work, deletes it, and uninstalls the chart."""
    clinic.kubectl("apply", "--as", ADMIN, "-f", "-", given=json.dumps(clinic.route(orthanc.destination)))
    eventually(scanner.echo, "C-ECHO")
    clinic.wait_condition("Ready", "True")
    assert "True" in clinic.kubectl("get", "clinicroutes", "--as", ADMIN)
    clinic.kubectl("delete", "clinicroute", "hospital-a", "--as", ADMIN, "--timeout=60s")
    clinic.cluster.helm("uninstall", clinic.release, "-n", clinic.namespace, "--wait", "--kube-as-user", ADMIN)
    assert clinic.get("deployments")["items"] == []
    assert [one["metadata"]["name"] for one in clinic.get("pvc")["items"]] == [f"{clinic.fullname}-spool"]


def _rights(cluster: Cluster, user: str, namespace: str) -> set[Right]:
    """What `kubectl auth can-i --list` lists in a namespace, beyond what any account has."""
    nobody = _listed(cluster, "system:serviceaccount:default:nobody", namespace)
    assert {resource for _, resource, _, _ in nobody if not resource.startswith("/")} == ABOUT_ONESELF
    return _listed(cluster, user, namespace) - nobody


def _listed(cluster: Cluster, user: str, namespace: str) -> set[Right]:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    # Without validation, for which kubectl itself would need rights.
    words = ("create", "--as", user, "--validate=false", "-f", "-", "-o", "json")
    status: Any = json.loads(cluster.kubectl(*words, given=json.dumps(review)))["status"]
    paths = {
        ("", path, "", verb)
        for rule in status["nonResourceRules"]
        for path in rule["nonResourceURLs"]
        for verb in rule["verbs"]
    }
    return paths | {
        (group, resource, name, verb)
        for rule in status["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
        for verb in rule["verbs"]
    }
