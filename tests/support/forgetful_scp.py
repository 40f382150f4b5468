"""The receiving service with a planted fault: it syncs files, but not the folders that hold their names.

python -m support.forgetful_scp MANIFEST...: as `python -m dicomrs_scp`. The one without any sync is bench/unsynced.py.
"""

import sys
import threading

from dicomrs.exits import Exit
from dicomrs.program import run_service
from dicomrs.route import Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem, OsFileSystem
from dicomrs_scp.service import ScpService


class ForgetfulFileSystem(OsFileSystem):
    """Promises the bytes, and not their names."""

    def fsync_dir(self, path: str) -> None:
        """Do nothing."""


def _serve(_fs: FileSystem, manifests: Manifests, secrets: Secrets, stop: threading.Event) -> Exit:
    return ScpService(ForgetfulFileSystem(), manifests, secrets).run(stop)


if __name__ == "__main__":
    sys.exit(run_service("scp", "The receiving service without fsync of folders, for tests.", _serve, sys.argv[1:]))
