"""The chart of the definition: nothing to set, the definition as it was made, and enough for a namespace's admin."""

from itertools import product

import pytest
import yaml

from dicomrs_operator.crd import definition
from support.chart import ALL, CHART, Manifest, helm, kinds, render

pytestmark = pytest.mark.peer("helm")

CRDS = CHART.parent / "dicomrs-crds"
# Of Kubernetes' own admin role, what it may do with what the operator's Role is about (asked of 1.34).
WRITE = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
BUILT_IN: list[Manifest] = [
    {"apiGroups": [""], "resources": ["configmaps", "secrets", "pods"], "verbs": WRITE},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": WRITE},
]


def rendered() -> list[Manifest]:
    done = helm("template", "dicomrs-crds", str(CRDS))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def granted(rules: list[Manifest]) -> set[tuple[str, str, str]]:
    """Each group, resource and verb of rules."""
    return {one for rule in rules for one in product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def test_helm_finds_nothing_to_say() -> None:
    done = helm("lint", "--strict", str(CRDS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_definition_passes_through_helm_as_it_was_made() -> None:
    assert list(kinds(rendered(), "CustomResourceDefinition").values()) == [definition()]


def test_it_stays_when_the_chart_goes() -> None:
    (found,) = kinds(rendered(), "CustomResourceDefinition").values()
    assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_there_is_nothing_to_set() -> None:
    done = helm("template", "dicomrs-crds", str(CRDS), values={"crds": {"keep": True}})
    assert done.returncode != 0
    assert "'crds' not allowed" in done.stderr


def test_an_api_server_without_the_rules_functions_is_refused() -> None:
    done = helm("template", "dicomrs-crds", str(CRDS), "--kube-version", "1.30.0")
    assert done.returncode != 0
    assert "1.31" in done.stderr


def test_an_admin_of_a_namespace_may_grant_the_operator_what_its_role_grants() -> None:
    role = kinds(render(ALL), "Role")["hospital-a-dicomrs-operator"]
    ours = kinds(rendered(), "ClusterRole")["dicomrs-admin"]
    assert granted(role["rules"]) - granted(BUILT_IN) - granted(ours["rules"]) == set()


@pytest.mark.parametrize("role", ["admin", "edit", "view"])
def test_the_built_in_roles_take_the_rules_in(role) -> None:
    labels = kinds(rendered(), "ClusterRole")[f"dicomrs-{role}"]["metadata"]["labels"]
    assert labels[f"rbac.authorization.k8s.io/aggregate-to-{role}"] == "true"


def test_who_may_only_view_changes_nothing() -> None:
    rules = kinds(rendered(), "ClusterRole")["dicomrs-view"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
