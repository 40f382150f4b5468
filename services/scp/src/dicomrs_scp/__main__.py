"""python -m dicomrs_scp MANIFEST...: the receiving service, in the foreground. `dicomrs up` starts it."""

import sys
import threading

from dicomrs.exits import Exit
from dicomrs.program import run_service
from dicomrs.route import Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs_scp.service import ScpService


def _serve(fs: FileSystem, manifests: Manifests, secrets: Secrets, stop: threading.Event) -> Exit:
    return ScpService(fs, manifests, secrets).run(stop)


if __name__ == "__main__":
    sys.exit(run_service("scp", "The receiving service of dicomrs.", _serve, sys.argv[1:]))
