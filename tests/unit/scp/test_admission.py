"""Who is let in, who is turned away, and with which numbers of PS3.8 table 9-21."""

import pytest

from dicomrs.route import Receiver
from dicomrs_scp import admission
from dicomrs_wire.association import AssociationRequest, decode_request, encode_request

OWN = "10.20.30.5"


def receiver(**fields) -> Receiver:
    return Receiver.model_validate({"bindAddress": OWN, **fields})


def request(calling="CT_ROOM_1", called="DICOMRS") -> AssociationRequest:
    return decode_request(encode_request(calling, called, [("1.2", "1.2.840.10008.1.2")], 16384)[6:])


def numbers(receiver, *, calling="CT_ROOM_1", called="DICOMRS", address="10.20.30.21"):
    found = admission.refusal(request(calling, called), address, OWN, receiver)
    return found and found.numbers


def test_without_lists_everybody_is_let_in():
    assert numbers(receiver(), calling="ANYBODY", called="WHATEVER", address="203.0.113.9") is None


@pytest.mark.parametrize(
    ("calling", "expected"),
    [("CT_ROOM_1", None), ("CT_ROOM_2", None), ("ct_room_1", (1, 1, 3)), ("CT_ROOM_11", (1, 1, 3))],
)
def test_a_list_of_ae_titles_lets_in_exactly_these(calling, expected):
    allowing = receiver(allow={"callingAeTitles": ["CT_ROOM_1", "CT_ROOM_2"]})
    assert numbers(allowing, calling=calling) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.20.30.1", None),
        ("::ffff:10.20.30.1", None),  # IPv4 that came to a socket of both kinds
        ("10.20.31.7", None),
        ("10.20.31.8", (1, 1, 1)),
        ("fd00::1", None),
        ("fd01::1", (1, 1, 1)),
        ("no address", (1, 1, 1)),
    ],
)
def test_networks_let_in_who_comes_from_them(address, expected):
    assert (
        numbers(receiver(allow={"networks": ["10.20.30.0/24", "10.20.31.7", "fd00::/64"]}), address=address) == expected
    )


def test_this_machine_needs_no_allowed_network_but_an_allowed_title():
    allowing = receiver(allow={"networks": ["192.0.2.0/24"], "callingAeTitles": ["CT_ROOM_1"]})
    assert numbers(allowing, address=OWN) is None
    assert numbers(allowing, address=OWN, calling="OTHER") == (1, 1, 3)


def test_the_called_ae_title_counts_only_if_it_is_checked():
    assert numbers(receiver(), called="OTHER") is None
    assert numbers(receiver(checkCalledAeTitle=True), called="OTHER") == (1, 1, 7)
    assert numbers(receiver(checkCalledAeTitle=True)) is None


@pytest.mark.parametrize(
    ("everybody", "of_peer", "named"),
    [(2, 1, ""), (3, 0, "limits.associations)"), (2, 2, "limits.associationsPerPeer)")],
)
def test_limits_turn_away_for_the_moment(everybody, of_peer, named):
    limited = receiver(limits={"associations": 3, "associationsPerPeer": 2})
    found = admission.crowded(limited, everybody, of_peer)
    assert (found.numbers if found else None) == ((2, 3, 2) if named else None)
    assert named in (found.why if found else "")
