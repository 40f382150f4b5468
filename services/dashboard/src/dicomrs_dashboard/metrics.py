"""How the routes stand, as metrics. Pure; docs/status-api.md has the same table.

Labels hold names of routes, destinations and services only: as many series as the manifests allow, and no patients.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dicomrs import VERSION
from dicomrs.moments import moment
from dicomrs.status_api import DestinationStatus, RouteStatus, ScpStatus, ScuStatus
from dicomrs_dashboard.status import RouteView

Value = float | None
"""None: there is nothing to tell, and so no sample."""
Samples = Iterable[tuple[tuple[str, ...], Value]]


@dataclass(frozen=True, slots=True)
class RouteMetric:
    """A metric that every route has whose root can be read.

    labels: besides `route`; samples: from a view, at a moment, the values of these labels and the figure.
    """

    name: str
    help: str
    samples: Callable[[RouteView, datetime], Samples]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"


def _route(name: str, text: str, value: Callable[[RouteStatus], Value]) -> RouteMetric:
    return RouteMetric(name, text, lambda view, _: [((), value(view.status))])


def _service(name: str, text: str, value: Callable[[bool, str], Value]) -> RouteMetric:
    """value: of whether the service is alive, and of its trouble."""

    def samples(view: RouteView, _: datetime) -> Samples:
        return [((what,), value(one.alive, one.trouble)) for what, one in _services(view.status)]

    return RouteMetric(name, text, samples, ("service",))


def _services(status: RouteStatus) -> list[tuple[str, ScpStatus | ScuStatus]]:
    return [("scp", status.scp), ("scu", status.scu)]


def _destination(name: str, text: str, value: Callable[[DestinationStatus], Value]) -> RouteMetric:
    def samples(view: RouteView, _: datetime) -> Samples:
        return [((to.name,), value(to)) for to in view.status.destinations]

    return RouteMetric(name, text, samples, ("destination",))


def _counted(name: str, text: str, what: str) -> RouteMetric:
    """what: scp's name for it."""
    return RouteMetric(name, text, lambda view, _: [((), view.totals.scp.get(what))], kind="counter")


def _confirmed(view: RouteView, _: datetime) -> Samples:
    return [((to.name,), view.totals.confirmed.get(to.name)) for to in view.status.destinations]


def _age(view: RouteView, now: datetime) -> Samples:
    since = moment(view.status.waiting.oldest)
    return [((), max(0.0, (now - since).total_seconds()) if since else 0.0)]


def _stamp(text: str) -> Value:
    found = moment(text)
    return found.timestamp() if found else None


