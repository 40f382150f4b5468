"""What a route's conditions say: never more than the services have said of this very version."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs.status_api import RouteStatus
from dicomrs_operator.accept import Refusal, Verdict
from dicomrs_operator.conditions import Condition, Known, conditions, figures, merged, transitions
from dicomrs_operator.crd import Status
from dicomrs_operator.reasons import GOOD, Reason
from dicomrs_operator.routes import Running, running
from support.clinic_routes import DESTINATION, spec, wanted
from support.fake_dashboard import Change, healthy

TLS = {"tls": {"secretName": "door"}}


def as_is(_: dict[str, Any]) -> None:
    """Change nothing."""


def told(
    change: Change = as_is, *, verdict: Verdict | None = None, trouble: str = "", missing: Any = (), **fields: Any
):
    """Return the conditions by type, of a route with these fields and services that fare as changed."""
    route = wanted(**fields)
    version = running(route, route.body["spec"])
    assert isinstance(version, Running)
    status = healthy(version)
    change(status)
    known = Known(None if trouble else RouteStatus.model_validate(status), trouble, frozenset(missing))
    found = conditions(route, verdict or Verdict(version), known, "what is left")
    return {one.type: one for one in found}


def test_all_is_well() -> None:
    found = told(generation=3)
    assert {name: (one.status, one.reason) for name, one in found.items()} == {
        "Accepted": ("True", Reason.ACCEPTED),
        "Receiving": ("True", Reason.LISTENING),
        "Forwarding": ("True", Reason.DELIVERING),
        "StorageHealthy": ("True", Reason.STORAGE_READY),
        "Ready": ("True", Reason.READY),
    }
    assert {one.generation for one in found.values()} == {3}


def service(name: str, **facts: Any) -> Change:
    return lambda status: status[name].update(facts)


def route_is(**facts: Any) -> Change:
    return lambda status: status.update(facts)


FULL = "only 1 MB are free on the volume, 5 MB are reserved (spec.storage.reserve): free some space"


def full(status: dict[str, Any]) -> None:
    """As dashboard and scp tell it: scp listens, and rejects every association."""
    status["disk"].update(aboveReserve=False, trouble=FULL)
    status["scp"].update(trouble=FULL, full=True)


def test_a_full_volume_is_told_with_its_figures_and_what_goes_on() -> None:
    found = told(full)
    assert found["StorageHealthy"].message == f"{FULL}; nothing is received meanwhile, what waits is sent on"
    assert found["Forwarding"].status == "True"


def test_what_scp_said_last_of_a_volume_that_has_room_again_is_still_told_by_its_reason() -> None:
    assert told(service("scp", trouble=FULL, full=True))["Receiving"].reason is Reason.RESERVE_REACHED


@pytest.mark.parametrize(
    ("change", "fields", "condition", "status", "reason", "ready"),
    [
        (service("scp", alive=False), {}, "Receiving", "False", Reason.SERVICE_DOWN, "False"),
        (service("scp", revision="uid/0"), {}, "Receiving", "Unknown", Reason.NOT_LOADED, "Unknown"),
        (service("scp", revision="", refused="x"), {}, "Receiving", "False", Reason.MANIFEST_REFUSED, "False"),
        (service("scp", listening=False), {}, "Receiving", "False", Reason.NOT_LISTENING, "False"),
        (service("scp", trouble="port is taken"), {}, "Receiving", "False", Reason.NOT_LISTENING, "False"),
        (as_is, {"suspend": True}, "Receiving", "False", Reason.SUSPENDED, "True"),
        (as_is, {"deleting": True}, "Receiving", "False", Reason.DRAINING, "False"),
        (service("scu", alive=False), {}, "Forwarding", "False", Reason.SERVICE_DOWN, "True"),
        (service("scu", revision="uid/0"), {}, "Forwarding", "Unknown", Reason.NOT_LOADED, "True"),
        (service("scu", trouble="no root"), {}, "Forwarding", "False", Reason.DESTINATION_TROUBLE, "True"),
        (
            route_is(destinations=[{"name": "zeroclick", "trouble": "refused"}]),
            {},
            "Forwarding",
            "False",
            Reason.DESTINATION_TROUBLE,
            "True",
        ),
        (as_is, {"destinations": []}, "Forwarding", "False", Reason.NO_DESTINATION, "True"),
        (route_is(parked=2), {}, "Forwarding", "True", Reason.OBJECTS_PARKED, "True"),
        (full, {}, "StorageHealthy", "False", Reason.RESERVE_REACHED, "False"),
        (full, {}, "Receiving", "False", Reason.RESERVE_REACHED, "False"),
        (service("disk", writable=False), {}, "StorageHealthy", "False", Reason.STORAGE_TROUBLE, "False"),
        (route_is(error="cannot be read"), {}, "StorageHealthy", "False", Reason.STORAGE_TROUBLE, "False"),
        (route_is(revision="uid/0"), {}, "StorageHealthy", "Unknown", Reason.NOT_LOADED, "Unknown"),
    ],
)
def test_each_trouble_has_its_reason(change, fields, condition, status, reason, ready) -> None:
    found = told(change, **fields)
    assert (found[condition].status, found[condition].reason) == (status, reason)
    assert found["Ready"].status == ready
    assert found[condition].text.endswith(f"(see docs/troubleshooting.md#{reason.lower()})")


def test_a_dashboard_that_does_not_answer_makes_all_unknown_but_acceptance() -> None:
    found = told(trouble="no answer within 2 seconds")
    assert found.pop("Accepted").status == "True"
    assert {(one.status, one.reason) for one in found.values()} == {("Unknown", Reason.STATUS_UNAVAILABLE)}


def test_a_refused_edit_shows_beside_the_version_that_goes_on() -> None:
    last = running(wanted(generation=1), spec())
    assert isinstance(last, Running)
    verdict = Verdict(last, (Refusal(Reason.PORT_NOT_RESERVED, "not that port"),))
    found = told(route_is(revision="uid-hospital-a/1"), verdict=verdict, generation=2)
    assert (found["Accepted"].status, found["Accepted"].generation) == ("False", 2)
    assert "goes on (generation 1)" in found["Accepted"].message
    assert found["Receiving"].reason is Reason.NOT_LOADED, "the services speak of generation 2"
    assert found["Receiving"].generation == 1
    assert (found["Ready"].status, found["Ready"].reason) == ("False", Reason.PORT_NOT_RESERVED)


def test_a_route_that_never_was_accepted_says_so_everywhere() -> None:
    found = told(verdict=Verdict(None, (Refusal(Reason.INVALID_SPEC, "no"),)))
    assert found["Receiving"].reason is found["Forwarding"].reason is Reason.NOT_ACCEPTED
    assert found["Ready"].reason is Reason.INVALID_SPEC


@pytest.mark.parametrize(("listening", "status"), [(False, "False"), (True, "True")])
def test_a_missing_secret_is_a_trouble_of_receiving_unless_a_copy_serves(listening, status) -> None:
    found = told(service("scp", listening=listening), missing={"door"}, **TLS)
    assert found["Accepted"].status == "True"
    assert found["Receiving"].status == status
    assert "door" in found["Receiving"].message


def test_a_missing_secret_is_a_trouble_of_forwarding() -> None:
    secret = [DESTINATION | {"tls": {"secretName": "target"}}]
    change = route_is(destinations=[{"name": "zeroclick", "trouble": "no certificate"}])
    assert told(change, missing={"target"}, destinations=secret)["Forwarding"].reason is Reason.SECRET_MISSING


def test_a_message_without_end_is_cut_and_still_says_where_it_is_explained() -> None:
    text = Condition("Accepted", "False", Reason.INVALID_SPEC, "x" * 100_000, 1).text
    assert len(text) < 32768, "the API server takes no more"
    assert text.endswith("troubleshooting.md#invalidspec)")


def test_a_transition_time_moves_with_the_status_only() -> None:
    def one(status: str, reason: Reason = Reason.READY) -> Condition:
        return Condition("Ready", status, reason, "", 1)

    first = merged([], [one("True")], "then")
    assert merged(first, [one("True", Reason.LISTENING)], "now")[0]["lastTransitionTime"] == "then"
    assert merged(first, [one("False")], "now")[0]["lastTransitionTime"] == "now"


def test_what_changes_is_told_once_and_what_is_not_loaded_yet_is_no_news() -> None:
    new = list(told().values())
    assert transitions(merged([], new, "now"), new) == []
    assert transitions([], new) == new
    loading = told(service("scp", revision="uid/0")).values()
    assert [one.type for one in transitions(merged([], new, "now"), loading)] == []


@given(
    st.fixed_dictionaries(
        {"alive": st.booleans(), "listening": st.booleans(), "revision": st.sampled_from(["x", "good"])}
    ),
    st.booleans(),
)
def test_nothing_is_true_that_no_service_said_of_this_version(scp, answers) -> None:
    def change(status: dict[str, Any]) -> None:
        good = status["revision"]
        status["scp"].update(scp | {"revision": good if scp["revision"] == "good" else "x"})

    found = told(change, trouble="" if answers else "silence")
    if found["Receiving"].status == "True":
        assert answers
        assert scp == {"alive": True, "listening": True, "revision": "good"}
    if found["Ready"].status == "True":
        assert found["Receiving"].status == "True"
    assert all(one.reason in GOOD or "see docs/" in one.text for one in found.values())


def test_the_status_is_what_the_definition_has() -> None:
    status = {"name": "a", "root": "/r", "waiting": {"objects": 2, "bytes": 5, "oldest": "2026-01-01T00:00:00+01:00"}}
    known = Known(RouteStatus.model_validate(status | {"quarantined": 1, "damaged": 2}))
    found = figures(known) | {"conditions": merged([], told().values(), "2026-01-01T00:00:00Z")}
    assert Status.model_validate(found).quarantined == 3
    assert figures(Known(None, "silence")) == {}
