"""What a ClinicRoute is once it is loaded: defaults, values, comparison."""

import pytest
from pydantic import ValidationError

from dicomrs.route import ClinicRoute, Duration, Reserve, Storage


def test_the_defaults(route) -> None:
    spec = route().spec
    (destination,) = spec.destinations
    assert (spec.suspend, spec.receiver.suspend) == (False, False)
    assert (spec.receiver.port, spec.receiver.ae_title) == (104, "DICOMRS")
    assert spec.receiver.transfer_syntaxes == ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
    assert spec.storage == Storage(root="/home/dicom/clinic", reserve="12%", retention="30d", on_conflict="Forward")
    assert (destination.calling_ae_title, destination.associations, destination.match) == ("DICOMRS", 1, ())
    assert (destination.park.tries, destination.park.over) == (5, Duration(900))


def test_a_destination_calls_itself_as_the_receiver_unless_told_otherwise(route) -> None:
    assert route({"spec.receiver.aeTitle": "HOSPITAL"}).spec.destinations[0].calling_ae_title == "HOSPITAL"
    named = route({"spec.receiver.aeTitle": "HOSPITAL", "spec.destinations.0.callingAeTitle": "ME"})
    assert named.spec.destinations[0].calling_ae_title == "ME"


def test_only_the_section_that_changed_differs(route) -> None:
    one, two = route(), route({"spec.storage.reserve": "20Gi"})
    assert one.spec.receiver == two.spec.receiver
    assert one.spec.destinations == two.spec.destinations
    assert one.spec.storage != two.spec.storage


def test_another_spelling_of_the_same_values_is_the_same_route(route) -> None:
    spelt = {
        "spec.storage": {"root": "/home//dicom/clinic/", "retention": "720h", "reserve": "12.0%"},
        "spec.destinations.0.callingAeTitle": "DICOMRS",
    }
    assert route() == route(spelt)
    assert route({"spec.receiver.bindAddress": "fd00:0::05"}) == route({"spec.receiver.bindAddress": "fd00::5"})


def test_a_changed_receiver_title_changes_what_its_destinations_are_called_by(route) -> None:
    assert route().spec.destinations != route({"spec.receiver.aeTitle": "OTHER"}).spec.destinations


def test_a_route_survives_being_written_and_read_again(route) -> None:
    one = route({"spec.destinations.0.match": [{"modalities": ["CT"]}], "spec.storage.reserve": "20Gi"})
    assert ClinicRoute.model_validate_json(one.model_dump_json(by_alias=True)) == one
    assert one.model_dump(by_alias=True)["spec"]["storage"]["reserve"] == "20Gi"
    assert one.spec.storage.reserve == Reserve(size=20 * 2**30)


def test_a_section_shared_between_routes_stays_as_it_was(route) -> None:
    storage = Storage()
    spec = route().spec.model_copy(update={"storage": storage})
    named = [
        ClinicRoute(api_version="dicomrs.io/v1alpha1", kind="ClinicRoute", metadata={"name": name}, spec=spec)
        for name in ("a", "b")
    ]
    assert [one.spec.storage.root for one in named] == ["/home/dicom/a", "/home/dicom/b"]
    assert storage.root == ""


def test_nothing_can_be_changed_in_place(route) -> None:
    with pytest.raises(ValidationError):
        route().spec.receiver.port = 105


def test_a_listener_is_called_as_the_destination_calls(route) -> None:
    def titles(**fields: object) -> tuple[str, str]:
        listen = {"bindAddress": "10.0.0.1", "port": 11113, **fields.pop("listen", {})}
        to = {"name": "d", "host": "pacs", "port": 104, "aeTitle": "X", "commitment": {"listen": listen}, **fields}
        (destination,) = route({"spec.receiver.aeTitle": "ROUTER", "spec.destinations": [to]}).spec.destinations
        return destination.calling_ae_title, destination.commitment.listen.ae_title

    assert titles() == ("ROUTER", "ROUTER")
    assert titles(callingAeTitle="SENDER") == ("SENDER", "SENDER")
    assert titles(callingAeTitle="SENDER", listen={"aeTitle": "REPORTS"}) == ("SENDER", "REPORTS")
