"""What a service lacks at its start: it says so in one line, and waits for it or ends with a code of its own."""

import os
import socket
from pathlib import Path

import pytest

from support.objects import image, instance, series, write_files
from support.polling import eventually
from support.processes import LOOPBACK, find_program, free_port, run
from support.router import AE_TITLE, SERVICES, annotated, destination, route
from support.sender import send_all
from support.volumes import fill, network_namespace, small_volume

MANIFEST, PORT_IN_USE, ROOT, FULL, NOT_ALLOWED = 65, 69, 73, 74, 77
NOWHERE = "192.0.2.10"  # of a network for examples (RFC 5737)


@pytest.fixture
def taken():
    """A port that another program holds."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, free_port()))
        sock.listen()
        yield sock


def reason(router):
    (line,) = router.events("scp", "not receiving")
    return line["reason"]


def test_a_port_in_use_ends_scp_that_has_no_other_receiver(taken, tmp_path, make_router):
    port = taken.getsockname()[1]
    router = make_router(route(tmp_path / "root", receiver={"port": port}), start=False)
    assert router.launch("scp").wait() == PORT_IN_USE
    assert f"{LOOPBACK} port {port} is used by another program" in reason(router)


@pytest.mark.peer("setpriv")
def test_a_port_below_1024_without_the_right_to_it_ends_scp_or_is_tried_again_on_a_cluster(tmp_path, make_router):
    low = annotated(route(tmp_path / "root", receiver={"bindAddress": "127.77.0.4", "port": 104}), revision="uid/1")
    router = make_router(low, start=False)
    if os.geteuid() == 0:
        router.wrap = [find_program("setpriv"), "--bounding-set=-net_bind_service"]
    assert router.launch("scp").wait() == NOT_ALLOWED
    for words in ("127.77.0.4 port 104", "cap_net_bind_service", "In a container"):
        assert words in reason(router)

    router.options = ["--await-manifests"]
    scp = router.launch("scp")
    eventually(lambda: router.spool().status("scp").get("pid") == scp.process.pid, "it goes on")
    assert "ports below 1024" in router.spool().status("scp")["trouble"]


def test_receivers_that_cannot_listen_keep_no_other_from_serving(taken, tmp_path, make_router, tap):
    to, port = destination("tap", tap.port), taken.getsockname()[1]
    router = make_router(
        route(tmp_path / "free", to, name="free"),
        route(tmp_path / "taken", to, name="taken", receiver={"port": port}),
        route(tmp_path / "nowhere", to, name="nowhere", receiver={"bindAddress": NOWHERE}),
        start=False,
    )
    scp = router.launch("scp")
    router.launch("scu")
    scp.wait_for_port(router.port(0))
    router.wait_for("scp", "not receiving", "is used by another program")
    router.wait_for("scp", "not receiving", f"{NOWHERE} is not an address of this machine")
    send_all(router.port(0), series(2))
    tap.wait_stored(2)
    for index, words in ((1, "is used by another program"), (2, "trying again")):
        eventually(lambda i=index, w=words: w in router.spool(i).status("scp").get("trouble", ""), "the status says so")

    taken.close()
    eventually(lambda: router.spool(1).status("scp").get("listening"), "it listens once the port is free")
    send_all(port, series(2))
    tap.wait_stored(4)


def test_scp_waits_for_an_address_even_if_it_has_no_other(tmp_path, make_router):
    router = make_router(route(tmp_path / "root", receiver={"bindAddress": NOWHERE}), start=False)
    scp = router.launch("scp")
    eventually(lambda: "trying again" in router.spool().status("scp").get("trouble", ""), "it waits")
    assert scp.stop() == 0


@pytest.mark.peer("unshare", "ip", "storescu")
def test_a_receiver_listens_as_soon_as_its_address_appears(tmp_path, make_router):
    late = "10.99.0.10"
    with network_namespace(tmp_path / "namespace.log") as enter:
        router = make_router(
            route(tmp_path / "here", name="here"),
            route(tmp_path / "late", name="late", receiver={"bindAddress": late}),
            start=False,
        )
        router.wrap = enter
        scp = router.launch("scp")
        listening = lambda index: router.spool(index).status("scp").get("listening")  # noqa: E731 (asked twice)
        eventually(lambda: listening(0) and listening(1) is False, "one listens, one waits")
        assert f"{late} is not an address of this machine" in reason(router)
        (scan,) = write_files(tmp_path / "scan", [instance(image())])
        storescu = [*enter, find_program("storescu"), "-aec", AE_TITLE]
        assert run([*storescu, LOOPBACK, router.port(0), scan]).returncode == 0
        assert run([*storescu, late, router.port(1), scan]).returncode != 0

        assert run([*enter, "ip", "addr", "add", f"{late}/32", "dev", "lo"]).returncode == 0
        eventually(lambda: listening(1), "the second listens")
        assert run([*storescu, late, router.port(1), scan]).returncode == 0
        assert len(router.spool(0).waiting()) == len(router.spool(1).waiting()) == 1
        assert scp.stop() == 0


def ends(router):
    """Start both services at once; their exit codes."""
    children = [router.launch(service) for service in SERVICES]
    return [child.wait() for child in children]


def test_a_root_that_cannot_be_ends_the_services(tmp_path, make_router):
    (tmp_path / "file").write_text("not a folder")
    router = make_router(route(tmp_path / "file" / "root"), start=False)
    assert ends(router) == [ROOT, ROOT]
    for service, event in zip(SERVICES, ("not receiving", "not sending"), strict=True):
        (line,) = router.events(service, event)
        assert "cannot carry a spool" in line["reason"]
        assert "must be a folder that user" in line["reason"]


@pytest.mark.peer("mount")
def test_a_full_volume_ends_scp_with_a_code_of_its_own(tmp_path, make_router):
    with small_volume(tmp_path / "volume", 8) as volume:
        router = make_router(route(volume / "root"), start=False)
        fill(volume)
        assert router.launch("scp").wait() == FULL
        assert "the volume is full" in reason(router)


def test_a_manifest_that_is_wrong_ends_the_services(tmp_path, make_router):
    wrong = route(tmp_path / "root", destination("tap", free_port(), aeTitle="MUCH TOO LONG A TITLE"))
    router = make_router(wrong, start=False)
    assert ends(router) == [MANIFEST, MANIFEST]
    for service in SERVICES:
        (line,) = router.events(service, "manifest refused")
        for words in (str(router.manifest), "aeTitle", "at most 16"):
            assert words in line["problem"]


def test_a_second_scp_waits_until_the_first_has_gone(tmp_path, make_router, tap):
    """As in an upgrade: the new one must not receive into the same root meanwhile."""
    first = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    second = make_router(route(tmp_path / "root", destination("tap", tap.port)), start=False)
    child = second.launch("scp")
    second.wait_for("scp", "not receiving", "another receiving service has")
    assert child.alive
    assert not second.is_listening()
    first.kill("scp")
    child.wait_for_port(second.port())
    send_all(second.port(), series(2))
    tap.wait_stored(2)


@pytest.mark.peer("prlimit")
def test_services_take_all_the_descriptors_that_they_may_have(tmp_path, make_router):
    router = make_router(route(tmp_path / "root"), start=False)
    router.wrap = [find_program("prlimit"), "--nofile=256:512"]
    router.start()
    for service in SERVICES:
        limits = Path(f"/proc/{router.children[service].process.pid}/limits").read_text()
        (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
        assert line.split()[3:5] == ["512", "512"]
