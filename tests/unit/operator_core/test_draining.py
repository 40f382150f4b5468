"""A deleted route goes when nothing waits, and not a moment before that is certain."""

from typing import Any

import pytest

from dicomrs.status_api import RouteStatus
from dicomrs_operator.draining import Drain, drain
from dicomrs_operator.routes import Running, running
from support.clinic_routes import DESTINATION, wanted
from support.fake_dashboard import healthy

STOPPED = "2026-01-01T10:00:00+00:00"
BEFORE, LATER = "2026-01-01T09:59:59+00:00", "2026-01-01T11:00:01+01:00"  # the later one: another zone


def judge(looked_at: str = LATER, stopped_at: str = STOPPED, trouble: str = "", **facts: Any) -> Drain:
    route = wanted(deleting=True)
    version = running(route, route.body["spec"])
    assert isinstance(version, Running)
    status = healthy(version)
    status["scp"]["at"] = STOPPED
    status["lookedAt"] = looked_at
    for name, fact in facts.items():
        status[name] = status[name] | fact if isinstance(fact, dict) and name in status else fact
    return drain(version, RouteStatus.model_validate(status), trouble, stopped_at)


def test_it_goes_when_a_look_that_began_after_the_stop_finds_nothing() -> None:
    assert judge().done


def test_the_first_look_only_notes_when_the_receiver_stopped() -> None:
    first = judge(looked_at=BEFORE, stopped_at="")
    assert not first.done
    assert first.stopped_at == STOPPED
    assert judge(stopped_at=first.stopped_at).done


@pytest.mark.parametrize(
    "looked_at", ["", "yesterday", "2026-01-01T12:00:00", BEFORE, STOPPED, "2026-01-01T10:00:00.999+00:00"]
)
def test_a_look_of_which_the_time_is_not_known_to_be_later_lets_nothing_go(looked_at) -> None:
    assert not judge(looked_at=looked_at).done


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"waiting": {"objects": 3, "bytes": 1500}}, "objects that wait: 3 (1500 bytes)"),
        ({"uncommitted": 2}, "storage commitment: 2"),
        ({"scp": {"revision": "old"}}, "waiting for scp"),
        ({"scu": {"alive": False}}, "waiting for scu"),
        ({"error": "cannot be read"}, "cannot be read"),
        (
            {"waiting": {"objects": 1}, "destinations": [{"name": "zeroclick", "trouble": "refused"}]},
            "zeroclick: refused",
        ),
    ],
)
def test_it_stays_and_says_what_it_waits_for(facts, words) -> None:
    found = judge(**facts)
    assert not found.done
    assert words in found.message
    assert "dicomrs.io/force-delete" in found.message


def test_associations_that_are_open_end_first() -> None:
    assert not judge(stopped_at="", scp={"associations": 1}).stopped_at


def test_what_no_drain_will_move_holds_nothing_up_and_is_counted() -> None:
    found = judge(parked=2, held=1, noDestination=4, quarantined=3, damaged=1)
    assert found.done
    assert "2 parked, 1 held, 4 without destination, 3 quarantined, 1 damaged" in found.message


def test_nothing_is_known_while_the_dashboard_is_silent() -> None:
    found = judge(trouble="no answer within 10 seconds")
    assert not found.done
    assert "no answer within 10 seconds" in found.message


def test_a_route_that_never_was_accepted_goes_at_once() -> None:
    assert drain(None, None, "silence", "").done


def test_suspended_sending_is_named_as_what_is_in_the_way() -> None:
    route = wanted(deleting=True)
    body = route.body["spec"] | {"suspend": True, "destinations": [DESTINATION]}
    version = running(route, body)
    assert isinstance(version, Running)
    status = healthy(version) | {"waiting": {"objects": 1}}
    assert "spec.suspend" in drain(version, RouteStatus.model_validate(status), "", STOPPED).message
