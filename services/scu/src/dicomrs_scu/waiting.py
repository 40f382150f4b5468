"""One object that waits, as the queues of all its destinations share it. Kept small: there may be 100,000 of them."""

import sys
from dataclasses import dataclass

from dicomrs.route import ClinicRoute, destinations_for
from dicomrs.spool.layout import object_name, parse_object_name
from dicomrs.spool.outbox import Stored

Pair = tuple[str, str]  # SOP class and transfer syntax: one presentation context


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """named: the destinations that the route names for it; received: ISO 8601."""

    folder: str
    name: str
    number: int
    arrival: str
    pair: Pair
    named: tuple[str, ...]
    received: str

    @property
    def stem(self) -> str:
        """What the names of all arrivals of its SOP Instance have in common."""
        if self.number == 1:
            return self.name[: -len(".dcm")]
        parsed = parse_object_name(self.name)
        assert parsed is not None
        return parsed[0]

    def earlier_names(self) -> list[str]:
        """File names of the arrivals of the same SOP Instance that must travel first, if they wait."""
        parsed = parse_object_name(self.name)
        assert parsed is not None
        return [object_name(parsed[0], number) for number in range(1, self.number)]


def waiting_of(route: ClinicRoute, stored: Stored) -> Waiting:
    """The entry for an object found in the spool; texts that recur are stored once."""
    intern = sys.intern
    return Waiting(
        folder=intern(stored.folder),
        name=stored.name,
        number=stored.number,
        arrival=stored.arrival,
        pair=(intern(stored.head.sop_class), intern(stored.head.transfer_syntax)),
        named=tuple(intern(name) for name in destinations_for(route, stored.facts)),
        received=stored.head.record.received,
    )
