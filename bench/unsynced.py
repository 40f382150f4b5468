"""The receiving service with fsync left out, to compare it with receivers that never sync. No clinic may run this.

python -m bench.unsynced MANIFEST...: as `python -m dicomrs_scp`.
"""

import sys

from dicomrs.exits import Exit
from dicomrs.program import Setting, run_service
from dicomrs.spool.fs import OsFileSystem
from dicomrs_scp.service import ScpService


class UnsyncedFileSystem(OsFileSystem):
    """Promises nothing."""

    def fsync(self, fd: int) -> None:
        """Do nothing."""

    def fsync_dir(self, path: str) -> None:
        """Do nothing."""


def _serve(setting: Setting) -> Exit:
    return ScpService(UnsyncedFileSystem(), setting.manifests, setting.secrets).run(setting.stop)


if __name__ == "__main__":
    sys.exit(run_service("scp", "The receiving service without fsync, for the benchmark.", _serve, sys.argv[1:]))
