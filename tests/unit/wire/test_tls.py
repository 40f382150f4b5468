"""The stream of TLS between two ends of ours, and the sentences for what goes wrong."""

import ctypes
import os
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomrs.causes import Cause
from dicomrs.route.secrets import Secret, SecretError, Secrets
from dicomrs_wire.errors import PeerClosed, Timeout, TlsFailed
from dicomrs_wire.stream import PduReader, linger, send, wait_for
from dicomrs_wire.tls import sentences
from dicomrs_wire.tls.contexts import receiver_context, sender_context
from dicomrs_wire.tls.credentials import Credentials
from dicomrs_wire.tls.sentences import Side, explain
from dicomrs_wire.tls.stream import TlsStream
from support.certificates import Authority, openssl
from support.polling import eventually
from support.shortage import no_descriptors

pytestmark = pytest.mark.peer("openssl")
ALERT = re.compile("(SSLV3|TLSV1|TLSV13)_ALERT_")
Ends = tuple[TlsStream, TlsStream]


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Secret:
    folder = tmp_path_factory.mktemp("tls")
    return Secret(str(Authority(folder).issue(folder / "device")))


def connected(secret: Secret, buffer: int = 0) -> Ends:
    """A sender and a receiver whose handshake is done; buffer: bytes that the system keeps between them."""
    one, other = socket.socketpair()
    for sock in (one, other) if buffer else ():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    receiver = TlsStream(other, receiver_context(secret, clients_show_certificates=True), side=Side.RECEIVER)
    sender = TlsStream(one, sender_context(secret), side=Side.SENDER, server_name="localhost")
    with ThreadPoolExecutor(1) as pool:
        shaking = pool.submit(receiver.handshake, 10)
        sender.handshake(10)
        shaking.result(10)
    return sender, receiver


@pytest.fixture
def ends(secret: Secret) -> Iterator[Ends]:
    sender, receiver = connected(secret)
    yield sender, receiver
    sender.close()
    receiver.close()


def pdu(body: bytes) -> bytes:
    return struct.pack(">BxI", 4, len(body)) + body


@given(st.lists(st.integers(0, 70_000), max_size=12), st.integers(1, 300_000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sent_in_any_pieces_through_little_room_is_read(secret: Secret, lengths: list[int], piece: int) -> None:
    """The sender is often told to try again, the reader finds whole records and parts of them."""
    sender, receiver = connected(secret, buffer=4096)
    bodies = [os.urandom(length) for length in lengths]
    data = b"".join(map(pdu, bodies))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lambda: [send(sender, data[at : at + piece], 20) for at in range(0, len(data), piece)])
        reader = PduReader(receiver)
        assert [bytes(reader.read(20)[1]) for _ in bodies] == bodies
        sending.result(20)
    sender.close()
    with pytest.raises(PeerClosed, match=r"closed the connection$"):
        reader.read(10)
    receiver.close()


def test_what_has_been_decrypted_is_not_waited_for(ends: Ends) -> None:
    """Ten PDUs come in one record; the socket shows nothing any more once the first is read."""
    sender, receiver = ends
    send(sender, pdu(b"x" * 100) * 10, 5)
    reader = PduReader(receiver, limit=100)
    assert [reader.read(1)[0] for _ in range(10)] == [4] * 10
    assert reader.peek() is None


def test_a_small_read_leaves_the_rest_to_the_next(ends: Ends) -> None:
    sender, receiver = ends
    send(sender, b"0123456789", 5)
    assert wait_for(receiver, select.POLLIN, 5)
    assert receiver.recv(4) == b"0123"
    assert not wait_for(receiver, select.POLLIN, 0)
    assert receiver.recv(100) == b"456789"
    with pytest.raises(BlockingIOError):
        receiver.recv(1)


def test_a_small_read_takes_little_off_the_network(secret: Secret) -> None:
    """Else one peer's records without data would hold up all others that one thread serves."""
    sender, receiver = connected(secret)
    send(sender, bytes(100_000), 5)
    assert receiver.recv(6) == bytes(6)
    assert len(receiver._sock.recv(200_000, socket.MSG_PEEK)) > 80_000
    for end in (sender, receiver):
        end.close()


def test_a_peer_that_does_not_read_is_a_timeout(secret: Secret) -> None:
    sender, receiver = connected(secret, buffer=4096)
    began = time.monotonic()
    with pytest.raises(Timeout, match="has not taken"):
        send(sender, bytes(10_000_000), 0.3)
    assert 0.3 <= time.monotonic() - began < 5
    receiver.close()
    with pytest.raises((PeerClosed, TlsFailed)):
        send(sender, bytes(10_000_000), 5)
    sender.close()


def test_a_peer_that_says_nothing_is_a_timeout_and_may_go_on(ends: Ends) -> None:
    sender, receiver = ends
    reader = PduReader(receiver)
    with pytest.raises(Timeout):
        reader.read(0.1)
    whole = pdu(b"late")
    send(sender, whole[:5], 5)
    with pytest.raises(Timeout):
        reader.read(0.1)
    send(sender, whole[5:], 5)
    assert reader.read(5)[1] == b"late"


class KeyUpdater:
    """A TLS client that can do what Python's cannot: ask for new keys, again and again, and read none of them."""

    def __init__(self, sock: socket.socket) -> None:
        self._lib = lib = ctypes.CDLL("libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(lib, name).restype = ctypes.c_void_p
        context = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))
        self._ssl = ctypes.c_void_p(lib.SSL_new(context))
        assert lib.SSL_set_fd(self._ssl, sock.fileno()) == 1

    def connect(self) -> None:
        assert self._lib.SSL_connect(self._ssl) == 1

    def flood(self) -> None:
        """Until the other side has enough."""
        update_requested = 1
        while self._lib.SSL_key_update(self._ssl, update_requested) == 1 == self._lib.SSL_do_handshake(self._ssl):
            pass


