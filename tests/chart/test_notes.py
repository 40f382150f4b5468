"""What Helm prints after an installation: the next commands, with this release's own values in them."""

import pytest
import yaml

from dicomrs.route.model import ClinicRoute
from support.chart import ALL, CHART, SAID, helm, merged

pytestmark = pytest.mark.peer("helm")


def notes(values):
    words = ("install", "hospital-a", str(CHART), "--namespace", "clinic-a", "--dry-run=client")
    done = helm(*words, values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nNOTES:\n")[2]


def test_the_next_commands_bear_this_releases_names():
    said, scu = notes(SAID), "deploy/hospital-a-dicomrs-scu"
    for command in (
        "kubectl label namespace clinic-a pod-security.kubernetes.io/enforce=privileged",
        "kubectl label node <NODE> htr.dicomrs.io/172.22.61.14=clinic-a",
        "kubectl apply -n clinic-a -f route.yaml",
        "kubectl get clinicroute -n clinic-a --watch",
        "helm test hospital-a -n clinic-a",
        f"kubectl exec -n clinic-a {scu} -- dicomrs user add <NAME> --role admin --once --state /home/dicom",
        "kubectl port-forward -n clinic-a service/hospital-a-dicomrs-dashboard 8080:80",
    ):
        assert f"\n     {command}\n" in said
    assert "ATTENTION: this cluster does not know ClinicRoutes yet" in said  # no cluster was asked


def test_the_route_in_it_is_one_that_this_release_accepts():
    shown = notes(merged(SAID, {"htr": {"ports": [11112]}, "spool": {"mountPath": "/images"}}))
    text = shown[shown.index("     apiVersion:") : shown.index("     kubectl apply")]
    route = ClinicRoute.model_validate(yaml.safe_load(text))
    assert (route.spec.receiver.bind_address, route.spec.receiver.port) == ("172.22.61.14", 11112)
    assert route.spec.storage.root == "/images/hospital-a"


def test_whether_the_volume_outlives_its_claim_is_said():
    assert "kubectl get pv | grep clinic-a/hospital-a-dicomrs-spool" in notes(SAID)
    lost = notes(merged(SAID, {"spool": {"reclaimPolicy": "", "acceptDeletion": True}}))
    assert "ATTENTION: spool.acceptDeletion is true" in lost
    assert "which is yours" in notes(merged(SAID, {"spool": {"existingClaim": "mine"}}))


def test_what_values_ask_for_is_told():
    said = notes(ALL)
    assert "The route hospital-a came with this release" in said
    assert "route.yaml" not in said
    assert "a test image to hospital-a/zeroclick" in said
    assert "bindAddress 0.0.0.0 and port 11113" in said
    assert "no image is sent" in notes(SAID)
    assert "open https://dicom.hospital.example/hospital-a/once" in said
    assert "port-forward" not in said
