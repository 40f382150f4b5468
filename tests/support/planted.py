"""Runs a service with a fault of ours in it, to see that the campaign finds it.

planted.py FAULT python -m dicomrs_scp MANIFEST: the words from `python` on are how the service is started otherwise.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from dicomrs_scp.association import AcceptedAssociation
from dicomrs_scu.backlog import Backlog
from support.mutation import changed

FAULTS = {
    "answers first": (
        AcceptedAssociation._store,
        ("    arrival,", "    self._reply(message, dimse.store_response(command, 0, ''))\n    arrival,"),
        ("        self._reply(message, dimse.store_response(command, status, comment))\n", "        pass\n"),
    ),
    "removes first": (
        Backlog.settle,
        (
            "        study.changed = True\n",
            "        study.changed = True\n        for stored, _ in results:\n            self.outbox.remove(stored)\n",
        ),
    ),
}


def words(fault: str) -> list[str]:
    """To be put before a service's command."""
    assert fault in FAULTS
    return [sys.executable, __file__, fault]


if __name__ == "__main__":
    _, fault, _, _, module, *arguments = sys.argv
    function, *changes = FAULTS[fault]
    sys.argv = [module, *arguments]
    with changed(function, *changes):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
