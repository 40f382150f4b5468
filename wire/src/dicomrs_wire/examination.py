"""What every examination does: step after step, each timed and written down before the next begins."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from dicomrs.causes import Cause
from dicomrs.doctor import Capabilities, Check, Run, State, Step, write_run
from dicomrs.log import get_logger
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import Answer
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.machine import facts

logger = get_logger()


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a step; params: what is known from now on."""

    state: State = State.OK
    cause: Cause | None = None
    detail: str = ""
    params: dict[str, str] = field(default_factory=dict)


def failed(cause: Cause, detail: str, **params: str) -> Finding:
    """It failed."""
    return Finding(State.FAILED, cause, detail, params)


def warning(cause: Cause, detail: str, **params: str) -> Finding:
    """It failed, and images may flow all the same."""
    return Finding(State.WARNING, cause, detail, params)


Judge: TypeAlias = Callable[[Cause], Cause]
"""What a cause seen on the wire means here: a receiver that is our own has no vendor."""


class Examination:
    """One run on its way; keep: writes it down."""

    def __init__(self, run: Run, keep: Callable[[Run], None], judge: Judge = lambda cause: cause) -> None:
        self._keep = keep
        self._judge = judge
        self._params: dict[str, str] = {}
        self.run = run.model_copy(update={"facts": facts()})

    def note(self, **params: str) -> None:
        """What a text about any later step needs."""
        self._params |= params

    def check(self, check: Check, look: Callable[[], Finding]) -> bool:
        """Make a step if it is one of the run; whether those that build on it are worth making."""
        if self.run.step(check) is None:
            return True
        params = {**self._params, "at": datetime.now().astimezone().isoformat(timespec="seconds")}
        self._put(Step(check=check, state=State.RUNNING, params=params))
        started = time.perf_counter()
        found = self._look(look)
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        self._params |= found.params
        self._put(
            Step(
                check=check,
                state=found.state,
                cause=None if found.cause is None else self._judge(found.cause),
                params={**params, **found.params},
                detail=found.detail,
                milliseconds=milliseconds,
            )
        )
        return found.state is not State.FAILED

    def revise(self, check: Check, error: AssociationError) -> None:
        """A step that was taken for well has failed after all: TLS 1.3 may say so only when it is spoken over."""
        step = self.run.step(check)
        if step is not None:
            changed = {"state": State.FAILED, "cause": self._judge(error.cause), "detail": str(error)}
            self._put(step.model_copy(update=changed))

    def can(self, capabilities: Capabilities) -> None:
        """Put on record what a target can take."""
        self.run = self.run.model_copy(update={"capabilities": capabilities})

    def end(self) -> Run:
        """Nothing more is looked at: what has not been is skipped."""
        rest = (State.WAITING, State.RUNNING)
        steps = tuple(
            step.model_copy(update={"state": State.SKIPPED}) if step.state in rest else step for step in self.run.steps
        )
        ended = datetime.now().astimezone().isoformat(timespec="seconds")
        self.run = self.run.model_copy(update={"steps": steps, "ended": ended})
        self._keep(self.run)
        return self.run

    def _look(self, look: Callable[[], Finding]) -> Finding:
        try:
            return look()
        except AssociationError as error:
            return failed(error.cause, str(error))
        except Exception as error:
            logger.exception("examination failed")
            return failed(Cause.UNKNOWN, f"a fault of the router: {type(error).__name__}, see its log")

    def _put(self, step: Step) -> None:
        self.run = self.run.with_step(step)
        self._keep(self.run)


class Room:
    """Where the examinations of one root are made, one at a time, each on a thread of its own."""

    def __init__(self, fs: FileSystem, root: str) -> None:
        self._fs = fs
        self._root = root
        self._busy = threading.Lock()

    def begin(self, run: Run, examine: Callable[[Examination], None], judge: Judge = lambda cause: cause) -> Answer:
        """Begin one, and return its id as Answer.run, or why it does not begin."""
        if not self._busy.acquire(blocking=False):
            return Answer(0, (), "another examination is under way: wait until it has ended")
        try:
            examination = Examination(run, self._keep, judge)
            write_run(self._fs, self._root, examination.run)
            threading.Thread(target=self._make, args=(examination, examine), name="examination", daemon=True).start()
        except OSError as error:
            self._busy.release()
            return Answer(0, (), f"the examination cannot be put on record: {error.strerror}; check the disk")
        except BaseException:
            self._busy.release()
            raise
        return Answer(0, run=run.id)

    def _make(self, examination: Examination, examine: Callable[[Examination], None]) -> None:
        try:
            examine(examination)
        except Exception:
            logger.exception("examination ended by a fault of ours")
        finally:
            run = examination.end()
            self._busy.release()
            wrong = run.verdict
            logger.info(
                "examined",
                route=run.route,
                destination=run.destination,
                run=run.id,
                **({"step": wrong.check, "cause": wrong.cause} if wrong is not None else {}),
            )

    def _keep(self, run: Run) -> None:
        """A volume that fails keeps nobody from looking at the network."""
        with suppress(OSError):
            write_run(self._fs, self._root, run)
