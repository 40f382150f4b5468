"""What Prometheus and Grafana get, where values ask for it: each alert has its section of docs/alerts.md."""

import json
import re

import pytest

from dicomrs_dashboard.metrics import BUILD, METRICS, READABLE, REFUSED
from support.chart import ALL, CHART, SAID, kinds, merged, render

pytestmark = pytest.mark.peer("helm")

PAGE = CHART.parents[1] / "docs" / "alerts.md"


def rules(values):
    (rule,) = kinds(render(values), "PrometheusRule").values()
    (group,) = rule["spec"]["groups"]
    return group["rules"]


def test_nothing_for_prometheus_unless_values_ask():
    assert not {one["kind"] for one in render(SAID)} & {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap"}


def test_each_alert_has_its_section_and_each_section_its_alert():
    alerts = [rule["alert"] for rule in rules(ALL)]
    sections = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == alerts
    for rule in rules(ALL):
        assert rule["annotations"]["runbook"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")


def test_alerts_look_at_this_release_only():
    for rule in rules(ALL):
        here = 'namespace="clinic-a",job="hospital-a-dicomrs-dashboard"', 'job="clinic-a/hospital-a-dicomrs-operator"'
        selectors = re.findall(r"\{(.*?)\}", rule["expr"])
        assert selectors, rule["alert"]
        assert set(selectors) <= set(here), rule["alert"]


def test_only_metrics_that_the_dashboard_has_are_asked_for():
    known = {BUILD[0], REFUSED[0], READABLE[0]} | {metric.name for metric in METRICS}
    grafana = (CHART / "files" / "grafana-dashboard.json").read_text(encoding="utf-8")
    for text in [rule["expr"] for rule in rules(ALL)] + [grafana]:
        assert set(re.findall(r"dicomrs_\w+", text)) <= known


def test_silence_of_scanners_is_an_alert_only_where_somebody_said_how_long():
    assert "DicomrsNothingArrived" in [rule["alert"] for rule in rules(ALL)]
    quiet = merged(ALL, {"monitoring": {"prometheusRule": {"nothingArrivedSeconds": 0}}})
    assert "DicomrsNothingArrived" not in [rule["alert"] for rule in rules(quiet)]


def test_the_age_that_alarms_is_a_value():
    slow = merged(ALL, {"monitoring": {"prometheusRule": {"oldestWaitingSeconds": 7200}}})
    assert next(rule["expr"] for rule in rules(slow) if rule["alert"] == "DicomrsWaitingTooLong").endswith("> 7200")


def test_what_scrapes_finds_the_dashboard_and_the_operator():
    manifests = render(ALL)
    (monitor,) = kinds(manifests, "ServiceMonitor").values()
    service = kinds(manifests, "Service")["hospital-a-dicomrs-dashboard"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (pods,) = kinds(manifests, "PodMonitor").values()
    operator = kinds(manifests, "Deployment")["hospital-a-dicomrs-operator"]["spec"]["template"]
    assert pods["spec"]["selector"]["matchLabels"] == operator["metadata"]["labels"]


def test_grafana_gets_a_dashboard_that_names_no_clinic():
    (made,) = kinds(render(ALL), "ConfigMap").values()
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = made["data"].values()
    dashboard = json.loads(text)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert "clinic-a" not in text
