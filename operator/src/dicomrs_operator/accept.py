"""Which version of each route the services are told: the newest where it may be, else the last that was accepted.

Pure functions: no Kubernetes, no clock.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dicomrs.route import Conflict, check_routes
from dicomrs_operator.reasons import Reason
from dicomrs_operator.routes import CONFIRM, Running, Wanted, running
from dicomrs_operator.settings import Reservation

_UPGRADE = "helm upgrade with --reset-then-reuse-values"  # values given before would be lost
_LARGEST_BYTES = 64 << 10  # all routes share one ConfigMap of 1 MiB: one too long would keep back the others' edits
_ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104  # compared with, never bound

_TOO_LONG = "it has {} bytes and may have {}; shorten its lists, or make several routes of it"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the newest version of a route is not what the services are told; a sentence says who can mend it."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a route."""

    running: Running | None
    """The version that the services are told; an earlier one if the newest was refused."""
    refusals: tuple[Refusal, ...] = ()
    """Why the newest one was refused; empty if it was accepted."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What acceptance depends on beside the routes."""

    reservation: Reservation
    schema_trouble: str = ""
    """Why nothing new can be accepted: the schema in the cluster is not ours; "" if it is."""
    received: Mapping[str, bool] | None = None
    """By revision of a route that runs, whether objects were received under its root; None: not known now."""


def accept(
    wanted: Sequence[Wanted], last_good: Mapping[str, Running], circumstances: Circumstances
) -> dict[str, Verdict]:
    """Judge all routes together, by name.

    What runs is never given up for what is refused, and no two routes that run collide. Between two new ones that
    would collide the older wins.
    """
    by_age = sorted(wanted, key=lambda one: one.age)
    chosen = _side_by_side(one for route in by_age if (one := _of(route, last_good)) is not None)
    verdicts: dict[str, Verdict] = {}
    candidates: list[Running] = []
    for route in by_age:
        last = chosen.get(route.name)
        candidate, refusals = _candidate(route, last, circumstances)
        if candidate is None or refusals:
            verdicts[route.name] = Verdict(_as_deleted(last, route), refusals)
        else:
            candidates.append(candidate)
    # One that moves away makes room for another: look again until nothing changes.
    while settled := [one for one in candidates if not _collisions(one, chosen)][:1]:
        chosen[settled[0].name] = settled[0]
        verdicts[settled[0].name] = Verdict(settled[0])
        candidates.remove(settled[0])
    named = {route.name: route for route in by_age}
    for candidate in candidates:
        last = _as_deleted(chosen.get(candidate.name), named[candidate.name])
        verdicts[candidate.name] = Verdict(last, tuple(map(_refusal, _collisions(candidate, chosen))))
    return verdicts


def _of(route: Wanted, last_good: Mapping[str, Running]) -> Running | None:
    """The version of this route that runs: another one that once had its name has nothing to do with it."""
    last = last_good.get(route.name)
    return last if last is not None and last.uid == route.uid else None


def _side_by_side(routes: Iterable[Running]) -> dict[str, Running]:
    chosen: dict[str, Running] = {}
    for one in routes:  # in case that somebody wrote the ConfigMap
        if not _collisions(one, chosen):
            chosen[one.name] = one
    return chosen


def _as_deleted(last: Running | None, route: Wanted) -> Running | None:
    return replace(last, draining=route.deleting) if last is not None else None


def _candidate(
    route: Wanted, last: Running | None, circumstances: Circumstances
) -> tuple[Running | None, tuple[Refusal, ...]]:
    spec = route.body.get("spec") or {}
    if last is None or spec != last.spec:
        if circumstances.schema_trouble:
            return None, (Refusal(Reason.SCHEMA_DIFFERS, circumstances.schema_trouble),)
        if (route.doubted or (last is not None and last.generation == route.generation)) and not route.confirmed:
            return None, (Refusal(Reason.SCHEMA_DIFFERS, _taken(route)),)
        if (size := len(json.dumps(spec))) > _LARGEST_BYTES:
            return None, (Refusal(Reason.INVALID_SPEC, f"spec: {_TOO_LONG.format(size, _LARGEST_BYTES)}"),)
    candidate = running(route, spec)
    if isinstance(candidate, list):
        return None, tuple(Refusal(Reason.INVALID_SPEC, problem) for problem in candidate)
    refusals = [_refusal(conflict) for conflict in check_routes([candidate.route])]
    refusals += _unreserved(candidate, circumstances.reservation)
    refusals += _moved(candidate, last, circumstances.received)
    return candidate, tuple(refusals)


