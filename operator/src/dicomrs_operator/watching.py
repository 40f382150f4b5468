"""Whether the watch of ClinicRoutes lives: it must deliver what a list shows."""

import time
from collections.abc import Callable, Iterable

from dicomrs_operator.routes import Wanted


class WatchHealth:
    """Compares what the watch has delivered with what lists show."""

    def __init__(self, late_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """late_seconds: how long the watch may lag behind; lists, twice as long."""
        self._late_seconds = late_seconds
        self._clock = clock
        self._delivered: dict[str, str] = {}
        self._late_since: dict[str, float] = {}
        self._listed_at = clock()

    def delivered(self, uid: str, version: str) -> None:
        """The watch told of an object, in this resourceVersion; of one that has gone, too."""
        self._delivered[uid] = version
        self._late_since.pop(uid, None)

    def listed(self, routes: Iterable[Wanted]) -> None:
        """A list showed these routes."""
        self._listed_at = self._clock()
        seen = {route.uid: str(route.metadata.get("resourceVersion", "")) for route in routes}
        late = [uid for uid, version in seen.items() if self._delivered.get(uid) != version]
        self._late_since = {uid: self._late_since.get(uid, self._listed_at) for uid in late}
        self._delivered = {uid: version for uid, version in self._delivered.items() if uid in seen}

    def trouble(self) -> str:
        """Why the operator should be started anew; "" if all is well."""
        now = self._clock()
        if now - self._listed_at > 2 * self._late_seconds:
            return f"the API server was last reached {now - self._listed_at:.0f} s ago"
        if any(now - since > self._late_seconds for since in self._late_since.values()):
            return f"the watch of ClinicRoutes has not told of a change for {self._late_seconds:.0f} s"
        return ""
