"""python -m dicomrs_scu.check MANIFEST...: does each destination answer a C-ECHO, and those named take a test image?"""

import sys
from collections.abc import Iterator, Sequence

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute
from dicomrs.route.secrets import Secrets
from dicomrs_scu.prober import probe_of
from dicomrs_scu.trial_image import TRIAL_IMAGE
from dicomrs_wire.check import check_parser, run_check
from dicomrs_wire.echo import Probe
from dicomrs_wire.tls.ends import destination_tls


def destination_probes(routes: Sequence[ClinicRoute], secrets: Secrets) -> Iterator[Probe]:
    """Ask each destination, under the AE title that it will be sent to with."""
    for route in routes:
        for to in route.spec.destinations:
            yield probe_of(route, to, destination_tls(secrets, to), f"destination {to.name}")


def image_probes(routes: Sequence[ClinicRoute], secrets: Secrets, names: Sequence[str]) -> Iterator[Probe]:
    """Send a test image to the destinations of these names, `<route>/<destination>`.

    Raises:
        ValueError: there is no such destination; nothing must be sent anywhere else instead.
    """
    known = {f"{route.metadata.name}/{to.name}": (route, to) for route in routes for to in route.spec.destinations}
    for name in names:
        if name not in known:
            raise ValueError(f"--send {name!r}: there is no such destination; there are: {', '.join(known) or 'none'}")
    for name in names:
        route, to = known[name]
        yield probe_of(route, to, destination_tls(secrets, to), f"test image to destination {to.name}", TRIAL_IMAGE)


def main(arguments: Sequence[str]) -> Exit:
    """Ask, and send where that is wanted; the exit code."""
    parser = check_parser("scu", "Send a C-ECHO to each destination of each route.")
    parser.add_argument(
        "--send",
        action="append",
        default=[],
        metavar="ROUTE/DESTINATION",
        help="send a made-up image there as well, of a patient called DICOMRS^TEST; may be given several times",
    )
    options = parser.parse_args(arguments)
    return run_check(
        options,
        lambda routes, secrets: [
            *destination_probes(routes, secrets),
            *image_probes(routes, secrets, options.send),
        ],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