def _taken(route: Wanted) -> str:
    """Of a spec that was stored, or changed without an edit, under another schema than ours."""
    return (
        "a schema of another version may have taken fields out of the spec, an allow-list for instance; apply the "
        "route again from your file, or, if nothing is missing from what the cluster has: kubectl annotate --overwrite "
        f"clinicroute {route.name} {CONFIRM}={route.generation}"
    )


def _collisions(candidate: Running, chosen: Mapping[str, Running]) -> list[Conflict]:
    others = [one for name, one in chosen.items() if name != candidate.name]
    return [
        conflict
        for other in others
        for conflict in check_routes([other.route, candidate.route])
        if conflict.route != conflict.other
    ]


def _refusal(conflict: Conflict) -> Refusal:
    if conflict.route == conflict.other:
        return Refusal(Reason.INVALID_SPEC, conflict.message)
    return Refusal(Reason.ROOT_IN_USE if conflict.path[-1] == "root" else Reason.ADDRESS_IN_USE, conflict.message)


def _unreserved(candidate: Running, held: Reservation) -> list[Refusal]:
    spec, found = candidate.route.spec, []
    receiver = spec.receiver
    if receiver.interface is not None:
        found.append(
            Refusal(
                Reason.INTERFACE_NOT_SUPPORTED,
                "spec.receiver.interface: on a cluster a receiver has an address, because the release reserves one; "
                f"write bindAddress: {held.address} in its place",
            )
        )
    elif receiver.bind_address != held.address:
        found.append(
            Refusal(
                Reason.ADDRESS_NOT_RESERVED,
                f"spec.receiver.bindAddress: this release reserved {held.address}, not {receiver.bind_address}; write "
                f"that, or reserve the other: {_UPGRADE} --set htr.address={receiver.bind_address}",
            )
        )
    if receiver.port not in held.ports:
        found.append(
            Refusal(
                Reason.PORT_NOT_RESERVED,
                f"spec.receiver.port: this release reserved {_listed(held.ports)}, not {receiver.port}; write one of "
                f"these, or reserve it: {_UPGRADE} --set 'htr.ports={_values(held.ports, receiver.port)}'",
            )
        )
    root = spec.storage.root
    inside = root.removeprefix(held.mount_path + "/")
    if inside == root or inside.split("/")[0] == ".dicomrs":
        found.append(
            Refusal(
                Reason.ROOT_OUTSIDE_VOLUME,
                f'spec.storage.root: "{root}" is no folder of the volume, which is at {held.mount_path}; write a '
                f"folder in it, such as {held.mount_path}/{candidate.name}",
            )
        )
    return found + _unreserved_reports(candidate, held)


def _unreserved_reports(candidate: Running, held: Reservation) -> list[Refusal]:
    found = []
    for index, destination in enumerate(candidate.route.spec.destinations):
        listen = destination.commitment.listen if destination.commitment is not None else None
        if listen is None:
            continue
        field = f"spec.destinations[{index}].commitment.listen"
        if listen.bind_address not in _ANYWHERE:
            found.append(
                Refusal(
                    Reason.COMMITMENT_PORT_NOT_RESERVED,
                    f"{field}.bindAddress: on a cluster reports arrive at the address of a pod, which nobody knows "
                    'beforehand; write "0.0.0.0", and enter the address that the release has for them at the target',
                )
            )
        if listen.port not in held.commitment_ports:
            values = _values(held.commitment_ports, listen.port)
            found.append(
                Refusal(
                    Reason.COMMITMENT_PORT_NOT_RESERVED,
                    f"{field}.port: this release reserved {_listed(held.commitment_ports)} for reports, not "
                    f"{listen.port}; reserve it: {_UPGRADE} --set 'scu.commitment.ports={values}'",
                )
            )
    return found


def _moved(candidate: Running, last: Running | None, received: Mapping[str, bool] | None) -> list[Refusal]:
    root = candidate.route.spec.storage.root
    if last is None or last.route.spec.storage.root == root:
        return []
    known = None if received is None else received.get(last.revision)
    if known is False:
        return []
    was = last.route.spec.storage.root
    if known:
        why = f'objects were received in "{was}", and they would stay behind; leave it, or make a new route'
    else:
        why = f'whether objects were received in "{was}" is not known before the dashboard has looked; wait'
    return [Refusal(Reason.ROOT_IMMUTABLE, f"spec.storage.root: {why}")]


def _listed(ports: Sequence[int]) -> str:
    return f"port {' and '.join(map(str, ports))}" if ports else "no port"


def _values(ports: Sequence[int], port: int) -> str:
    return "{" + ",".join(map(str, (*ports, port))) + "}"
