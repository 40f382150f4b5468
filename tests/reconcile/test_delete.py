"""A route is deleted: its receiver stops, what waits goes first, and then it goes."""

import pytest

from support.fake_cluster import ROUTES
from support.polling import eventually, hold


def ready(world) -> None:
    world.apply()
    world.eventually_is("Ready", "True")


def waiting(objects: int, **more):
    return lambda status: status.update(waiting={"objects": objects, "bytes": 100 * objects}, **more)


def test_an_empty_route_goes_and_leaves_nothing_behind(world) -> None:
    ready(world)
    world.delete()
    eventually(lambda: not world.route(), "it has gone")
    eventually(lambda: "items: []" in world.told(), "the services know nothing of it")


def test_what_waits_goes_first_and_is_counted_on_the_way(world) -> None:
    ready(world)
    world.dashboard.changes["hospital-a"] = waiting(3, parked=2, quarantined=1)
    world.delete()
    draining = world.eventually_is("Ready", "False", "Draining")
    assert "dicomrs.io/draining: 'true'" in world.told()
    assert "/draining" in world.told(), "a revision of its own"
    eventually(lambda: "objects that wait: 3 (300 bytes)" in world.conditions()["Ready"]["message"], "the count")
    assert "2 parked, 1 quarantined" in world.conditions()["Ready"]["message"]
    assert world.conditions()["Receiving"]["reason"] == "Draining", draining
    world.dashboard.changes["hospital-a"] = waiting(1)
    eventually(
        lambda: "objects that wait: 1 (100 bytes)" in world.conditions()["Ready"]["message"], "the count goes down"
    )
    hold(world.route, "it stays while something waits", 2)
    world.dashboard.changes["hospital-a"] = waiting(0, parked=2)
    eventually(lambda: not world.route(), "it has gone")
    eventually(lambda: "2 parked" in dict(world.events()).get("LetGo", ""), "the Event")


def test_a_route_stays_until_both_services_have_taken_notice(world) -> None:
    ready(world)
    world.dashboard.changes["hospital-a"] = lambda status: status["scp"].update(revision="an earlier one")
    world.delete()
    eventually(lambda: "waiting for scp" in world.conditions()["Ready"]["message"], "the reason")
    hold(world.route, "it stays", 2)


def test_a_drain_goes_on_after_the_operator_was_killed(world) -> None:
    ready(world)
    world.dashboard.changes["hospital-a"] = waiting(3)
    world.delete()
    world.eventually_is("Ready", "False", "Draining")
    world.operator.kill()
    world.dashboard.changes.clear()
    hold(world.route, "nobody lets it go", 1)
    world.operator.start()
    eventually(lambda: not world.route(), "it has gone")


def test_a_route_that_is_deleted_while_no_operator_runs_is_drained_later(world) -> None:
    ready(world)
    world.operator.kill()
    world.dashboard.changes["hospital-a"] = waiting(3)
    world.delete()
    world.operator.start()
    eventually(lambda: "that wait: 3" in world.conditions()["Ready"]["message"], "the drain")
    world.dashboard.changes.clear()
    eventually(lambda: not world.route(), "it has gone")


def test_force_lets_go_at_once_and_says_so(world) -> None:
    ready(world)
    world.dashboard.changes["hospital-a"] = waiting(3)
    world.delete()
    world.eventually_is("Ready", "False", "Draining")
    world.cluster.patch(ROUTES, "hospital-a", {"metadata": {"annotations": {"dicomrs.io/force-delete": "true"}}})
    eventually(lambda: not world.route(), "it has gone")
    eventually(lambda: "by force" in dict(world.events()).get("LetGo", ""), "the Event")


@pytest.mark.parametrize("answers", [True, False])
def test_a_route_that_never_was_accepted_goes_at_once(world, answers) -> None:
    if not answers:
        world.cluster.dashboard = None
    world.apply(port=9999)
    world.eventually_is("Accepted", "False", "PortNotReserved")
    world.delete()
    eventually(lambda: not world.route(), "it has gone")


def test_nothing_is_let_go_while_the_dashboard_does_not_answer(world) -> None:
    ready(world)
    world.cluster.dashboard = None
    world.delete()
    eventually(lambda: "not known" in world.conditions()["Ready"]["message"], "the reason")
    hold(world.route, "it stays", 2)
    world.cluster.dashboard = world.dashboard
    eventually(lambda: not world.route(), "it has gone")


def test_the_target_of_a_draining_route_can_be_put_right(world) -> None:
    ready(world)
    world.dashboard.changes["hospital-a"] = waiting(3)
    world.delete()
    world.eventually_is("Ready", "False", "Draining")
    destination = world.route()["spec"]["destinations"][0] | {"host": "192.168.10.99"}
    world.cluster.patch(ROUTES, "hospital-a", {"spec": {"destinations": [destination]}})
    eventually(lambda: "192.168.10.99" in world.told(), "the new address")
    assert "dicomrs.io/draining" in world.told()
