"""How an object stands: which destinations it waits for, and whether it is done. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from dicomrs.spool.receipts import Event, History, Kind


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one arrival under the route as it is now.

    waiting: destinations to send to; stored: those that have it and have not committed to it yet; parked, held: those
    that do not get it; each with the event that says so; withheld: those of the stored that do not get it again should
    they have lost it, with the hold;
    complete: nothing more to do, the object may leave the disk.
    """

    waiting: tuple[str, ...]
    delivered: tuple[str, ...]
    stored: dict[str, Event]
    parked: dict[str, Event]
    held: dict[str, Event]
    withheld: dict[str, Event]
    complete: bool

    @property
    def no_destination(self) -> bool:
        """Kept, visibly, because no destination wants it and none has confirmed it."""
        return not (self.waiting or self.stored or self.parked or self.held or self.complete)


def outlook(arrival: str, named: Iterable[str], ledger: History) -> Outlook:
    """named: the destinations that the route names for this object now.

    An object is complete when every one of them has confirmed it. Where the route names none (any more), it is
    complete if some destination has confirmed it, and stays otherwise. What a person has discarded is complete.
    """
    if ledger.discarded(arrival):
        return Outlook((), (), {}, {}, {}, {}, complete=True)
    waiting, delivered = [], []
    stored: dict[str, Event] = {}
    parked: dict[str, Event] = {}
    held: dict[str, Event] = {}
    withheld: dict[str, Event] = {}
    for destination in named:
        event = ledger.standing(arrival, destination)
        if event is None or event.kind in (Kind.RELEASED, Kind.RESENT, Kind.UNCOMMITTED):
            waiting.append(destination)
        elif event.kind is Kind.DELIVERED:
            delivered.append(destination)
        elif event.kind is Kind.STORED:
            stored[destination] = event
            if hold := ledger.withheld(arrival, destination):
                withheld[destination] = hold
        elif event.kind is Kind.PARKED:
            parked[destination] = event
        else:
            held[destination] = event
    done = not (waiting or stored or parked or held) and (bool(delivered) or ledger.delivered_anywhere(arrival))
    return Outlook(tuple(waiting), tuple(delivered), stored, parked, held, withheld, done)
