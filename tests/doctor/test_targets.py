"""The way to a target, every step made to fail for real: the right step is named, with its cause and its owner."""

from typing import Any

import pytest

from dicomrs.causes import Cause, Owner, owner_of
from dicomrs.doctor import Check, State
from support.certificates import Authority
from support.clinic_network import OWN, TARGET, failure, orthanc, states, storescp, web_server
from support.network import PROGRAMS
from support.router import route

pytestmark = pytest.mark.peer(*PROGRAMS, "storescp", "Orthanc", "openssl")

STORESCP, ORTHANC, WEB, CLOSED, FILTERED, REFUSED, NO_STORE = 11104, 11105, 11180, 11109, 11110, 11111, 11106
TLS, EXPIRED, MUTUAL = 12104, 12105, 12106


def to(name: str, port: int, host: str = TARGET, title: str = "STORESCP", **fields: Any) -> dict[str, Any]:
    return {"name": name, "host": host, "port": port, "aeTitle": title, **fields}


def tls(secret: str, **fields: str) -> dict[str, Any]:
    return {"tls": {"secretName": secret, **fields}}


DESTINATIONS = [
    to("storescp", STORESCP),
    to("orthanc", ORTHANC, title="ORTHANC"),
    to("stranger", ORTHANC, title="ORTHANC", callingAeTitle="STRANGER"),
    to("misnamed", ORTHANC, title="ORTHANK"),
    to("closed", CLOSED),
    to("filtered", FILTERED),
    to("refused", REFUSED),
    to("web", WEB),
    to("nameless", STORESCP, host="no-such-host.invalid"),
    to("six", STORESCP, host="2001:db8::1"),
    to("elsewhere", STORESCP, host="203.0.113.1"),
    to("beyond", STORESCP, host="10.91.9.9"),
    to("nobody", STORESCP, host="10.91.1.99"),
    to("unplugged", STORESCP, host="10.91.4.1"),
    to("switched-off", STORESCP, host="10.91.5.1"),
    to("tls", TLS, **tls("good")),
    to("mutual", MUTUAL, **tls("good")),
    to("stranger-authority", TLS, **tls("distrusts")),
    to("other-name", TLS, **tls("good", serverName="pacs.hospital.example")),
    to("expired", EXPIRED, **tls("good")),
    to("ours-expired", MUTUAL, **tls("ours-expired")),
    to("nothing-shown", MUTUAL, **tls("nothing-shown")),
    to("no-secret", TLS, **tls("no-such-secret")),
    to("plain-to-tls", TLS),
    to("tls-to-plain", STORESCP, **tls("good")),
]


@pytest.fixture(scope="module")
def there(clinic, authority, tmp_path_factory, make_shared_router):
    """The clinic with all its targets."""
    folder = tmp_path_factory.mktemp("targets")
    names = (f"IP:{TARGET}",)
    storescp(clinic.target, folder / "storescp", STORESCP, "+xa")
    good = authority.issue(folder / "good", names=names)
    expired = authority.issue(folder / "expired", names=names, days=-1)
    for port, secret, more in (
        (TLS, good, ["-ic"]),
        (EXPIRED, expired, ["-ic"]),
        (MUTUAL, good, ["+cf", good / "ca.crt"]),
    ):
        options = ["+tls", secret / "tls.key", secret / "tls.crt", *more]
        storescp(clinic.target, folder / f"tls-{port}", port, *options)
    orthanc(clinic.target, folder / "orthanc", ORTHANC, DicomModalities={"router": ["DICOMRS", OWN, 104]})
    web_server(clinic.target, folder / "web", WEB)
    clinic.target.firewall(f"tcp dport {FILTERED} drop")
    clinic.gateway.firewall(f"tcp dport {REFUSED} reject with icmp type admin-prohibited")
    clinic.gateway.must("ip", "route", "add", "unreachable", "10.91.9.0/24")
    receiver = {"bindAddress": "127.0.0.1", "port": 11104}
    clinic.run(make_shared_router(route(folder / "root", *DESTINATIONS, receiver=receiver), start=False))
    secrets = clinic.running.folder / "secrets"
    authority.issue(secrets / "good")
    authority.issue(secrets / "distrusts", trusts=Authority(folder / "another"))
    authority.issue(secrets / "ours-expired", days=-1)
    authority.issue(secrets / "nothing-shown")
    for name in ("tls.crt", "tls.key"):
        (secrets / "nothing-shown" / name).unlink()
    return clinic


