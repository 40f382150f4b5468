"""An ICMP echo by a datagram socket, which needs no rights but what the sysctl net.ipv4.ping_group_range gives."""

import contextlib
import os
import select
import socket
import time
from dataclasses import dataclass
from struct import Struct
from typing import Final

from dicomrs.causes import Cause
from dicomrs_wire.dialing import RECVERR, Place, refuser
from dicomrs_wire.stream import wait_for

_HEADER: Final = Struct(">BBHHH")
_REQUEST: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_TRIES: Final = 2
NOT_PERMITTED: Final = "this user may not ping: the sysctl net.ipv4.ping_group_range must hold its group"


class NotPermittedError(Exception):
    """This process may not ping."""


@dataclass(frozen=True, slots=True)
class Pong:
    """cause: None where an answer came; by: the router that says why none did."""

    cause: Cause | None
    by: str = ""


def ping(place: Place, seconds: float) -> Pong:
    """Ask a place once or twice within so many seconds.

    Raises:
        NotPermittedError: this process may not.
    """
    family, address = place
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _PROTOCOL[family])
    except PermissionError as error:
        raise NotPermittedError(NOT_PERMITTED) from error
    with sock:
        level, option = RECVERR[family]
        sock.setsockopt(level, option, 1)
        sock.setblocking(False)
        token = os.urandom(16)
        try:
            sock.connect((address[0], 0, *address[2:]))
            for number in range(1, _TRIES + 1):
                sock.send(_HEADER.pack(_REQUEST[family], 0, 0, 0, number) + token)
                if _answers(sock, token, _REPLY[family], seconds / _TRIES):
                    return Pong(None)
        except OSError:
            by = refuser(sock)
            return Pong(Cause.HOST_UNREACHABLE, by.address if by is not None else "")
    return Pong(Cause.NO_PING)


def _answers(sock: socket.socket, token: bytes, reply: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if not wait_for(sock, select.POLLIN, left):
            return False
        with contextlib.suppress(BlockingIOError):
            data = sock.recv(1024)
            if data[:1] == bytes((reply,)) and data.endswith(token):
                return True
    return False
