"""python -m dicomrs_scp MANIFEST...: the receiving service, in the foreground. `dicomrs up` starts it."""

import argparse
import sys

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.route import ManifestError, Manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.stopping import stop_event
from dicomrs_scp.service import ScpService


def main(arguments: list[str]) -> int:
    """Serve the routes of the manifests until SIGTERM or SIGINT; the exit code is one of dicomrs.exits."""
    parser = argparse.ArgumentParser(prog="python -m dicomrs_scp", description="The receiving service of dicomrs.")
    parser.add_argument("manifests", nargs="+", metavar="MANIFEST", help="a ClinicRoute file, or a folder of them")
    parser.add_argument(
        "--watch-stdin", action="store_true", help="stop at the end of standard input too: when the parent has died"
    )
    options = parser.parse_args(arguments)
    log.configure("scp")
    try:
        manifests = Manifests(options.manifests)
    except ManifestError as error:
        for problem in error.problems:
            log.get_logger().error("manifest refused", problem=str(problem))
        return Exit.MANIFEST
    stop = stop_event(watch_stdin=options.watch_stdin)
    return ScpService(OsFileSystem(), manifests).run(stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
