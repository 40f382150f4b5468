"""Status files: what a service says of itself under .status/ of each root, for `dicomrs status` and the dashboard.

They can be deleted at any time; the next beat writes them anew.
"""

import json
import os
from datetime import datetime
from typing import Any

from dicomrs import VERSION
from dicomrs.spool.layout import STATUS


def write_heartbeat(root: str, service: str, figures: dict[str, Any]) -> str:
    """Replace a service's status file; why it could not be replaced, "" if it was.

    A failure (a full disk) is no reason to stop working.
    """
    path = f"{root}/{STATUS}/{service}.json"
    beat = {"service": service, "version": VERSION, "pid": os.getpid(), "at": _now(), **figures}
    try:
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(beat, file, indent=1)
        os.replace(f"{path}.new", path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}; check the volume"
    return ""


def read_heartbeat(root: str, service: str) -> dict[str, Any]:
    """A service's status file, empty if there is none that can be read."""
    try:
        with open(f"{root}/{STATUS}/{service}.json", encoding="utf-8") as file:
            beat = json.load(file)
    except (OSError, ValueError):
        return {}
    return beat if isinstance(beat, dict) else {}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
