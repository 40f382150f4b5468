"""What TLS is spoken with: the BCP 195 profile of PS3.15 B.12 (RFC 8996, RFC 9325), and the files of a secret."""

import os
import ssl
from typing import Final

from dicomrs.route.secrets import AUTHORITY, CERTIFICATE, KEY, Secret, SecretError

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; all those of TLS 1.3 are as good


def receiver_context(secret: Secret, *, clients_show_certificates: bool) -> ssl.SSLContext:
    """For those who connect to us.

    Raises:
        SecretError: the secret cannot be used.
    """
    context = _profile(ssl.PROTOCOL_TLS_SERVER)
    # RFC 9325 3.4 wants tickets whose keys change. Sessions of TLS 1.2 live no longer than this context.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    _show(context, secret)
    if clients_show_certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, secret, AUTHORITY)
    return context


def sender_context(secret: Secret) -> ssl.SSLContext:
    """For a destination: its certificate must bear its name; ours is shown where the secret has one.

    Raises:
        SecretError: the secret cannot be used.
    """
    context = _profile(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, secret, AUTHORITY)
    if secret.has(CERTIFICATE) or secret.has(KEY):
        _show(context, secret)
    return context


def own_receiver_context(secret: Secret) -> ssl.SSLContext:
    """For asking our own receiver whether it answers: it must have the very certificate of its secret, which we show.

    Raises:
        SecretError: the secret cannot be used.
    """
    context = _profile(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(context, secret, CERTIFICATE)
    _show(context, secret)
    return context


def _profile(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _show(context: ssl.SSLContext, secret: Secret) -> None:
    """Have our certificate shown."""
    certificate, key = (_readable(secret, name) for name in (CERTIFICATE, KEY))
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_password(key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"{key} is not the key of {certificate}: put both files of one pair there"
        elif _has_pem(certificate, "CERTIFICATE"):
            why = f" ({error.reason})" if error.reason else ""
            message = (
                f"{certificate} or {key} cannot be used{why}: the first should be a certificate and the second its "
                "private key, RSA with at least 2048 bits or ECDSA, both in PEM format"
            )
        else:
            message = f"{certificate} holds no certificate in PEM format (it would begin with -----BEGIN CERTIFICATE)"
        raise SecretError(message) from error


def _refuse_password(key: str) -> str:
    raise SecretError(
        f"{key} is protected by a password, and nobody would be there to type it: store it without one "
        f"(openssl pkey -in {key} -out new.key), readable for dicomrs only"
    )


def _trust(context: ssl.SSLContext, secret: Secret, name: str) -> None:
    """Have the peer's certificate checked against those in a file."""
    path = _readable(secret, name)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SecretError(
            f"{path} holds no certificate in PEM format that can be read: put the certificate of the authority there "
            "that signs those of the other side"
        ) from error


def _readable(secret: Secret, name: str) -> str:
    path = secret.path(name)
    try:
        with open(path, "rb"):
            return path
    except FileNotFoundError as error:
        raise SecretError(f"{path} is missing: put it there (docs/tls.md says how to make it)") from error
    except OSError as error:
        who = f"user {os.geteuid()}"
        raise SecretError(f"{path} cannot be read by {who} ({error.strerror}): correct its owner or mode") from error


def _has_pem(path: str, label: str) -> bool:
    with open(path, "rb") as file:
        return f"-----BEGIN {label}-----".encode() in file.read(1 << 20)
