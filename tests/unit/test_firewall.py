"""What must be let through for a route, and what was last seen of it."""

import pytest

from dicomrs.causes import Cause
from dicomrs.doctor import Check, State, Step, new_run
from dicomrs.firewall import ANY, Direction, Purpose, last_seen, matrix
from dicomrs.moments import moment
from dicomrs.route import ClinicRoute

ROUTE = ClinicRoute.model_validate(
    {
        "apiVersion": "dicomrs.io/v1alpha1",
        "kind": "ClinicRoute",
        "metadata": {"name": "clinic"},
        "spec": {
            "receiver": {
                "bindAddress": "172.22.61.14",
                "peers": [{"aeTitle": "CT1", "host": "ct1.hospital.example", "port": 105}],
            },
            "destinations": [
                {
                    "name": "zero-click",
                    "host": "192.168.10.16",
                    "port": 4243,
                    "aeTitle": "ZEROCLICK",
                    "commitment": {"listen": {"bindAddress": "192.168.10.2", "port": 11113}},
                },
            ],
        },
    }
)


def row(purpose, route=ROUTE):
    return next(one for one in matrix(route) if one.purpose is purpose)


def test_the_matrix_has_all_that_a_network_team_must_let_through():
    found = [(one.direction, one.source, one.destination, one.port, one.protocol) for one in matrix(ROUTE)]
    assert found == [
        (Direction.IN, ANY, "172.22.61.14", 104, "tcp"),
        (Direction.IN, "192.168.10.16", "192.168.10.2", 11113, "tcp"),
        (Direction.OUT, "", "192.168.10.16", 4243, "tcp"),
        (Direction.OUT, "", "192.168.10.16", 0, "icmp"),
        (Direction.OUT, "172.22.61.14", "ct1.hospital.example", 105, "tcp"),
    ]


def test_only_the_networks_that_may_send_are_let_in():
    allowed = {"allow": {"networks": ["172.22.61.0/24", "172.22.62.0/24"]}, "bindAddress": "172.22.61.14"}
    document = ROUTE.model_dump(by_alias=True)
    document["spec"]["receiver"] = allowed
    rows = [one for one in matrix(ClinicRoute.model_validate(document)) if one.purpose is Purpose.IMAGES_IN]
    assert [one.source for one in rows] == ["172.22.61.0/24", "172.22.62.0/24"]


@pytest.mark.parametrize(("state", "cause"), [(State.OK, None), (State.FAILED, Cause.FILTERED)])
def test_the_newest_examination_says_how_the_way_out_is(state, cause):
    now = moment("2026-01-22T10:15:30-03:00")
    run = new_run("scu", "clinic", "zero-click", "ana", [Check.PING, Check.TCP], now)
    run = run.with_step(Step(check=Check.TCP, state=state, cause=cause, params={"at": "2026-01-22T10:15:31-03:00"}))
    older = new_run("scu", "clinic", "zero-click", "ana", [Check.TCP], now)
    older = older.with_step(Step(check=Check.TCP, state=State.FAILED, cause=Cause.PORT_CLOSED))
    other = new_run("scu", "clinic", "other", "ana", [Check.TCP], now)
    seen = last_seen(row(Purpose.IMAGES_OUT), [other, run, older], ())
    assert (seen.at, seen.cause) == ("2026-01-22T10:15:31-03:00", cause)
    assert last_seen(row(Purpose.PING), [run], ()) is None, "a step that was not made has shown nothing"


def test_the_last_caller_says_how_the_way_in_is():
    peers = [
        {"calling": "DICOMRS_ECHO", "address": "172.22.61.14", "at": "2026-01-22T12:00:00-03:00", "refused": ""},
        {"calling": "CT1", "address": "172.22.61.20", "at": "2026-01-22T11:00:00-03:00", "refused": ""},
        {"calling": "CT2", "address": "172.22.61.21", "at": "2026-01-22T10:00:00-03:00", "refused": ""},
    ]
    seen = last_seen(row(Purpose.IMAGES_IN), (), peers)
    assert (moment(seen.at), seen.cause) == (moment("2026-01-22T11:00:00-03:00"), None)
    assert seen.by == "CT1 (172.22.61.20)"
    assert last_seen(row(Purpose.IMAGES_IN), (), peers[:1]) is None, "this machine itself proves nothing"
