"""dicomrs validate: check manifests."""

from dicomrs.route import ClinicRoute, Destination
from dicomrs_cli.output import ManifestPaths, console, load_routes, table


def validate(manifests: ManifestPaths) -> None:
    """Check manifests, one by one and against each other, and list their routes.

    Nothing is started and no address is tried; `dicomrs echo` does that.

    ```
    dicomrs validate /etc/dicomrs
    ```

    Exit codes:

    - 0: they are right.
    - 65: they are not. Each problem is a line on standard error: file, line, field, and what would be right.
    """
    routes = load_routes(manifests)
    found = table("route", "receiver", "storage root", "destinations")
    for route in routes:
        wanted = "\n".join(_destination(destination) for destination in route.spec.destinations)
        found.add_row(
            route.metadata.name, _receiver(route), route.spec.storage.root, wanted or "none: objects are kept"
        )
    console().print(found)


def _receiver(route: ClinicRoute) -> str:
    receiver = route.spec.receiver
    place = receiver.bind_address or receiver.interface
    suspended = ", suspended" if receiver.suspend else ""
    return f"{receiver.ae_title} on {place} port {receiver.port}{suspended}"


def _destination(destination: Destination) -> str:
    some = ", what its rules match" if destination.match else ""
    return f"{destination.name}: {destination.ae_title} at {destination.host} port {destination.port}{some}"
