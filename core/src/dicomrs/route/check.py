"""Rules that hold between the parts of a route and between routes: names, addresses, folders, loops."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from dicomrs.route.model import ClinicRoute, Destination, Receiver
from dicomrs.route.types import FieldPath, plain_ip

_NAME: FieldPath = ("metadata", "name")
_PORT: FieldPath = ("spec", "receiver", "port")
_ROOT: FieldPath = ("spec", "storage", "root")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two places that cannot both be: `path` of route number `route` disagrees with the earlier `other_path`."""

    route: int
    path: FieldPath
    other: int
    other_path: FieldPath
    message: str


def check_routes(routes: Sequence[ClinicRoute]) -> list[Conflict]:
    """Return what keeps these routes from running side by side; routes are numbered from 0."""
    conflicts = [conflict for number, route in enumerate(routes) for conflict in _within(number, route)]
    for (other, first), (number, second) in combinations(enumerate(routes), 2):
        conflicts += (Conflict(number, path, other, where, message) for path, where, message in _between(first, second))
    return conflicts


class _Place(NamedTuple):
    """Where a route listens: for scanners, or a destination of it for reports; whose, for sentences."""

    address: str | None
    interface: str | None
    port: int
    path: FieldPath
    subject: str
    whose: str

    def __str__(self) -> str:
        return f"{self.address or self.interface} port {self.port}"


def _places(route: ClinicRoute) -> list[_Place]:
    receiver, whose = route.spec.receiver, f'route "{route.metadata.name}"'
    found = [_Place(receiver.bind_address, receiver.interface, receiver.port, _PORT, f"the receiver of {whose}", whose)]
    for index, destination in enumerate(route.spec.destinations):
        if destination.commitment is not None and (listen := destination.commitment.listen) is not None:
            path: FieldPath = ("spec", "destinations", index, "commitment", "listen", "port")
            subject = f'destination "{destination.name}" of {whose}'
            found.append(_Place(listen.bind_address, None, listen.port, path, subject, subject))
    return found


def _collision(first: _Place, second: _Place) -> str:
    return (
        f"{second.subject} would listen on {second}, but {first.whose} listens on {first}; "
        "give one of them another port or address"
    )


def _within(number: int, route: ClinicRoute) -> Iterator[Conflict]:
    seen: dict[str, int] = {}
    for index, destination in enumerate(route.spec.destinations):
        here: FieldPath = ("spec", "destinations", index)
        earlier = seen.setdefault(destination.name, index)
        if earlier != index:
            message = f'a second destination is called "{destination.name}"; give each a name of its own'
            yield Conflict(number, (*here, "name"), number, ("spec", "destinations", earlier, "name"), message)
        if _is_loop(route.spec.receiver, destination):
            message = (
                f'destination "{destination.name}" is the receiver of its own route "{route.metadata.name}", '
                "which would send to itself for ever; write the address and port of the target"
            )
            yield Conflict(number, (*here, "host"), number, _PORT, message)
    receiver, *listens = _places(route)
    for first, second in [*((receiver, one) for one in listens), *combinations(listens, 2)]:
        # Destinations of one route may share a place: a report names its transaction, and that one its destination.
        shared = first is not receiver and (first.address, first.port) == (second.address, second.port)
        if _same_place(first, second) and not shared:
            yield Conflict(number, second.path, number, first.path, _collision(first, second))


def _between(first: ClinicRoute, second: ClinicRoute) -> Iterator[tuple[FieldPath, FieldPath, str]]:
    one, two = first.metadata.name, second.metadata.name
    if one == two:
        yield _NAME, _NAME, f'a second route is called "{two}"; give each route a name of its own'
        return  # probably one document twice: the rest would only repeat it
    for here, there in product(_places(first), _places(second)):
        if _same_place(here, there):
            yield there.path, here.path, _collision(here, there)
    if _overlap(first.spec.storage.root, second.spec.storage.root):
        message = (
            f'"{second.spec.storage.root}" of route "{two}" and "{first.spec.storage.root}" of route "{one}" '
            "overlap; give each route a folder of its own"
        )
        yield _ROOT, _ROOT, message


def _same_place(one: _Place, two: _Place) -> bool:
    """Say whether Linux would refuse the second bind. An address and an interface meet only on the machine."""
    if one.port != two.port:
        return False
    if one.interface is not None and two.interface is not None:
        return one.interface == two.interface
    first, second = plain_ip(one.address or ""), plain_ip(two.address or "")
    if first is None or second is None:
        return any(ip is not None and ip.is_unspecified for ip in (first, second))
    if first == second:
        return True
    # "::" takes IPv4 as well, unless the system is told otherwise.
    return any(
        wide.is_unspecified and (wide.version == 6 or narrow.version == 4)
        for wide, narrow in ((first, second), (second, first))
    )


def _is_loop(receiver: Receiver, destination: Destination) -> bool:
    own = plain_ip(receiver.bind_address or "")
    if own is None or receiver.port != destination.port:
        return False
    local = destination.host.lower().rstrip(".") == "localhost"
    targets = [plain_ip(host) for host in (("127.0.0.1", "::1") if local else (destination.host,))]
    return any(
        target == own or (own.is_unspecified and (target.is_loopback or target.is_unspecified))
        for target in targets
        if target is not None
    )


def _overlap(one: str, two: str) -> bool:
    return f"{one}/".startswith(f"{two}/") or f"{two}/".startswith(f"{one}/")
