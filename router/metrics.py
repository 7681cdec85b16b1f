"""The router's own counters, in Prometheus' text form."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from router.pointer import Target

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """One router's counters."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("hone_router_requests", "Requests answered", ("path", "status"), registry=registry)
        self._seconds = Histogram(
            "hone_router_request_seconds",
            "From first to last byte",
            ("path",),
            registry=registry,
            buckets=LATENCY_BUCKETS_S,
        )
        self.in_flight = Gauge("hone_router_in_flight", "Requests under way", registry=registry)
        self.retries = Counter("hone_router_retries", "Attempts after a request's first", registry=registry)
        self.gone = Counter(
            "hone_router_clients_gone", "Clients that left before their answer's end", registry=registry
        )
        self.cut = Counter("hone_router_streams_cut", "Streams that ended with an error event", registry=registry)
        self._generation = Gauge("hone_router_generation", "The endpoint's generation; 0: none", registry=registry)

    def answered(self, path: str, status: int, seconds: float, attempts: int) -> None:
        """Counts one answer, the router's own refusals too."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        if attempts > 1:
            self.retries.inc(attempts - 1)

    def text(self, target: Target | None) -> bytes:
        """All of them, as Prometheus reads them."""
        self._generation.set(target.generation if target else 0)
        return generate_latest(self._registry)
