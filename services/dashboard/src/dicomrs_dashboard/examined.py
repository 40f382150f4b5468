"""What the pages show of the examinations on record: the newest of each connection, the matrix, the machine. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dicomrs.doctor import Facts, Run, State
from dicomrs.firewall import Row, Seen, last_seen, matrix
from dicomrs.route import ClinicRoute
from dicomrs_dashboard.shown import patient

STATES_OF_A_RUN = (State.FAILED, State.WARNING)
_OF_A_CALLER = ("calling", "address", "at", "refused")


@dataclass(frozen=True, slots=True)
class Connection:
    """The receiver of a route (name ""), or one of its destinations; run: its newest examination."""

    name: str
    host: str
    port: int
    title: str
    tls: bool
    run: Run | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has called the receiver, in texts that may be shown. at: ISO 8601; refused: why, "" if it was accepted."""

    calling: str
    address: str
    at: str
    refused: str


@dataclass(frozen=True, slots=True)
class Connectivity:
    """One route. facts: of the newest examination, which was begun at facts_at ("" if there is none).

    callers: the newest first, since the receiving service was started.
    """

    name: str
    callers: tuple[Caller, ...]
    connections: tuple[Connection, ...]
    rows: tuple[tuple[Row, Seen | None], ...]
    facts: Facts
    facts_at: str
    runs: tuple[Run, ...]


def connectivity(route: ClinicRoute, runs: Sequence[Run], peers: Sequence[Mapping[str, Any]]) -> Connectivity:
    """What is known of a route's connections.

    Args:
        route: the route.
        runs: the examinations on record in its root, the newest first.
        peers: who has last associated, as scp's heartbeat tells.
    """
    receiver = route.spec.receiver
    own = [one for one in runs if one.route == route.metadata.name]
    place = receiver.bind_address or receiver.interface or ""
    connections = [
        Connection("", place, receiver.port, receiver.ae_title, receiver.tls is not None, _newest(own, "")),
        *(
            Connection(to.name, to.host, to.port, to.ae_title, to.tls is not None, _newest(own, to.name))
            for to in route.spec.destinations
        ),
    ]
    newest = next((run for run in own if run.facts.interfaces), None)
    return Connectivity(
        name=route.metadata.name,
        callers=tuple(
            Caller(*(patient(str(one.get(name, "")), longest=300) for name in _OF_A_CALLER)) for one in peers
        ),
        connections=tuple(connections),
        rows=tuple((row, last_seen(row, own, peers)) for row in matrix(route)),
        facts=newest.facts if newest is not None else Facts(),
        facts_at=newest.at if newest is not None else "",
        runs=tuple(own),
    )


def outcome(run: Run, now: datetime) -> State:
    """How an examination has come out, or that it has not yet; SKIPPED: its service ended in the middle."""
    if run.is_running(now):
        return State.RUNNING
    if not run.ended:
        return State.SKIPPED
    worst = {step.state for step in run.steps}
    return next((state for state in STATES_OF_A_RUN if state in worst), State.OK)


def _newest(runs: Iterable[Run], destination: str) -> Run | None:
    service = "scu" if destination else "scp"
    return next((run for run in runs if (run.service, run.destination) == (service, destination)), None)
