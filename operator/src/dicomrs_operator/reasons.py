"""Why a condition of a ClinicRoute is what it is. docs/troubleshooting.md has a section on each."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The reasons of conditions; the text under each says when it is given."""

    ACCEPTED = "Accepted"
    """The newest version of the route is what the services are told."""
    INVALID_SPEC = "InvalidSpec"
    """The route breaks a rule that the API server cannot check."""
    ADDRESS_NOT_RESERVED = "AddressNotReserved"
    """The receiver's address is not the one that the release reserved."""
    PORT_NOT_RESERVED = "PortNotReserved"
    """The receiver's port is none of those that the release reserved."""
    COMMITMENT_PORT_NOT_RESERVED = "CommitmentPortNotReserved"
    """A destination waits for storage commitment reports where the release reserved nothing."""
    INTERFACE_NOT_SUPPORTED = "InterfaceNotSupported"
    """The receiver names an interface; on a cluster it names an address."""
    ROOT_OUTSIDE_VOLUME = "RootOutsideVolume"
    """The storage root is not a folder of the release's volume."""
    ROOT_IMMUTABLE = "RootImmutable"
    """The storage root is changed though objects were received there."""
    ADDRESS_IN_USE = "AddressInUse"
    """Another route listens on the same address and port."""
    ROOT_IN_USE = "RootInUse"
    """Another route has the same storage root, or one inside or around it."""
    SCHEMA_DIFFERS = "SchemaDiffers"
    """The cluster's ClinicRoute schema is not the operator's; nothing new is accepted."""
    NOT_ACCEPTED = "NotAccepted"
    """No version of the route was ever accepted."""
    STATUS_UNAVAILABLE = "StatusUnavailable"
    """The dashboard does not answer, so nothing is known."""
    NOT_LOADED = "NotLoaded"
    """A service has not loaded this version of the route yet."""
    MANIFEST_REFUSED = "ManifestRefused"
    """A service refuses what it is told, and goes on as before."""
    SERVICE_DOWN = "ServiceDown"
    """A service does not run."""
    LISTENING = "Listening"
    """The receiver takes associations."""
    NOT_LISTENING = "NotListening"
    """The receiver does not take associations."""
    SECRET_MISSING = "SecretMissing"  # noqa: S105
    """A Secret that the route names does not exist or lacks a key."""
    SUSPENDED = "Suspended"
    """The route says that receiving, or sending, is suspended."""
    DRAINING = "Draining"
    """The route is being deleted: what waits is sent first."""
    DELIVERING = "Delivering"
    """No destination is in trouble."""
    OBJECTS_PARKED = "ObjectsParked"
    """A destination does not take some objects; a person decides about them."""
    DESTINATION_TROUBLE = "DestinationTrouble"
    """A destination cannot be sent to; it is tried again for ever."""
    NO_DESTINATION = "NoDestination"
    """The route has no destination: objects are kept."""
    STORAGE_READY = "StorageReady"
    """The storage root is writable and above its reserve."""
    RESERVE_REACHED = "ReserveReached"
    """The disk is so full that nothing more is received."""
    STORAGE_TROUBLE = "StorageTrouble"
    """The storage root cannot be read or written."""
    READY = "Ready"
    """The route receives, and what it receives is safe."""


GOOD: Final = frozenset({
    Reason.ACCEPTED, Reason.LISTENING, Reason.DELIVERING, Reason.STORAGE_READY, Reason.READY
})  # fmt: skip
"""The reasons of what is as it should be: nothing to look up."""


def section(reason: Reason) -> str:
    """The end of a message: where the reason is explained."""
    return f" (see docs/troubleshooting.md#{reason.lower()})"
