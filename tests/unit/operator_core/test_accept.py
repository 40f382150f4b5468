"""Which routes are accepted, which version of each runs, and what a refusal says."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs.route import check_routes
from dicomrs_operator.accept import Verdict, accept
from dicomrs_operator.reasons import Reason
from dicomrs_operator.routes import Running, Wanted, running
from support.clinic_routes import ADDRESS, CIRCUMSTANCES, DESTINATION, wanted


def judge(*routes: Wanted, last: dict[str, Running] | None = None, **circumstances: Any) -> dict[str, Verdict]:
    return accept(routes, last or {}, replace(CIRCUMSTANCES, **circumstances))


def accepted(*routes: Wanted) -> dict[str, Running]:
    """What runs after these were accepted."""
    found = {name: one.running for name, one in judge(*routes).items()}
    assert all(found.values()), "the test's own routes are refused"
    return found


def reasons(verdict: Verdict) -> list[Reason]:
    return [refusal.reason for refusal in verdict.refusals]


def test_a_good_route_is_accepted_under_its_generation() -> None:
    verdict = judge(wanted(generation=7))["hospital-a"]
    assert not verdict.refusals
    assert verdict.running.revision == "uid-hospital-a/7"


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"bindAddress": "10.1.1.1"}, Reason.ADDRESS_NOT_RESERVED, "--set htr.address=10.1.1.1"),
        ({"port": 11112}, Reason.PORT_NOT_RESERVED, "--set 'htr.ports={104,105,106,11112}'"),
        ({"interface": "eth1", "bindAddress": None}, Reason.INTERFACE_NOT_SUPPORTED, f"bindAddress: {ADDRESS}"),
        ({"root": "/srv/other"}, Reason.ROOT_OUTSIDE_VOLUME, "/home/dicom/hospital-a"),
        ({"root": "/home/dicom"}, Reason.ROOT_OUTSIDE_VOLUME, "/home/dicom/hospital-a"),
        ({"root": "/home/dicom-two/x"}, Reason.ROOT_OUTSIDE_VOLUME, "/home/dicom/hospital-a"),
        ({"root": "/home/dicom/.dicomrs"}, Reason.ROOT_OUTSIDE_VOLUME, "/home/dicom/hospital-a"),
        (
            {"destinations": [DESTINATION, DESTINATION]},
            Reason.INVALID_SPEC,
            'a second destination is called "zeroclick"',
        ),
        ({"destinations": [DESTINATION | {"host": "?"}]}, Reason.INVALID_SPEC, "spec.destinations[0].host: "),
        (
            {"destinations": [DESTINATION | {"commitment": {"listen": {"bindAddress": "0.0.0.0", "port": 4000}}}]},
            Reason.COMMITMENT_PORT_NOT_RESERVED,
            "--set 'scu.commitment.ports={11113,4000}'",
        ),
        (
            {"destinations": [DESTINATION | {"commitment": {"listen": {"bindAddress": "10.1.1.1", "port": 11113}}}]},
            Reason.COMMITMENT_PORT_NOT_RESERVED,
            '"0.0.0.0"',
        ),
    ],
)
def test_what_the_release_does_not_hold_is_refused_with_what_to_write(fields, reason, words) -> None:
    verdict = judge(wanted(**fields))["hospital-a"]
    assert verdict.running is None
    assert reasons(verdict) == [reason]
    assert words in verdict.refusals[0].message


def test_a_reserved_port_for_reports_is_accepted() -> None:
    listen = {"commitment": {"listen": {"bindAddress": "0.0.0.0", "port": 11113}}}
    assert not judge(wanted(destinations=[DESTINATION | listen]))["hospital-a"].refusals


def test_the_last_good_version_goes_on_when_an_edit_is_refused() -> None:
    last = accepted(wanted(generation=1))
    verdict = judge(wanted(generation=2, port=9999), last=last)["hospital-a"]
    assert reasons(verdict) == [Reason.PORT_NOT_RESERVED]
    assert verdict.running == last["hospital-a"]


def test_what_was_accepted_goes_on_when_the_release_reserves_something_else() -> None:
    last = accepted(wanted())
    verdict = judge(wanted(), last=last, reservation=replace(CIRCUMSTANCES.reservation, ports=(11112,)))["hospital-a"]
    assert reasons(verdict) == [Reason.PORT_NOT_RESERVED]
    assert verdict.running == last["hospital-a"]


def test_of_two_new_routes_on_one_port_the_older_wins() -> None:
    found = judge(wanted("younger", created=2), wanted("older", created=1))
    assert not found["older"].refusals
    assert reasons(found["younger"]) == [Reason.ADDRESS_IN_USE]
    assert 'route "older"' in found["younger"].refusals[0].message


def test_an_older_route_does_not_take_the_port_of_one_that_runs() -> None:
    old, young = wanted("older", created=1, port=104), wanted("younger", created=2, port=105)
    moved = wanted("older", generation=2, created=1, port=105)
    found = judge(moved, young, last=accepted(old, young))
    assert reasons(found["older"]) == [Reason.ADDRESS_IN_USE]
    assert found["older"].running.route.spec.receiver.port == 104
    assert not found["younger"].refusals


def test_a_route_that_moves_away_makes_room_for_an_older_one_at_once() -> None:
    old, young = wanted("older", created=1, port=104), wanted("younger", created=2, port=105)
    found = judge(
        wanted("older", generation=2, created=1, port=105),
        wanted("younger", generation=2, created=2, port=106),
        last=accepted(old, young),
    )
    assert not found["older"].refusals
    assert not found["younger"].refusals


def test_roots_may_not_overlap() -> None:
    found = judge(
        wanted("one", created=1, root="/home/dicom/a"), wanted("two", created=2, port=105, root="/home/dicom/a/b")
    )
    assert reasons(found["two"]) == [Reason.ROOT_IN_USE]


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ({"uid-hospital-a/1": True}, "stay behind"),
        (None, "not known"),
        ({}, "not known"),
        ({"uid-hospital-a/0": False}, "not known"),  # that was of another root
    ],
)
def test_a_root_that_received_something_or_of_which_nothing_is_known_stays(received, words) -> None:
    verdict = judge(wanted(generation=2, root="/home/dicom/new"), last=accepted(wanted()), received=received)[
        "hospital-a"
    ]
    assert reasons(verdict) == [Reason.ROOT_IMMUTABLE]
    assert words in verdict.refusals[0].message
    assert verdict.running.route.spec.storage.root == "/home/dicom/hospital-a"


def test_a_root_that_never_received_anything_may_change() -> None:
    last = accepted(wanted())
    verdict = judge(wanted(generation=2, root="/home/dicom/new"), last=last, received={"uid-hospital-a/1": False})[
        "hospital-a"
    ]
    assert not verdict.refusals


def test_under_another_schema_nothing_new_is_accepted_and_nothing_ends() -> None:
    last = accepted(wanted())
    found = judge(wanted(generation=2, port=105), wanted("new", port=106), last=last, schema_trouble="differs")
    assert reasons(found["hospital-a"]) == reasons(found["new"]) == [Reason.SCHEMA_DIFFERS]
    assert found["hospital-a"].running == last["hospital-a"]
    assert found["new"].running is None


@pytest.mark.parametrize("schema_trouble", ["", "differs"])
def test_a_spec_that_lost_a_field_without_a_new_generation_is_not_believed(schema_trouble) -> None:
    """An older schema takes an allow-list out of what the API server hands us, and of what it stores, for ever."""
    closed = accepted(wanted(allow={"callingAeTitles": ["CT1"]}))
    verdict = judge(wanted(), last=closed, schema_trouble=schema_trouble)["hospital-a"]
    assert reasons(verdict) == [Reason.SCHEMA_DIFFERS]
    assert verdict.running.route.spec.receiver.allow.calling_ae_titles == ("CT1",)


def doubted(route: Wanted) -> Wanted:
    """With the status that it got under another schema."""
    condition = {"type": "Accepted", "reason": "SchemaDiffers", "observedGeneration": route.generation}
    return Wanted(route.body | {"status": {"conditions": [condition]}})


@pytest.mark.parametrize("ran", [True, False])
def test_what_was_stored_under_another_schema_is_not_believed_afterwards_until_a_person_says_so(ran) -> None:
    last = accepted(wanted(allow={"callingAeTitles": ["CT1"]})) if ran else {}
    edited = {"generation": 2, "aeTitle": "EDITED"}
    refused = judge(doubted(wanted(**edited)), last=last)["hospital-a"]
    assert reasons(refused) == [Reason.SCHEMA_DIFFERS]
    assert refused.running == last.get("hospital-a")
    assert "dicomrs.io/accept-generation=2" in refused.refusals[0].message
    for confirmed in ({"dicomrs.io/accept-generation": "1"}, {"dicomrs.io/accept-generation": "2"}):
        verdict = judge(doubted(wanted(annotations=confirmed, **edited)), last=last)["hospital-a"]
        assert (not verdict.refusals) == (confirmed["dicomrs.io/accept-generation"] == "2")
    again = Wanted(wanted(generation=3, aeTitle="EDITED").body | {"status": doubted(wanted(**edited)).body["status"]})
    assert not judge(again, last=last)["hospital-a"].refusals, "applied again"


def test_a_deleted_route_drains_in_its_last_good_version() -> None:
    verdict = judge(wanted(generation=2, deleting=True, port=9999), last=accepted(wanted()))["hospital-a"]
    assert verdict.running.draining
    assert verdict.running.manifest["metadata"]["annotations"] == {
        "dicomrs.io/revision": "uid-hospital-a/1/draining",
        "dicomrs.io/draining": "true",
    }


def test_another_route_of_the_same_name_inherits_nothing() -> None:
    verdict = judge(wanted(uid="another", port=9999), last=accepted(wanted()))["hospital-a"]
    assert verdict.running is None


_ROUTES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(1, 3),  # generation
        st.sampled_from([104, 105, 106, 9999]),
        st.sampled_from(["/home/dicom/x", "/home/dicom/x/y", "/home/dicom/z", "", "/elsewhere"]),
        st.booleans(),  # deleting
    ),
    unique_by=lambda one: one[0],
    max_size=4,
)


@given(st.lists(_ROUTES, max_size=6), st.booleans())
def test_whatever_people_edit_nothing_that_runs_is_dropped_and_nothing_collides(history, received) -> None:
    good: dict[str, Running] = {}
    for step in history:
        routes = [
            wanted(name, generation, ord(name) % 60, port=port, root=root, deleting=deleting)
            for name, generation, port, root, deleting in step
        ]
        found = judge(*routes, last=good, received={one.revision: received for one in good.values()})
        now = {name: one.running for name, one in found.items() if one.running is not None}
        assert found.keys() == {route.name for route in routes}
        for route in routes:
            verdict = found[route.name]
            assert verdict.refusals or verdict.running, "refused without a word"
            assert route.name not in good or verdict.running is not None, "what ran was dropped"
            if verdict.refusals and verdict.running is not None:
                assert verdict.running.spec == good[route.name].spec, "a refused version runs"
            if received and route.name in good:
                assert verdict.running.route.spec.storage.root == good[route.name].route.spec.storage.root
        for one, two in combinations(now.values(), 2):
            assert not check_routes([one.route, two.route])
        good = now


def test_what_does_not_validate_is_told_field_by_field() -> None:
    problems = running(
        wanted(aeTitle="AN AE TITLE THAT IS TOO LONG", port=0), wanted(aeTitle="X" * 17, port=0).body["spec"]
    )
    assert isinstance(problems, list)
    assert {one.split(": ")[0] for one in problems} == {"spec.receiver.aeTitle", "spec.receiver.port"}


def test_a_spec_too_long_for_what_all_routes_share_is_refused_and_the_last_one_goes_on() -> None:
    stations = [{"stations": [f"STATION-{rule}-{one}" for one in range(32)]} for rule in range(32)]
    many = [DESTINATION | {"name": f"target-{one}", "match": stations} for one in range(4)]
    verdict = judge(wanted(generation=2, destinations=many), last=accepted(wanted()))["hospital-a"]
    assert reasons(verdict) == [Reason.INVALID_SPEC]
    assert "may have 65536" in verdict.refusals[0].message
    assert verdict.running.generation == 1
