"""What the services name as the cause of their trouble: by it the light on the dashboard says whose job it is."""

from typing import Any

import pytest

from dicomrs.causes import Cause
from dicomrs_wire.commitment import IMPLICIT_LITTLE_ENDIAN
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor, Timeouts
from support.bad_target import BadTarget, Caller, Script, never_accept, rejecting
from support.objects import series
from support.polling import eventually
from support.processes import LOOPBACK, free_port
from support.router import changed, destination, route
from support.sender import send_all


def saying(answer: bytes) -> Script:
    """A program that answers an association request with something else."""

    def script(caller: Caller) -> None:
        caller.hear_request()
        caller.say(answer)

    return script


def aborting(caller: Caller) -> None:
    caller.hear_request()
    caller.abort()


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        pytest.param(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Cause.NOT_DICOM, id="a web server"),
        pytest.param(saying(b"\x15\x03\x03\x00\x02\x02\x46"), Cause.TLS_EXPECTED, id="a TLS server"),
        pytest.param(rejecting((1, 1, 3)), Cause.CALLING_REFUSED, id="it does not know us"),
        pytest.param(rejecting((1, 1, 7)), Cause.CALLED_REFUSED, id="it has another name"),
        pytest.param(rejecting((2, 3, 1)), Cause.BUSY, id="it is congested"),
        pytest.param(rejecting((2, 3, 2)), Cause.BUSY, id="it has reached its limit"),
        pytest.param(rejecting((1, 1, 1)), Cause.ASSOCIATION_REFUSED, id="it gives no reason"),
        pytest.param(aborting, Cause.ABORTED, id="it aborts"),
        pytest.param(Caller.hear_request, Cause.CLOSED, id="it hangs up"),
        pytest.param(never_accept, Cause.SILENT, id="it says nothing"),
    ],
)
def test_an_association_that_cannot_be_had_has_a_cause(script, cause):
    target = BadTarget(script)
    try:
        with pytest.raises(AssociationError) as failed:
            associate(target.port)
    finally:
        target.recover()
        target.vanish()
    assert failed.value.cause is cause


def associate(port: int) -> None:
    contexts = [(VERIFICATION, IMPLICIT_LITTLE_ENDIAN)]
    Requestor.connect(
        LOOPBACK, port, calling="ME", called="YOU", contexts=contexts, timeouts=Timeouts(association=2.0)
    ).abort()


def of_target(scu: dict[str, Any]) -> str | None:
    return scu.get("destinations", {}).get("target", {}).get("cause")


def test_the_heartbeats_name_the_causes(tmp_path, make_router):
    here = route(tmp_path / "root", destination("target", free_port()))
    router = make_router(here)
    beat = lambda service: router.spool().status(service)  # noqa: E731 (asked often)
    found = eventually(lambda: beat("scp"), "it tells how it stands")
    assert (found["trouble"], found["cause"]) == ("", None)
    send_all(router.port(), series(1))
    eventually(lambda: of_target(beat("scu")) == Cause.PORT_CLOSED, "nobody listens there")
    router.rewrite(changed(here, receiver={"suspend": True}))
    eventually(lambda: beat("scp")["cause"] == Cause.SUSPENDED, "the receiver is suspended")
    assert "spec.receiver.suspend" in beat("scp")["trouble"]
