"""What Prometheus may read of a server."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """The counters of one server, in a registry of its own."""

    def __init__(self, *, model: str, version: str, waiting: Callable[[], float]) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        info = Gauge("hone_serving_model_info", "The served model version.", ["model", "version"], registry=registry)
        info.labels(model, version).set(1)
        depth = Gauge("hone_serving_queue_depth", "Requests that wait for a slot.", registry=registry)
        depth.set_function(waiting)
        self.requests = Counter(
            "hone_serving_requests",
            "Answers by door and HTTP status (499: the client left).",
            ["door", "status"],
            registry=registry,
        )
        self.prompt_tokens = Counter("hone_serving_prompt_tokens", "Tokens read.", registry=registry)
        self.completion_tokens = Counter("hone_serving_completion_tokens", "Tokens generated.", registry=registry)
        self.first_token_s = Histogram(
            "hone_serving_time_to_first_token_seconds",
            "From the request's arrival to its first text.",
            ["door"],
            buckets=SECONDS,
            registry=registry,
        )
        self.request_s = Histogram(
            "hone_serving_request_seconds",
            "From the request's arrival to the end of its answer.",
            ["door"],
            buckets=SECONDS,
            registry=registry,
        )

    def exposition(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)
