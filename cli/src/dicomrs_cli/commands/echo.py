"""dicomrs echo: do the router and its targets answer?"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs_cli.output import ManifestPaths, SecretsFolder, console, load_routes, named_route, plain, table
from dicomrs_scp.check import receiver_probes
from dicomrs_scu.check import destination_probes
from dicomrs_wire.echo import Probe, ask_all


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
    findings = ask_all(_probes(chosen, Secrets.beside(manifests, secrets)))
    found = table("route", "asked", "AE title", "address", "ms", "answer", right=["ms"])
    for one in findings:
        to = one.probe
        found.add_row(
            to.route, to.what, to.called, f"{to.host} port {to.port}", f"{one.milliseconds:.0f}", plain(one.answer, 400)
        )
    console().print(found)
    if not all(one.good for one in findings):
        raise typer.Exit(Exit.FAILED)


def _probes(routes: Sequence[ClinicRoute], secrets: Secrets) -> Iterator[Probe]:
    """Route by route, the receiver first."""
    for route in routes:
        yield from receiver_probes([route], secrets)
        yield from destination_probes([route], secrets)