@pytest.mark.parametrize("name", ["storescp", "orthanc", "tls", "mutual"])
def test_a_target_that_is_well_passes_every_step_and_takes_a_test_image(there, name):
    run = there.examine(name, send_image=True, probe=name != "mutual")
    assert set(states(run).values()) == {"ok"}, run
    assert run.step(Check.PING).state is State.OK
    assert run.step(Check.STORE).params["status"] == "0000"
    assert run.step(Check.TCP).params["own"] == OWN
    if name != "mutual":
        can = run.capabilities
        assert {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"} <= set(can.sop_classes)
        assert "1.2.840.10008.1.2.1" in can.syntaxes
        assert can.max_pdu
        assert can.commitment is (name == "orthanc")


@pytest.mark.parametrize(
    ("name", "check", "cause", "owner"),
    [
        ("nameless", Check.NAME, Cause.NAME_UNKNOWN, Owner.NETWORK),
        ("six", Check.ADDRESS, Cause.NO_SOURCE_ADDRESS, Owner.SERVER),  # IPv6 has no address here
        ("switched-off", Check.LINK, Cause.LINK_DOWN, Owner.SERVER),
        ("unplugged", Check.LINK, Cause.LINK_DOWN, Owner.SERVER),
        ("elsewhere", Check.ROUTE, Cause.NO_ROUTE, Owner.SERVER),
        ("beyond", Check.TCP, Cause.HOST_UNREACHABLE, Owner.NETWORK),
        ("nobody", Check.TCP, Cause.HOST_UNREACHABLE, Owner.NETWORK),
        ("filtered", Check.TCP, Cause.FILTERED, Owner.NETWORK),
        ("refused", Check.TCP, Cause.FILTERED, Owner.NETWORK),
        ("closed", Check.TCP, Cause.PORT_CLOSED, Owner.TARGET),
        ("stranger-authority", Check.TLS, Cause.TLS_PEER, Owner.TARGET),
        ("other-name", Check.TLS, Cause.TLS_PEER, Owner.TARGET),
        ("expired", Check.TLS, Cause.TLS_PEER, Owner.TARGET),
        ("ours-expired", Check.TLS, Cause.TLS_OWN, Owner.SERVER),
        ("nothing-shown", Check.TLS, Cause.TLS_OWN, Owner.SERVER),
        ("no-secret", Check.TLS, Cause.TLS_OWN, Owner.SERVER),
        ("tls-to-plain", Check.TLS, Cause.TLS_NOT_SPOKEN, Owner.TARGET),
        ("plain-to-tls", Check.ASSOCIATION, Cause.TLS_EXPECTED, Owner.TARGET),
        ("web", Check.ASSOCIATION, Cause.NOT_DICOM, Owner.TARGET),
        ("stranger", Check.ASSOCIATION, Cause.CALLING_REFUSED, Owner.TARGET),
        ("misnamed", Check.ASSOCIATION, Cause.CALLED_REFUSED, Owner.TARGET),
    ],
)
def test_the_step_that_fails_is_named_with_its_cause_and_its_owner(there, name, check, cause, owner):
    run = there.examine(name, send_image=True)
    step = failure(run)
    assert (step.check, step.cause, owner_of(step.cause)) == (check, cause, owner), step
    after = run.steps[run.steps.index(step) + 1 :]
    assert {one.state for one in after} <= {State.SKIPPED}
    assert sum(one.milliseconds for one in run.steps) < 30_000  # nobody waits longer for an answer
    wanted = next(one for one in DESTINATIONS if one["name"] == name)
    text = {"host": wanted["host"], "port": str(wanted["port"]), "called": wanted["aeTitle"]}
    assert text.items() <= step.params.items()
    assert step.params["calling"] == wanted.get("callingAeTitle", "DICOMRS")
    assert step.params["at"] >= run.at
    if check in (Check.TCP, Check.TLS, Check.ASSOCIATION):
        assert step.params["own"] == OWN


def test_a_firewall_that_answers_is_named(there):
    assert "10.91.1.1" in failure(there.examine("refused")).detail


def test_a_silent_ping_is_a_warning_where_the_port_answers(there):
    there.target.firewall("icmp type echo-request drop", table="silence")
    try:
        run = there.examine("storescp")
    finally:
        there.target.must("nft", "delete table inet silence")
    ping = run.step(Check.PING)
    assert (ping.state, ping.cause) == (State.WARNING, Cause.NO_PING)
    assert run.verdict is None
    assert states(run)["echo"] == "ok"


def test_a_destination_that_the_route_does_not_name_is_not_examined(there):
    with pytest.raises(AssertionError, match="no destination 'other'"):
        there.examine("other")
