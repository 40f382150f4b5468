"""The machine's network as this process sees it: interfaces, the kernel's routes, and who listens."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import psutil

from dicomrs.doctor import Facts, Interface, Listening, RouteEntry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST: Final = 200  # lines of each kind: a router's table may have a million
_UP: Final = 1  # RTF_UP of linux/route.h
_REJECT: Final = 0x200


def facts() -> Facts:
    """All of it, bounded."""
    return Facts(interfaces=interfaces(), routes=routes(), listening=listening())


def interfaces() -> tuple[Interface, ...]:
    """The machine's interfaces by name, with what addresses they have, up or not."""
    stats, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    found = []
    for name in sorted({*stats, *addresses})[:_MOST]:
        flags = stats[name].flags.split(",") if name in stats else []
        own = tuple(
            f"{one.address.partition('%')[0]}/{_prefix(one.netmask)}"
            for one in addresses.get(name, ())
            if one.family in (socket.AF_INET, socket.AF_INET6)
        )
        found.append(Interface(name=name, addresses=own, up="up" in flags, running="running" in flags))
    return tuple(found)


def routes() -> tuple[RouteEntry, ...]:
    """The kernel's main tables, IPv4 first."""
    found = [*_ipv4_routes(_lines("/proc/net/route")[1:]), *_ipv6_routes(_lines("/proc/net/ipv6_route"))]
    return tuple(found[:_MOST])


def listening() -> tuple[Listening, ...]:
    """Every TCP port on which somebody listens in this network, each once."""
    own = {(one.laddr.ip, one.laddr.port) for one in _connections(psutil.Process(os.getpid()).net_connections)}
    seen = {(one.laddr.ip, one.laddr.port) for one in _connections(psutil.net_connections)} | own
    found = [Listening(address=address, port=port, ours=(address, port) in own) for address, port in seen]
    return tuple(sorted(found, key=lambda one: (one.port, one.address))[:_MOST])


def on_link(target: Address, found: Iterable[Interface]) -> list[Interface]:
    """The interfaces whose networks have the target among them."""
    return [one for one in found if any(target in ipaddress.ip_interface(text).network for text in one.addresses)]


def holder(address: str, found: Iterable[Interface]) -> Interface | None:
    """The interface that has an address."""
    return next((one for one in found if any(text.partition("/")[0] == address for text in one.addresses)), None)


def gateway_to(target: Address, table: Iterable[RouteEntry]) -> str:
    """The gateway by which the main table would send to the target, "" if it is on the link or by no route."""
    fitting = [one for one in table if target in ipaddress.ip_network(one.network)]
    best = max(fitting, key=lambda one: ipaddress.ip_network(one.network).prefixlen, default=None)
    return best.gateway if best is not None else ""


def _connections(ask: Callable[[str], list[Any]]) -> list[Any]:
    """Those that listen; what belongs to other users' processes is seen as well."""
    with suppress(psutil.Error, OSError):
        return [one for one in ask("tcp") if one.status == psutil.CONN_LISTEN]
    return []


def _prefix(mask: str | None) -> int:
    """The length of a network's prefix."""
    if not mask:
        return 0
    return int(ipaddress.ip_address(mask)).bit_count()


def _lines(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="ascii") as file:
            return [line.split() for line in file.readlines(1 << 20)]
    except OSError:
        return []


def _ipv4_routes(lines: Iterable[list[str]]) -> Iterable[RouteEntry]:
    """Of /proc/net/route: addresses as numbers in the machine's order of bytes."""
    for interface, network, gateway, flags, *_, mask, _mtu, _window, _irtt in lines:
        if int(flags, 16) & _UP:
            length = int(mask, 16).bit_count()
            via = "" if int(gateway, 16) == 0 else _ipv4(gateway)
            yield RouteEntry(network=f"{_ipv4(network)}/{length}", gateway=via, interface=interface)


def _ipv4(text: str) -> str:
    return socket.inet_ntoa(int(text, 16).to_bytes(4, "little"))


def _ipv6_routes(lines: Iterable[list[str]]) -> Iterable[RouteEntry]:
    """Of /proc/net/ipv6_route; those to the machine itself and to groups are left out."""
    for network, length, _, _, gateway, _, _, _, flags, interface in lines:
        usable = int(flags, 16) & _UP and not int(flags, 16) & _REJECT
        if usable and interface != "lo" and not network.startswith("ff") and int(length, 16) < 128:
            via = ipaddress.IPv6Address(bytes.fromhex(gateway))
            net = ipaddress.IPv6Address(bytes.fromhex(network))
            yield RouteEntry(
                network=f"{net}/{int(length, 16)}", gateway="" if int(via) == 0 else str(via), interface=interface
            )
