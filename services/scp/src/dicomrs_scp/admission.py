"""Who may open an association: decisions on a request, pure (PS3.8 9.3.4, table 9-21)."""

from dataclasses import dataclass

from dicomrs.route import Receiver
from dicomrs.route.types import networks, plain_ip
from dicomrs_wire import negotiation
from dicomrs_wire.association import AssociationRequest

PERMANENT, TRANSIENT = 1, 2
_USER, _PRESENTATION = 1, 3
_NO_REASON, _CALLING_NOT_RECOGNISED, _CALLED_NOT_RECOGNISED = 1, 3, 7
_CONGESTION, _LOCAL_LIMIT = 1, 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """An A-ASSOCIATE-RJ: result, source and reason for the peer, and why in words for the log."""

    result: int
    source: int
    reason: int
    why: str

    @property
    def numbers(self) -> tuple[int, int, int]:
        """As they travel."""
        return self.result, self.source, self.reason


def refusal(request: AssociationRequest, address: str, own: str, receiver: Receiver) -> Refusal | None:
    """Why this receiver never takes such a request, None if it does.

    Args:
        request: what the peer asks.
        address: its IP address.
        own: ours of the same connection. Who has the same is this machine, and needs no allowed network: `dicomrs echo`
            asks so.
        receiver: whose door it is.
    """
    if (numbers := negotiation.refusal(request)) is not None:
        return Refusal(*numbers, "not DICOM as we know it")
    allow = receiver.allow
    if allow.networks and address != own and not _is_in(address, allow.networks):
        why = "its address is in none of spec.receiver.allow.networks"
        return Refusal(PERMANENT, _USER, _NO_REASON, why)
    if allow.calling_ae_titles and request.calling not in allow.calling_ae_titles:
        why = "its AE title is not in spec.receiver.allow.callingAeTitles"
        return Refusal(PERMANENT, _USER, _CALLING_NOT_RECOGNISED, why)
    if receiver.check_called_ae_title and request.called != receiver.ae_title:
        why = f"it calls another AE title than {receiver.ae_title} (spec.receiver.checkCalledAeTitle)"
        return Refusal(PERMANENT, _USER, _CALLED_NOT_RECOGNISED, why)
    return None


def closed(why: str) -> Refusal:
    """The answer while nothing is accepted from anybody."""
    return Refusal(TRANSIENT, _PRESENTATION, _CONGESTION, why)


def crowded(receiver: Receiver, everybody: int, of_peer: int) -> Refusal | None:
    """The answer to one association more than the limits allow, None if there is room.

    everybody, of_peer: associations that are open, of all and of the peer's address.
    """
    limits = receiver.limits
    if everybody >= limits.associations:
        why = f"{everybody} associations are open (spec.receiver.limits.associations)"
    elif of_peer >= limits.associations_per_peer:
        why = f"{of_peer} associations from its address are open (spec.receiver.limits.associationsPerPeer)"
    else:
        return None
    return Refusal(TRANSIENT, _PRESENTATION, _LOCAL_LIMIT, why)


def _is_in(address: str, allowed: tuple[str, ...]) -> bool:
    found = plain_ip(address)
    return found is not None and any(found in network for network in networks(allowed))
