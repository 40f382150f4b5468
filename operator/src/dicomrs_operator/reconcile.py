"""One look at everything, and what follows from it. It does the same however often and for whatever reason it runs."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final

import aiohttp

from dicomrs.log import get_logger
from dicomrs.status_api import StatusReport
from dicomrs_operator import dashboard, events
from dicomrs_operator.accept import Circumstances, Verdict, accept
from dicomrs_operator.conditions import Known, conditions, figures, merged, present_conditions, transitions
from dicomrs_operator.crd import digest
from dicomrs_operator.draining import Drain, drain
from dicomrs_operator.figures import Figures
from dicomrs_operator.kube import Api, ApiError, Object
from dicomrs_operator.manifests import FILES, Sources, destination_secrets, receiver_secrets
from dicomrs_operator.owned import Owned
from dicomrs_operator.routes import API, FINALIZER, PLURAL, ROUTES_KEY, Running, Wanted, read_routes_yaml
from dicomrs_operator.schema import SchemaMissingError, schema_trouble
from dicomrs_operator.settings import Settings
from dicomrs_operator.watching import WatchHealth

_FIGURES_SECONDS: Final = 5.0
"""Figures alone are no reason to write a status more often."""

logger = get_logger()


class Reconciler:
    """Keeps the release as its ClinicRoutes say, and their statuses as the services say."""

    def __init__(self, settings: Settings, api: Api, web: aiohttp.ClientSession) -> None:
        """web: for the dashboard, without the API server's credentials."""
        self._settings = settings
        self._api = api
        self._web = web
        self.figures = Figures()
        self.watch = WatchHealth(settings.late_seconds)
        self._owned = Owned(api, settings, self.figures)
        self._digest = digest()
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._good: dict[str, Running] = {}
        self._sure = False  # whether that is what the ConfigMap has: a write that failed may have come to it or not
        self._report: StatusReport | None = None
        self._trouble: str | None = None  # None: it was not asked yet
        self._stopped_at: dict[str, str] = {}  # of routes that drain, by uid: when scp had stopped
        self._written_at: dict[str, float] = {}  # the status, by uid
        self._said = ""

    def wake(self) -> None:
        """Something changed: look soon."""
        self._wake.set()

    async def when_woken(self) -> None:
        """Look at once, and whenever woken, for ever."""
        self.wake()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._try()

    async def every_so_often(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            await asyncio.sleep(self._settings.seconds)
            await self._try()

    async def ask(self) -> None:
        """Ask the dashboard every few seconds, for ever, and have what it says looked at. Nothing else waits for it."""
        while True:
            await self._ask_dashboard()
            self.wake()
            await asyncio.sleep(self._settings.seconds)

    async def _ask_dashboard(self) -> None:
        try:
            if not self._owned.token:
                async with self._lock:
                    await self._owned.ensure_token()
            self._report = await dashboard.ask(self._web, self._settings.dashboard_url, self._owned.token)
            self._trouble = ""
        except (dashboard.DashboardError, ApiError) as error:
            self._report, self._trouble = None, str(error)
        self.figures.dashboard_up.set(self._report is not None)

    async def _try(self) -> None:
        try:
            with self.figures.seconds.time():
                await self.reconcile()
        except (ApiError, SchemaMissingError) as error:
            self.figures.reconciles.labels("failed").inc()
            if str(error) != self._said:  # it is tried again every few seconds
                logger.error("cannot reconcile, everything stays as it is", problem=str(error))
            self._said = str(error)
        else:
            self.figures.reconciles.labels("done").inc()
            if self._said:
                logger.info("reconciles again")
            self._said = ""

    async def reconcile(self) -> None:
        """Look at everything once.

        Raises:
            ApiError: the API server refused something or does not answer; nothing is lost by trying again.
            SchemaMissingError: the cluster does not know ClinicRoutes any more.
        """
        async with self._lock:
            listed = [Wanted(body) for body in await self._api.list(API, PLURAL)]
            self.watch.listed(listed)
            self._forget(listed)
            # After the list: what it shows is read with this schema, or with one that we then see differs.
            trouble = await schema_trouble(self._api, self._digest)
            routes = await self._held(listed)
            present = await self._owned.routes()
            if present is not None and not self._sure:
                self._good = read_routes_yaml((present.get("data") or {}).get(ROUTES_KEY, ""))
            circumstances = Circumstances(self._settings.reservation, trouble, self._received())
            verdicts = accept(routes, self._good, circumstances)
            running = {one.running.name: one.running for one in verdicts.values() if one.running is not None}
            sources = await self._owned.sources(running.values())
            token = await self._owned.ensure_token()
            failure: ApiError | None = None
            self._sure = False
            try:
                await self._owned.write(running.values(), sources, present, token)
                self._good, self._sure = running, True
            except ApiError as error:
                failure = error  # the statuses are told all the same: what the services have not got is not True
            self._count(verdicts)
            if self._trouble is not None:  # else a start would turn what is True into Unknown for a moment
                untold = str(failure) if failure is not None else ""
                await _all(self._tell(route, verdicts[route.name], sources, untold) for route in routes)
            if failure is not None:
                raise failure

    def _forget(self, listed: Iterable[Wanted]) -> None:
        """Keep nothing of routes that have gone."""
        uids = {route.uid for route in listed}
        self._stopped_at = {uid: at for uid, at in self._stopped_at.items() if uid in uids}
        self._written_at = {uid: at for uid, at in self._written_at.items() if uid in uids}

    async def _held(self, listed: Iterable[Wanted]) -> list[Wanted]:
        """Return the routes that cannot vanish before we let them go; new ones are taken hold of."""
        held = []
        for route in listed:
            if route.held:
                held.append(route)
            elif not route.deleting:
                finalizers = [*(route.metadata.get("finalizers") or ()), FINALIZER]
                body = await self._set_finalizers(route, finalizers)
                if body is not None:
                    held.append(Wanted(body))
        return held

    async def _set_finalizers(self, route: Wanted, finalizers: list[str]) -> Object | None:
        """Return the route with these finalizers; None if it changed meanwhile, and is looked at again."""
        metadata = {"resourceVersion": route.metadata["resourceVersion"], "finalizers": finalizers}
        try:
            return await self._api.merge(API, PLURAL, route.name, {"metadata": metadata})
        except ApiError as error:
            if error.status != 409:
                raise
            self.wake()
            return None

    def _received(self) -> Mapping[str, bool] | None:
        if self._report is None:
            return None
        return {one.revision: one.received for one in self._report.routes if not one.error}

    def _count(self, verdicts: Mapping[str, Verdict]) -> None:
        refused = sum(bool(one.refusals) for one in verdicts.values())
        self.figures.routes.labels("false").set(refused)
        self.figures.routes.labels("true").set(len(verdicts) - refused)

    async def _tell(self, route: Wanted, verdict: Verdict, sources: Sources, untold: str) -> None:
        """Write the route's status where it has changed, and let go of the route once it is drained."""
        known = self._known(verdict.running, sources, untold)
        left = self._drain(route, verdict.running, known)
        new = conditions(route, verdict, known, left.message if left is not None else "")
        before = present_conditions(route.body)
        listed = merged(before, new, events.now())
        destinations = verdict.running.route.spec.destinations if verdict.running is not None else ()
        status: Object = {
            "observedGeneration": route.generation,
            "conditions": listed,
            "destinations": ", ".join(one.name for one in destinations) or None,
        }
        status |= figures(known)
        body: Object | None = route.body
        if self._worth_writing(route, status):
            self._written_at[route.uid] = time.monotonic()
            body = await self._api.merge(API, PLURAL, f"{route.name}/status", {"status": status})
        for one in transitions(before, new):
            logger.info("condition changed", route=route.name, condition=one.type, status=one.status, reason=one.reason)
            await self._post(events.of_condition(route, one))
        if left is not None and left.done and body is not None:
            await self._let_go(Wanted(body), left)

    def _known(self, running: Running | None, sources: Sources, untold: str) -> Known:
        trouble = self._trouble or ""
        if running is None:
            return Known(None, trouble, untold=untold)
        names = receiver_secrets([running]) | destination_secrets([running])
        missing = {name for name in names if name not in sources or not _usable(sources[name])}
        reported = self._report.routes if self._report is not None else ()
        status = next((one for one in reported if one.name == running.name), None)
        return Known(status, trouble, missing, untold)

    def _drain(self, route: Wanted, running: Running | None, known: Known) -> Drain | None:
        if not route.deleting:
            return None
        if route.forced:
            return Drain(True, "let go by force; what is in its folder stays there and is not sent")
        left = drain(running, known.status, known.trouble, self._stopped_at.get(route.uid, ""))
        self._stopped_at[route.uid] = left.stopped_at
        return left

    def _worth_writing(self, route: Wanted, status: Object) -> bool:
        present = route.body.get("status") or {}
        changed = {key for key, value in status.items() if present.get(key) != value}
        if changed <= {"waiting", "oldest", "lastDelivery"}:
            recently = time.monotonic() - self._written_at.get(route.uid, float("-inf")) < _FIGURES_SECONDS
            return bool(changed) and not recently
        return True

    async def _let_go(self, route: Wanted, left: Drain) -> None:
        remaining = [one for one in route.metadata.get("finalizers") or () if one != FINALIZER]
        if await self._set_finalizers(route, remaining) is None:
            return
        logger.info("route let go", route=route.name, forced=route.forced, left=left.message)
        await self._post(events.event(route, "Warning" if route.forced else "Normal", "LetGo", left.message))
        self.wake()

    async def _post(self, event: Object) -> None:
        try:
            await self._api.create("v1", "events", event)
        except ApiError as error:  # an Event is told once or not at all; the condition stays
            logger.warning("event not posted", problem=str(error))


def _usable(data: Mapping[str, str]) -> bool:
    return any(file in data for file in FILES)


async def _all(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all, and raise the first error only then: trouble with one route is none of another's."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
