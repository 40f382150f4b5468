"""A state machine: whatever can happen to two receivers and an scu happens, in any order, and no promise is broken.

DICOMRS_LONG=1 plays far more, and different ones every time.
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from support.sim_explore import begin
from support.sim_world import RECEIVERS, SCU, World

LONG = bool(os.environ.get("DICOMRS_LONG"))
PROCESSES = (*RECEIVERS, SCU)
OBJECTS = ("a1x", "a1x", "a1y", "a2x", "b1x", "a1!")
AT_MOST = 3  # objects that one receiver receives at once
# Calls of the file system until somebody else has a turn; mostly all that there are.
CALLS = (1000, 1000, 1000, 1, 2, 3, 5, 8, 13, 21, 34)

BEGIN = [f"{receiver} {what}" for receiver in RECEIVERS for what in OBJECTS] + 4 * ["scu"] + ["scu retires"]
PERSONS = ["scu holds", "scu releases", "scu discards", "scu resends A", "rules change"]
CHANGE = [f"{what} {names}" for what in ("route", "refuse") for names in ("A", "B", "A B", "")]
CHANGE += ["route C", "route A C", "silent", "reports", "lose C"]
TROUBLE = [*(f"kill {name}" for name in PROCESSES), "power cut"]
REST = ["rest"]
# A list is drawn from as often as it stands here.
EVENTS = st.one_of(
    *(st.sampled_from(events) for events in (["get on"], BEGIN, BEGIN, ["get on"], CHANGE, PERSONS, TROUBLE, REST))
)


class SpoolMachine(RuleBasedStateMachine):
    """One rule, because hypothesis leaves out whole rules in most runs, and nothing happens without a scanner."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World("A", "B")
        self.world.__enter__()
        self.world.start_missing()
        self.world.finish()

    @rule(event=EVENTS, calls=st.sampled_from(CALLS), who=st.integers(0, 7), dice=st.randoms(use_true_random=False))
    def happens(self, event: str, calls: int, who: int, dice: Any) -> None:
        """who: of those that can get on; dice: what survives a power cut."""
        match event.split():
            case ["rest"]:
                self.world.come_to_rest()
            case ["power", "cut"]:
                self.world.power_cut(lambda what, number: dice.randrange(number))
                self.world.start_missing()
            case ["kill", name]:
                self.world.kill(name)
                self.world.start(name)
            case ["get", "on"]:
                if actors := self.world.scheduler.runnable():
                    self.world.run(actors[who % len(actors)], calls)
            case [name, *_] if self._is_free(name):
                actor = begin(self.world, event)
                if actor is not None:
                    self.world.run(actor, calls)

    def _is_free(self, name: str) -> bool:
        at_it = [actor for actor in self.world.scheduler.unfinished() if actor.process.name == name]
        return len(at_it) < (1 if name == SCU else AT_MOST)

    def teardown(self) -> None:
        try:
            if not self.world.scheduler.failed:
                self.world.come_to_rest()
        finally:
            self.world.__exit__(None, None, None)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=2000 if LONG else 120,
    stateful_step_count=60,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
