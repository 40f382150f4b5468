"""What there is to show: the routes of the manifests as they are now, and how each of them stands."""

import asyncio
import threading
import time
from datetime import datetime
from typing import Final

from dicomrs import VERSION
from dicomrs.log import get_logger
from dicomrs.program import POLL_SECONDS, changed_routes
from dicomrs.route import ClinicRoute, Manifests
from dicomrs.spool.fs import FileSystem
from dicomrs.status_api import StatusReport
from dicomrs.study_view import StudyView
from dicomrs_dashboard.index import StudyIndex, StudyPage, StudyQuery
from dicomrs_dashboard.looking import PATIENCE_SECONDS, Looker, Lookout
from dicomrs_dashboard.status import RouteView

_PACE_SECONDS: Final = 5.0
_RECENT_SECONDS: Final = 10.0
"""A list of studies that is no older is shown at once, while it is looked again; its live stream brings the rest."""
_WATCHED_SECONDS: Final = 2 * _PACE_SECONDS
"""So long somebody looks on after the overview was put together; one look at each root is made in that time."""

logger = get_logger()


class Board:
    """Asked by the pages; it keeps nothing that the disk and the manifests do not say."""

    def __init__(self, fs: FileSystem, manifests: Manifests, patience: float = PATIENCE_SECONDS) -> None:
        self.fs = fs
        self._index = StudyIndex()
        self._manifests = manifests
        self._patience = patience
        self._lookouts: dict[str, Lookout] = {}
        self._mutex = threading.Lock()
        self._watched_until = 0.0

    @property
    def routes(self) -> tuple[ClinicRoute, ...]:
        """The routes as they are now."""
        return self._manifests.routes

    @property
    def refused(self) -> str:
        """Why the newest manifests are not shown, "" if they are."""
        return self._manifests.refused

    def follow_manifests(self, stop: threading.Event) -> None:
        """Load them whenever they change, until stop is set. To be called in a thread of its own."""
        while not stop.wait(POLL_SECONDS):
            try:
                changed_routes(self._manifests)
            except Exception:
                logger.exception("looking for changed manifests failed, it is tried again")

    def keep_looking(self, stop: threading.Event) -> None:
        """Look at all roots now and then, whoever asks, until stop is set. To be called in a thread of its own.

        So a page finds what is hardly older than it takes to read it.
        """
        while True:
            try:
                for lookout, route in self._lookouts_now():
                    lookout.glance(route)
            except Exception:
                logger.exception("looking at the roots failed, it is tried again")
            if stop.wait(_PACE_SECONDS):
                return

    def note_watched(self) -> None:
        """Somebody looks on: the next look at each root says so there (dicomrs.watched); this touches no volume."""
        self._watched_until = time.monotonic() + _WATCHED_SECONDS

    async def views(self) -> list[RouteView]:
        """How each route stands."""
        return await asyncio.gather(*(lookout.view(route) for lookout, route in self._lookouts_now()))

    def _lookouts_now(self) -> list[tuple[Lookout, ClinicRoute]]:
        with self._mutex:
            routes = self.routes
            roots = [route.spec.storage.root for route in routes]
            self._lookouts = {root: self._lookouts.get(root) or self._lookout() for root in roots}
            self._index.keep(roots)
            return [(self._lookouts[root], route) for root, route in zip(roots, routes, strict=True)]

    def _lookout(self) -> Lookout:
        looker = Looker(self.fs, self._index, lambda: time.monotonic() < self._watched_until)
        return Lookout(looker, self._patience)

    def route(self, name: str) -> ClinicRoute | None:
        """The route of a name."""
        return next((route for route in self._manifests.routes if route.metadata.name == name), None)

    def names(self) -> list[str]:
        """Those of the routes."""
        return [route.metadata.name for route in self._manifests.routes]

    def destinations(self) -> list[str]:
        """Names of the destinations of all routes."""
        found = (to.name for route in self._manifests.routes for to in route.spec.destinations)
        return list(dict.fromkeys(found))

    async def studies(self, query: StudyQuery, *, at_once: bool = False) -> StudyPage:
        """A page of the studies, as they are now; of a root that hangs, as they last were.

        at_once: as they were a few seconds ago will do.
        """
        looked_at = self._lookouts_now()
        if at_once and all(lookout.seen_within(route, _RECENT_SECONDS) for lookout, route in looked_at):
            for lookout, route in looked_at:
                lookout.glance(route)
        else:
            await self.views()
        return await asyncio.to_thread(self._index.page, query)

    def has_changed(self, root: str) -> None:
        """Something was done to a root just now; whoever asks from now on sees it."""
        if lookout := self._lookouts.get(root):
            lookout.has_changed()

    async def study(self, route: str, key: str) -> StudyView | None:
        """One study, by the names that logs and commands give the route and it; None: there is none."""
        await self.views()
        return await asyncio.to_thread(self._index.find, route, key)

    async def report(self) -> StatusReport:
        """The same, for programs."""
        routes = tuple(view.status for view in await self.views())
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        return StatusReport(version=VERSION, at=at, refused=self.refused, routes=routes)
