"""What each cause means, what to do about it, and the names of those whose job it is."""

from collections.abc import Mapping
from typing import Final

from dicomrs.causes import Cause, Owner
from dicomrs_dashboard.language import N_

OWNERS: Final[Mapping[Owner, str]] = {
    Owner.NOBODY: N_("nobody needs to act"),
    Owner.SERVER: N_("this server (hospital IT)"),
    Owner.NETWORK: N_("network team"),
    Owner.TARGET: N_("vendor of the target"),
    Owner.SCANNER: N_("scanner's vendor"),
}

MEANINGS: Final[Mapping[Cause, str]] = {
    Cause.SERVICE_DOWN: N_("A service does not run, or hangs."),
    Cause.MANIFEST_REFUSED: N_("The newest route has a mistake; the services go on under the last good one."),
    Cause.ROOT_UNUSABLE: N_("The folder that keeps the images cannot be used."),
    Cause.DISK_FULL: N_("The disk has reached its reserve: nothing more is received."),
    Cause.ADDRESS_MISSING: N_("This server does not have the address on which images should arrive."),
    Cause.PORT_TAKEN: N_("Another program on this server holds the port."),
    Cause.PORT_NOT_ALLOWED: N_("The service's user may not use this port."),
    Cause.NOT_LISTENING: N_("The receiver does not listen."),
    Cause.NO_SOURCE_ADDRESS: N_("This server has no address from which the target could be reached."),
    Cause.LINK_DOWN: N_("The network interface has no link."),
    Cause.NO_ROUTE: N_("This server knows no route to that address."),
    Cause.TLS_OWN: N_("Our own certificate, key or authority is missing, wrong or expired."),
    Cause.SUSPENDED: N_("The route is suspended: nothing is sent."),
    Cause.NAME_UNKNOWN: N_("The name does not resolve to an address."),
    Cause.HOST_UNREACHABLE: N_("The machine cannot be reached: a router says so, or nobody answers on the wire."),
    Cause.NO_PING: N_("The machine does not answer a ping; some networks do not let pings through."),
    Cause.FILTERED: N_("Nothing answers at the port: a firewall drops the packets, or the machine is off."),
    Cause.PORT_CLOSED: N_(
        "The connection to that port is refused: the target's program does not run, or a firewall refuses in its place."
    ),
    Cause.TLS_PEER: N_("The target's certificate is not accepted, or it does not accept ours."),
    Cause.TLS_NOT_SPOKEN: N_("The target does not speak TLS on this port, and the route asks for it."),
    Cause.TLS_EXPECTED: N_("The target expects TLS on this port, and the route does not ask for it."),
    Cause.NOT_DICOM: N_("What answers at the port is not DICOM."),
    Cause.CLOSED: N_("The target closes the connection without an answer."),
    Cause.SILENT: N_("The target takes the connection and does not answer."),
    Cause.CALLING_REFUSED: N_("The target does not know our AE title."),
    Cause.CALLED_REFUSED: N_("The target does not go by the AE title that we call."),
    Cause.ASSOCIATION_REFUSED: N_("The target refuses the association."),
    Cause.BUSY: N_("The target is busy or out of resources; it is tried again."),
    Cause.ABORTED: N_("The target aborts the association."),
    Cause.NOT_OFFERED: N_("The target does not take this kind of object, or this transfer syntax."),
    Cause.REFUSES_OBJECTS: N_("The target answers with a failure when an image is sent."),
    Cause.NOT_COMMITTED: N_("The target has the images and does not commit to keep them."),
    Cause.PARKED: N_("The target does not take some objects; the others go on."),
    Cause.HELD: N_("Some objects are held back, by a person or by the route's rule for conflicts."),
    Cause.QUARANTINED: N_("Objects came without pixels; they are not sent."),
    Cause.DAMAGED: N_("Objects changed on the disk after they arrived; they are not sent."),
    Cause.CONFLICT: N_("Different images came under one UID."),
    Cause.NO_DESTINATION: N_("No destination of the route wants some objects."),
    Cause.SLOW: N_("Images wait for some time although nothing prevents sending them."),
    Cause.UNKNOWN: N_("Sending fails; the service's own words say why."),
}

