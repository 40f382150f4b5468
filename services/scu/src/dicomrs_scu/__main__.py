"""python -m dicomrs_scu MANIFEST...: the sending service, in the foreground. `dicomrs up` starts it."""

import sys
from functools import partial

from dicomrs.exits import Exit
from dicomrs.program import Setting, run_service
from dicomrs_scu.service import ScuService
from dicomrs_wire.health import run_with_health


def _serve(setting: Setting) -> Exit:
    service = ScuService(setting.fs, setting.manifests, setting.secrets)
    return run_with_health(setting.health, service, partial(service.run, setting.stop))


if __name__ == "__main__":
    sys.exit(run_service("scu", "The sending service of dicomrs.", _serve, sys.argv[1:]))
