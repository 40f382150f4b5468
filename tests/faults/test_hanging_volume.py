"""The volume of one route hangs, as a network volume whose server is away: the other routes are served all the same."""

import time
from contextlib import contextmanager

import pytest

from dicomrs.answering import SECONDS
from support.objects import series
from support.polling import eventually
from support.router import SERVICES, changed, destination, route
from support.sender import send_all
from support.volumes import away


@pytest.fixture
def router(tmp_path, make_router, tap):
    """Two routes; nothing runs yet."""
    to = destination("tap", tap.port)
    routes = route(tmp_path / "hanging", to, name="hanging"), route(tmp_path / "well", to, name="well")
    return make_router(*routes, start=False)


@contextmanager
def hanging(router, seconds):
    """The first route's volume hangs, and has done so for a while."""
    with away(router.spool(0).root):
        time.sleep(seconds)
        yield


def beats(router, index):
    """When each service last said how a route stands."""
    return [router.spool(index).status(service)["at"] for service in SERVICES]


@pytest.mark.peer("mount")
def test_the_other_route_is_served_and_told_of_and_a_third_may_come(router, tmp_path, tap):
    router.start()
    with hanging(router, 2):
        before = beats(router, 1)
        eventually(lambda: all(map(str.__gt__, beats(router, 1), before)), "both services tell of it")
        send_all(router.port(1), series(2))
        tap.wait_stored(2)
        third = route(tmp_path / "third", destination("tap", tap.port), name="third")
        moved = changed(router.routes[1], receiver={"aeTitle": "RENAMED"})
        router.rewrite(router.routes[0], moved, third)
        eventually(lambda: router.is_listening(2), "the third listens")
        send_all(router.port(1), series(2), called="RENAMED")
        send_all(router.port(2), series(2))
        tap.wait_stored(6)
    send_all(router.port(0), series(2))
    tap.wait_stored(8)
    eventually(lambda: router.spool(0).status("scp")["listening"], "it is told of again")


@pytest.mark.peer("mount")
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_ends_in_time_when_it_is_told_to(service, router):
    """One at a time: where two processes wait for one name, Linux keeps the second of them until the first has gone."""
    router.start(service)
    with hanging(router, SECONDS + 2):
        began = time.monotonic()
        assert router.stop(service) == 0
        assert time.monotonic() - began < 25


@pytest.mark.peer("mount")
def test_a_volume_that_hangs_from_the_start_keeps_no_other_route_from_being_served(router, tap):
    router.spool(0).root.mkdir()
    with away(router.spool(0).root):
        for service in SERVICES:
            router.launch(service)
        router.children["scp"].wait_for_port(router.port(1))
        send_all(router.port(1), series(2))
        tap.wait_stored(2)
        assert not router.is_listening(0)
    router.children["scp"].wait_for_port(router.port(0))
    send_all(router.port(0), series(2))
    tap.wait_stored(4)