def test_a_peer_that_asks_for_keys_without_end_and_reads_none_is_cut_off(secret: Secret) -> None:
    one, other = socket.socketpair()
    receiver = TlsStream(other, receiver_context(secret, clients_show_certificates=False), side=Side.RECEIVER)
    peer = KeyUpdater(one)
    with ThreadPoolExecutor(1) as pool:
        shaking = pool.submit(receiver.handshake, 10)
        peer.connect()
        shaking.result(10)
        flooding = pool.submit(peer.flood)
        with pytest.raises(TlsFailed, match="does not read"):
            PduReader(receiver).read(60)
        receiver.close()
        one.shutdown(socket.SHUT_RDWR)
        flooding.result(10)
    one.close()


def test_another_thread_ends_the_waiting(ends: Ends) -> None:
    _, receiver = ends
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(PduReader(receiver).read, 30)
        threading.Event().wait(0.1)
        receiver.shutdown(socket.SHUT_RD)
        with pytest.raises(PeerClosed):
            reading.result(10)
    send(receiver, b"an abort", 5)  # the other direction stays open


def test_a_cut_connection_is_an_end_and_not_data(ends: Ends) -> None:
    sender, receiver = ends
    send(sender, pdu(b"first"), 5)
    sender._sock.close()  # no close_notify
    reader = PduReader(receiver)
    assert reader.read(5)[1] == b"first"
    with pytest.raises(PeerClosed):
        reader.read(5)


def test_bytes_that_were_changed_on_the_way_are_an_error(ends: Ends) -> None:
    sender, receiver = ends
    sender._tls.write(pdu(b"truth"))
    record = bytearray(sender._leaving.read())
    record[-1] ^= 1
    sender._sock.sendall(record)
    with pytest.raises(TlsFailed, match="we refused: the peer breaks the rules of TLS"):
        PduReader(receiver).read(5)
    with pytest.raises(TlsFailed, match="the peer refused with the alert “bad record mac”"):
        PduReader(sender).read(5)


def test_the_last_words_are_read_before_the_connection_ends(ends: Ends) -> None:
    sender, receiver = ends
    send(sender, bytes(100_000), 5)  # never read
    send(receiver, pdu(b"goodbye"), 5)
    with ThreadPoolExecutor(1) as pool:
        lingering = pool.submit(linger, receiver)
        assert PduReader(sender).read(5)[1] == b"goodbye"
        sender.close()
        lingering.result(10)


