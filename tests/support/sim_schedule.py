"""A deterministic scheduler: real code runs in threads, one at a time, and hands over at every call of a file system.

Whoever drives it says who goes next and for how many calls. A killed process gets Killed raised from its next call and
from every one after that, so that no finally block of it touches the disk.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

FOREVER = 1 << 30


class Killed(BaseException):
    """The process is no more."""


@dataclass(eq=False)
class Process:
    """Dies as a whole; at_death releases what the system would release."""

    name: str
    at_death: Callable[[], None] = lambda: None
    dead: bool = False
    actors: list["Actor"] = field(default_factory=list)


class Actor:
    """A thread of a process."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self.done = False
        self.error: BaseException | None = None
        self.budget = 0
        self.may_go: Callable[[], bool] = lambda: True
        self.baton = threading.Lock()
        self.baton.acquire()
        self.thread: threading.Thread


class Scheduler:
    """before_call(call, path) sees every call before it happens; what it raises ends everything."""

    def __init__(self, before_call: Callable[[str, str], None]) -> None:
        self.time = 0
        self.failed = False
        self.current: Actor | None = None
        self.trace: deque[str] = deque(maxlen=400)
        self._before_call = before_call
        self._processes: list[Process] = []
        self._failure: BaseException | None = None
        self._back = threading.Lock()
        self._back.acquire()

    def start(self, name: str) -> Process:
        """A new process."""
        process = Process(name)
        self._processes.append(process)
        return process

    def spawn(self, name: str, process: Process, work: Callable[[], None]) -> Actor:
        """A new actor; it does nothing until it is run."""
        actor = Actor(name, process)
        process.actors = [other for other in process.actors if not other.done] + [actor]

        def body() -> None:
            actor.baton.acquire()
            try:
                if not process.dead:
                    work()
            except Killed:
                pass
            except BaseException as error:
                actor.error = error
            actor.done = True
            self._back.release()

        actor.thread = threading.Thread(target=body, name=name, daemon=True)
        actor.thread.start()
        return actor

    def runnable(self) -> list[Actor]:
        """Who could take a step."""
        return [actor for process in self._processes for actor in process.actors if not actor.done and actor.may_go()]

    def unfinished(self) -> list[Actor]:
        """Who is not done yet, blocked or not."""
        return [actor for process in self._processes for actor in process.actors if not actor.done]

    def run(self, actor: Actor, calls: int = FOREVER) -> int:
        """Let an actor make at most so many calls; return how many it made before it was done or blocked.

        Raises:
            Exception: what before_call or the actor's own code raised.
        """
        before = self.time
        actor.budget = calls
        self._hand_to(actor)
        failure = self._failure or actor.error
        if failure is not None:
            self.failed = True
            raise failure
        return self.time - before

    def _hand_to(self, actor: Actor) -> None:
        if not actor.done and (actor.may_go() or actor.process.dead):
            self.current = actor
            actor.baton.release()
            self._back.acquire()
            self.current = None
            if actor.done:
                actor.thread.join()

    def kill(self, process: Process) -> None:
        """SIGKILL: the actors unwind without another call."""
        process.dead = True
        for actor in process.actors:
            self._hand_to(actor)
        process.at_death()
        self._processes = [other for other in self._processes if other is not process]

    def close(self) -> None:
        """No thread outlives the simulation."""
        for process in list(self._processes):
            self.kill(process)

    def step(self, call: str, path: str = "") -> None:
        """Called by the actor that runs, before every call."""
        actor = self.current
        assert actor is not None
        while actor.budget <= 0 and not actor.process.dead:
            self._hand_back(actor)
        self._die_if_dead(actor)
        actor.budget -= 1
        self.time += 1
        self.trace.append(f"{self.time} {actor.name}: {call} {path}")
        try:
            self._before_call(call, path)
        except BaseException as failure:
            self._failure = failure
            actor.process.dead = True
            raise Killed from failure

    def wait(self, may_go: Callable[[], bool]) -> None:
        """Called by the actor that runs, where it would block."""
        actor = self.current
        assert actor is not None
        actor.may_go = may_go
        while not may_go() and not actor.process.dead:
            self._hand_back(actor)
        actor.may_go = lambda: True
        self._die_if_dead(actor)

    def _hand_back(self, actor: Actor) -> None:
        self._back.release()
        actor.baton.acquire()

    @staticmethod
    def _die_if_dead(actor: Actor) -> None:
        if actor.process.dead:
            raise Killed

    def threading(self) -> SimpleNamespace:
        """What stands in for the threading module in code that the scheduler runs."""
        return SimpleNamespace(Lock=lambda: Mutex(self))


class Mutex:
    """A threading.Lock whose waiting the scheduler sees."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._taken = False

    def __enter__(self) -> None:
        self._scheduler.wait(lambda: not self._taken)
        self._taken = True

    def __exit__(self, *exception: object) -> None:
        self._taken = False
