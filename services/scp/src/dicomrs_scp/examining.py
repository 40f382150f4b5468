"""Examines whether scanners can reach a receiver: what `Examine` asks of the receiving service (dicomrs.doctor)."""

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from dicomrs.causes import Cause
from dicomrs.desk import Examine
from dicomrs.doctor import Check, Facts, new_run
from dicomrs.route import ClinicRoute, Receiver
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import Answer
from dicomrs_scp.check import receiver_probe
from dicomrs_scp.listening import ListenError, find_place
from dicomrs_wire.dialing import connect, resolve
from dicomrs_wire.echo import Probe
from dicomrs_wire.errors import Unreachable
from dicomrs_wire.examination import Examination, Finding, Room, failed, warning
from dicomrs_wire.interview import Wish, interview
from dicomrs_wire.reach import Way, link_finding, ping_finding

Trouble: TypeAlias = tuple[str, Cause]

_CONNECT_SECONDS: Final = 3.0
_MOST_SCANNERS: Final = 5
_OF_TLS: Final = frozenset({Cause.TLS_OWN, Cause.TLS_PEER, Cause.TLS_NOT_SPOKEN, Cause.TLS_EXPECTED})
_OF_THE_WAY: Final = frozenset(
    {Cause.ADDRESS_MISSING, Cause.LINK_DOWN, Cause.NO_ROUTE, Cause.NO_PING, Cause.HOST_UNREACHABLE, Cause.NAME_UNKNOWN}
)


class ReceiverExaminer:
    """Of one route; callable from any thread."""

    def __init__(
        self,
        fs: FileSystem,
        route: Callable[[], ClinicRoute],
        secrets: Secrets,
        trouble: Callable[[], Trouble | None],
        listening: Callable[[], bool],
        callers: Callable[[], Sequence[str]],
    ) -> None:
        """What the receiver knows of itself.

        Args:
            fs: the file system.
            route: as it is now.
            secrets: for TLS.
            trouble: why nothing is received, and the cause.
            listening: whether its sockets are open.
            callers: addresses that have associated, newest first.
        """
        self._route = route
        self._secrets = secrets
        self._trouble = trouble
        self._listening = listening
        self._callers = callers
        self._room = Room(fs, route().spec.storage.root)

    def begin(self, request: Examine) -> Answer:
        """Begin what a person asks for."""
        if request.destination or request.send_image or request.probe:
            return Answer(0, (), "a receiver is examined by itself: destinations are the sending service's")
        route = self._route()
        receiver = route.spec.receiver
        peer = receiver_probe(route, self._secrets)
        known = (*(one.host for one in receiver.peers), *self._callers())
        scanners = [host for host in dict.fromkeys(known) if host != peer.host][:_MOST_SCANNERS]
        beyond = (Check.ROUTE, Check.PING) if scanners else ()
        checks = (Check.ADDRESS, Check.LINK, *beyond, Check.TCP, *Wish().steps(tls=receiver.tls is not None))
        run = new_run("scp", route.metadata.name, "", request.who, checks, datetime.now().astimezone())
        examine = partial(self._examine, receiver=receiver, peer=peer, scanners=scanners)
        return self._room.begin(run, examine, self._judge)

    def _judge(self, cause: Cause) -> Cause:
        """What is said of a target is said of this server here, and the service itself knows best why."""
        if cause in _OF_THE_WAY:
            return cause
        known = self._trouble()
        if known is not None:
            return known[1]
        return Cause.TLS_OWN if cause in _OF_TLS else Cause.NOT_LISTENING

    def _examine(self, examination: Examination, receiver: Receiver, peer: Probe, scanners: Sequence[str]) -> None:
        facts = examination.run.facts
        place = receiver.bind_address or receiver.interface or ""
        examination.note(host=place, port=str(peer.port), calling=peer.calling, called=peer.called)
        here = examination.check(Check.ADDRESS, lambda: _address(receiver))
        interface = _interface(receiver)
        linked = examination.check(Check.LINK, lambda: _link(facts, interface)) if here or interface else False
        if not here:
            return
        if linked and scanners:
            ways = _ways(scanners, facts)
            examination.check(Check.ROUTE, lambda: _routes(ways, interface))
            places = [way.place for way in ways.values() if way is not None]
            if places:
                examination.check(Check.PING, lambda: ping_finding(places))
        # A receiver answers its own machine even without a cable.
        connected: list[socket.socket] = []
        if examination.check(Check.TCP, lambda: self._connect(peer, connected)):
            interview(examination, connected[0], peer, Wish())

    def _connect(self, peer: Probe, connected: list[socket.socket]) -> Finding:
        if not self._listening():  # whoever takes connections there is another
            why, cause = self._trouble() or ("the service does not listen", Cause.NOT_LISTENING)
            return failed(cause, why)
        connected.append(connect(resolve(peer.host, peer.port)[0], _CONNECT_SECONDS))
        return Finding(detail=f"{peer.host} port {peer.port} takes the connection")


def _address(receiver: Receiver) -> Finding:
    try:
        address, interface = find_place(receiver)
    except ListenError as error:
        return failed(error.cause, str(error))
    if not interface:
        return Finding(detail="it listens on every address of this machine", params={"own": address})
    return Finding(detail=f"{interface} has {address}", params={"own": address, "interface": interface})


def _interface(receiver: Receiver) -> str:
    """That of the receiver's address, "" for every one, or if none has it."""
    if receiver.interface is not None:
        return receiver.interface
    try:
        return find_place(receiver)[1]
    except ListenError:
        return ""


def _link(facts: Facts, name: str) -> Finding:
    chosen = [one for one in facts.interfaces if one.name == name or (not name and one.addresses and one.name != "lo")]
    if name and not chosen:
        return failed(Cause.ADDRESS_MISSING, f"there is no interface {name} on this machine", interface=name)
    return link_finding(chosen)


def _ways(scanners: Sequence[str], facts: Facts) -> dict[str, Way | None]:
    """The way to each scanner; None where its name does not resolve."""
    found: dict[str, Way | None] = {}
    for host in scanners:
        try:
            found[host] = Way(resolve(host, 0)[0], facts)
        except Unreachable:
            found[host] = None
    return found


def _routes(ways: dict[str, Way | None], interface: str) -> Finding:
    """Whether answers find their way back, by the receiver's own interface: its sockets are bound to that."""
    for host, way in ways.items():
        if way is None:
            return warning(
                Cause.NAME_UNKNOWN, f"the name {host!r} (spec.receiver.peers) does not resolve", scanner=host
            )
        if (found := way.route()).cause is not None:
            return warning(found.cause, found.detail, scanner=host)
        if interface not in ("", "lo", way.interface):
            why = f"answers to {host} would leave by {way.interface or 'another interface'} instead of {interface}"
            return warning(Cause.NO_ROUTE, f"{why}: this machine needs a route to it there", scanner=host)
    return Finding(detail=f"to {', '.join(ways)}")
