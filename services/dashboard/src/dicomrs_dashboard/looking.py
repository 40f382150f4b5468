"""Looking at roots: each by a thread of its own, so that a volume that hangs keeps nothing else from being answered."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dicomrs.disk import look_at_disk
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import FileSystem
from dicomrs.survey import SurveyMemory, survey
from dicomrs.watched import note_watched
from dicomrs_dashboard.index import StudyIndex
from dicomrs_dashboard.status import RouteView, seen, unseen

PATIENCE_SECONDS: Final = 10.0
"""A look may take so long, or three times as long as the last one did, before the root counts as one that hangs."""
_FRESH_SECONDS: Final = 0.5
_LEISURE: Final = 5  # times as long as looking has taken, what was seen is good for

Look = Callable[[ClinicRoute], RouteView]


class Looker:
    """Looks at one root and hands what it saw of the studies to the index. For one thread at a time.

    It remembers what it saw, so that the next look reads only what has changed since.
    """

    def __init__(self, fs: FileSystem, index: StudyIndex, watched: Callable[[], bool] = lambda: False) -> None:
        """watched: whether a person looks on, which is noted in the root; else nothing is written there."""
        self._fs = fs
        self._index = index
        self._watched = watched
        self._memory = SurveyMemory()

    def __call__(self, route: ClinicRoute) -> RouteView:
        """How a route stands; a root that cannot be read is said to be so."""
        root, name = route.spec.storage.root, route.metadata.name
        began, at = time.monotonic(), datetime.now().astimezone()
        if self._watched():
            note_watched(root)
        try:
            disk = look_at_disk(self._fs, root, route.spec.storage.reserve)
            found = survey(self._fs, root, route, memory=self._memory)
        except OSError as error:
            self._index.put(root, name, ())
            return unseen(route, _why(root, error))
        self._index.put(root, name, found.studies)
        return seen(route, found, disk, at, time.monotonic() - began)


def _why(root: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{root}: there is no such folder; scp and scu make it when they take the route over"
    return f"{root} cannot be read: {error.strerror}; check its volume"


@dataclass(slots=True)
class _Look:
    """One look, going on or done; began, ended: of time.monotonic()."""

    route: ClinicRoute
    began: float
    ended: float = 0.0
    view: Future[RouteView] = field(default_factory=Future)

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def serves(self, route: ClinicRoute, now: float) -> bool:
        """Whether it is going on, or tells of this route as it is now."""
        if not self.view.done():
            return True
        fresh = now - self.ended <= max(_FRESH_SECONDS, _LEISURE * self.seconds)
        return fresh and self.route == route and self.view.exception() is None


class Lookout:
    """Of one root: looks when asked, unless what was last seen is still good; never twice at once."""

    def __init__(self, look: Look, patience: float = PATIENCE_SECONDS) -> None:
        self._look = look
        self._patience = patience
        self._mutex = threading.Lock()
        self._last: _Look | None = None
        self._done: _Look | None = None
        self._changed = 0.0
        self._took = 0.0

    async def view(self, route: ClinicRoute) -> RouteView:
        """How the route stands. It never waits longer than its patience for a volume that hangs."""
        changed = self._changed
        while True:
            now = time.monotonic()
            look = self._current(route, now)
            left = look.began + max(self._patience, 3 * self._took) - now
            if left > 0 and not look.view.done():
                await asyncio.wait([asyncio.wrap_future(look.view)], timeout=left)
            if not look.view.done():
                return unseen(route, _hangs(route.spec.storage.root, time.monotonic() - look.began))
            if look.route == route and look.began >= changed:
                return look.view.result()

    def has_changed(self) -> None:
        """Something was done to the root just now: no look that has begun before tells of it."""
        self._changed = time.monotonic()

    def glance(self, route: ClinicRoute) -> None:
        """Have it looked at if what was last seen is not good any more; do not wait for it."""
        self._current(route, time.monotonic())

    def seen_within(self, route: ClinicRoute, seconds: float) -> bool:
        """Whether a look at the route as it is now has ended, well, in the last seconds."""
        done = self._done
        if done is None or done.route != route or done.began < self._changed:
            return False
        return time.monotonic() - done.ended <= seconds

    def _current(self, route: ClinicRoute, now: float) -> _Look:
        with self._mutex:
            last = self._last
            if last is None or not last.serves(route, now) or (last.view.done() and last.began < self._changed):
                last = self._last = _Look(route, now)
                threading.Thread(target=self._run, args=(last,), name="look", daemon=True).start()
            return last

    def _run(self, look: _Look) -> None:
        look.view.set_running_or_notify_cancel()  # a request that goes away takes nothing from the others
        try:
            view = self._look(look.route)
        except BaseException as error:  # noqa: BLE001  # it is the asker's, who must not wait for ever
            look.ended = time.monotonic()
            look.view.set_exception(error)
            return
        look.ended = time.monotonic()
        self._took = look.seconds
        self._done = look
        look.view.set_result(view)


def _hangs(root: str, seconds: float) -> str:
    return f"{root} has not been read for {seconds:.0f} s: its volume hangs or is very slow; check it"
