"""Why there is no TLS, in sentences: which side refused, what, and who can mend it. docs/tls.md explains each."""

import ssl
from enum import Enum
from typing import Final

from dicomrs.causes import Cause


class Side(Enum):
    """What we are in this connection."""

    RECEIVER = "TLS server"
    SENDER = "TLS client"


PLAIN_DICOM: Final = (
    "the peer speaks DICOM without TLS, and this port speaks TLS only: switch TLS on in the peer, or remove tls from "
    "the receiver"
)
TLS_TO_PLAIN_PORT: Final = (
    "the peer speaks TLS, and this port speaks DICOM without it: switch TLS off in the peer, or give the receiver tls"
)
NO_TLS: Final = "what the peer sent is neither TLS nor DICOM"
HUNG_UP: Final = {
    Side.RECEIVER: "the peer hung up in the middle of the TLS handshake without saying why: its log may tell",
    Side.SENDER: (
        "the peer hung up in the middle of the TLS handshake without saying why: perhaps this port of it speaks DICOM "
        "without TLS; ask its administrator, or remove tls from the destination"
    ),
}
HUNG_UP_AFTERWARDS: Final = (
    "the peer hung up right after the TLS handshake without saying why: perhaps it asks for a certificate and does not "
    "accept ours, or we have none (tls.crt, tls.key of our secret); its administrator finds the reason in its log"
)
UNREAD: Final = (
    "we refused: the peer breaks the rules of TLS (it does not read what it asks for); ask its administrator"
)
SLOW: Final = (
    "the peer has not finished the TLS handshake within {seconds:g} s: perhaps this port of it speaks DICOM without "
    "TLS; ask its administrator, or remove tls from the destination"
)

_UNKNOWN: Final = (
    "nobody in ca.crt of our secret vouches for it; add the certificate of the authority that signed it there, if the "
    "peer is who it should be"
)
_NAME: Final = (
    "it bears another name than the one we call; set tls.serverName of the destination to a name that it bears, or "
    "have the peer's administrator get one with the right name"
)
_WEAK: Final = "its key or its signature is too weak; the peer's administrator must get a better one"

# Codes of X509_verify_cert(3).
CERTIFICATE: Final = {
    2: _UNKNOWN,
    9: "it is not valid yet; set the clock of this machine, or the peer's administrator gets another",
    10: "it has expired; the peer's administrator must renew it (or the clock of this machine is wrong)",
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    26: "it is not meant for this use (its extendedKeyUsage); the peer's administrator must get one that is",
    62: _NAME,
    64: _NAME,
    66: _WEAK,
    67: _WEAK,
    68: _WEAK,
}

NOT_TLS: Final = {
    Side.RECEIVER: "we refused: what the peer sent is not TLS",
    Side.SENDER: (
        "we refused: the peer does not speak TLS on this port; ask its administrator for the port that does, or remove "
        "tls from the destination"
    ),
}

_SIGNATURE: Final = (
    "the peer knows no way of signing that fits our certificate's key; its administrator must switch one on, or use "
    "another kind of key (RSA, ECDSA) for tls.crt and tls.key"
)

# What OpenSSL calls it when we refuse. Certificates apart.
OURS: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "the peer showed no certificate; give it one that ca.crt of our secret vouches for, or set clientCertificates "
        "to Ignored"
    ),
    "UNSUPPORTED_PROTOCOL": "the peer offers TLS older than 1.2; its administrator must switch on TLS 1.2 or 1.3",
    "NO_SHARED_CIPHER": (
        "the peer offers no cipher suite that is still safe; its administrator must switch on those of BCP 195 (ECDHE "
        "with AES-GCM), or our certificate's kind of key is not for it"
    ),
    "NO_SUITABLE_SIGNATURE_ALGORITHM": _SIGNATURE,
    "NO_SHARED_SIGNATURE_ALGORITHMS": _SIGNATURE,
}
# The alerts of RFC 8446 6.2, when the peer refuses.
ALERTS: Final = {
    "UNKNOWN_CA": (
        "our certificate: it does not know the authority that signed it; its administrator must have it trust that "
        "authority's certificate"
    ),
    "CERTIFICATE_EXPIRED": "our certificate as expired: renew tls.crt, or its administrator sets its clock",
    "CERTIFICATE_REVOKED": "our certificate as revoked: get another one into tls.crt and tls.key",
    "UNSUPPORTED_CERTIFICATE": (
        "our certificate as not meant for this use: make tls.crt anew with extendedKeyUsage serverAuth, clientAuth"
    ),
    "BAD_CERTIFICATE": (
        "our certificate as bad: most often tls.crt does not bear the name or address (subjectAltName) by which the "
        "peer knows us; its administrator finds the reason in its log"
    ),
    "CERTIFICATE_UNKNOWN": "our certificate: its administrator finds the reason in its log",
    "CERTIFICATE_REQUIRED": "us for showing no certificate: put tls.crt and tls.key into our secret",
    "PROTOCOL_VERSION": "our versions of TLS, 1.2 and 1.3: its administrator must switch one of them on",
    "INSUFFICIENT_SECURITY": "our cipher suites: its administrator must switch on those of BCP 195 (ECDHE, AES-GCM)",
    "UNRECOGNIZED_NAME": "the name we called: correct tls.serverName of the destination",
    "HANDSHAKE_FAILURE": (
        "the handshake without saying why: most often it asks for a certificate and we show none (tls.crt, tls.key of "
        "our secret), or it has no cipher suite of BCP 195 (ECDHE, AES-GCM); its administrator finds the reason in its "
        "log"
    ),
}
# What the peer says of us that only we can mend.
_OURS_TO_MEND: Final = frozenset(
    {
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_REQUIRED",
        "UNSUPPORTED_CERTIFICATE",
        "BAD_CERTIFICATE",
        "UNRECOGNIZED_NAME",
    }
)
_ALERT_PREFIXES: Final = ("TLSV13_ALERT_", "TLSV1_ALERT_", "SSLV3_ALERT_", "TLSV1_")


def explain(error: ssl.SSLError, side: Side) -> tuple[str, Cause]:
    """Return in a sentence why TLS failed, and the same in one word."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = CERTIFICATE.get(error.verify_code, f"{error.verify_message}; ask the peer's administrator")
        return f"we refused the peer's certificate: {why}", Cause.TLS_PEER
    reason = error.reason or ""
    for prefix in _ALERT_PREFIXES:
        if reason.startswith(prefix):
            alert = reason.removeprefix(prefix)
            words = alert.lower().replace("_", " ")
            what = ALERTS.get(alert, f"with the alert “{words}”: its administrator finds the reason in its log")
            return f"the peer refused {what}", Cause.TLS_OWN if alert in _OURS_TO_MEND else Cause.TLS_PEER
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}:
        return NOT_TLS[side], Cause.TLS_NOT_SPOKEN
    words = reason.lower().replace("_", " ") or str(error)
    why = OURS.get(reason, f"the peer breaks the rules of TLS ({words}); ask its administrator")
    return f"we refused: {why}", Cause.TLS_PEER
