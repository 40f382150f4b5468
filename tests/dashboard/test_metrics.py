"""/metrics: what Prometheus reads, of the dashboard and of scp and scu, which have no port of their own for it."""

import re
from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dicomrs import VERSION
from dicomrs.spool.receipts import Kind
from dicomrs_dashboard.metrics import BUILD, METRICS, READABLE, REFUSED
from support.objects import series
from support.router import destination, route

Sample = tuple[str, frozenset[tuple[str, str]]]
NAMES = {name for name, _ in (BUILD, REFUSED, READABLE)} | {metric.name for metric in METRICS}


def now(ago: float = 0) -> str:
    return (datetime.now().astimezone() - timedelta(seconds=ago)).isoformat(timespec="seconds")


def read(asked) -> dict[Sample, float]:
    answer = asked.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def of(found: dict[Sample, float], name: str, **labels: str) -> float | None:
    return found.get((name, frozenset({"route": "clinic", **labels}.items())))


def test_what_waits_and_since_when(spool, ask):
    first, second, third = spool.receive(*series(3))
    spool.note(first, Kind.PARKED, "one", why="no")
    spool.note(second, Kind.DELIVERED, "one", leaves=True)
    record = spool.outbox.stored(third.folder, third.name).head.record
    found = read(ask(route(spool.root, destination("one", 1))))
    assert of(found, "dicomrs_waiting_objects") == 1
    assert of(found, "dicomrs_waiting_bytes") == record.length
    age = of(found, "dicomrs_waiting_oldest_age_seconds")
    assert age is not None
    assert 0 < age <= (datetime.now().astimezone() - datetime.fromisoformat(record.received)).total_seconds()
    assert of(found, "dicomrs_parked_objects") == 1
    figures = {"delivered": 1, "waiting": 1, "parked": 1, "held": 0, "uncommitted": 0}
    for what, number in figures.items():
        assert of(found, f"dicomrs_destination_{what}_objects", destination="one") == number, what
    arrived = of(found, "dicomrs_last_arrival_timestamp_seconds")
    assert arrived == datetime.fromisoformat(record.received).timestamp()
    assert (of(found, "dicomrs_last_delivery_timestamp_seconds") or 0) >= arrived


def test_what_the_services_have_counted(spool, ask):
    counted = {"kept": 5, "repeated": 4, "quarantined": 3, "refused": 2, "echoes": 1, "bytes": 10**12}
    spool.heartbeat("scp", now(), listening=True, associations=2, sinceStart=counted)
    told = {"one": {"confirmed": 7, "trouble": "connection refused", "suspended": True}}
    spool.heartbeat("scu", now(60), destinations=told)
    found = read(ask(route(spool.root, destination("one", 1))))
    for what in ("kept", "repeated", "quarantined", "refused", "echoes"):
        assert of(found, f"dicomrs_scp_{what}_total") == counted[what], what
    assert of(found, "dicomrs_scp_received_bytes_total") == 10**12
    assert (of(found, "dicomrs_scp_listening"), of(found, "dicomrs_scp_associations")) == (1, 2)
    assert of(found, "dicomrs_service_alive", service="scp") == 1
    # A silent service's troubles are not known to go on; its counts stand until it starts anew.
    assert of(found, "dicomrs_service_alive", service="scu") == 0
    assert of(found, "dicomrs_destination_trouble", destination="one") == 0
    assert of(found, "dicomrs_scu_confirmed_total", destination="one") == 7


def test_what_was_never_counted_is_absent_and_not_zero(spool, ask):
    found = read(ask(route(spool.root, destination("one", 1))))
    assert of(found, "dicomrs_scp_kept_total") is None
    assert of(found, "dicomrs_scu_confirmed_total", destination="one") is None
    assert of(found, "dicomrs_last_arrival_timestamp_seconds") is None
    assert of(found, "dicomrs_waiting_oldest_age_seconds") == 0


def test_of_a_root_that_cannot_be_read_only_that_is_told(tmp_path, ask):
    found = read(ask(route(tmp_path / "gone", destination("one", 1))))
    assert of(found, "dicomrs_route_readable") == 0
    assert {name for name, labels in found if ("route", "clinic") in labels} == {"dicomrs_route_readable"}
    assert found[("dicomrs_build_info", frozenset({("version", VERSION)}))] == 1


def test_no_patient_and_no_stranger_gets_into_a_label(spool, ask):
    (arrival,) = spool.receive(*series(1, patient_name="Secret^Name", patient_id="SECRET-1"))
    spool.note(arrival, Kind.PARKED, "stranger", why="Secret^Name")
    told = {f"s{number}": {"confirmed": 1} for number in range(100)}
    spool.heartbeat("scu", now(), trouble="Secret^Name", destinations=told)
    asked = ask(route(spool.root, destination("one", 1)))
    text = asked.get("/metrics").text
    assert "secret" not in text.lower()
    found = read(asked)
    values = {
        label: {dict(labels)[label] for _, labels in found if label in dict(labels)} for label in labels_of(found)
    }
    assert values == {"route": {"clinic"}, "destination": {"one"}, "service": {"scp", "scu"}, "version": {VERSION}}


def labels_of(found: dict[Sample, float]) -> set[str]:
    return {name for _, labels in found for name, _ in labels}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_wants_them(metric):
    assert re.fullmatch(r"dicomrs(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not metric.help.endswith(".")


def test_every_metric_is_there_once_all_of_it_is_known(spool, ask):
    (arrival, _) = spool.receive(*series(2))
    spool.note(arrival, Kind.DELIVERED, "one", leaves=True)
    counted = dict.fromkeys(("kept", "repeated", "quarantined", "refused", "echoes", "bytes"), 1)
    spool.heartbeat("scp", now(), sinceStart=counted)
    spool.heartbeat("scu", now(), destinations={"one": {"confirmed": 1}})
    found = read(ask(route(spool.root, destination("one", 1))))
    assert {name for name, _ in found} == NAMES
    assert len(NAMES) == 3 + len(METRICS)
