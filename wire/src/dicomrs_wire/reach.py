"""The steps of an examination up to a TCP connection: name, address, link, route, ping, port."""

import ipaddress
import socket
import threading
from collections.abc import Sequence
from typing import Final

from dicomrs.causes import Cause
from dicomrs.doctor import Check, Facts, Interface, State
from dicomrs_wire.dialing import Place, connect, resolve
from dicomrs_wire.errors import Unreachable
from dicomrs_wire.examination import Examination, Finding, failed, warning
from dicomrs_wire.machine import Address, gateway_to, holder, on_link
from dicomrs_wire.ping import NotPermittedError, ping

RESOLVE_SECONDS: Final = 5.0
PING_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 5.0  # shared by the addresses of a name
_MOST_PLACES: Final = 3


def steps_to(host: str) -> tuple[Check, ...]:
    """The steps to a TCP connection to a host."""
    by_name = () if is_address(host) else (Check.NAME,)
    return (*by_name, Check.ADDRESS, Check.LINK, Check.ROUTE, Check.PING, Check.TCP)


def reach(examination: Examination, host: str, port: int) -> socket.socket | None:
    """Make the steps to a TCP connection; None: there is none."""
    examination.note(host=host, port=str(port))
    places: list[Place] = []
    if not examination.check(Check.NAME, lambda: _name(host, port, places)):
        return None
    if not places:  # an address: nothing is asked of a name server
        places += resolve(host, port)
    way = Way(places[0], examination.run.facts)
    for check, look in ((Check.ADDRESS, way.address), (Check.LINK, way.link), (Check.ROUTE, way.route)):
        if not examination.check(check, look):
            return None
    examination.check(Check.PING, lambda: ping_finding([places[0]]))
    connected: list[socket.socket] = []
    examination.check(Check.TCP, lambda: _connect(places[:_MOST_PLACES], connected))
    return connected[0] if connected else None


def is_address(host: str) -> bool:
    """Whether a host is given as an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _name(host: str, port: int, places: list[Place]) -> Finding:
    """The system's resolver may take as long as it likes: it is left alone after a while."""
    failure: list[Unreachable] = []

    def ask() -> None:
        try:
            places.extend(resolve(host, port))
        except Unreachable as error:
            failure.append(error)

    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(RESOLVE_SECONDS)
    if failure:
        raise failure[0]
    if not places:
        why = f"no name server has said within {RESOLVE_SECONDS:g} s where {host!r} is: check this machine's DNS"
        return failed(Cause.NAME_UNKNOWN, why)
    found = ", ".join(dict.fromkeys(plain(place) for place in places))
    return Finding(detail=f"{host} is {found}", params={"address": plain(places[0])})


class Way:
    """How this machine would send to a place, by what its kernel says and how its interfaces stand."""

    def __init__(self, place: Place, facts: Facts) -> None:
        self.place = place
        self._facts = facts
        self._target: Address = ipaddress.ip_address(plain(place))
        self._own, self._error = _source(place)
        self._mine = [one for one in facts.interfaces if _addresses(one, self._target.version)]

    @property
    def interface(self) -> str:
        """By which it would send, "" if it cannot."""
        used = holder(self._own, self._facts.interfaces) if self._own else None
        return used.name if used is not None else ""

    def address(self) -> Finding:
        """Whether there is an address to send from."""
        if self._own:
            return Finding(detail=f"this machine sends from {self._own}", params={"own": self._own})
        if not self._mine:
            why = f"this machine has no IPv{self._target.version} address to send from"
            return failed(Cause.NO_SOURCE_ADDRESS, f"{why}: give one to the interface of that network")
        has = ", ".join(text for one in self._mine for text in _addresses(one, self._target.version))
        return Finding(detail=f"this machine has {has}", params={"own": has})

    def link(self) -> Finding:
        """Whether the interface by which it would send is switched on and connected.

        One that is in the target's network and down is told even where there is another way.
        """
        beside = on_link(self._target, self._mine)
        used = holder(self._own, self._facts.interfaces) if self._own else None
        if dead := [one for one in beside if not one.running]:
            found = warning if used is not None and used.running else failed
            return found(Cause.LINK_DOWN, _down(dead[0]), interface=dead[0].name)
        return link_finding([used] if used is not None else self._mine)

    def route(self) -> Finding:
        """Whether the kernel knows a way."""
        if self._error:
            why = f"this machine has no route to {self._target} ({self._error}): check its routes and its gateway"
            return failed(Cause.NO_ROUTE, why)
        gateway = gateway_to(self._target, self._facts.routes)
        if gateway and not self._target.is_loopback:
            return Finding(detail=f"by way of {gateway}", params={"gateway": gateway})
        return Finding(detail="no gateway in between")


def link_finding(used: Sequence[Interface]) -> Finding:
    """Whether any of these is switched on and connected."""
    names = ", ".join(one.name for one in used)
    if not any(one.running for one in used):
        return failed(Cause.LINK_DOWN, "; ".join(_down(one) for one in used), interface=names)
    return Finding(
        detail=f"{', '.join(one.name for one in used if one.running)} is connected", params={"interface": names}
    )


def ping_finding(places: Sequence[Place]) -> Finding:
    """Whether hosts answer a ping, by their names in a warning."""
    silent: list[str] = []
    by: list[str] = []
    cause = Cause.NO_PING
    for place in places:
        try:
            pong = ping(place, PING_SECONDS / len(places))
        except NotPermittedError as error:
            return Finding(State.SKIPPED, detail=str(error))
        if pong.cause is not None:
            silent.append(plain(place))
            cause = pong.cause
            by += [pong.by] if pong.by else []
    if not silent:
        return Finding(detail="answered")
    told = f": {', '.join(by)} says that there is no way" if by else ""
    return warning(cause, f"no answer from {', '.join(silent)}{told}", silent=", ".join(silent))


def plain(place: Place) -> str:
    """The address of a place, without its zone."""
    return str(place[1][0]).partition("%")[0]


def _connect(places: Sequence[Place], connected: list[socket.socket]) -> Finding:
    failure: Unreachable | None = None
    for place in places:
        try:
            sock = connect(place, CONNECT_SECONDS / len(places))
        except Unreachable as error:
            failure = failure or error
            continue
        connected.append(sock)
        own = str(sock.getsockname()[0])
        return Finding(detail=f"{plain(place)} takes the connection", params={"own": own, "address": plain(place)})
    assert failure is not None
    raise failure


def _source(place: Place) -> tuple[str, str]:
    """The address that this machine would send from to a place, and why there is none; nothing is sent."""
    family, address = place
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect(address)
            own = str(sock.getsockname()[0]).partition("%")[0]
        except OSError as error:
            return "", error.strerror or str(error)
    return ("", "") if ipaddress.ip_address(own).is_unspecified else (own, "")


def _addresses(interface: Interface, version: int) -> list[str]:
    """Those of a family by which others can be reached."""
    found = [ipaddress.ip_interface(text) for text in interface.addresses]
    return [str(one.ip) for one in found if one.version == version and not one.is_loopback and not one.is_link_local]


def _down(interface: Interface) -> str:
    if not interface.up:
        return f"{interface.name} is switched off: `ip link set {interface.name} up`, or see to the network's settings"
    return f"{interface.name} has no carrier: check the cable, and the switch's port"
