"""The dashboard is silent, the schema is another, the API server is sick, the watch is dead."""

import time

import pytest

from support.polling import eventually, hold
from support.processes import tail


def ready(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")


def test_what_no_service_says_is_unknown_and_never_stays_true(world) -> None:
    ready(world)
    world.cluster.dashboard = None
    for condition in ("Receiving", "Forwarding", "StorageHealthy", "Ready"):
        world.eventually_is(condition, "Unknown", "StatusUnavailable")
    assert world.conditions()["Accepted"]["status"] == "True"
    assert "dicomrs_operator_dashboard_up 0.0" in world.operator.http("/metrics")[1]
    world.cluster.dashboard = world.dashboard
    world.eventually_is("Ready", "True")


def test_a_dashboard_that_hangs_delays_no_route(world) -> None:
    def hang(_) -> dict:
        time.sleep(4)  # in the cluster's own thread: nothing at all is answered meanwhile
        return {}

    world.cluster.dashboard = hang
    world.apply()
    eventually(lambda: "hospital-a" in world.told(), "the route", within=15)


def test_a_dashboard_that_has_not_loaded_a_version_speaks_of_another(world) -> None:
    world.dashboard.knows = False
    world.apply()
    world.eventually_is("Ready", "Unknown", "NotLoaded")
    world.dashboard.knows = True
    world.eventually_is("Ready", "True")


def test_a_cluster_without_our_schema_is_told_to_get_it(make_world) -> None:
    world = make_world(start=False)
    world.cluster.schema = None
    assert world.operator.start().wait() == 1
    assert "dicomrs-crds" in tail(world.operator.log)
    assert world.cluster.writes == []


def test_an_api_server_that_is_sick_at_the_start_is_waited_for(make_world) -> None:
    world = make_world(start=False)
    world.cluster.fails = True
    child = world.operator.start()
    eventually(lambda: "etcd is not well" in tail(world.operator.log), "it is told")
    hold(lambda: child.alive, "the operator goes on", 3)
    world.cluster.fails = False
    eventually(world.told, "the ConfigMap")
    assert tail(world.operator.log, 200).count("etcd is not well") == 1, "not a line for every try"


@pytest.mark.parametrize("schema", ["0123456789ab", ""])
def test_another_schema_keeps_what_runs_and_takes_nothing_new(world, schema) -> None:
    world.apply(allow={"callingAeTitles": ["CT1"]})
    world.eventually_is("Ready", "True")
    ours, world.cluster.schema = world.cluster.schema, schema
    # As an older schema does: the field vanishes from what is read, under the same generation.
    world.cluster.vanishes = ("allow",)
    world.apply("new", port=105)
    world.eventually_is("Accepted", "False", "SchemaDiffers", name="new")
    assert "CT1" in world.told()
    assert "name: new" not in world.told()
    world.cluster.patch("clinicroutes", "hospital-a", {"spec": {"receiver": {"aeTitle": "EDITED"}}})
    world.eventually_is("Accepted", "False", "SchemaDiffers")
    assert "CT1" in world.told()
    world.operator.kill()
    world.operator.start()
    hold(lambda: "CT1" in world.told(), "the last good route, after a start as well", 3)
    world.cluster.schema, world.cluster.vanishes = ours, ()
    eventually(lambda: "accept-generation=2" in world.conditions()["Accepted"]["message"], "what to do about it")
    assert "CT1" in world.told()
    assert "EDITED" not in world.told()
    confirmed = {"annotations": {"dicomrs.io/accept-generation": "2"}}
    world.cluster.patch("clinicroutes", "hospital-a", {"metadata": confirmed})
    world.eventually_is("Ready", "True")
    assert "EDITED" in world.told()
    assert "CT1" in world.told()


def test_a_schema_that_vanishes_ends_nothing(world) -> None:
    ready(world)
    before = world.told()
    world.cluster.schema = None
    eventually(lambda: "dicomrs-crds" in tail(world.operator.log), "it is told")
    hold(lambda: world.told() == before, "the routes", 2)


def test_a_sick_api_server_changes_nothing_and_is_told_once(world) -> None:
    ready(world)
    before = world.told()
    world.cluster.fails = True
    eventually(lambda: 'outcome="failed"} 0.0' not in world.operator.http("/metrics")[1], "a failure is counted")
    time.sleep(2)
    world.cluster.fails = False
    eventually(lambda: "reconciles again" in tail(world.operator.log, 200), "it goes on")
    assert world.told() == before
    assert tail(world.operator.log, 200).count("cannot reconcile") <= 3, "not a line for every try"


def test_what_cannot_be_handed_over_does_not_stay_true(world) -> None:
    ready(world)
    world.cluster.refuses = "configmaps"
    world.apply(port=105)
    world.eventually_is("Ready", "Unknown", "NotLoaded")
    eventually(lambda: "exceeded quota" in tail(world.operator.log), "the log tells why")
    eventually(lambda: "exceeded quota" in world.conditions()["Accepted"]["message"], "the route tells why")
    world.cluster.refuses = ""
    world.eventually_is("Ready", "True")


def test_what_was_handed_over_is_the_last_good_version_though_more_was_refused(world) -> None:
    ready(world)
    world.cluster.refuses = "networkpolicies"
    moved = {"name": "zeroclick", "host": "192.168.10.17", "port": 4243, "aeTitle": "ZEROCLICK"}
    world.apply(allow={"callingAeTitles": ["CT1"]}, destinations=[moved])
    eventually(lambda: "192.168.10.17" in world.told(), "the edit is handed over")
    world.apply(port=999, destinations=[moved])
    world.eventually_is("Accepted", "False", "PortNotReserved")
    hold(lambda: "192.168.10.17" in world.told() and "CT1" in world.told(), "what the services had", 3)


def test_a_watch_that_is_dead_fails_the_health_check_and_the_list_still_works(make_world) -> None:
    world = make_world(DICOMRS_WATCH_LATE_SECONDS="3")
    ready(world)
    assert world.operator.http("/healthz") == (200, "ok\n")
    world.cluster.watch_is_deaf = True
    world.apply(port=105)
    eventually(lambda: "port: 105" in world.told(), "the list shows the edit")
    eventually(lambda: world.operator.http("/healthz")[0] == 503, "the health check fails")
    assert "watch" in world.operator.http("/healthz")[1]


def test_it_ends_when_asked_to_and_starts_in_little_time_and_memory(world) -> None:
    ready(world)
    with open(f"/proc/{world.operator.child.process.pid}/status") as status:
        kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert kilobytes < 130_000
    assert world.operator.child.stop(within=20) == 0
