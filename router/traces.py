"""OpenTelemetry traces with the GenAI conventions: one span for a request, and one in it for the place that answered.

Off unless an address is configured; nothing of OpenTelemetry is imported then. Spans hold names and numbers, never
prompts or answers. Source: OpenTelemetry's semantic conventions for generative AI client spans.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from router.call import Call

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.get_logger()

OPERATIONS = {
    "chat": "chat",
    "messages": "chat",
    "generate": "generate_content",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "count_tokens": "count_tokens",
}
SYSTEMS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}


class Tracer(Protocol):
    """What a worker does with spans."""

    def begin(self, call: Call) -> Any:
        """A span for a request, the child of the client's own where it names one (`traceparent`)."""

    def end(self, span: Any, call: Call) -> None:
        """What came of it."""

    def close(self) -> None:
        """Sends what is left. Blocks."""


def open_tracer(address: str) -> Tracer | None:
    """A tracer that sends to that OTLP/HTTP address; None without one, or without the package."""
    if not address:
        return None
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from router.otlp import JsonExporter
    except ImportError as error:
        log.error("traces are off: install the extra `traces` of this package", reason=str(error))
        return None
    provider = TracerProvider(resource=Resource.create({"service.name": "hone-router"}))
    provider.add_span_processor(BatchSpanProcessor(JsonExporter(address)))
    return _Spans(provider)


class _Spans:
    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("hone.router")
        self._kind = SpanKind.SERVER
        self._failed: Callable[[str], Status] = lambda reason: Status(StatusCode.ERROR, reason)
        self._context = TraceContextTextMapPropagator()

    def begin(self, call: Call) -> Any:
        parent = call.exchange.header(b"traceparent").decode("latin-1")
        context = self._context.extract({"traceparent": parent}) if parent else None
        operation = OPERATIONS[call.asked.door]
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": call.asked.model or "hone/auto",
            "gen_ai.request.stream": call.asked.stream,
            "hone.request_id": call.exchange.id,
        }
        if call.asked.max_output_tokens:
            attributes["gen_ai.request.max_tokens"] = call.asked.max_output_tokens
        name = f"{operation} {call.asked.model or 'hone/auto'}"
        return self._tracer.start_span(name, context, kind=self._kind, attributes=attributes)

    def end(self, span: Any, call: Call) -> None:
        hop = call.hop
        span.set_attributes(
            {
                "hone.attempts": call.attempts,
                "hone.outcome": call.outcome,
                "hone.cost_usd": call.cost_usd,
                "hone.key": call.key.id,
                "hone.route": call.route,
                "http.response.status_code": call.exchange.status,
                "gen_ai.usage.input_tokens": call.usage.input_tokens,
                "gen_ai.usage.output_tokens": call.usage.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": call.usage.cached_tokens,
            }
        )
        if call.first_token_s:
            span.set_attribute("gen_ai.server.time_to_first_token", call.first_token_s)
        if hop is not None:
            span.set_attributes(
                {
                    "gen_ai.provider.name": hop.provider if hop.provider == "hone" else SYSTEMS[hop.wire],
                    "gen_ai.response.model": hop.upstream_model,
                    "hone.provider": hop.provider,
                    "hone.model_version": hop.model_version,
                    "server.address": hop.url,
                }
            )
        if call.outcome in ("failed", "cut"):
            span.set_attribute("error.type", call.outcome)
            span.set_status(self._failed(call.reason))
        span.end(time.time_ns())

    def close(self) -> None:
        self._provider.shutdown()
