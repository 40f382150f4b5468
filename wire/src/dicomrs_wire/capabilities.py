"""What a peer can take: it is asked on associations that are released without an object having been sent."""

from collections.abc import Iterator, Sequence
from typing import Final

from dicomrs.dataset.sop_classes import storage_sop_classes
from dicomrs.dataset.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, NAMES
from dicomrs.doctor import Capabilities
from dicomrs_wire.association import MAX_CONTEXTS, PeerUser
from dicomrs_wire.commitment import COMMITMENT, COMMITMENT_CONTEXTS
from dicomrs_wire.echo import Probe
from dicomrs_wire.requestor import Requestor, Timeouts

Context = tuple[str, str]

# Of these the transfer syntaxes are asked, if none of them is taken of the first SOP class that is: CT, MR, PET, SC.
_OF_INTEREST: Final = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.7",
)


def probe(peer: Probe, timeouts: Timeouts) -> Capabilities:
    """Ask a peer for every storage SOP class, for the transfer syntaxes of one it takes, and for storage commitment.

    Raises:
        AssociationError: it does not negotiate.
    """
    classes = storage_sop_classes()
    plain = [(uid, syntax) for uid in classes for syntax in (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN)]
    accepted, user = _accepted(peer, [*COMMITMENT_CONTEXTS, *plain], timeouts)
    taken = [uid for uid in classes if {(uid, IMPLICIT_LITTLE_ENDIAN), (uid, EXPLICIT_LITTLE_ENDIAN)} & accepted]
    asked_for = next((uid for uid in (*_OF_INTEREST, *taken) if uid in taken), "")
    syntaxes: set[Context] = set()
    if asked_for:
        syntaxes, user = _accepted(peer, [(asked_for, syntax) for syntax in NAMES], timeouts)
    return Capabilities(
        max_pdu=user.max_pdu,
        class_uid=user.class_uid,
        version=user.version_name,
        asked=len(classes),
        sop_classes=tuple(taken),
        syntaxes_of=asked_for,
        syntaxes=tuple(syntax for syntax in NAMES if (asked_for, syntax) in syntaxes),
        commitment=any(context[0] == COMMITMENT for context in accepted),
    )


def _accepted(peer: Probe, contexts: Sequence[Context], timeouts: Timeouts) -> tuple[set[Context], PeerUser]:
    """Those of the contexts that the peer accepts, and what it says of itself."""
    found: set[Context] = set()
    user = PeerUser()
    for batch in _batches(contexts):
        with Requestor.connect(
            peer.host,
            peer.port,
            calling=peer.calling,
            called=peer.called,
            contexts=batch,
            timeouts=timeouts,
            tls=peer.tls,
        ) as association:
            found |= {context for context in batch if association.accepted(*context)}
            user = association.peer
    return found, user


def _batches(contexts: Sequence[Context]) -> Iterator[Sequence[Context]]:
    for start in range(0, len(contexts), MAX_CONTEXTS):
        yield contexts[start : start + MAX_CONTEXTS]
