"""Every cause has an owner."""

from pathlib import Path

from dicomrs.causes import Cause, Owner, owner_of


def test_each_owner_has_something_to_mend():
    assert {owner_of(cause) for cause in Cause} == set(Owner)


def test_what_nobody_else_can_mend_is_this_servers():
    assert owner_of(Cause.ADDRESS_MISSING) is Owner.SERVER
    assert owner_of(Cause.FILTERED) is Owner.NETWORK
    assert owner_of(Cause.PORT_CLOSED) is Owner.TARGET


def test_the_page_has_every_cause_with_its_owner():
    page = (Path(__file__).parents[2] / "docs" / "connectivity.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[:2] for line in page.splitlines() if line.startswith("| `")]
    assert rows == [[f"| `{cause}`", str(owner_of(cause))] for cause in Cause]
