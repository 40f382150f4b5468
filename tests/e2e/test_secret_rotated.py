"""A receiver's certificate is a Secret: made late, renewed, deleted, and scp never has to be started anew for it."""

import base64
import hashlib
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.cluster.clinic import Clinic
from support.cluster.network import HTR_ADDRESS
from support.cluster.peers import PYTHON, OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.cluster.streams import streaming
from support.objects import image, instance
from support.polling import eventually, hold

NAME = "hospital-a-receiver"
SCANNERS = "/tmp/scanner"
SOON = 60  # seconds; under 5 on a machine that does nothing else
TLS = ("+tls", f"{SCANNERS}/tls.key", f"{SCANNERS}/tls.crt", "+cf", f"{SCANNERS}/ca.crt")
HANDSHAKE = f"""
import hashlib, socket
from support.steady import context
with socket.create_connection(("{HTR_ADDRESS}", 104), 5) as plain:
    with context("{SCANNERS}").wrap_socket(plain, server_hostname="{HTR_ADDRESS}") as tls:
        print(hashlib.sha256(tls.getpeercert(True)).hexdigest())
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, scanner: Scanner) -> Authority:
    """The hospital's, with which the scanner has got its own certificate."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    scanner.put(made.issue(tmp_path_factory.mktemp("device") / "scanner"), SCANNERS)
    return made


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget, authority: Authority) -> Clinic:
    """With a route whose receiver has TLS, and no such Secret."""
    made: Clinic = make_clinic("secrets")
    made.label_node()
    made.install("--wait")
    made.apply(made.route(orthanc.destination, receiver={"tls": {"secretName": NAME}}))
    return made


def test_a_secret_that_is_missing_and_then_made(
    clinic: Clinic, authority: Authority, scanner: Scanner, tmp_path: Path, steps: Steps
) -> None:
    eventually(lambda: clinic.condition("Receiving")[1] == "SecretMissing", "the condition")
    status, reason, message = clinic.condition("Receiving")
    steps.say(f"Receiving={status} {reason}: {message}")
    assert f'the Secret "{NAME}" (tls.secretName) does not exist' in message
    assert clinic.wait_condition("Ready", "False") == (reason, message)

    started = time.monotonic()
    shown = _renew(clinic, authority, tmp_path)
    eventually(lambda: _certificate(scanner) == shown, "a handshake", SOON)
    steps.say(f"from kubectl apply of the missing Secret to the first handshake: {time.monotonic() - started:.1f} s")
    clinic.wait_condition("Ready", "True")


def test_a_certificate_that_is_renewed(
    clinic: Clinic, authority: Authority, scanner: Scanner, orthanc: OrthancTarget, tmp_path: Path, steps: Steps
) -> None:
    """The next handshake shows the new one; an association of a scanner goes on with the old one; scp too goes on."""
    shown = _renew(clinic, authority, tmp_path)
    eventually(lambda: _certificate(scanner) == shown, "the certificate before", SOON)
    pod = _life(clinic)
    with streaming(scanner, secret=SCANNERS) as stream:
        started = time.monotonic()
        renewed = _renew(clinic, authority, tmp_path)
        assert renewed != shown
        eventually(lambda: _certificate(scanner) == renewed, "the new certificate", SOON)
        steps.say(f"from kubectl apply of a renewed Secret to the new certificate: {time.monotonic() - started:.1f} s")
        stream.wait_for_more()
    one = instance(image())
    scanner.send_all([one], *TLS)
    sent = {one.uid, *stream.acknowledged()}
    eventually(lambda: sent <= orthanc.instances(), "all that was acknowledged is at the target")
    assert _life(clinic) == pod
    clinic.wait_condition("Ready", "True")


def test_a_secret_that_is_deleted(
    clinic: Clinic, authority: Authority, scanner: Scanner, tmp_path: Path, steps: Steps
) -> None:
    """A receiver in use loses no certificate by it, and its condition says what is wrong."""
    shown = _renew(clinic, authority, tmp_path)
    eventually(lambda: _certificate(scanner) == shown, "the certificate before", SOON)
    clinic.kubectl("delete", "secret", NAME)
    eventually(lambda: NAME in clinic.condition("Receiving")[2], "the condition tells")
    status, reason, message = clinic.condition("Receiving")
    steps.say(f"Receiving={status} {reason}: {message}")
    assert (status, reason) == ("True", "Listening")
    assert "a copy is in use, make it again" in message
    hold(lambda: _certificate(scanner) == shown, "handshakes go on", 3)


def _renew(clinic: Clinic, authority: Authority, folder: Path) -> str:
    """Apply the Secret with a new certificate; its digest."""
    files = authority.issue(folder / "receiver", names=(f"IP:{HTR_ADDRESS}",))
    data = {name: base64.b64encode((files / name).read_bytes()).decode() for name in ("tls.crt", "tls.key", "ca.crt")}
    made: Any = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "type": "kubernetes.io/tls"}
    clinic.apply(made | {"data": data})
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert((files / "tls.crt").read_text())).hexdigest()


def _certificate(scanner: Scanner) -> str:
    """The digest of the certificate that a handshake shows; "" if there is none."""
    words = scanner.run("sh", "-c", f"{PYTHON} -c '{HANDSHAKE}' || true").split()
    return words[-1] if words else ""


def _life(clinic: Clinic) -> tuple[str, int]:
    """What changes when scp is started anew."""
    pod = clinic.pod("scp")
    return pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]
