"""python -m dicomrs_scp MANIFEST...: the receiving service, in the foreground. `dicomrs up` starts it."""

import sys
from functools import partial

from dicomrs.exits import Exit
from dicomrs.program import Setting, run_service
from dicomrs_scp.service import ScpService
from dicomrs_wire.health import run_with_health


def _serve(setting: Setting) -> Exit:
    service = ScpService(setting.fs, setting.manifests, setting.secrets)
    return run_with_health(setting.health, service, partial(service.run, setting.stop))


if __name__ == "__main__":
    sys.exit(run_service("scp", "The receiving service of dicomrs.", _serve, sys.argv[1:]))
