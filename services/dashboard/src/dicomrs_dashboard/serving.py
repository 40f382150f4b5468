"""The HTTP server: one process, its own log in our format, and an end when it is told so."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from dicomrs.log import get_logger
from dicomrs.route.secrets import CERTIFICATE, KEY, Secret
from dicomrs_dashboard.connections import CONNECTIONS, SECONDS, BoundedConnection

GRACE_SECONDS = 5  # for requests that are being answered
_LOOK_SECONDS: Final = 2.0  # between two looks at the certificate

logger = get_logger()


class Certificate:
    """The certificate that browsers are shown; a renewed one is taken over without a restart."""

    def __init__(self, folder: str) -> None:
        """folder: with tls.crt and tls.key.

        Raises:
            OSError: these cannot be read, or are not a certificate and its key (ssl.SSLError is one).
        """
        self._secret = Secret(folder)
        self._stamps = self._secret.stamps
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load()

    def follow(self, stop: threading.Event) -> None:
        """Take over renewed files until stop is set. To be called in a thread of its own."""
        while not stop.wait(_LOOK_SECONDS):
            stamps = self._secret.stamps
            if stamps == self._stamps:
                continue
            try:
                self._load()
            except OSError as error:
                logger.error("certificate not taken, the last good one stays", reason=str(error))
            else:
                logger.info("certificate taken")
            self._stamps = stamps

    def _load(self) -> None:
        # A certificate that the key does not fit takes the place of the good one before that is found out.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            context.load_cert_chain(self._secret.path(CERTIFICATE), self._secret.path(KEY))


class _Loop(asyncio.SelectorEventLoop):
    """Also a connection that begins with no TLS handshake is closed: by itself asyncio waits a minute for one."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = SECONDS
        return await super().create_server(*args, **options)


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on an address, IPv4 or IPv6.

    Raises:
        OSError: it is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # Connections inherit it. Without it each answer waits 40 ms for an acknowledgement, as asyncio does not set it for
    # sockets that it has not made.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(app: FastAPI, listener: socket.socket, stop: threading.Event, certificate: Certificate | None = None) -> None:
    """Answer requests until stop is set, over TLS if there is a certificate. To be called in the main thread."""
    factory: Callable[..., ssl.SSLContext] | None = (lambda *_: certificate.context) if certificate else None
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedConnection,
            ws="none",
            loop=f"{__name__}:_Loop",
            lifespan="off",
            log_config=None,  # its loggers write what the root logger does
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=CONNECTIONS,  # that are accepted at once, too
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_context_factory=factory,
        )
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="stop", daemon=True).start()
    server.run(sockets=[listener])
