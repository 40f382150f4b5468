"""What must be let through for a route: the rows that a network team needs, and what was last seen of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dicomrs.causes import Cause
from dicomrs.doctor import Check, Run, State
from dicomrs.moments import moment
from dicomrs.route import ClinicRoute

ANY = "any"


class Purpose(StrEnum):
    """What a row is for."""

    IMAGES_IN = "images-in"
    IMAGES_OUT = "images-out"
    REPORTS_IN = "reports-in"  # storage commitment, from a target
    REPORTS_OUT = "reports-out"  # storage commitment, to a scanner
    PING = "ping"  # for examinations only


class Direction(StrEnum):
    """As this server sees it."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Row:
    """source, destination: an address, a network, a host name, ANY, or "" for this server; port: 0 where there is none.

    name: of the destination or the peer that it is about, "" otherwise.
    """

    direction: Direction
    source: str
    destination: str
    port: int
    protocol: str
    purpose: Purpose
    name: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of a row; at: ISO 8601; cause: of what failed, None where it went through."""

    at: str
    cause: Cause | None
    by: str = ""


def matrix(route: ClinicRoute) -> tuple[Row, ...]:
    """The rows of a route, those inward first."""
    receiver = route.spec.receiver
    here = receiver.bind_address or ""
    sources = receiver.allow.networks or (ANY,)
    rows = [Row(Direction.IN, one, here, receiver.port, "tcp", Purpose.IMAGES_IN) for one in sources]
    listens = [
        (to, to.commitment.listen)
        for to in route.spec.destinations
        if to.commitment is not None and to.commitment.listen is not None
    ]
    rows += [
        Row(Direction.IN, to.host, place.bind_address, place.port, "tcp", Purpose.REPORTS_IN, to.name)
        for to, place in listens
    ]
    for to in route.spec.destinations:
        rows.append(Row(Direction.OUT, "", to.host, to.port, "tcp", Purpose.IMAGES_OUT, to.name))
        rows.append(Row(Direction.OUT, "", to.host, 0, "icmp", Purpose.PING, to.name))
    rows += [
        Row(Direction.OUT, here, peer.host, peer.port, "tcp", Purpose.REPORTS_OUT, peer.ae_title)
        for peer in receiver.peers
    ]
    return tuple(rows)


def last_seen(row: Row, runs: Iterable[Run], peers: Iterable[Mapping[str, object]]) -> Seen | None:
    """What was last seen of a row; None: nothing ever was.

    Args:
        row: of the matrix.
        runs: the examinations on record, the newest first.
        peers: who has last associated, as scp's heartbeat tells.
    """
    if row.purpose is Purpose.IMAGES_IN:
        own = {row.destination, "127.0.0.1", "::1"}
        return _last_caller(one for one in peers if str(one.get("address")) not in own)
    check = {Purpose.IMAGES_OUT: Check.TCP, Purpose.PING: Check.PING}.get(row.purpose)
    for run in runs:
        if check is None or run.destination != row.name:
            continue
        step = run.step(check)
        if step is not None and step.state in (State.OK, State.WARNING, State.FAILED):
            return Seen(step.params.get("at", run.at), step.cause)
    return None


def _last_caller(peers: Iterable[Mapping[str, object]]) -> Seen | None:
    """The newest association, refused or not: it has come through."""
    found = [(at, one) for one in peers if (at := moment(str(one.get("at", "")))) is not None]
    if not found:
        return None
    at, newest = max(found, key=lambda pair: pair[0])
    return Seen(at.isoformat(), None, f"{newest.get('calling', '')} ({newest.get('address', '')})")
