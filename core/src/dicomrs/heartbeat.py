"""Status files: what a service says of itself under .status/ of each root, for `dicomrs status` and the dashboard.

They can be deleted at any time; the next beat writes them anew.
"""

import json
import os
import resource
import time
from datetime import datetime
from typing import Any, Final

from dicomrs import VERSION
from dicomrs.spool.fields import read_fields
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import STATUS

RESTARTS: Final = "DICOMRS_RESTARTS"
"""The variable in which a supervisor says how often it has started a program before."""

_LARGEST: Final = 1024 * 1024  # bytes


def write_heartbeat(root: str, service: str, figures: dict[str, Any]) -> str:
    """Replace a service's status file; why it could not be replaced, "" if it was.

    A failure (a full disk) is no reason to stop working.
    """
    path = f"{root}/{STATUS}/{service}.json"
    try:
        beat = {**figures_of(service), **figures}
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(beat, file, indent=1)
        os.replace(f"{path}.new", path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}; check the volume"
    return ""


def read_heartbeat(root: str, service: str) -> dict[str, Any]:
    """A service's status file, empty if there is none that can be read."""
    try:
        return read_fields(OsFileSystem(), f"{root}/{STATUS}/{service}.json", _LARGEST)
    except (OSError, ValueError):
        return {}


def figures_of(service: str) -> dict[str, Any]:
    """What a service says of itself as a program. restarts: unknown without a supervisor.

    Raises:
        OSError: the system does not say, being out of descriptors.
    """
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    restarts = os.environ.get(RESTARTS, "")
    return {
        "service": service,
        "version": VERSION,
        "pid": os.getpid(),
        "at": _now(),
        "startedAt": _STARTED,
        "memory": pages * resource.getpagesize(),
        "cpuSeconds": round(time.process_time(), 2),
        **({"restarts": int(restarts)} if restarts.isdecimal() else {}),
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


_STARTED: Final = _now()  # of this module, and so of the program
