"""echo: whoever answers is told with its time, whoever does not with the reason."""

import pytest

from dicomrs.exits import Exit
from dicomrs.route import Receiver
from dicomrs_scp.check import receiver_host
from support.peers import Storescp
from support.processes import free_port
from support.router import destination, route


def rows(output: str) -> dict[str, str]:
    return {
        asked: line for line in output.splitlines() for asked in ("receiver", "zeroclick", "closed") if asked in line
    }


def test_receiver_and_target_answer(tmp_path, tap, make_router, dicomrs):
    router = make_router(route(tmp_path / "root", destination("zeroclick", tap.port)))
    shown = dicomrs("echo", router.manifest)
    assert shown.exit_code == Exit.OK, shown.output
    assert all("0000 success" in line for line in rows(shown.output).values())
    assert rows(shown.output).keys() == {"receiver", "zeroclick"}


@pytest.mark.peer("storescp")
def test_one_closed_port_among_those_that_answer(tmp_path, make_router, dicomrs):
    peer = Storescp(tmp_path / "storescp")
    peer.start()
    try:
        to = [destination("zeroclick", peer.port), destination("closed", free_port())]
        shown = dicomrs("echo", make_router(route(tmp_path / "root", *to)).manifest)
    finally:
        peer.close()
    assert shown.exit_code == Exit.FAILED
    found = rows(shown.output)
    assert "0000 success" in found["receiver"]
    assert "0000 success" in found["zeroclick"]
    assert "refuses connections" in found["closed"]


def test_a_rejection_says_what_to_correct(tmp_path, tap, dicomrs, write_manifest):
    tap.refuses_associations = True
    shown = dicomrs("echo", write_manifest(route(tmp_path / "root", destination("zeroclick", tap.port))))
    assert shown.exit_code == Exit.FAILED
    assert "called AE title" in rows(shown.output)["zeroclick"]


def test_only_the_route_that_is_named_is_asked(tmp_path, dicomrs, write_manifest):
    manifest = write_manifest(route(tmp_path / "a", name="a"), route(tmp_path / "b", name="b"))
    shown = dicomrs("echo", manifest, "--route", "b")
    assert shown.exit_code == Exit.FAILED
    assert list(rows(shown.output)) == ["receiver"]
    wrong = dicomrs("echo", manifest, "--route", "c")
    assert wrong.exit_code == Exit.USAGE
    assert "a, b" in wrong.output


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"bindAddress": "127.0.0.5"}, "127.0.0.5"),
        ({"bindAddress": "0.0.0.0"}, "127.0.0.1"),
        ({"bindAddress": "::"}, "::1"),
        ({"interface": "lo"}, "127.0.0.1"),
        ({"interface": "none0"}, ""),
    ],
)
def test_the_receiver_is_asked_where_this_machine_reaches_it(fields, host):
    assert receiver_host(Receiver.model_validate(fields)) == host


def test_an_interface_without_address_is_the_reason(tmp_path, dicomrs, write_manifest):
    manifest = write_manifest(route(tmp_path / "root", receiver={"bindAddress": None, "interface": "none0"}))
    shown = dicomrs("echo", manifest)
    assert shown.exit_code == Exit.FAILED
    assert "the interface has no address" in shown.output
