"""python -m dicomrs_scu MANIFEST...: the sending service, in the foreground. `dicomrs up` starts it."""

import signal
import sys
import threading

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.route import ManifestError, Manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs_scu.service import ScuService


def main(paths: list[str]) -> int:
    """Serve the routes of the manifests until SIGTERM or SIGINT; the exit code is one of dicomrs.exits."""
    log.configure("scu")
    if not paths:
        log.get_logger().error("which manifest? python -m dicomrs_scu MANIFEST...")
        return Exit.USAGE
    try:
        manifests = Manifests(paths)
    except ManifestError as error:
        for problem in error.problems:
            log.get_logger().error("manifest refused", problem=str(problem))
        return Exit.MANIFEST
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    return ScuService(OsFileSystem(), manifests).run(stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