def test_every_alert_and_every_fault_has_a_sentence_with_its_side() -> None:
    reasons = [code for code in ssl._ssl.err_codes_to_names.values() if isinstance(code, str)]  # type: ignore[attr-defined]
    assert "TLSV1_ALERT_UNKNOWN_CA" in reasons
    for reason in reasons:
        error = ssl.SSLError(1, "x")
        error.reason = reason
        for side in Side:
            said, cause = explain(error, side)
            assert cause in {Cause.TLS_OWN, Cause.TLS_PEER, Cause.TLS_NOT_SPOKEN}
            assert said.startswith("the peer refused" if ALERT.match(reason) else ("we refused", "the peer refused"))


def test_the_page_explains_every_sentence() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tls.md").read_text(encoding="utf-8")
    whole = [
        sentences.PLAIN_DICOM,
        sentences.TLS_TO_PLAIN_PORT,
        *sentences.HUNG_UP.values(),
        sentences.HUNG_UP_AFTERWARDS,
        sentences.UNREAD.partition("(")[0],
        sentences.SLOW.partition("{")[0],
        *(f"we refused the peer's certificate: {why}" for why in sentences.CERTIFICATE.values()),
        *sentences.NOT_TLS.values(),
        *(f"we refused: {why}" for why in sentences.OURS.values()),
        *(f"the peer refused {what}" for what in sentences.ALERTS.values()),
    ]
    for text in whole:
        assert re.split("; |(?<!refused)(?<!peer's certificate): ", text)[0] in page, text


def key_of_another(folder: Path) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "tls.key")


def locked(folder: Path) -> None:
    openssl("pkey", "-in", folder / "tls.key", "-aes256", "-passout", "pass:x", "-out", folder / "locked")
    (folder / "locked").replace(folder / "tls.key")


