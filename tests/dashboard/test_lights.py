"""The traffic light of a route: its colour, the reason, and whose job it is."""

from datetime import datetime, timedelta

import pytest

from dicomrs.causes import Cause, Owner
from dicomrs.status_api import DestinationStatus, DiskStatus, RouteStatus, ScpStatus, ScuStatus, WaitingStatus
from dicomrs_dashboard.lights import PATIENCE, Colour, destination_light, light_of
from dicomrs_dashboard.words.causes import MEANINGS, NEXT, OWNERS, REMEDIES, next_page

NOW = datetime(2026, 1, 22, 10, 15).astimezone()
WELL = {
    "name": "clinic",
    "root": "/spool",
    "disk": DiskStatus(free=9, total=10, above_reserve=True, writable=True),
    "scp": ScpStatus(alive=True, listening=True),
    "scu": ScuStatus(alive=True),
    "destinations": (DestinationStatus(name="zeroclick"),),
}


def route(**changes) -> RouteStatus:
    return RouteStatus(**(WELL | changes))


def to(**changes) -> tuple[DestinationStatus, ...]:
    return (DestinationStatus(name="zeroclick", **changes),)


def old(ago: timedelta) -> WaitingStatus:
    return WaitingStatus(objects=3, oldest=(NOW - ago).isoformat())


def test_a_route_on_which_all_is_well_is_green_and_has_no_reason():
    light = light_of(route(), NOW)
    assert light.colour is Colour.GREEN
    assert light.reasons == ()


@pytest.mark.parametrize(
    ("changes", "colour", "cause", "owner"),
    [
        ({"error": "it hangs"}, Colour.GREY, Cause.ROOT_UNUSABLE, Owner.SERVER),
        ({"scp": ScpStatus()}, Colour.RED, Cause.SERVICE_DOWN, Owner.SERVER),
        ({"scu": ScuStatus()}, Colour.RED, Cause.SERVICE_DOWN, Owner.SERVER),
        (
            {"scp": ScpStatus(alive=True, trouble="no", cause="address-missing")},
            Colour.RED,
            Cause.ADDRESS_MISSING,
            Owner.SERVER,
        ),
        ({"scp": ScpStatus(alive=True)}, Colour.RED, Cause.NOT_LISTENING, Owner.SERVER),
        ({"scu": ScuStatus(alive=True, trouble="no")}, Colour.RED, Cause.ROOT_UNUSABLE, Owner.SERVER),
        ({"disk": DiskStatus(writable=True)}, Colour.RED, Cause.DISK_FULL, Owner.SERVER),
        ({"disk": DiskStatus(above_reserve=True)}, Colour.RED, Cause.ROOT_UNUSABLE, Owner.SERVER),
        ({"destinations": to(trouble="no", cause="port-closed")}, Colour.RED, Cause.PORT_CLOSED, Owner.TARGET),
        ({"destinations": to(trouble="no", cause="filtered")}, Colour.RED, Cause.FILTERED, Owner.NETWORK),
        ({"destinations": to(trouble="no", cause="of-the-future")}, Colour.RED, Cause.UNKNOWN, Owner.SERVER),
        ({"destinations": to(suspended=True)}, Colour.YELLOW, Cause.SUSPENDED, Owner.NOBODY),
        ({"destinations": to(parked=2)}, Colour.YELLOW, Cause.PARKED, Owner.TARGET),
        ({"quarantined": 1}, Colour.YELLOW, Cause.QUARANTINED, Owner.SCANNER),
        ({"damaged": 1}, Colour.YELLOW, Cause.DAMAGED, Owner.SERVER),
        ({"held": 1}, Colour.YELLOW, Cause.HELD, Owner.NOBODY),
        ({"no_destination": 1}, Colour.YELLOW, Cause.NO_DESTINATION, Owner.SERVER),
        ({"waiting": old(PATIENCE * 2)}, Colour.YELLOW, Cause.SLOW, Owner.SERVER),
        (
            {"scp": ScpStatus(alive=True, listening=True, refused="line 3")},
            Colour.YELLOW,
            Cause.MANIFEST_REFUSED,
            Owner.SERVER,
        ),
    ],
)
def test_a_route_says_what_is_wrong_and_whose_job_it_is(changes, colour, cause, owner):
    light = light_of(route(**changes), NOW)
    assert light.colour is colour
    assert (light.reasons[0].cause, light.reasons[0].owner) == (cause, owner)


def test_what_a_service_said_before_it_died_says_nothing_of_now():
    light = light_of(route(scp=ScpStatus(full=True, refused="line 3"), scu=ScuStatus(refused="line 3")), NOW)
    assert [reason.words for reason in light.reasons] == ["scp", "scu"]


def test_the_worst_comes_first():
    light = light_of(route(quarantined=1, destinations=to(trouble="no", cause="port-closed", waiting=7)), NOW)
    assert [reason.cause for reason in light.reasons] == [Cause.PORT_CLOSED, Cause.QUARANTINED]
    assert light.reasons[0].objects == 7


def test_what_waits_behind_a_target_that_is_away_is_not_called_slow():
    light = light_of(route(waiting=old(PATIENCE * 2), destinations=to(trouble="no", cause="port-closed")), NOW)
    assert [reason.cause for reason in light.reasons] == [Cause.PORT_CLOSED]


def test_what_waits_for_a_moment_is_well():
    assert light_of(route(waiting=old(PATIENCE / 2)), NOW).colour is Colour.GREEN


def test_nobody_knows_of_a_destination_while_nobody_sends():
    (one,) = to()
    assert destination_light(one, scu_alive=False) is Colour.GREY
    assert destination_light(one, scu_alive=True) is Colour.GREEN


def test_every_cause_and_every_owner_has_words():
    assert set(MEANINGS) == set(REMEDIES) == set(Cause)
    assert set(OWNERS) == set(Owner)


def test_every_cause_leads_to_a_page_or_to_what_is_outside_of_the_dashboard():
    elsewhere = {Cause.MANIFEST_REFUSED, Cause.ROOT_UNUSABLE, Cause.DISK_FULL, Cause.SUSPENDED}
    assert {cause for cause in Cause if not next_page(cause)} == elsewhere
    assert {next_page(cause) for cause in Cause} - {""} == set(NEXT)
