"""What scp and scu tell the probes of a cluster, in each state that they can be in."""

import http.client
import socket

import pytest

from support.objects import series
from support.polling import eventually
from support.processes import LOOPBACK, free_port
from support.router import annotated, changed, destination, route
from support.sender import send_all
from support.volumes import away, small_volume

NOWHERE = "192.0.2.10"  # of a network for examples (RFC 5737)
USAGE, PORT_IN_USE = 2, 69


class Probes:
    """A router whose services tell of their health, each at a port of its own."""

    def __init__(self, router):
        self.router = router
        self.ports = {"scp": free_port(), "scu": free_port()}

    def launch(self, service):
        place = f"{LOOPBACK}:{self.ports[service]}"
        self.router.options = ["--await-manifests", f"--health={place}", f"--health-name=clinic/{service}"]
        return self.router.launch(service)

    def get(self, service, what):
        connection = http.client.HTTPConnection(LOOPBACK, self.ports[service], timeout=10)
        try:
            connection.request("GET", f"/{what}/clinic/{service}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError:
            return 0, ""
        finally:
            connection.close()

    def wait(self, service, *words):
        """Until the service is ready, or not so for one reason with all these words."""
        wanted = 503 if words else 200

        def told():
            status, text = self.get(service, "readyz")
            return status == wanted and all(word in text for word in words)

        eventually(told, f"{service}: {words or 'ready'}")
        assert self.get(service, "livez")[0] == 200


@pytest.fixture
def make_probes(make_router):
    return lambda *routes: Probes(make_router(*routes, start=False))


def test_services_without_routes_are_ready_and_one_that_cannot_listen_is_not(tmp_path, make_probes):
    document = route(tmp_path / "root", receiver={"bindAddress": NOWHERE})
    probes = make_probes(document)
    probes.router.manifest.unlink()
    for service in ("scp", "scu"):
        probes.launch(service)
        probes.wait(service)
    probes.router.write(document)
    probes.wait("scp", "route clinic is not receiving", f"{NOWHERE} is not an address of this machine", "trying again")
    probes.router.write(changed(document, receiver={"bindAddress": NOWHERE, "suspend": True}))
    probes.wait("scp")
    probes.router.write(annotated(document, revision="uid/3", draining="true"))
    eventually(lambda: probes.router.spool().status("scp").get("revision") == "uid/3", "it is drained")
    probes.wait("scp")
    probes.router.write(changed(document, receiver={"bindAddress": LOOPBACK}))
    probes.router.children["scp"].wait_for_port(probes.router.port())
    probes.wait("scp")
    probes.wait("scu")


def test_manifests_that_are_refused_from_the_start_are_the_reason(tmp_path, make_probes):
    document = route(tmp_path / "root")
    probes = make_probes(changed(document, receiver={"port": 70000}))
    for service in ("scp", "scu"):
        probes.launch(service)
        probes.wait(service, "manifest refused", "70000")
    probes.router.write(document)
    for service in ("scp", "scu"):
        probes.wait(service)
    probes.router.write(changed(document, receiver={"port": 70000}))
    for service in ("scp", "scu"):
        eventually(lambda s=service: probes.router.spool().status(s).get("refused"), "it is told in the heartbeat")
        probes.wait(service)  # the last good one runs


def test_a_second_pair_of_services_is_not_ready_before_the_root_is_theirs(tmp_path, make_probes):
    document = route(tmp_path / "root")
    first, second = make_probes(document), make_probes(document)
    for service in ("scp", "scu"):
        first.launch(service)
        first.wait(service)
        second.launch(service)
    second.wait("scp", "another receiving service has")
    second.wait("scu", "another sending service has")
    first.router.kill("scp", "scu")
    second.wait("scp")
    second.wait("scu")


@pytest.mark.peer("mount")
def test_a_reserve_that_is_reached_is_the_reason_until_there_is_room(tmp_path, make_probes, tap):
    with small_volume(tmp_path / "volume", 64) as volume:
        document = route(volume / "root", destination("tap", tap.port), storage={"reserve": "20Mi"})
        probes = make_probes(document)
        probes.launch("scp")
        probes.launch("scu")
        probes.wait("scp")
        filling = volume / "filling"
        filling.write_bytes(bytes(45 << 20))
        probes.wait("scp", "are reserved (spec.storage.reserve)")
        probes.wait("scu")
        filling.unlink()
        probes.wait("scp")
        send_all(probes.router.port(), series(1))
        tap.wait_stored(1)
        for service in ("scp", "scu"):
            assert probes.router.stop(service) == 0


def test_a_root_that_cannot_be_written_is_the_reason(tmp_path, make_probes):
    probes = make_probes(route(tmp_path / "root"))
    probes.launch("scp")
    probes.wait("scp")
    (tmp_path / "root" / ".status").rename(tmp_path / "elsewhere")
    probes.wait("scp", "route clinic is not receiving", "scp.json cannot be written", "check the volume")
    (tmp_path / "elsewhere").rename(tmp_path / "root" / ".status")
    probes.wait("scp")


def test_a_health_port_that_is_taken_ends_a_service_at_once(tmp_path, make_probes):
    probes = make_probes(route(tmp_path / "root"))
    with socket.create_server((LOOPBACK, probes.ports["scp"])):
        assert probes.launch("scp").wait() == PORT_IN_USE
    (line,) = probes.router.events("scp")
    assert f"{LOOPBACK} port {probes.ports['scp']} (--health) is used by another program" in line["reason"]


@pytest.mark.parametrize("options", [["--health=20104"], ["--health=127.0.0.1:0"], ["--health=127.0.0.1:20104"]])
def test_a_health_place_without_address_port_or_name_is_a_wrong_command_line(tmp_path, make_router, options):
    router = make_router(route(tmp_path / "root"), start=False)
    router.options = options
    assert router.launch("scu").wait() == USAGE


@pytest.mark.peer("mount")
def test_a_volume_that_hangs_is_the_reason_of_its_own_route(tmp_path, make_probes):
    probes = make_probes(route(tmp_path / "hanging", name="hanging"), route(tmp_path / "well", name="well"))
    for service in ("scp", "scu"):
        probes.launch(service)
        probes.wait(service)
    with away(tmp_path / "hanging"):
        for service, what in (("scp", "receiving"), ("scu", "sending")):
            probes.wait(service, f"route hanging is not {what}", "its volume hangs")
            assert "route well" not in probes.get(service, "readyz")[1]
    for service in ("scp", "scu"):
        probes.wait(service)
