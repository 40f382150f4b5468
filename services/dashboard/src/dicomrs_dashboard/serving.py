"""The HTTP server: one process, its own log in our format, and an end when it is told so."""

import socket
import threading

import uvicorn
from fastapi import FastAPI

from dicomrs_dashboard.connections import CONNECTIONS, BoundedConnection

GRACE_SECONDS = 5  # for requests that are being answered


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


def serve(app: FastAPI, listener: socket.socket, stop: threading.Event) -> None:
    """Answer requests until stop is set. To be called in the main thread."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedConnection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,  # its loggers write what the root logger does
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=CONNECTIONS,  # that are accepted at once, too
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    threading.Thread(target=end, name="stop", daemon=True).start()
    server.run(sockets=[listener])