FAULTS = {
    "no-certificate": (lambda f: (f / "tls.crt").unlink(), "tls.crt is missing"),
    "no-key": (lambda f: (f / "tls.key").unlink(), "tls.key is missing"),
    "no-ca": (lambda f: (f / "ca.crt").unlink(), "ca.crt is missing"),
    "folder": (lambda f: ((f / "tls.crt").unlink(), (f / "tls.crt").mkdir()), "tls.crt cannot be read by user"),
    "junk": (lambda f: (f / "tls.crt").write_bytes(os.urandom(99)), "tls.crt holds no certificate in PEM format"),
    "junk-key": (lambda f: (f / "tls.key").write_bytes(os.urandom(99)), "tls.key cannot be used"),
    "junk-ca": (lambda f: (f / "ca.crt").write_bytes(b"junk"), "ca.crt holds no certificate in PEM format"),
    "empty-ca": (lambda f: (f / "ca.crt").write_bytes(b""), "ca.crt holds no certificate in PEM format"),
    "other-key": (key_of_another, "tls.key is not the key of"),
    "password": (locked, "tls.key is protected by a password"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_secret_that_cannot_be_used_is_told_in_one_line_with_its_file(tmp_path: Path, fault: str) -> None:
    folder = Authority(tmp_path).issue(tmp_path / "device")
    spoil, text = FAULTS[fault]
    spoil(folder)
    with pytest.raises(SecretError, match=text) as caught:
        receiver_context(Secret(str(folder)), clients_show_certificates=True)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_without_certificate_suffices_for_a_destination_but_half_of_one_does_not(tmp_path: Path) -> None:
    folder = Authority(tmp_path).issue(tmp_path / "device")
    (folder / "tls.key").unlink()
    with pytest.raises(SecretError, match=r"tls\.key is missing"):
        sender_context(Secret(str(folder)))
    (folder / "tls.crt").unlink()
    assert sender_context(Secret(str(folder))).verify_mode is ssl.CERT_REQUIRED


def test_a_receiver_that_ignores_certificates_needs_no_authority(tmp_path: Path) -> None:
    folder = Authority(tmp_path).issue(tmp_path / "device")
    (folder / "ca.crt").unlink()
    receiver_context(Secret(str(folder)), clients_show_certificates=False)


def test_credentials_follow_the_files_and_keep_the_last_good_ones(tmp_path: Path) -> None:
    authority, folder = Authority(tmp_path), tmp_path / "secrets" / "device"
    found = Credentials(Secrets([str(folder.parent)]), "device", sender_context)
    assert "there is no folder" in found.trouble
    with pytest.raises(SecretError, match="there is no folder"):
        found.context()
    authority.issue(folder)
    first = found.context()
    assert (found.context(), found.trouble) == (first, "")
    authority.issue(folder)
    second = found.context()
    assert second is not first
    (folder / "ca.crt").write_text("half of")
    assert found.context() is second
    eventually(lambda: "ca.crt holds no certificate" in found.trouble, "it is told")
    assert found.context() is second
    (folder / "ca.crt").unlink()
    assert found.context() is second
    authority.issue(folder)
    assert found.context() not in (first, second)
    assert found.trouble == ""


def test_certificates_that_could_not_be_read_for_want_of_descriptors_are_tried_again(tmp_path: Path) -> None:
    folder = Authority(tmp_path).issue(tmp_path / "secrets" / "device")
    found = Credentials(Secrets([str(folder.parent)]), "device", sender_context)
    with no_descriptors():
        assert "Too many open files" in found.trouble
    assert found.trouble == ""
    first = found.context()
    os.utime(folder / "tls.crt")
    with no_descriptors():
        assert found.trouble == ""
        assert "Too many open files" in found.trouble
        assert found.context() is first
    assert found.trouble == ""
    assert found.context() is not first


@pytest.mark.parametrize(
    ("days", "use", "text"),
    [
        (31, "serverAuth", ""),
        (29, "serverAuth, clientAuth", "tls.crt expires in 29 days: renew it"),
        (-1, "serverAuth", "tls.crt has expired: renew it"),
        (1, "clientAuth", ""),  # it cannot be told; the target will say so
    ],
)
def test_a_certificate_that_ends_soon_is_told(tmp_path: Path, days: int, use: str, text: str) -> None:
    Authority(tmp_path).issue(tmp_path / "device", days=days, use=use)
    found = Credentials(Secrets([str(tmp_path)]), "device", sender_context)
    assert text in found.trouble
    assert bool(found.trouble) is bool(text)
    found.context()  # it is used all the same


def test_secrets_are_beside_the_manifests(tmp_path: Path) -> None:
    for place in ("a/secrets/one", "b/secrets/two", "b/secrets/both", "a/secrets/both"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "a" / "route.yaml").write_text("")
    secrets = Secrets.beside([tmp_path / "a" / "route.yaml", tmp_path / "b"])
    assert secrets.find("one").place == str(tmp_path / "a" / "secrets" / "one")
    assert secrets.find("two").place == str(tmp_path / "b" / "secrets" / "two")
    with pytest.raises(SecretError, match="are secrets of one name"):
        secrets.find("both")
    with pytest.raises(SecretError, match=r"a/secrets/none or .*b/secrets/none"):
        secrets.find("none")
    elsewhere = Secrets.beside([tmp_path / "a"], tmp_path / "b" / "secrets")
    assert elsewhere.find("two").path("ca.crt") == str(tmp_path / "b" / "secrets" / "two" / "ca.crt")


def flat(folder: Path, mount: Path, name: str) -> None:
    """Put the files of a secret's folder beside each other, as the keys of one mounted Secret."""
    mount.mkdir(exist_ok=True)
    for file in ("tls.crt", "tls.key", "ca.crt"):
        (folder / file).replace(mount / f"{name}.{file}")


def test_a_secret_may_be_files_beside_each_other_as_a_cluster_mounts_them(tmp_path: Path) -> None:
    authority, mount = Authority(tmp_path), tmp_path / "mount"
    found = Credentials(Secrets([str(mount)]), "device", sender_context)
    with pytest.raises(SecretError, match="on a cluster make a Secret of that name"):
        found.context()
    flat(authority.issue(tmp_path / "other"), mount, "device-2")
    with pytest.raises(SecretError, match="there is no folder"):  # a name that begins like another is another
        found.context()
    flat(authority.issue(tmp_path / "made"), mount, "device")
    first = found.context()
    assert found.trouble == ""
    flat(authority.issue(tmp_path / "renewed"), mount, "device")
    assert found.context() is not first
    (mount / "device.ca.crt").unlink()
    eventually(lambda: f"{mount}/device.ca.crt is missing" in found.trouble, "it is told")
    found.context()  # the last good one
    (mount / "device").mkdir()
    eventually(lambda: "device.* are secrets of one name" in found.trouble, "any of them could be meant")
