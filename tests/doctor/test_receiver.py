"""Whether scanners can reach the receiver, every step of it made to fail for real: named with its cause, and mine."""

from typing import Any

import pytest

from dicomrs.causes import Cause, Owner, owner_of
from dicomrs.desk import Examine, ask_service
from dicomrs.doctor import Check, State
from support.clinic_network import FS, HTR, SCANNER, TARGET, failure, states, web_server
from support.network import PROGRAMS
from support.polling import eventually
from support.router import changed, route

pytestmark = pytest.mark.peer(*PROGRAMS, "openssl")

HERE, MISSING, UNPLUGGED, OFF, TAKEN, NO_SECRET, TLS, ASTRAY = range(8)
PORT = 10104


def peer(title: str, host: str) -> dict[str, Any]:
    return {"aeTitle": title, "host": host, "port": 104}


@pytest.fixture(scope="module")
def there(clinic, authority, tmp_path_factory, make_shared_router):
    """One route for each trouble."""
    folder = tmp_path_factory.mktemp("receivers")
    web_server(clinic.router, folder / "web", PORT + TAKEN)
    receivers = [
        {"bindAddress": HTR, "peers": [peer("CT1", SCANNER)]},
        {"bindAddress": "10.91.99.1"},
        {"bindAddress": None, "interface": "spare"},
        {"bindAddress": None, "interface": "unused"},
        {"bindAddress": HTR},
        {"bindAddress": HTR, "tls": {"secretName": "no-such-secret"}},
        {"bindAddress": HTR, "tls": {"secretName": "receiver"}},
        {"bindAddress": HTR, "peers": [peer("CT9", TARGET)]},
    ]
    routes = [
        route(folder / str(index), name=f"route-{index}", receiver={"port": PORT + index, **one})
        for index, one in enumerate(receivers)
    ]
    clinic.run(make_shared_router(*routes, start=False))
    authority.issue(clinic.running.folder / "secrets" / "receiver", names=(f"IP:{HTR}",))
    for index in (HERE, TLS, ASTRAY):
        eventually(lambda i=index: clinic.running.spool(i).status("scp").get("listening"), f"{index} listens")
    return clinic


@pytest.mark.parametrize("index", [HERE, TLS])
def test_a_receiver_that_is_well_passes_every_step(there, index):
    run = there.examine(index=index)
    assert set(states(run).values()) == {"ok"}, run
    assert ("tls" in states(run)) == (index == TLS)
    assert run.step(Check.ADDRESS).params["interface"] == "htr"
    assert {(one.address, one.port) for one in run.facts.listening if one.ours} >= {(HTR, PORT), (HTR, PORT + TLS)}
    assert ("0.0.0.0", PORT + TAKEN, False) in {(one.address, one.port, one.ours) for one in run.facts.listening}
    assert "htr" in {one.interface for one in run.facts.routes}


@pytest.mark.parametrize(
    ("index", "check", "cause"),
    [
        (MISSING, Check.ADDRESS, Cause.ADDRESS_MISSING),
        (UNPLUGGED, Check.LINK, Cause.LINK_DOWN),
        (OFF, Check.LINK, Cause.LINK_DOWN),
        (TAKEN, Check.TCP, Cause.PORT_TAKEN),
        (NO_SECRET, Check.TCP, Cause.TLS_OWN),
    ],
)
def test_the_step_that_fails_is_named_and_is_this_servers(there, index, check, cause):
    run = there.examine(index=index)
    step = failure(run)
    assert (step.check, step.cause, owner_of(step.cause)) == (check, cause, Owner.SERVER), step
    assert step.detail
    assert step.params["port"] == str(PORT + index)


def test_the_way_back_to_a_scanner_by_another_interface_is_a_warning(there):
    """Images may come all the same, by a translation of addresses that nobody here knows of."""
    run = there.examine(index=ASTRAY)
    step = run.step(Check.ROUTE)
    assert (step.state, step.cause) == (State.WARNING, Cause.NO_ROUTE)
    assert f"answers to {TARGET} would leave by out instead of htr" in step.detail
    assert run.verdict is None


def test_a_scanner_that_is_switched_off_is_a_warning(there):
    there.scanner.must("ip", "addr", "del", f"{SCANNER}/24", "dev", "eth0")
    try:
        run = there.examine(index=HERE)
    finally:
        there.scanner.must("ip", "addr", "add", f"{SCANNER}/24", "dev", "eth0")
    assert run.step(Check.PING).state is State.WARNING
    assert run.verdict is None


def test_a_receiver_that_accepts_nobody_for_now_says_why(there):
    suspended = changed(there.running.routes[HERE], receiver={"suspend": True})
    before = there.running.routes
    there.running.rewrite(suspended, *before[1:])
    try:
        step = failure(there.examine(index=HERE))
    finally:
        there.running.rewrite(*before)
    assert (step.check, step.cause) == (Check.ASSOCIATION, Cause.SUSPENDED)


def test_a_destination_is_not_the_receiving_services_business(there):
    root = there.running.routes[HERE]["spec"]["storage"]["root"]
    request = Examine(who="ana", why="a call", destination="somewhere")
    assert "the sending service's" in ask_service(FS, root, "scp", request, 30).failed
