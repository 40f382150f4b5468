"""The way to a target, where no packet is needed to see it."""

import socket

import pytest

from dicomrs.doctor import Facts, Interface, RouteEntry
from dicomrs_wire.reach import Way

FACTS = Facts(
    interfaces=(Interface(name="lo", addresses=("127.0.0.1/8", "::1/128"), up=True, running=True),),
    routes=(RouteEntry(network="0.0.0.0/0", gateway="192.0.2.1"), RouteEntry(network="::/0", gateway="2001:db8::1")),
)


@pytest.mark.parametrize("place", [(socket.AF_INET, ("127.0.0.1", 104)), (socket.AF_INET6, ("::1", 104, 0, 0))])
def test_a_target_on_this_machine_is_behind_no_gateway(place):
    assert Way(place, FACTS).route().detail == "no gateway in between"
