"""Every cause has an owner."""

from dicomrs.causes import Cause, Owner, owner_of


def test_each_owner_has_something_to_mend():
    assert {owner_of(cause) for cause in Cause} == set(Owner)


def test_what_nobody_else_can_mend_is_this_servers():
    assert owner_of(Cause.ADDRESS_MISSING) is Owner.SERVER
    assert owner_of(Cause.FILTERED) is Owner.NETWORK
    assert owner_of(Cause.PORT_CLOSED) is Owner.TARGET
