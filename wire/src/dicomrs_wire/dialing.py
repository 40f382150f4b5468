"""A TCP connection, or why there is none: who refused it, by the ICMP message that the kernel keeps with the socket."""

import contextlib
import errno
import socket
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from dicomrs.causes import Cause
from dicomrs_wire.errors import Unreachable

Place = tuple[socket.AddressFamily, Any]
"""An address family and a socket address of it."""

# linux/in.h, in6.h and errqueue.h; Python does not name them.
RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
_EXTENDED_ERROR: Final = Struct("=IBBBxII")
_OFFENDER: Final = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}  # in its sockaddr
_BY_ICMP: Final = (2, 3)  # SO_EE_ORIGIN_ICMP, _ICMP6
# Codes of "destination unreachable" that a firewall sends (RFC 1812 5.2.7.1, RFC 4443 3.1); port unreachable is one:
# a host without a listener resets a TCP connection instead.
_OF_FIREWALLS: Final = {
    (2, 3): "port unreachable",
    (2, 9): "network administratively prohibited",
    (2, 10): "host administratively prohibited",
    (2, 13): "communication administratively prohibited",
    (3, 1): "communication administratively prohibited",
    (3, 4): "port unreachable",
    (3, 5): "source address failed a policy",
    (3, 6): "route rejected",
}


@dataclass(frozen=True, slots=True)
class Refuser:
    """Who sent the ICMP message that ended an attempt; says: what it means if a firewall sends such, else ""."""

    address: str
    says: str


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """Return a socket connected to `host`:`port`, `timeout` seconds for each address of the name.

    Raises:
        Unreachable: no connection; its text says what to check.
    """
    failure: Unreachable | None = None
    for place in resolve(host, port):
        try:
            return connect(place, timeout)
        except Unreachable as error:
            failure = failure or error
    assert failure is not None
    raise failure


def resolve(host: str, port: int) -> list[Place]:
    """Return where a host is, at least one place, the best first; it may take as long as the system's resolver.

    Raises:
        Unreachable: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a gaierror, or what the system said to the resolver
        why = f"the name {host!r} does not resolve: check its spelling and this machine's DNS"
        raise Unreachable(why, Cause.NAME_UNKNOWN) from error
    return [(family, address) for family, _, _, _, address in found]


def connect(place: Place, timeout: float) -> socket.socket:
    """Return a socket connected to a place within `timeout` seconds.

    Raises:
        Unreachable: no connection; its text says what to check.
    """
    family, address = place
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError as error:  # no more descriptors, or a name with an IPv6 address where the kernel knows no IPv6
        why = f"this system gives us no socket to {address[0]}:{address[1]} ({error.strerror}): check its limits"
        raise Unreachable(why, Cause.UNKNOWN) from error
    try:
        sock.settimeout(timeout)
        level, option = RECVERR[family]
        sock.setsockopt(level, option, 1)
        try:
            sock.connect(address)
        except OSError as error:
            raise _explained(error, refuser(sock), f"{address[0]}:{address[1]}", timeout) from error
        # An established connection outlives a router's passing complaint.
        sock.setsockopt(level, option, 0)
    except BaseException:
        sock.close()
        raise
    return sock


def refuser(sock: socket.socket) -> Refuser | None:
    """Who refused what was sent over a socket with IP_RECVERR; None: no ICMP message tells."""
    with contextlib.suppress(OSError):
        # Else Python would wait for a message as long as the socket may take for anything (MSG_ERRQUEUE never waits).
        sock.setblocking(False)
        for _, _, data in sock.recvmsg(1, 512, socket.MSG_ERRQUEUE)[1]:
            _, origin, _, code, _, _ = _EXTENDED_ERROR.unpack_from(data)
            if origin in _BY_ICMP:
                packed = data[_EXTENDED_ERROR.size :][_OFFENDER[sock.family]]
                return Refuser(socket.inet_ntop(sock.family, packed), _OF_FIREWALLS.get((origin, code), ""))
    return None


def _explained(error: OSError, by: Refuser | None, where: str, timeout: float) -> Unreachable:
    if by is not None and by.says:
        why = f"a firewall refuses connections to {where}: {by.address} answers {by.says!r}; ask the network team"
        return Unreachable(why, Cause.FILTERED)
    if by is not None:
        why = f"the router {by.address} has no way to {where} ({error.strerror}): ask the network team"
        return Unreachable(why, Cause.HOST_UNREACHABLE)
    if isinstance(error, ConnectionRefusedError):
        why = (
            f"{where} refuses connections: nothing listens on that port, or a firewall refuses in its place; "
            "check the port and that the peer's DICOM service runs"
        )
        return Unreachable(why, Cause.PORT_CLOSED)
    if isinstance(error, TimeoutError):
        why = (
            f"{where} does not answer within {timeout:g} s: check the address and that the machine is on, "
            "and ask the network team whether a firewall drops the packets"
        )
        return Unreachable(why, Cause.FILTERED)
    if error.errno == errno.EHOSTUNREACH:
        why = f"no way to {where} (nobody answers at that address): check the address and that the machine is on"
        return Unreachable(why, Cause.HOST_UNREACHABLE)
    why = f"no way to {where} ({error.strerror or error}): check this machine's network and its routes"
    return Unreachable(why, Cause.NO_SOURCE_ADDRESS if error.errno == errno.EADDRNOTAVAIL else Cause.NO_ROUTE)
