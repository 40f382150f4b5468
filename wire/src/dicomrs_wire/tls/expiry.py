"""When our own certificate ends: a receiver whose certificate has expired is shut to every scanner."""

import contextlib
import ssl
import time
from typing import Final

from dicomrs.route.secrets import CERTIFICATE, Secret
from dicomrs_wire.tls.contexts import own_receiver_context, receiver_context

WARNING_DAYS: Final = 30
_EXPIRED: Final = 10  # X509_verify_cert(3)
_DAY: Final = 86400.0


def end_of(secret: Secret) -> float | None:
    """Return when the certificate of a secret that can be used expires, of time.time(); 0.0 if it has.

    The certificate is shown to ourselves: the standard library reads no other. None: it has none, or one that is not
    for servers.
    """
    if not secret.has(CERTIFICATE):
        return None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = receiver_context(secret, clients_show_certificates=False)
    shown = server.wrap_bio(to_server, to_client, server_side=True)
    seen = own_receiver_context(secret).wrap_bio(to_client, to_server)
    try:
        for _ in range(4):  # flights
            for end in (seen, shown):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return 0.0 if error.verify_code == _EXPIRED else None
    except ssl.SSLError:
        return None
    certificate = seen.getpeercert()
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"]))) if certificate else None


def warning(secret: Secret, end: float) -> str:
    """Return what to do about a certificate that ends soon, "" if that is far away."""
    left = (end - time.time()) / _DAY
    if left > WARNING_DAYS:
        return ""
    when = f"expires in {left:.0f} days" if left > 0 else "has expired"
    return f"{secret.path(CERTIFICATE)} {when}: renew it (docs/tls.md)"
