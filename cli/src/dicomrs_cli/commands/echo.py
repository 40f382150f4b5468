"""dicomrs echo: do the router and its targets answer?"""

import ipaddress
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute, Receiver
from dicomrs.route.secrets import Secrets
from dicomrs_cli.output import ManifestPaths, SecretsFolder, console, load_routes, named_route, plain, table
from dicomrs_scp.listening import interface_address
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor, Timeouts
from dicomrs_wire.statuses import describe_status
from dicomrs_wire.tls.ends import TlsClient, destination_tls, own_receiver_tls

CALLING: Final = "DICOMRS_ECHO"
_TIMEOUTS: Final = Timeouts(connect=5.0, association=10.0, network=10.0, response=10.0)
_AT_ONCE: Final = 8
_CONTEXT: Final = (VERIFICATION, "1.2.840.10008.1.2")  # Implicit VR Little Endian, which everybody knows (PS3.5 10.1)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whom to ask; host: "" where the receiver's interface has no address."""

    route: str
    what: str
    host: str
    port: int
    calling: str
    called: str
    tls: TlsClient | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it: milliseconds from connecting to the answer, and the answer or the reason why there is none."""

    probe: Probe
    good: bool
    milliseconds: float
    answer: str


def echo(
    manifests: ManifestPaths,
    *,
    route: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this route; all of them otherwise.", show_default=False)
    ] = None,
    secrets: SecretsFolder = None,
) -> None:
    """Send a C-ECHO to each destination and to the receiver of each route.

    Each is asked as it would be in earnest: a destination with the AE titles of the manifest, the receiver at the
    address that scanners use, under the first AE title that it allows. Where there is no answer, the reason says who
    can mend it. A receiver with TLS is shown its own certificate, which it takes if its `ca.crt` vouches for that.

    ```
    dicomrs echo /etc/dicomrs --route hospital-a
    ```

    Exit codes:

    - 0: all answered with success.
    - 1: some did not.
    - 65: a manifest is wrong.
    """
    routes = load_routes(manifests)
    chosen = [named_route(routes, route)] if route is not None else routes
    beside = Secrets.beside(manifests, secrets)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        findings = list(pool.map(ask, [probe for one in chosen for probe in probes(one, beside)]))
    found = table("route", "asked", "AE title", "address", "ms", "answer", right=["ms"])
    for one in findings:
        to = one.probe
        found.add_row(
            to.route, to.what, to.called, f"{to.host} port {to.port}", f"{one.milliseconds:.0f}", plain(one.answer, 400)
        )
    console().print(found)
    if not all(one.good for one in findings):
        raise typer.Exit(Exit.FAILED)


def probes(route: ClinicRoute, secrets: Secrets) -> Iterator[Probe]:
    """Whom to ask about a route: its receiver, then its destinations."""
    name, receiver = route.metadata.name, route.spec.receiver
    calling = next(iter(receiver.allow.calling_ae_titles), CALLING)
    tls = own_receiver_tls(secrets, receiver)
    yield Probe(name, "receiver", receiver_host(receiver), receiver.port, calling, receiver.ae_title, tls)
    for to in route.spec.destinations:
        tls = destination_tls(secrets, to)
        yield Probe(name, f"destination {to.name}", to.host, to.port, to.calling_ae_title, to.ae_title, tls)


def receiver_host(receiver: Receiver) -> str:
    """The address at which this machine reaches its own receiver, "" if its interface has none."""
    if receiver.interface is not None:
        return interface_address(receiver.interface)
    address = ipaddress.ip_address(receiver.bind_address or "")
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "::1"
    return str(address)


def ask(probe: Probe) -> Finding:
    """Send one C-ECHO."""
    started = time.perf_counter()
    try:
        status = _echo(probe)
        good, answer = status == 0, describe_status(status)
    except (AssociationError, LookupError) as error:
        good, answer = False, str(error)
    return Finding(probe, good, (time.perf_counter() - started) * 1000, answer)


def _echo(probe: Probe) -> int:
    if not probe.host:
        raise LookupError("the interface has no address on this machine (spec.receiver.interface)")
    with Requestor.connect(
        probe.host,
        probe.port,
        calling=probe.calling,
        called=probe.called,
        contexts=[_CONTEXT],
        timeouts=_TIMEOUTS,
        tls=probe.tls,
    ) as association:
        return association.echo()
