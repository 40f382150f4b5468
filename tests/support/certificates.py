"""Certificates, made with the openssl program: it is there wherever DCMTK is, and docs/tls.md uses it too."""

from pathlib import Path

from dicomrs.route.secrets import Secrets
from dicomrs_wire.tls.contexts import sender_context
from dicomrs_wire.tls.credentials import Credentials
from dicomrs_wire.tls.ends import TlsClient
from support.processes import find_program, run

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
HERE = ("DNS:localhost", "IP:127.0.0.1")


def openssl(*words: object) -> None:
    """Run it; it must succeed."""
    program = find_program("openssl")
    assert program is not None, "openssl is not installed; mark the test with peer('openssl')"
    done = run([program, *words])
    assert done.returncode == 0, done.stderr


class Authority:
    """A private CA, such as a hospital's IT department has for its devices."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._key = folder / f"{name}.key"
        self.certificate = folder / f"{name}.crt"
        openssl(
            "req", "-x509", *_KEY, "-keyout", self._key, "-out", self.certificate, "-days", 3650,
            "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def issue(
        self,
        folder: Path,
        *,
        names: tuple[str, ...] = HERE,
        days: int = 90,
        use: str = "serverAuth, clientAuth",
        trusts: "Authority | None" = None,
    ) -> Path:
        """Put a secret into a folder, replacing one that is there; return the folder.

        days: of validity, negative for one that has expired; trusts: whose certificate becomes ca.crt, else our own.
        """
        folder.mkdir(parents=True, exist_ok=True)
        request, extensions, fresh = folder / "request", folder / "extensions", folder / "fresh.crt"
        openssl("req", *_KEY, "-keyout", folder / "fresh.key", "-out", request, "-subj", "/CN=device")
        extensions.write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage={use}\n")
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", fresh,
        )  # fmt: skip
        (folder / "ca.crt").write_bytes((trusts or self).certificate.read_bytes())
        (folder / "fresh.key").replace(folder / "tls.key")
        fresh.replace(folder / "tls.crt")
        return folder


def client(secret: Path, server_name: str = "localhost") -> TlsClient:
    """What a scanner of ours opens associations with; secret: its folder."""
    return TlsClient(Credentials(Secrets([str(secret.parent)]), secret.name, sender_context), server_name)
