"""TLS from scanners and to targets: DCMTK's and Orthanc's, right and wrong certificates, renewal, and strangers."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from dicomrs_wire.association import encode_request
from dicomrs_wire.errors import Aborted, TlsFailed
from dicomrs_wire.pdu import PduType
from support.certificates import Authority, client
from support.objects import CT, EXPLICIT, image, instance, series, write_files
from support.peers import Orthanc, Storescp
from support.polling import eventually
from support.processes import LOOPBACK, free_port, run
from support.router import AE_TITLE, destination, route
from support.sender import association, echoscu, send_all, store, storescu

pytestmark = pytest.mark.peer("openssl")
NAME = "localhost"
SLOW_ARTIM = {"limits": {"artim": "2s"}}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that nobody here trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def scanner(tmp_path_factory, authority):
    """A scanner's secret."""
    return authority.issue(tmp_path_factory.mktemp("secrets") / "scanner")


@pytest.fixture(scope="module")
def router(tmp_path_factory, make_shared_router, shared_tap, authority):
    """Three receivers: one that asks for certificates, one that does not, and a plain one."""
    root = tmp_path_factory.mktemp("root")
    to = destination("tap", shared_tap.port)
    required = {"tls": {"secretName": "receiver"}}
    ignored = {"tls": {"secretName": "receiver", "clientCertificates": "Ignored"}}
    router = make_shared_router(
        route(root / "required", to, name="required", receiver=required),
        route(root / "ignored", to, name="ignored", receiver=ignored),
        route(root / "plain", to, name="plain"),
        start=False,
    )
    authority.issue(router.folder / "secrets" / "receiver")
    router.start()
    return router


REQUIRED, IGNORED, PLAIN = range(3)


def dcmtk(secret, trusted=None):
    """DCMTK's options for a certificate and for whom to trust."""
    return ["+tls", secret / "tls.key", secret / "tls.crt", "+cf", trusted or secret / "ca.crt"]


def failures(router, text, number=1):
    """Lines about failed TLS that have a text, once there are so many."""
    return eventually(
        lambda: (
            len(found := [line for line in router.events("scp", "TLS failed") if text in line["reason"]]) >= number
            and found
        ),
        f"TLS failed: {text}",
    )


