"""Which destinations an object goes to."""

from dataclasses import replace

import pytest

from dicomrs.route import Facts, destinations_for

CT = "1.2.840.10008.5.1.4.1.1.2"
FACTS = Facts(modality="CT", calling="CT_ROOM_1", called="DICOMRS", station="CT-1", sop_class=CT)
MATCH = "spec.destinations.0.match"


def test_without_rules_everything_goes(route) -> None:
    assert destinations_for(route(), FACTS) == ("zeroclick",)
    assert destinations_for(route(), Facts("", "", "", "", "")) == ("zeroclick",)


@pytest.mark.parametrize(
    ("field", "fact", "value"),
    [
        ("modalities", "modality", "CT"),
        ("callingAeTitles", "calling", "CT_ROOM_1"),
        ("calledAeTitles", "called", "DICOMRS"),
        ("stations", "station", "CT-1"),
        ("sopClasses", "sop_class", CT),
    ],
)
def test_each_list_takes_its_value_exactly(route, field, fact, value) -> None:
    found = route({MATCH: [{field: ["1.2" if field == "sopClasses" else "OTHER", value]}]})
    assert destinations_for(found, FACTS) == ("zeroclick",)
    assert destinations_for(found, replace(FACTS, **{fact: f" {value} "})) == ("zeroclick",)
    for other in ("", value.lower() + "x", value + ".1", "*"):
        assert destinations_for(found, replace(FACTS, **{fact: other})) == ()


def test_within_a_rule_all_lists_must_match(route) -> None:
    found = route({MATCH: [{"modalities": ["CT"], "stations": ["CT-2"]}]})
    assert destinations_for(found, FACTS) == ()
    assert destinations_for(found, replace(FACTS, station="CT-2")) == ("zeroclick",)


def test_of_several_rules_any_suffices(route) -> None:
    found = route({MATCH: [{"modalities": ["MR"]}, {"stations": ["CT-1"]}]})
    assert destinations_for(found, FACTS) == ("zeroclick",)
    assert destinations_for(found, replace(FACTS, station="", modality="MR")) == ("zeroclick",)
    assert destinations_for(found, replace(FACTS, station="")) == ()


def test_destinations_come_in_the_order_of_the_manifest(route) -> None:
    names = ["z", "a", "m"]
    found = route({"spec.destinations": [{"name": name, "host": name, "port": 104, "aeTitle": "X"} for name in names]})
    assert destinations_for(found, FACTS) == ("z", "a", "m")


def test_no_destination_and_a_suspended_route(route) -> None:
    assert destinations_for(route({"spec.destinations": []}), FACTS) == ()
    assert destinations_for(route({"spec.suspend": True}), FACTS) == ("zeroclick",)
