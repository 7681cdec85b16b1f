"""Sends spans to an OTLP/HTTP collector as JSON, with the standard library only. Imported where traces are on.

Source: the OTLP specification, "OTLP/HTTP", and opentelemetry-proto's JSON mapping.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

TIMEOUT_S = 5.0


class JsonExporter(SpanExporter):
    """Posts batches to `ADDRESS/v1/traces`; called in the batch processor's own thread."""

    def __init__(self, address: str) -> None:
        self._url = address if address.endswith("/v1/traces") else f"{address.rstrip('/')}/v1/traces"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """One request for a batch; a failure loses the batch and is told to the processor."""
        body = json.dumps(envelope(spans)).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"})  # noqa: S310 - configured
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return SpanExportResult.SUCCESS if response.status == 200 else SpanExportResult.FAILURE
        except (OSError, urllib.error.URLError, ValueError):
            return SpanExportResult.FAILURE


def envelope(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """Spans as an ExportTraceServiceRequest."""
    resource = spans[0].resource.attributes if spans else {}
    scope = {"scope": {"name": "hone.router"}, "spans": [_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None, "a span that ended has one"
    said: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": span.status.status_code.value, "message": span.status.description or ""},
    }
    if span.parent is not None:
        said["parentSpanId"] = f"{span.parent.span_id:016x}"
    return said


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}
