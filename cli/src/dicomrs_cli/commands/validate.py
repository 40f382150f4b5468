"""dicomrs validate: check manifests."""

from collections.abc import Iterable, Iterator

from dicomrs.route import ClinicRoute, Destination, ManifestError, Problem
from dicomrs.route.secrets import SecretError, Secrets
from dicomrs_cli.output import ManifestPaths, SecretsFolder, console, load_routes, refused, table
from dicomrs_wire.tls.ends import TlsClient, TlsServer, destination_tls, receiver_tls


def validate(manifests: ManifestPaths, *, secrets: SecretsFolder = None) -> None:
    """Check manifests, one by one and against each other, with the certificates they name, and list their routes.

    Nothing is started and no address is tried; `dicomrs echo` does that.

    ```
    dicomrs validate /etc/dicomrs
    ```

    Exit codes:

    - 0: they are right.
    - 65: they are not, or a certificate cannot be used. Each problem is a line on standard error: file, line, field,
      and what would be right.
    """
    routes = load_routes(manifests)
    if problems := tuple(secret_problems(routes, Secrets.beside(manifests, secrets))):
        raise refused(ManifestError(problems))
    found = table("route", "receiver", "storage root", "destinations")
    for route in routes:
        wanted = "\n".join(_destination(destination) for destination in route.spec.destinations)
        found.add_row(
            route.metadata.name, _receiver(route), route.spec.storage.root, wanted or "none: objects are kept"
        )
    console().print(found)


def secret_problems(routes: Iterable[ClinicRoute], secrets: Secrets) -> Iterator[Problem]:
    """What keeps the secrets that routes name from being used."""
    for route in routes:
        ends: dict[str, TlsServer | TlsClient | None] = {"receiver": receiver_tls(secrets, route.spec.receiver)}
        ends |= {f"destinations[{i}]": destination_tls(secrets, to) for i, to in enumerate(route.spec.destinations)}
        for place, end in ends.items():
            try:
                if end is not None:
                    end.credentials.context()
            except SecretError as error:
                yield Problem(f"route {route.metadata.name}", None, f"spec.{place}.tls.secretName", str(error))


def _receiver(route: ClinicRoute) -> str:
    receiver = route.spec.receiver
    place = receiver.bind_address or receiver.interface
    suspended = ", suspended" if receiver.suspend else ""
    over = " over TLS" if receiver.tls else ""
    return f"{receiver.ae_title} on {place} port {receiver.port}{over}{suspended}"


def _destination(destination: Destination) -> str:
    some = ", what its rules match" if destination.match else ""
    over = " over TLS" if destination.tls else ""
    return f"{destination.name}: {destination.ae_title} at {destination.host} port {destination.port}{over}{some}"
