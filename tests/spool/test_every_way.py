"""Small scenarios, played in every order, with a pause, a kill and power cuts at every call of the file system.

DICOMRS_LONG=1 pauses two actors at once.
"""

import os

import pytest

from support.sim_explore import explore
from support.sim_scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_no_interruption_breaks_a_promise(scenario):
    explore(scenario, depth=2 if os.environ.get("DICOMRS_LONG") else 1)