def raw_client(router, index, **profile):
    """A TLS client that trusts everybody, made by the standard library alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(profile.pop("ciphers", "DEFAULT"))
    for name, value in profile.items():
        setattr(context, name, value)
    return context.wrap_socket(socket.create_connection((LOOPBACK, router.port(index)), 10))


@pytest.mark.peer("storescu")
@pytest.mark.parametrize("index", [REQUIRED, IGNORED])
def test_storescu_sends_over_tls_and_the_bytes_are_the_same(router, shared_tap, scanner, tmp_path, index):
    objects = series(5)
    write_files(tmp_path / "scan", objects)
    options = dcmtk(scanner) if index == REQUIRED else ["+tla", "+cf", scanner / "ca.crt"]
    done = storescu(router.port(index), tmp_path / "scan", *options)
    assert done.returncode == 0, done.stderr
    router.spool(index).wait_empty()
    found = shared_tap.by_uid()
    assert [[copy.dataset for copy in found[one.uid]] for one in objects] == [[one.dataset] for one in objects]


@pytest.mark.peer("Orthanc")
@pytest.mark.parametrize("required", [True, False], ids=["mutual", "one-sided"])
def test_orthanc_sends_over_tls_and_the_bytes_are_the_same(router, shared_tap, scanner, tmp_path, required):
    there = {"router": {"AET": AE_TITLE, "Host": NAME, "Port": router.port(), "UseDicomTls": True}}
    orthanc = Orthanc(tmp_path / "orthanc", **orthanc_tls(scanner, required=required), DicomModalities=there)
    objects = series(3)
    try:
        orthanc.start()
        for path in write_files(tmp_path / "scan", objects):
            orthanc.rest("/instances", path.read_bytes())
        for name in orthanc.rest("/instances"):
            orthanc.rest("/modalities/router/store", name.encode())
    finally:
        orthanc.close()
    router.spool().wait_empty()
    found = shared_tap.by_uid()
    assert [[copy.dataset for copy in found[one.uid]] for one in objects] == [[one.dataset] for one in objects]


def orthanc_tls(secret, *, required):
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(secret / "tls.crt"),
        "DicomTlsPrivateKey": str(secret / "tls.key"),
        "DicomTlsTrustedCertificates": str(secret / "ca.crt"),
        "DicomTlsRemoteCertificateRequired": required,
    }


def test_a_large_object_comes_through(router, shared_tap, scanner):
    one = instance(image(rows=5793))  # 64 MiB of pixels
    assert len(one.dataset) > 64 << 20
    send_all(router.port(), [one], tls=client(scanner))
    router.spool().wait_empty()
    (found,) = shared_tap.by_uid()[one.uid]
    assert found.dataset == one.dataset


@pytest.mark.peer("echoscu")
def test_a_scanner_without_a_certificate_is_refused_where_one_is_asked_for(router, scanner):
    assert echoscu(router.port(IGNORED), "+tla", "+cf", scanner / "ca.crt").returncode == 0
    assert echoscu(router.port(REQUIRED), "+tla", "+cf", scanner / "ca.crt").returncode != 0
    (line,) = failures(router, "we refused: the peer showed no certificate; give it one that ca.crt")
    assert (line["route"], line["address"], line["level"]) == ("required", LOOPBACK, "warning")


@pytest.mark.peer("echoscu")
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("unknown", "we refused the peer's certificate: nobody in ca.crt of our secret vouches for it"),
        ("expired", "we refused the peer's certificate: it has expired"),
        ("purpose", "we refused the peer's certificate: it is not meant for this use"),
    ],
)
def test_a_scanners_certificate_that_is_no_good_is_refused(router, authority, stranger, tmp_path, fault, text):
    issue = {
        "unknown": lambda: stranger.issue(tmp_path / "own", trusts=authority),
        "expired": lambda: authority.issue(tmp_path / "own", days=-1),
        "purpose": lambda: authority.issue(tmp_path / "own", use="serverAuth"),
    }
    assert echoscu(router.port(), *dcmtk(issue[fault]())).returncode != 0
    failures(router, text)


@pytest.mark.peer("echoscu")
def test_a_scanner_that_refuses_our_certificate_is_told_as_such(router, scanner, stranger):
    assert echoscu(router.port(), *dcmtk(scanner, stranger.certificate)).returncode != 0
    failures(router, "the peer refused our certificate: it does not know the authority that signed it")


@pytest.mark.peer("echoscu")
def test_dicom_to_the_tls_port_and_tls_to_the_dicom_port_are_each_told(router, scanner):
    assert echoscu(router.port(REQUIRED)).returncode != 0
    assert (
        failures(router, "the peer speaks DICOM without TLS, and this port speaks TLS only")[0]["route"] == "required"
    )
    assert echoscu(router.port(PLAIN), *dcmtk(scanner)).returncode != 0
    assert failures(router, "the peer speaks TLS, and this port speaks DICOM without it")[0]["route"] == "plain"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_and_weak_ciphers_are_refused(router):
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        raw_client(router, IGNORED, ciphers="ALL:@SECLEVEL=0", **old)
    failures(router, "we refused: the peer offers TLS older than 1.2")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        raw_client(router, IGNORED, ciphers="AES128-SHA256", maximum_version=ssl.TLSVersion.TLSv1_2)
    failures(router, "we refused: the peer offers no cipher suite that is still safe")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(router, version):
    with raw_client(router, IGNORED, minimum_version=version, maximum_version=version) as sock:
        assert sock.version() == version.name.replace("_", ".")
        assert "GCM" in sock.cipher()[0]
        assert not sock.session or not sock.session.has_ticket


def test_a_request_that_comes_bit_by_bit_through_tls_is_served_and_not_read_beyond(router):
    """The request drips in; its last byte and the next message come in one TLS record."""
    request = encode_request("DRIP", AE_TITLE, [(CT, EXPLICIT)], 16384)
    release = bytes((PduType.RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0))
    with raw_client(router, IGNORED) as sock:
        for start in range(0, len(request) - 8, 8):
            sock.sendall(request[start : start + 8])
        time.sleep(0.1)  # the last piece comes by itself
        sock.sendall(request[start + 8 :] + release)
        answers = b""
        while piece := sock.recv(1 << 16):
            answers += piece
    assert (answers[0], answers[-10]) == (PduType.ASSOCIATE_AC, PduType.RELEASE_RP)
    assert router.wait_for("scp", "association", "DRIP")["ended"] == "released"


def test_what_comes_over_tls_and_is_no_request_is_aborted(router):
    with raw_client(router, IGNORED) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(100)[0] == PduType.ABORT


def hello():
    """The first message of a TLS client."""
    context, leaving = ssl.create_default_context(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), leaving, server_hostname=NAME).do_handshake()
    return leaving.read()


def test_a_probe_leaves_no_line_and_one_that_hangs_up_in_the_handshake_does(router):
    before = len(router.events("scp"))
    for _ in range(3):
        socket.create_connection((LOOPBACK, router.port()), 10).close()
    raw_client(router, IGNORED).close()  # a check of the certificate, as monitoring systems do
    with socket.create_connection((LOOPBACK, router.port()), 10) as sock:
        sock.sendall(hello())
        assert sock.recv(1) == b"\x16"
    failures(router, "hung up in the middle of the TLS handshake")
    # An association of an earlier test may be told of only now.
    assert len([line for line in router.events("scp")[before:] if line["event"] != "association"]) == 1


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_silent_connections_and_half_handshakes_cost_little_and_end_in_time(tmp_path, make_router, authority, scanner):
    tls = {"tls": {"secretName": "receiver"}, **SLOW_ARTIM}
    router = make_router(route(tmp_path / "root", receiver=tls), start=False)
    authority.issue(router.folder / "secrets" / "receiver")
    router.start("scp")
    pid = router.children["scp"].process.pid
    send_all(router.port(), series(1), tls=client(scanner))
    before, opening = threads(pid), hello()
    with ExitStack() as stack:
        socks = []
        for number in range(400):
            sock = stack.enter_context(socket.create_connection((LOOPBACK, router.port()), 10))
            if number % 2:
                sock.sendall(opening[: len(opening) if number % 4 == 1 else 20])
            socks.append(sock)
        began = time.monotonic()
        send_all(router.port(), series(3), tls=client(scanner))
        assert time.monotonic() - began < 10
        assert threads(pid) <= before + 1
        for sock in socks:
            read_to_the_end(sock)
    assert time.monotonic() - began < 20
    assert not router.events("scp", "TLS failed")


def read_to_the_end(sock):
    """Until the router has closed the connection, even over what it had not read."""
    sock.settimeout(20)
    with suppress(ConnectionError):
        while sock.recv(1 << 16):
            pass


# Secrets that come late, are renewed, or are broken.


def own_router(make_router, root, *destinations, **receiver):
    """A router with TLS, its services not started."""
    return make_router(
        route(root, *destinations, receiver={"tls": {"secretName": "receiver"}, **receiver}), start=False
    )


def test_a_receiver_without_its_secret_says_so_once_and_listens_when_it_has_come(
    tmp_path, make_router, authority, scanner
):
    router = own_router(make_router, tmp_path / "root")
    router.launch("scp")
    secret = router.folder / "secrets" / "receiver"
    reason = router.wait_for("scp", "not receiving")["reason"]
    assert f"there is no folder {secret}" in reason
    eventually(lambda: str(secret) in router.spool().status("scp").get("trouble", ""), "the status says so too")
    authority.issue(secret)
    router.wait_ready("scp")
    send_all(router.port(), series(1), tls=client(scanner))
    texts = [line["reason"] for line in router.events("scp", "not receiving")]
    assert texts.count(reason) == 1
    assert all(str(secret) in text for text in texts)  # it may have been seen while the files were being written


def test_a_renewed_certificate_is_shown_at_the_next_handshake_and_associations_go_on(
    tmp_path, make_router, authority, stranger, scanner
):
    router = own_router(make_router, tmp_path / "root")
    secret = authority.issue(router.folder / "secrets" / "receiver")
    router.start("scp")
    objects = series(3)
    with association(router.port(), objects, tls=client(scanner)) as running:
        assert store(running, objects[0]).status == 0
        stranger.issue(secret, trusts=authority)
        with pytest.raises(TlsFailed, match="nobody in ca\\.crt of our secret vouches"):
            send_all(router.port(), objects, tls=client(scanner))
        assert store(running, objects[1]).status == 0
        new = authority.issue(tmp_path / "new", trusts=stranger)
        send_all(router.port(), series(1), tls=client(new))
        assert store(running, objects[2]).status == 0
    assert router.events("scp", "certificates loaded")
    assert len(router.spool().waiting()) == 4


def test_a_mounted_secret_whose_links_are_swapped_is_taken_over(tmp_path, make_router, authority, stranger, scanner):
    """As the kubelet does it: ..data is a link to a folder, and a rename puts another link in its place."""
    router = own_router(make_router, tmp_path / "root")
    secret = router.folder / "secrets" / "receiver"
    authority.issue(secret / "..1")
    stranger.issue(secret / "..2", trusts=authority)
    (secret / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (secret / name).symlink_to(f"..data/{name}")
    router.start("scp")
    send_all(router.port(), series(1), tls=client(scanner))
    (secret / "..new").symlink_to("..2")
    (secret / "..new").rename(secret / "..data")
    with pytest.raises(TlsFailed, match="nobody in ca\\.crt of our secret vouches"):
        send_all(router.port(), series(1), tls=client(scanner))


def test_the_mounted_secret_of_a_cluster_is_taken_over_when_its_links_are_swapped(
    tmp_path, make_router, authority, stranger, scanner
):
    """One Secret with the files of all that routes name, `<name>.tls.crt` and so on."""
    router = own_router(make_router, tmp_path / "root")
    mount = tmp_path / "mount"
    authority.issue(tmp_path / "1")
    stranger.issue(tmp_path / "2", trusts=authority)
    for version in ("1", "2"):
        (mount / f"..{version}").mkdir(parents=True)
        for name in ("tls.crt", "tls.key", "ca.crt"):
            (tmp_path / version / name).rename(mount / f"..{version}" / f"receiver.{name}")
    (mount / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (mount / f"receiver.{name}").symlink_to(f"..data/receiver.{name}")
    router.options = [f"--secrets={mount}"]
    router.start("scp")
    send_all(router.port(), series(1), tls=client(scanner))
    (mount / "..new").symlink_to("..2")
    (mount / "..new").rename(mount / "..data")
    with pytest.raises(TlsFailed, match="nobody in ca\\.crt of our secret vouches"):
        send_all(router.port(), series(1), tls=client(scanner))


def test_a_broken_new_certificate_is_told_once_and_the_last_good_one_stays(tmp_path, make_router, authority, scanner):
    router = own_router(make_router, tmp_path / "root")
    secret = authority.issue(router.folder / "secrets" / "receiver")
    router.start("scp")
    other = authority.issue(tmp_path / "other")
    (secret / "tls.key").write_bytes((other / "tls.key").read_bytes())
    line = router.wait_for("scp", "certificates refused, the last good ones stay")
    assert f"{secret}/tls.key is not the key of {secret}/tls.crt" in line["reason"]
    eventually(
        lambda: "last good ones stay" in router.spool().status("scp").get("trouble", ""), "the status says so too"
    )
    for _ in range(3):
        send_all(router.port(), series(1), tls=client(scanner))
    (secret / "tls.crt").write_bytes((other / "tls.crt").read_bytes())
    router.wait_for("scp", "certificates loaded")
    send_all(router.port(), series(1), tls=client(scanner))
    eventually(lambda: router.spool().status("scp").get("trouble") == "", "the status is good again")
    assert len(router.events("scp", "certificates refused, the last good ones stay")) == 1


def test_certificates_that_end_soon_are_shown_until_they_are_renewed(tmp_path, make_router, authority, scanner):
    router = own_router(make_router, tmp_path / "root", to_tls(free_port()))
    secrets = [authority.issue(router.folder / "secrets" / name, days=5) for name in ("receiver", "zeroclick")]
    router.start()

    def troubles():
        scp, scu = (router.spool().status(service) for service in ("scp", "scu"))
        return [each.get("trouble") for each in (scp, scu.get("destinations", {}).get("zeroclick", {}))]

    eventually(lambda: all("expires in 5 days: renew it" in (text or "") for text in troubles()), "the status says so")
    assert len(router.events("scp", "certificate to be renewed")) == 1
    with association(router.port(), [], tls=client(scanner)) as running:
        assert running.echo() == 0
    for secret in secrets:
        authority.issue(secret)
    eventually(lambda: troubles() == ["", ""], "they are renewed")


def test_told_to_stop_it_ends_associations_over_tls(tmp_path, make_router, authority, scanner):
    router = own_router(make_router, tmp_path / "root")
    authority.issue(router.folder / "secrets" / "receiver")
    router.start("scp")
    with association(router.port(), [], tls=client(scanner)) as idle:
        assert idle.echo() == 0
        began = time.monotonic()
        assert router.stop("scp") == 0
        assert time.monotonic() - began < 10
        with pytest.raises(Aborted):
            idle.echo()
    assert router.wait_for("scp", "association")["ended"] == "service stopped"


# Destinations.


def to_tls(port, **tls):
    return destination("zeroclick", port, tls={"secretName": "zeroclick", "serverName": NAME, **tls})


def trouble(router, text):
    """Wait until the status gives this reason for not sending."""
    return eventually(
        lambda: (
            (found := router.spool().status("scu").get("destinations", {}).get("zeroclick", {}).get("trouble", ""))
            and text in found
            and found
        ),
        f"not sent because: {text}",
    )


@contextmanager
def storescp(folder, *options, port=None):
    peer = Storescp(folder, *options, port=port)
    peer.start()
    try:
        yield peer
    finally:
        peer.close()


def holds(peer, objects):
    """Wait until a storescp has all these objects, byte for byte; it writes them under their names, bit by bit."""

    def whole():
        files = [path.read_bytes() for path in peer.files()]
        return all(any(data.endswith(one.dataset) for data in files) for one in objects)

    eventually(whole, f"{len(objects)} objects at storescp")


@pytest.fixture
def sending(tmp_path, make_router, authority):
    """Make a router with one object for a destination that is not there yet; its secret is good."""

    def make(port, **tls):
        router = make_router(route(tmp_path / "root", to_tls(port, **tls)), start=False)
        authority.issue(router.folder / "secrets" / "zeroclick")
        router.start()
        return router

    return make


@pytest.mark.peer("storescp")
def test_storescp_gets_the_same_bytes_over_mutual_tls(tmp_path, sending, authority):
    there = authority.issue(tmp_path / "there")
    objects = [*series(5), instance(image(rows=1024))]
    with storescp(tmp_path / "storescp", *dcmtk(there)) as peer:
        router = sending(peer.port)
        send_all(router.port(), objects)
        holds(peer, objects)
        router.spool().wait_empty()


@pytest.mark.peer("Orthanc")
@pytest.mark.parametrize("required", [True, False], ids=["mutual", "one-sided"])
def test_orthanc_gets_the_same_bytes_over_tls(tmp_path, sending, authority, required):
    orthanc = Orthanc(tmp_path / "orthanc", **orthanc_tls(authority.issue(tmp_path / "there"), required=required))
    objects = series(3)
    try:
        orthanc.start()
        router = sending(orthanc.port)
        if not required:
            for name in ("tls.crt", "tls.key"):
                (router.folder / "secrets" / "zeroclick" / name).unlink()
        send_all(router.port(), objects)
        router.spool().wait_empty()
        files = orthanc.files()
        assert files.keys() == {one.uid for one in objects}
        assert all(files[one.uid].endswith(one.dataset) for one in objects)
    finally:
        orthanc.close()


@pytest.mark.peer("storescp")
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("unknown", "we refused the peer's certificate: nobody in ca.crt of our secret vouches for it"),
        ("expired", "we refused the peer's certificate: it has expired"),
        ("name", "we refused the peer's certificate: it bears another name than the one we call"),
        ("plain", "perhaps this port of it speaks DICOM without TLS"),
        ("untrusted", "the peer refused our certificate: it does not know the authority that signed it"),
        ("weak", "the peer refused"),
    ],
)
def test_a_target_that_is_not_right_gets_nothing_until_it_is(tmp_path, sending, authority, stranger, fault, text):
    good = authority.issue(tmp_path / "good")
    options = {
        "unknown": lambda: dcmtk(stranger.issue(tmp_path / "there", trusts=authority)),
        "expired": lambda: dcmtk(authority.issue(tmp_path / "there", days=-1)),
        "name": lambda: dcmtk(authority.issue(tmp_path / "there", names=("DNS:elsewhere",))),
        "plain": list,
        "untrusted": lambda: dcmtk(good, stranger.certificate),
        "weak": lambda: [*dcmtk(good), "+pn"],
    }
    objects = series(2)
    with storescp(tmp_path / "wrong", *options[fault]()) as peer:
        router = sending(peer.port)
        send_all(router.port(), objects)
        trouble(router, text)
        assert not peer.files()
    assert len(router.spool().waiting()) == 2
    assert not router.spool().receipts()
    with storescp(tmp_path / "right", *dcmtk(good), port=peer.port) as peer:
        holds(peer, objects)
        router.spool().wait_empty()


@pytest.mark.peer("storescp")
def test_a_secret_that_is_missing_or_shows_no_certificate_is_the_targets_trouble_until_it_is_there(
    tmp_path, make_router, authority
):
    there = authority.issue(tmp_path / "there")
    objects = series(1)
    with storescp(tmp_path / "storescp", *dcmtk(there)) as peer:
        router = make_router(route(tmp_path / "root", to_tls(peer.port)))
        secret = router.folder / "secrets" / "zeroclick"
        send_all(router.port(), objects)
        trouble(router, f"there is no folder {secret}")
        secret.mkdir(parents=True)
        (secret / "ca.crt").write_bytes(authority.certificate.read_bytes())
        trouble(router, "the peer refused us for showing no certificate: put tls.crt and tls.key into our secret")
        authority.issue(secret)
        holds(peer, objects)
        router.spool().wait_empty()


@pytest.mark.peer("storescp")
def test_a_destinations_renewed_certificates_are_used_next_and_its_association_goes_on(
    tmp_path, sending, authority, stranger
):
    """The target changes to another authority; objects flow over the association that is open, until it ends."""
    with storescp(tmp_path / "old", *dcmtk(authority.issue(tmp_path / "there"))) as peer:
        router = sending(peer.port)
        secret = router.folder / "secrets" / "zeroclick"
        objects = []
        with association(router.port(), series(1)) as scanning:

            def scan(number):
                for one in series(number):
                    assert store(scanning, one).status == 0
                    objects.append(one)
                return router.events("scu", "certificates loaded")

            scan(20)
            eventually(peer.files, "some have gone")
            stranger.issue(secret)
            eventually(lambda: scan(1), "they are loaded, while the association to the target has always work")
            scan(20)
        holds(peer, objects)
        assert len(router.events("scu", "association")) <= 1
    later = series(1)
    with storescp(tmp_path / "new", *dcmtk(stranger.issue(tmp_path / "there2")), port=peer.port) as peer:
        send_all(router.port(), later)
        holds(peer, later)
    assert not [line for line in router.events("scu", "destination failed") if "certificate" in line["reason"]]


def test_the_commands_of_the_page_make_certificates_that_work(tmp_path, make_router):
    """The page's commands as they stand, but for the folder; then what the page says of echo."""
    router = own_router(make_router, tmp_path / "root")
    page = (Path(__file__).parents[2] / "docs" / "tls.md").read_text(encoding="utf-8")
    script = "set -eux\n" + "".join(re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    script = script.replace("/etc/dicomrs/secrets/hospital-a-receiver", f"{router.folder}/secrets/receiver")
    (tmp_path / "office").mkdir()
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path / "office", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    router.start("scp")
    shown = run([sys.executable, "-m", "dicomrs_cli", "echo", router.manifest])
    assert (shown.returncode, "0000 success" in shown.stdout) == (0, True), shown.stdout
    send_all(router.port(), series(1), tls=client(router.folder / "secrets" / "receiver", "router.hospital-a.example"))


def test_a_target_that_answers_tls_with_an_abort_is_told_as_such(router, scanner):
    with pytest.raises(TlsFailed, match="we refused: the peer does not speak TLS on this port"):
        send_all(router.port(PLAIN), series(1), tls=client(scanner))


def test_a_target_that_is_silent_in_the_handshake_is_told_as_such(scanner):
    with socket.create_server((LOOPBACK, 0)) as listener:
        sock = socket.create_connection(listener.getsockname())
        with pytest.raises(TlsFailed, match="not finished the TLS handshake within"):
            client(scanner).secure(sock, 0.2)
        assert sock.fileno() == -1
