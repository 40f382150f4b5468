"""What an acceptor makes of an association request: pure decisions (PS3.8 7.1, PS3.7 D.3)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from dicomrs_wire.association import (
    ACCEPTED,
    APPLICATION_CONTEXT,
    AssociationRequest,
    ProposedContext,
    encode_accept,
)
from dicomrs_wire.commitment import COMMITMENT, COMMITMENT_CONTEXTS

ABSTRACT_SYNTAX_NOT_SUPPORTED: Final = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED: Final = 4
IMPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"

_DECODED: Final = {COMMITMENT: tuple(syntax for _, syntax in COMMITMENT_CONTEXTS)}
"""SOP classes whose datasets are read here instead of being passed on: the transfer syntaxes that we read."""


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context both sides agreed on."""

    id: int
    abstract_syntax: str
    transfer_syntax: str


def refusal(request: AssociationRequest) -> tuple[int, int, int] | None:
    """Return result, source and reason of the A-ASSOCIATE-RJ that any acceptor owes this request, if one."""
    if not request.protocol_version & 1:
        return 1, 2, 2
    if request.application_context != APPLICATION_CONTEXT:
        return 1, 1, 2
    return None


def accept(
    request: AssociationRequest,
    wanted: Callable[[str], bool],
    max_pdu: int,
    preference: Sequence[str] = (),
    reported: Collection[str] = (),
) -> tuple[bytes, dict[int, AcceptedContext]]:
    """Return the A-ASSOCIATE-AC to `request` and the contexts it accepts, by id (PS3.8 9.3.3).

    Of a SOP class the requestor is either SCU or, if that is `reported` to us, SCP; the other role, where it proposes
    roles at all, is refused (PS3.7 D.3.3.4). User identity gets no
    response and the window of operations stays at one, because neither is answered.

    Args:
        request: what the peer proposed.
        wanted: whether an abstract syntax is supported.
        max_pdu: longest P-DATA-TF variable field in bytes that we take.
        preference: transfer syntaxes, best first; with none of them offered, the first offered is taken.
        reported: SOP classes of which the requestor is SCP.
    """
    accepted: dict[int, AcceptedContext] = {}
    answers = []
    for context in request.contexts:
        result, transfer_syntax = _judge(context, wanted, preference)
        answers.append((context.id, result, transfer_syntax))
        if result == ACCEPTED:
            accepted[context.id] = AcceptedContext(context.id, context.abstract_syntax, transfer_syntax)
    supported = {context.abstract_syntax for context in accepted.values()}
    roles = {
        uid: (False, scp) if uid in reported else (scu, False)
        for uid, (scu, scp) in request.peer.roles.items()
        if uid in supported
    }
    return encode_accept(request, answers, max_pdu, roles), accepted


def _judge(context: ProposedContext, wanted: Callable[[str], bool], preference: Sequence[str]) -> tuple[int, str]:
    """Return result and transfer syntax for one context; of a refused one the syntax means nothing."""
    offered = context.transfer_syntaxes
    if not context.abstract_syntax or not wanted(context.abstract_syntax):
        return ABSTRACT_SYNTAX_NOT_SUPPORTED, IMPLICIT_LITTLE_ENDIAN
    decoded = _DECODED.get(context.abstract_syntax)
    if decoded is not None:
        preference, offered = decoded, tuple(syntax for syntax in offered if syntax in decoded)
    if not offered:
        return TRANSFER_SYNTAXES_NOT_SUPPORTED, IMPLICIT_LITTLE_ENDIAN
    return ACCEPTED, next((syntax for syntax in preference if syntax in offered), offered[0])