METRICS: Final = (
    _service("dicomrs_service_alive", "1 if the service's last heartbeat is at most 10 s old", lambda alive, _: alive),
    _service(
        "dicomrs_service_trouble",
        "1 if the service says of the route that something keeps it from working",
        lambda _, trouble: bool(trouble),
    ),
    _route("dicomrs_scp_listening", "1 if scanners can connect", lambda one: one.scp.listening),
    _route("dicomrs_scp_associations", "Associations with scanners that are open", lambda one: one.scp.associations),
    _counted("dicomrs_scp_kept_total", "Objects acknowledged and kept since scp started", "kept"),
    _counted("dicomrs_scp_repeated_total", "Objects acknowledged that were there already", "repeated"),
    _counted("dicomrs_scp_quarantined_total", "Objects acknowledged and quarantined", "quarantined"),
    _counted("dicomrs_scp_refused_total", "Objects refused", "refused"),
    _counted("dicomrs_scp_echoes_total", "C-ECHO requests answered", "echoes"),
    _counted("dicomrs_scp_received_bytes_total", "Bytes of the datasets acknowledged", "bytes"),
    RouteMetric(
        "dicomrs_scu_confirmed_total",
        "Objects that the destination has confirmed since scu took the route over",
        _confirmed,
        ("destination",),
        "counter",
    ),
    _route("dicomrs_waiting_objects", "Objects to be sent to some destination", lambda one: one.waiting.objects),
    _route("dicomrs_waiting_bytes", "Bytes of their datasets", lambda one: one.waiting.bytes),
    RouteMetric(
        "dicomrs_waiting_oldest_age_seconds", "How long the first of them has waited; 0 if there is none", _age
    ),
    _route("dicomrs_parked_objects", "Objects that some destination does not take", lambda one: one.parked),
    _route("dicomrs_held_objects", "Objects that a person holds back from some destination", lambda one: one.held),
    _route(
        "dicomrs_uncommitted_objects",
        "Objects that some destination has and has not committed to yet",
        lambda one: one.uncommitted,
    ),
    _route("dicomrs_no_destination_objects", "Objects that no destination wants", lambda one: one.no_destination),
    _route("dicomrs_quarantined_objects", "Objects without pixels, set aside", lambda one: one.quarantined),
    _route("dicomrs_damaged_objects", "Objects whose bytes changed on the disk", lambda one: one.damaged),
    _destination(
        "dicomrs_destination_delivered_objects",
        "Objects that the destination has confirmed, of studies that are on record still",
        lambda to: to.delivered,
    ),
    _destination("dicomrs_destination_waiting_objects", "Objects to be sent to the destination", lambda to: to.waiting),
    _destination(
        "dicomrs_destination_parked_objects", "Objects that the destination does not take", lambda to: to.parked
    ),
    _destination("dicomrs_destination_held_objects", "Objects held back from the destination", lambda to: to.held),
    _destination(
        "dicomrs_destination_uncommitted_objects",
        "Objects that the destination has and has not committed to yet",
        lambda to: to.uncommitted,
    ),
    _destination(
        "dicomrs_destination_trouble", "1 if something keeps scu from sending there", lambda to: bool(to.trouble)
    ),
    _destination("dicomrs_destination_suspended", "1 if sending is suspended", lambda to: to.suspended),
    _route("dicomrs_disk_free_bytes", "Free on the root's volume, for an ordinary user", lambda one: one.disk.free),
    _route("dicomrs_disk_total_bytes", "Size of the root's volume", lambda one: one.disk.total),
    _route("dicomrs_disk_reserve_bytes", "What receiving leaves free", lambda one: one.disk.reserve),
    _route("dicomrs_disk_free_inodes", "Files that can still be made", lambda one: one.disk.inodes_free),
    _route("dicomrs_disk_above_reserve", "1 if there is room to receive", lambda one: one.disk.above_reserve),
    _route("dicomrs_disk_writable", "1 if the services' user may write to the root", lambda one: one.disk.writable),
    _route(
        "dicomrs_last_arrival_timestamp_seconds",
        "When an object last arrived; absent if none is on record",
        lambda one: _stamp(one.last_arrival),
    ),
    _route(
        "dicomrs_last_delivery_timestamp_seconds",
        "When a destination last confirmed an object; absent if none is on record",
        lambda one: _stamp(one.last_delivery),
    ),
    RouteMetric(
        "dicomrs_survey_duration_seconds",
        "How long looking at the root has taken",
        lambda view, _: [((), view.seconds)],
    ),
)

BUILD: Final = ("dicomrs_build_info", "Always 1; the version of the dashboard")
REFUSED: Final = ("dicomrs_manifests_refused", "1 if the newest manifests are refused, and earlier ones in force")
READABLE: Final = ("dicomrs_route_readable", "1 if the route's root can be read; if not, this is all there is of it")


def families(views: Sequence[RouteView], refused: str, now: datetime) -> Iterator[Metric]:
    """The metrics with their samples."""
    build = GaugeMetricFamily(*BUILD, labels=("version",))
    build.add_metric((VERSION,), 1)
    yield build
    yield GaugeMetricFamily(*REFUSED, value=float(bool(refused)))
    readable = GaugeMetricFamily(*READABLE, labels=("route",))
    for view in views:
        readable.add_metric((view.status.name,), float(not view.status.error))
    yield readable
    known = [view for view in views if not view.status.error]
    for metric in METRICS:
        make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = make(metric.name, metric.help, labels=("route", *metric.labels))
        for view in known:
            for labels, value in metric.samples(view, now):
                if value is not None:
                    family.add_metric((view.status.name, *labels), float(value))
        yield family


def exposition(views: Sequence[RouteView], refused: str, now: datetime) -> bytes:
    """The same in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(list(families(views, refused, now))))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> list[Metric]:
        return self._found
