"""The operator's environment."""

import json

import pytest

from dicomrs_operator.settings import SettingsError, read

GOOD = {
    "DICOMRS_NAMESPACE": "clinic-a",
    "DICOMRS_FULLNAME": "dicomrs",
    "DICOMRS_INSTANCE": "one",
    "DICOMRS_RESERVATION": json.dumps({"address": "10.0.0.1", "ports": [104], "mountPath": "/home/dicom/"}),
    "DICOMRS_DASHBOARD_URL": "http://dicomrs-dashboard.clinic-a.svc/",
    "KUBERNETES_SERVICE_HOST": "fd00::1",
    "KUBERNETES_SERVICE_PORT": "6443",
}


def test_what_the_chart_sets_is_enough() -> None:
    settings = read(GOOD)
    assert settings.access.server == "https://[fd00::1]:6443"
    assert settings.access.token_file.endswith("/token")
    assert settings.reservation.mount_path == "/home/dicom"
    assert settings.routes_config_map == "dicomrs-routes"
    assert settings.secrets_of("scp") == "dicomrs-scp-secrets"
    assert settings.network_policy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DICOMRS_NAMESPACE": ""}, "DICOMRS_NAMESPACE is missing"),
        ({"DICOMRS_RESERVATION": "{}"}, "DICOMRS_RESERVATION cannot be read"),
        ({"DICOMRS_RESERVATION": '{"address": "x", "ports": [], "mountPath": "/"}'}, '"x" is no IP address'),
        ({"DICOMRS_NETWORK_POLICY": "yes"}, "write true or false"),
        ({"DICOMRS_HTTP_PORT": "http"}, "write a number"),
        ({"KUBERNETES_SERVICE_HOST": ""}, "kubectl proxy"),
    ],
)
def test_what_is_wrong_is_told_by_the_name_of_its_variable(change, words) -> None:
    with pytest.raises(SettingsError, match=words):
        read(GOOD | change)
