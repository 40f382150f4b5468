"""python -m dicomrs_scu MANIFEST...: the sending service, in the foreground. `dicomrs up` starts it."""

import sys
import threading

from dicomrs.exits import Exit
from dicomrs.program import run_service
from dicomrs.route import Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem
from dicomrs_scu.service import ScuService


def _serve(fs: FileSystem, manifests: Manifests, secrets: Secrets, stop: threading.Event) -> Exit:
    return ScuService(fs, manifests, secrets).run(stop)


if __name__ == "__main__":
    sys.exit(run_service("scu", "The sending service of dicomrs.", _serve, sys.argv[1:]))
