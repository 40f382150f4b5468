"""Storage commitment of one route: who asks each destination that is to commit, and where their reports are heard."""

from collections.abc import Mapping

from dicomrs.causes import Cause
from dicomrs.route import ClinicRoute
from dicomrs.spool.transactions import Transactions
from dicomrs_scu.asker import Asker
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.report_listener import ReportListener
from dicomrs_scu.reports import Reports
from dicomrs_wire.tls.ends import TlsClient


class Commitments:
    """Made once the root is ours; start, stop and join it."""

    def __init__(self, backlog: Backlog, route: ClinicRoute, tls: Mapping[str, TlsClient | None]) -> None:
        """Read what an earlier process has asked for. tls: by the name of each destination."""
        self._backlog = backlog
        self._transactions = Transactions(backlog.outbox.fs, backlog.outbox.root)
        reports = Reports(backlog, self._transactions)
        committing = [one for one in route.spec.destinations if one.commitment is not None]
        self._askers = {one.name: Asker(backlog, one, self._transactions, reports, tls[one.name]) for one in committing}
        places: dict[str, tuple[str, int]] = {}
        titles: dict[tuple[str, int], set[str]] = {}
        for one in committing:
            if one.commitment is not None and (listen := one.commitment.listen) is not None:
                place = places[one.name] = (listen.bind_address, listen.port)
                titles.setdefault(place, set()).add(listen.ae_title)
        listeners = {place: ReportListener(place, frozenset(names), reports) for place, names in titles.items()}
        self._listeners = {name: listeners[place] for name, place in places.items()}

    def start(self, *, suspended: bool) -> None:
        """Begin to hear reports, and to ask unless the route is suspended: for that is sending, too."""
        for listener in set(self._listeners.values()):
            listener.start()
        for asker in () if suspended else self._askers.values():
            asker.start()

    def stop(self) -> None:
        """End; what is asked is reported to the next process."""
        threads: list[Asker | ReportListener] = [*self._askers.values(), *set(self._listeners.values())]
        threads = [one for one in threads if one.ident is not None]
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join()

    @property
    def healthy(self) -> bool:
        """Whether all its threads that were started live."""
        threads = (*self._askers.values(), *self._listeners.values())
        return all(thread.is_alive() or thread.ident is None for thread in threads)

    def trouble(self, destination: str) -> tuple[str, Cause]:
        """Why a destination does not commit to what it has, "" if it does or is not asked; and the cause of that."""
        if destination not in self._askers:
            return "", Cause.NOT_COMMITTED
        listener, asker = self._listeners.get(destination), self._askers[destination]
        if listener is not None and listener.trouble:
            return listener.trouble, Cause.NOT_LISTENING
        if asker.trouble:
            return asker.trouble, asker.cause
        return self._backlog.queues[destination].uncommitted.trouble(), Cause.NOT_COMMITTED

    def prune(self) -> None:
        """Forget transactions that nobody awaits. To be called when the whole root has been looked at."""
        queues = self._backlog.queues
        self._transactions.prune(lambda name: queues[name].uncommitted.arrivals() if name in queues else ())
