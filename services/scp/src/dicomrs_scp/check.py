"""python -m dicomrs_scp.check MANIFEST...: does each receiver answer a C-ECHO? To be run on the receivers' machine."""

import ipaddress
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute, Receiver
from dicomrs.route.secrets import Secrets
from dicomrs_scp.listening import interface_address
from dicomrs_wire.check import check_parser, run_check
from dicomrs_wire.echo import Probe
from dicomrs_wire.tls.ends import own_receiver_tls

CALLING: Final = "DICOMRS_ECHO"


def receiver_probes(routes: Sequence[ClinicRoute], secrets: Secrets) -> Iterator[Probe]:
    """Ask each receiver at the address that scanners use, under the first AE title that it allows.

    That of a route that is being deleted is to be silent, and is not asked.
    """
    for route in routes:
        if not route.draining:
            yield receiver_probe(route, secrets)


def receiver_probe(route: ClinicRoute, secrets: Secrets) -> Probe:
    """Ask the receiver of one route."""
    receiver = route.spec.receiver
    return Probe(
        route=route.metadata.name,
        what="receiver",
        host=receiver_host(receiver),
        port=receiver.port,
        calling=next(iter(receiver.allow.calling_ae_titles), CALLING),
        called=receiver.ae_title,
        tls=own_receiver_tls(secrets, receiver),
    )


def receiver_host(receiver: Receiver) -> str:
    """The address at which this machine reaches its own receiver, "" if its interface has none."""
    if receiver.interface is not None:
        return interface_address(receiver.interface)
    address = ipaddress.ip_address(receiver.bind_address or "")
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def main(arguments: Sequence[str]) -> Exit:
    """Ask; the exit code."""
    options = check_parser("scp", "Send a C-ECHO to the receiver of each route.").parse_args(arguments)
    return run_check(options, receiver_probes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
