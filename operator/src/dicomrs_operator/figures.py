"""The operator's own figures for /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Figures:
    """Counts and measures what the operator does."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.reconciles = Counter(
            "dicomrs_operator_reconciles", "Looks at everything that ended", ["outcome"], registry=self._registry
        )
        self.seconds = Histogram(
            "dicomrs_operator_reconcile_seconds", "How long one look took", registry=self._registry
        )
        self.writes = Counter(
            "dicomrs_operator_writes", "Objects that had to be written", ["kind"], registry=self._registry
        )
        self.routes = Gauge(
            "dicomrs_operator_routes", "ClinicRoutes by acceptance", ["accepted"], registry=self._registry
        )
        self.dashboard_up = Gauge(
            "dicomrs_operator_dashboard_up", "Whether the dashboard answered when last asked", registry=self._registry
        )
        for outcome in ("done", "failed"):  # a series that is missing cannot be alerted on
            self.reconciles.labels(outcome)
        for accepted in ("true", "false"):
            self.routes.labels(accepted)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
