"""Listening sockets: bound to the one address of a receiver, and to the interface that holds it.

By address alone, a host on another network that this machine is connected to could reach it through the machine (the
weak host model of RFC 1122 3.3.4.2); so the socket is bound to the device as well, and a second one to loopback for
checks from this machine itself.
"""

import errno
import ipaddress
import socket
from enum import Enum
from typing import Final

import psutil

from dicomrs.causes import Cause
from dicomrs.route import Receiver

_LOOPBACK: Final = "lo"
_LOW_PORT: Final = (
    "this user may not use ports below 1024; start as root, give the interpreter the capability cap_net_bind_service, "
    "or use a port from 1024 up (spec.receiver.port). In a container: run the image's own command, whose interpreter "
    "has that capability, and let no policy of the cluster drop NET_BIND_SERVICE from what a container may have"
)
_DEVICE: Final = (
    "the system forbids it, perhaps because this user may not bind to an interface: that needs Linux 5.7 or later, or "
    "the capability cap_net_raw; in a container a security profile (seccomp, AppArmor, SELinux) may be in the way"
)


class Trouble(Enum):
    """Why a receiver cannot listen, as far as callers treat it differently."""

    NOT_HERE = "the address or interface is not on this machine"  # it may come: after a boot, networks take their time
    IN_USE = "another program holds the port"
    NOT_ALLOWED = "this user may not bind the port"
    OTHER = "the system refuses"


_CAUSES: Final = {
    Trouble.NOT_HERE: Cause.ADDRESS_MISSING,
    Trouble.IN_USE: Cause.PORT_TAKEN,
    Trouble.NOT_ALLOWED: Cause.PORT_NOT_ALLOWED,
}


class ListenError(Exception):
    """A receiver cannot listen; the message is one line that says what to do."""

    def __init__(self, trouble: Trouble, message: str, cause: Cause | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.cause = cause or _CAUSES.get(trouble, Cause.NOT_LISTENING)


def _addresses() -> dict[str, str]:
    """Every address of this machine -> its interface."""
    found: dict[str, str] = {}
    for interface, addresses in psutil.net_if_addrs().items():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                found[address.address.partition("%")[0]] = interface
    return found


def interface_address(interface: str) -> str:
    """The address that a receiver on an interface listens on: its first, IPv4 before IPv6; "" if it has none."""
    found = sorted((":" in address, address) for address, name in _addresses().items() if name == interface)
    return found[0][1] if found else ""


def find_place(receiver: Receiver) -> tuple[str, str]:
    """(address, interface) to bind; the interface is empty for a wildcard address.

    Raises:
        ListenError: this machine has no such address.
    """
    addresses = _addresses()
    if receiver.interface is not None:
        if found := interface_address(receiver.interface):
            return found, receiver.interface
        raise ListenError(
            Trouble.NOT_HERE,
            f"interface {receiver.interface} has no address on this machine (spec.receiver.interface); "
            f"interfaces with addresses: {', '.join(sorted(set(addresses.values())))}; trying again",
        )
    address = receiver.bind_address or ""
    ip = ipaddress.ip_address(address)
    if ip.is_unspecified:
        return address, ""
    if ip.is_loopback:
        return address, _LOOPBACK
    if address not in addresses:
        # Nobody means a link-local one, and each pod of a cluster's node adds one.
        there = sorted(one for one in addresses if not ipaddress.ip_address(one).is_link_local)
        raise ListenError(
            Trouble.NOT_HERE,
            f"{address} is not an address of this machine (spec.receiver.bindAddress); "
            f"it has {', '.join(there)}; trying again",
        )
    return address, addresses[address]


def place_of(receiver: Receiver) -> tuple[str, str, int] | None:
    """Address, interface and the interface's number, as they are now; None while the machine has no such address."""
    try:
        address, interface = find_place(receiver)
        return address, interface, socket.if_nametoindex(interface) if interface else 0
    except (ListenError, OSError):
        return None


def listen(receiver: Receiver) -> list[socket.socket]:
    """Open the receiver's listening sockets.

    Raises:
        ListenError: with the reason and what to do about it; nothing is left open.
    """
    address, interface = find_place(receiver)
    devices = [""] if not interface else sorted({interface, _LOOPBACK})
    sockets: list[socket.socket] = []
    try:
        sockets.extend(_bound(address, receiver.port, device) for device in devices)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _explained(error, address, receiver.port) from error
    return sockets


def _bound(address: str, port: int, device: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
        sock.bind((address, port))
        sock.listen(128)
    except BaseException:
        sock.close()
        raise
    return sock


def _explained(error: OSError, address: str, port: int) -> ListenError:
    where = f"{address} port {port}"
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            Trouble.IN_USE,
            f"{where} is used by another program; stop that program (`ss -ltnp 'sport = :{port}'` names it) "
            "or change spec.receiver.port",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(Trouble.NOT_HERE, f"{where}: the address is not on this machine yet; trying again")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenError(Trouble.NOT_ALLOWED, f"{where}: {_LOW_PORT if port < 1024 else _DEVICE}")
    return ListenError(Trouble.OTHER, f"{where}: {error.strerror}")
