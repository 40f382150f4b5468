"""Plays small scripted scenarios in every way that a bounded search can: who comes first, and where it is interrupted.

An action is a line of words:
    R1 a1x            the receiver R1 is sent the object a1x (see Reception.of)
    scu, scu retires  the scu goes once through all that waits, and removes study folders in which nothing is left
    scu holds, releases, discards, resends A, holds UID
                      a person asks for it, of every study and all that it can be done to, or of one object
    rules change      what was quarantined passes the check from now on
    start R2          a process starts
    kill scu, route A B, refuse A, accept, remove NAME, silent, reports, lose C      happen at once
Destinations whose names begin with C are asked for storage commitment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, permutations

from dicomrs.spool.layout import CONFLICTS, METADATA, RECEIPTS, is_study_folder
from support.sim_disk import Choose
from support.sim_promises import BrokenPromiseError
from support.sim_schedule import Actor
from support.sim_world import Reception, World


@dataclass(frozen=True)
class Scenario:
    """before: one after the other. race: interleaved, interrupted. after: one after the other, all processes running.

    moment: pause only after a call that has this in its description; as_written: the race in this order only.
    """

    name: str
    race: tuple[str, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    route: tuple[str, ...] = ("A",)
    moment: str = ""
    as_written: bool = False


def begin(world: World, action: str) -> Actor | None:
    """Begin an action; None: it has happened, or nobody is there to do it."""
    words = action.split()
    match words:
        case [("R1" | "R2" | "scu"), *_] if not world.is_up(words[0]):
            pass
        case ["scu", ("holds" | "releases" | "discards" | "resends") as what, *about]:
            return world.ask(what, *about)
        case ["rules", "change"]:
            world.lenient = True
        case ["scu", *retires]:
            return world.deliver(retire=bool(retires))
        case [("R1" | "R2") as receiver, what]:
            return world.receive(receiver, Reception.of(what))
        case ["start", name]:
            return world.start(name)
        case ["kill", name]:
            world.kill(name)
        case ["route", *destinations]:
            world.change_route(*destinations)
        case ["refuse", *destinations]:
            world.refusing = set(destinations)
        case ["accept"]:
            world.refusing = set()
        case ["silent" | "reports" as what]:
            world.silent = what == "silent"
        case ["lose", destination]:
            world.lose(destination)
        case ["remove", name]:
            world.remove_by_hand(name)
        case _:
            raise ValueError(action)
    return None


def do(world: World, *actions: str) -> None:
    """One after the other, each to its end."""
    for action in actions:
        begin(world, action)
        world.finish()


def _keep_only(kept: str) -> Choose:
    return lambda what, number: number - 1 if what.startswith(kept) else 0


def _lose_only(lost: str) -> Choose:
    return lambda what, number: 0 if what == lost else number - 1


_NAMES = (METADATA, RECEIPTS, CONFLICTS)
KILL = "kill"
EVERYTHING = "everything survives"
POWER_CUTS: dict[str, Choose] = {
    EVERYTHING: lambda what, number: number - 1,
    "nothing survives": lambda what, number: 0,
    "names survive, contents are torn": lambda what, number: 1,
    "names survive, contents lack a byte": lambda what, number: max(1, number - 2),
    "only contents survive": _keep_only("content"),
    "only new names survive": _keep_only("+"),
    "only removals survive": _keep_only("-"),
}


def _power_cuts(asked: list[tuple[str, int]]) -> Iterator[tuple[str, Choose]]:
    """Those that differ, and each name of the queue itself lost alone. asked: what the first was asked."""
    ours = {what for what, _ in asked if is_study_folder(what[1:]) or what[1:] in _NAMES or what.endswith(".dcm")}
    single = {f"only {what} is lost": _lose_only(what) for what in sorted(ours)}
    answers = {tuple(number - 1 for _, number in asked)}
    for name, choose in (POWER_CUTS | single).items():
        answer = tuple(choose(what, number) for what, number in asked)
        if answer not in answers:
            answers.add(answer)
            yield name, choose


@dataclass(frozen=True)
class Way:
    """One way to play: the race in this order, its first actors paused after so many calls; then the event."""

    order: tuple[str, ...]
    pauses: tuple[int, ...]
    event: str = ""

    def __str__(self) -> str:
        return f"{' | '.join(self.order)}; paused after {self.pauses} calls; {self.event or 'no event'}"


class Play:
    """One run of a scenario. state tells apart the moments at which an interruption makes a difference."""

    def __init__(self, scenario: Scenario, way: Way, cut: Choose | None) -> None:
        """Raises BrokenPromiseError if a promise is broken."""
        self.interrupted = False
        self.state: tuple[int, ...] = ()
        self.asked: list[tuple[str, int]] = []
        with World(*scenario.route) as world:
            world.start_missing()
            world.finish()
            do(world, *scenario.before)
            self._race(world, scenario.moment, way, cut)
            world.start_missing()
            do(world, *scenario.after)
            world.come_to_rest()

    def _race(self, world: World, moment: str, way: Way, cut: Choose | None) -> None:
        paused = []
        for action, calls in zip(way.order, way.pauses, strict=False):
            actor = begin(world, action)
            if actor is None or world.run(actor, calls) < calls or actor.done:
                return world.finish()
            if not paused and moment not in world.scheduler.trace[-1]:
                self.interrupted = True
                return world.finish()
            paused.append(actor)
        self.interrupted = True
        delivered = sum(len(deliveries) for deliveries in world.targets.values())
        self.state = (world.disk.changes, delivered, sum(r.complete + r.acknowledged for r in world.receptions))
        if way.event == KILL:
            world.kill(paused[-1].process.name)
        elif cut is not None:
            world.power_cut(partial(self._choose, cut))
        for action in way.order[len(way.pauses) :]:
            actor = begin(world, action)
            if actor is not None:
                world.run(actor)
        for actor in paused:
            if not actor.process.dead:
                world.run(actor)
        return world.finish()

    def _choose(self, choose: Choose, what: str, number: int) -> int:
        self.asked.append((what, number))
        return choose(what, number)


def explore(scenario: Scenario, *, depth: int = 1) -> int:
    """Play a scenario in every order, with the first `depth` actors paused at every call.

    Where one is paused, also with a kill and power cuts there.

    Returns:
        The number of plays.

    Raises:
        BrokenPromiseError: with the way that leads to it.
    """
    orders = [scenario.race] if scenario.as_written else permutations(scenario.race)
    return sum(_explore(scenario, order, (), depth) for order in orders)


def _explore(scenario: Scenario, order: tuple[str, ...], pauses: tuple[int, ...], depth: int) -> int:
    plays = 0
    before: tuple[int, ...] = ()
    for calls in count(1):
        here = (*pauses, calls)
        paused = _play(scenario, Way(order, here))
        plays += 1
        if not paused.interrupted:
            return plays
        if paused.state != before and not pauses:
            plays += _interrupt(scenario, order, here)
        before = paused.state
        if len(here) < min(depth, len(order)):
            plays += _explore(scenario, order, here, depth)
    raise AssertionError


def _interrupt(scenario: Scenario, order: tuple[str, ...], pauses: tuple[int, ...]) -> int:
    _play(scenario, Way(order, pauses, KILL))
    whole = _play(scenario, Way(order, pauses, EVERYTHING), POWER_CUTS[EVERYTHING])
    plays = 2
    for name, choose in _power_cuts(whole.asked):
        _play(scenario, Way(order, pauses, name), choose)
        plays += 1
    return plays


def _play(scenario: Scenario, way: Way, cut: Choose | None = None) -> Play:
    try:
        return Play(scenario, way, cut)
    except BrokenPromiseError as violation:
        raise BrokenPromiseError(f"{scenario.name}: {way}\n{violation}") from violation
