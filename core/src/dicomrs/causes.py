"""Why images do not flow, as one vocabulary: the services name a cause, and every cause has somebody who can mend it.

The services' own sentences stand beside it in English; the dashboard says in the reader's language what a cause means.
"""

from enum import StrEnum
from typing import Final


class Owner(StrEnum):
    """Whose job it is."""

    NOBODY = "nobody"
    """Nothing needs doing: it passes by itself, or a person wanted it so."""
    SERVER = "server"
    """Whoever runs this server and its route."""
    NETWORK = "network"
    """The network team: cables, switches, routers, firewalls, names."""
    TARGET = "target"
    """Whoever runs the target: its vendor, or its administrator."""
    SCANNER = "scanner"
    """Whoever runs the scanner."""


class Cause(StrEnum):
    """One thing that is wrong; the comment says what was seen."""

    # This server
    SERVICE_DOWN = "service-down"  # no heartbeat
    MANIFEST_REFUSED = "manifest-refused"  # the newest manifest is not in force
    ROOT_UNUSABLE = "root-unusable"  # the storage root cannot be read, or cannot carry a spool
    DISK_FULL = "disk-full"  # the reserve is reached: nothing is received
    ADDRESS_MISSING = "address-missing"  # no interface has the receiver's address
    PORT_TAKEN = "port-taken"  # another program listens there
    PORT_NOT_ALLOWED = "port-not-allowed"  # this user may not listen on it
    NOT_LISTENING = "not-listening"  # for another reason
    NO_SOURCE_ADDRESS = "no-source-address"  # nothing to send from
    LINK_DOWN = "link-down"  # the interface has no carrier
    NO_ROUTE = "no-route"  # the kernel has no way to the address
    TLS_OWN = "tls-own"  # our certificate, key or authority is missing, wrong or expired
    SUSPENDED = "suspended"  # the route says so
    # The network
    NAME_UNKNOWN = "name-unknown"  # it does not resolve
    HOST_UNREACHABLE = "host-unreachable"  # a router says so (ICMP), or nobody answers on the wire
    NO_PING = "no-ping"  # no answer to an ICMP echo
    FILTERED = "filtered"  # packets to the port are answered by nothing, or refused by a firewall
    # The target
    PORT_CLOSED = "port-closed"  # it refuses the connection
    TLS_PEER = "tls-peer"  # its certificate does not pass, or it does not take ours
    TLS_NOT_SPOKEN = "tls-not-spoken"  # it does not speak TLS where we do
    TLS_EXPECTED = "tls-expected"  # it speaks TLS where we do not
    NOT_DICOM = "not-dicom"  # what it answers is no DICOM
    CLOSED = "closed"  # it closes the connection without an answer
    SILENT = "silent"  # it takes the connection and does not answer
    CALLING_REFUSED = "calling-refused"  # it does not know our AE title
    CALLED_REFUSED = "called-refused"  # it does not go by the AE title that we call
    ASSOCIATION_REFUSED = "association-refused"  # for another reason
    BUSY = "busy"  # it is congested, or has reached its limit of associations, or is out of resources
    ABORTED = "aborted"  # it aborts the association
    NOT_OFFERED = "not-offered"  # it does not offer the SOP class or the transfer syntax
    REFUSES_OBJECTS = "refuses-objects"  # it answers a C-STORE with a failure
    NOT_COMMITTED = "not-committed"  # it does not commit to what it has taken
    # Objects
    PARKED = "parked"  # objects that a destination does not take
    HELD = "held"  # by a person
    QUARANTINED = "quarantined"  # without pixels
    DAMAGED = "damaged"  # on the disk
    CONFLICT = "conflict"  # other bytes under a UID
    NO_DESTINATION = "no-destination"  # that wants them
    SLOW = "slow"  # nothing prevents it, and it does not get less
    UNKNOWN = "unknown"  # the service's own words say more


_OWNERS: Final = {
    Owner.NOBODY: {Cause.SUSPENDED, Cause.HELD},
    Owner.NETWORK: {Cause.NAME_UNKNOWN, Cause.HOST_UNREACHABLE, Cause.NO_PING, Cause.FILTERED},
    Owner.TARGET: {
        Cause.PORT_CLOSED,
        Cause.TLS_PEER,
        Cause.TLS_NOT_SPOKEN,
        Cause.TLS_EXPECTED,
        Cause.NOT_DICOM,
        Cause.CLOSED,
        Cause.SILENT,
        Cause.CALLING_REFUSED,
        Cause.CALLED_REFUSED,
        Cause.ASSOCIATION_REFUSED,
        Cause.BUSY,
        Cause.ABORTED,
        Cause.NOT_OFFERED,
        Cause.REFUSES_OBJECTS,
        Cause.NOT_COMMITTED,
        Cause.PARKED,
    },
    Owner.SCANNER: {Cause.QUARANTINED, Cause.CONFLICT},
}


def owner_of(cause: Cause) -> Owner:
    """Whose job it is to mend it; what nobody else can, is this server's."""
    return next((owner for owner, causes in _OWNERS.items() if cause in causes), Owner.SERVER)