REMEDIES: Final[Mapping[Cause, str]] = {
    Cause.SERVICE_DOWN: N_(
        "Under dicomrs up and on a cluster it is started again by itself; where it is not, start it there. Its log "
        "says why it ended."
    ),
    Cause.MANIFEST_REFUSED: N_("Correct the route; the service's own words name the field."),
    Cause.ROOT_UNUSABLE: N_("See to the volume: is it mounted, writable, and owned by the services' user?"),
    Cause.DISK_FULL: N_("Free space on the volume or enlarge it; delivery goes on and frees space too."),
    Cause.ADDRESS_MISSING: N_("Give this server the address, or correct it in the route."),
    Cause.PORT_TAKEN: N_("Stop the other program, or use another port in the route."),
    Cause.PORT_NOT_ALLOWED: N_("Give the service the capability CAP_NET_BIND_SERVICE, or use a port above 1023."),
    Cause.NOT_LISTENING: N_("Read the service's own words, and its log."),
    Cause.NO_SOURCE_ADDRESS: N_("Configure this server's interface on the target's network."),
    Cause.LINK_DOWN: N_("Check the cable and the switch's port, and that the interface is up."),
    Cause.NO_ROUTE: N_("Add a route to the target's network on this server, or a default gateway."),
    Cause.TLS_OWN: N_("Renew or correct the certificate that the route names."),
    Cause.SUSPENDED: N_("Take “suspend” out of the route to send again."),
    Cause.NAME_UNKNOWN: N_("Check the name in the route; ask the network team for its DNS entry."),
    Cause.HOST_UNREACHABLE: N_("Ask the network team for the way from this server to the target."),
    Cause.NO_PING: N_("Nothing to do if the next steps are well."),
    Cause.FILTERED: N_("Ask the network team to let this server through to that port."),
    Cause.PORT_CLOSED: N_(
        "Ask the target's vendor whether its DICOM service runs, and on which port. If it does, ask the network team "
        "whether a firewall refuses the connection (TCP reset)."
    ),
    Cause.TLS_PEER: N_("Agree with the target's vendor on certificates and authorities."),
    Cause.TLS_NOT_SPOKEN: N_("Ask the target's vendor for its TLS port, or take “tls” out of the destination."),
    Cause.TLS_EXPECTED: N_("Add “tls” to the destination, or ask the target's vendor for its plain port."),
    Cause.NOT_DICOM: N_("Check host and port in the route; ask the target's vendor for the DICOM port."),
    Cause.CLOSED: N_("Ask the target's vendor to look in its log; often our address or AE title is not on its list."),
    Cause.SILENT: N_("Ask the target's vendor to look at its service: it accepts connections and hangs."),
    Cause.CALLING_REFUSED: N_("Ask the target's vendor to add our AE title; the check has a mail that names it."),
    Cause.CALLED_REFUSED: N_("Correct the destination's AE title, or ask the target's vendor for the right one."),
    Cause.ASSOCIATION_REFUSED: N_("Ask the target's vendor to look in its log."),
    Cause.BUSY: N_("If it lasts, ask the target's vendor."),
    Cause.ABORTED: N_("Ask the target's vendor to look in its log."),
    Cause.NOT_OFFERED: N_("Ask the target's vendor to enable it."),
    Cause.REFUSES_OBJECTS: N_("Ask the target's vendor what its log says about the status."),
    Cause.NOT_COMMITTED: N_("Ask the target's vendor about storage commitment."),
    Cause.PARKED: N_("Look at them on the page Set aside; release them when the target can take them."),
    Cause.HELD: N_("They are sent once somebody releases them on the page Set aside."),
    Cause.QUARANTINED: N_("Ask the scanner's operator to send the images again; see the page Set aside."),
    Cause.DAMAGED: N_("Have the disk checked, and have the images sent again from the scanner."),
    Cause.CONFLICT: N_("Compare both, and release the right one."),
    Cause.NO_DESTINATION: N_("Widen “match” of a destination, or discard them."),
    Cause.SLOW: N_("Look at the page Connectivity, and at the target's speed."),
    Cause.UNKNOWN: N_("Run the checks on the page Connectivity."),
}

_CONNECTIVITY: Final = "/connectivity"
_SET_ASIDE: Final = "/set-aside"
_SERVICES: Final = "/services"
_OBJECTS: Final = frozenset(
    {Cause.PARKED, Cause.HELD, Cause.QUARANTINED, Cause.DAMAGED, Cause.CONFLICT, Cause.NO_DESTINATION}
)
_MANIFEST_OR_DISK: Final = frozenset({Cause.MANIFEST_REFUSED, Cause.ROOT_UNUSABLE, Cause.DISK_FULL, Cause.SUSPENDED})
NEXT: Final[Mapping[str, str]] = {
    _CONNECTIVITY: N_("Check it step by step"),
    _SET_ASIDE: N_("See them, and what can be done"),
    _SERVICES: N_("See the services and their logs"),
}
"""What the pages where something can be done offer, by their paths."""


def next_page(cause: Cause) -> str:
    """The path of the page where something can be done about it; "" if that is elsewhere."""
    if cause in _OBJECTS:
        return _SET_ASIDE
    if cause in _MANIFEST_OR_DISK:
        return ""
    return _SERVICES if cause is Cause.SERVICE_DOWN else _CONNECTIVITY
