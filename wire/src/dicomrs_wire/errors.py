"""How an association can end other than well: one exception for each thing a caller does differently."""

from typing import Final

from dicomrs.causes import Cause
from dicomrs_wire.statuses import cause_of_reject, describe_abort, describe_reject

UNRECOGNISED_PDU: Final = 1
UNEXPECTED_PDU: Final = 2
INVALID_PARAMETER: Final = 6
"""Reasons of an A-ABORT by the protocol layer (PS3.8 table 9-26)."""


class AssociationError(Exception):
    """The association cannot be had or has ended. Its text is a sentence for the person who must act."""

    cause = Cause.UNKNOWN
    """The same in one word."""


class Unreachable(AssociationError):  # noqa: N818 (the operator's word)
    """No TCP connection: the name, the route, the port or a firewall. Nothing was said to the peer."""

    def __init__(self, text: str, cause: Cause) -> None:
        """Keep the cause, by which it is told whose job it is."""
        super().__init__(text)
        self.cause = cause


class TlsFailed(AssociationError):  # noqa: N818 (says what happened)
    """No TLS with the peer. Its text says which side refused, why, and who can mend it."""

    def __init__(self, text: str, cause: Cause) -> None:
        """Keep the cause, by which it is told whose job it is."""
        super().__init__(text)
        self.cause = cause


class Rejected(AssociationError):  # noqa: N818 (the standard's word)
    """The peer answered A-ASSOCIATE-RJ (PS3.8 9.3.4)."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        """Keep the three numbers of PS3.8 table 9-21."""
        super().__init__(describe_reject(result, source, reason))
        self.cause = cause_of_reject(source, reason)
        self.result = result
        self.source = source
        self.reason = reason


class Aborted(AssociationError):  # noqa: N818 (the standard's word)
    """The peer sent A-ABORT (PS3.8 9.3.8)."""

    cause = Cause.ABORTED

    def __init__(self, source: int, reason: int) -> None:
        """Keep the two numbers of PS3.8 table 9-26."""
        super().__init__(describe_abort(source, reason))
        self.source = source
        self.reason = reason


class PeerClosed(AssociationError):  # noqa: N818 (says what happened)
    """The peer closed or reset the connection, or released the association before its time."""

    cause = Cause.CLOSED


class Timeout(AssociationError):  # noqa: N818 (says what happened)
    """The peer did not read or answer within the time allowed."""

    cause = Cause.SILENT


class ProtocolError(AssociationError):
    """The peer's bytes are not what PS3.7 and PS3.8 allow here."""

    def __init__(self, text: str, reason: int = INVALID_PARAMETER, cause: Cause = Cause.NOT_DICOM) -> None:
        """Keep the reason of the A-ABORT that the peer is owed."""
        super().__init__(text)
        self.reason = reason
        self.cause = cause


class DigestMismatch(AssociationError):  # noqa: N818 (says what happened)
    """The file's bytes are not those that arrived; the object's last fragment was not sent."""

    cause = Cause.DAMAGED
