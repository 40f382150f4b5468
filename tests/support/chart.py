"""Charts as Helm renders them, without a cluster."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from support.processes import find_program

CHART = Path(__file__).parents[2] / "charts" / "dicomrs"
# What a person must say: where images come in, and that the volume outlives its claim.
SAID: dict[str, Any] = {"htr": {"address": "172.22.61.14"}, "spool": {"reclaimPolicy": "Retain"}}
# Everything switched on, so that no template stays unseen.
ALL: dict[str, Any] = {
    "htr": {"address": "172.22.61.14", "ports": [104, 11112]},
    "spool": {"reclaimPolicy": "Retain", "storageClass": "fast", "accessModes": ["ReadWriteMany"]},
    "image": {"registry": "registry.example/dicomrs", "pullSecrets": ["pull"]},
    "scp": {"image": {"digest": "sha256:" + "a" * 64}},
    "scu": {
        "commitment": {
            "ports": [11113],
            "hostIP": "192.168.10.5",
            "from": ["192.168.10.16/32"],
            "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
        }
    },
    "dashboard": {
        "basePath": "/hospital-a",
        "trustedProxies": ["10.244.0.0/16"],
        "roles": {"radiotherapy-it": "admin"},
        "proxyUser": {"header": "X-Forwarded-User", "groupsHeader": "X-Forwarded-Groups"},
        "openid": {
            "issuer": "https://idp.hospital.example:8443/realms/staff",
            "clientId": "dicomrs",
            "secretName": "dashboard-openid",
            "privateAuthority": True,
            "networks": ["10.1.2.3/32"],
        },
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "host": "dicom.hospital.example",
            "tlsSecretName": "dicom-tls",
            "annotations": {"a": "b"},
        },
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "web", "namespace": "gateways"}],
            "hostnames": ["dicom.hospital.example"],
        },
    },
    "operator": {"nodeSelector": {"disk": "ssd"}},
    "tolerations": [{"key": "htr", "operator": "Exists", "effect": "NoSchedule"}],
    "networkPolicy": {
        "dashboardFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "apiServerNetworks": ["10.96.0.1/32"],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}, "nothingArrivedSeconds": 86400},
        "grafanaDashboard": {"enabled": True},
    },
    "tests": {"sendTo": ["hospital-a/zeroclick"]},
    "route": {
        "enabled": True,
        "name": "hospital-a",
        "spec": {
            "receiver": {"bindAddress": "172.22.61.14", "port": 104},
            "destinations": [
                {"name": "zeroclick", "host": "192.168.10.16", "port": 4243, "aeTitle": "ZEROCLICK"},
            ],
        },
    },
}

Manifest = dict[str, Any]


def helm(*words: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm; values go in as a file would."""
    program = find_program("helm")
    assert program is not None, 'helm is not installed; mark the test with peer("helm")'
    given = ["--values", "-"] if values is not None else []
    return subprocess.run(
        [program, *words, *given],
        input=None if values is None else json.dumps(values),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def render(values: dict[str, Any], release: str = "hospital-a", namespace: str = "clinic-a") -> list[Manifest]:
    """The objects of a release with these values, those of `helm test` included."""
    return _rendered(json.dumps(values), release, namespace)


@functools.cache
def _rendered(values: str, release: str, namespace: str) -> list[Manifest]:
    done = helm("template", release, str(CHART), "--namespace", namespace, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def refusal(values: dict[str, Any], release: str = "hospital-a") -> str:
    """What Helm says to values that it must not take."""
    return _refused(json.dumps(values), release)


@functools.cache
def _refused(values: str, release: str) -> str:
    done = helm("template", release, str(CHART), "--namespace", "clinic-a", values=json.loads(values))
    assert done.returncode != 0, f"the chart takes {values}"
    return done.stderr


def kinds(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Objects of one kind, by name."""
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pod_specs(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The spec of each pod, of Deployments and of `helm test`, by the object's name."""
    deployed = {name: one["spec"]["template"]["spec"] for name, one in kinds(manifests, "Deployment").items()}
    return deployed | {name: one["spec"] for name, one in kinds(manifests, "Pod").items()}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Values with some of them changed, as Helm merges them: maps by key, all else replaced."""
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out
