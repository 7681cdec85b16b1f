"""Errors, lists of models and token counts in the words of a door."""

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec

from router.kinds import Door
from router.refusal import Refusal
from router.wires.forms import Listed, Problem, Unusable

encode = msgspec.json.Encoder().encode

# Anthropic's error types, by status (its API reference, Errors).
ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Google's, by status (google.rpc.Code).
GEMINI_KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
OPENAI_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error_body(door: Door, said: Refusal | Problem | Unusable) -> bytes:
    """An error object as the clients of that door know it, as JSON."""
    return encode(error_object(door, said))


def error_event(door: Door, said: Refusal | Problem) -> bytes:
    """The same as a server-sent event, for a stream that has begun."""
    name = b"event: error\n" if door in {"messages", "count_tokens"} else b""
    return name + b"data: " + error_body(door, said) + b"\n\n"


def error_object(door: Door, said: Refusal | Problem | Unusable) -> dict[str, Any]:
    status, code, message = said.status, said.code, said.message if not isinstance(said, Unusable) else str(said)
    param = "" if isinstance(said, Refusal) else said.param
    if door in {"messages", "count_tokens"}:
        kind = ANTHROPIC_KINDS.get(status) or ("invalid_request_error" if status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}
    if door == "generate":
        kind = GEMINI_KINDS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "UNAVAILABLE")
        return {"error": {"code": status, "message": message, "status": kind}}
    kind = OPENAI_KINDS.get(status) or ("invalid_request_error" if status < 500 else "upstream_error")
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code or None}}


def models_body(models: Iterable[Listed]) -> bytes:
    """The list of models; one body serves OpenAI's and Anthropic's clients, which read different fields of it."""
    data = [
        {
            "id": model.id,
            "object": "model",
            "created": model.created,
            "owned_by": model.owned_by,
            "type": "model",
            "lifecycle": "active",
            "display_name": model.id,
            "created_at": _rfc3339(model.created),
        }
        for model in models
    ]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return encode({"object": "list", "data": data, "has_more": False, "first_id": first, "last_id": last})


def count_body(input_tokens: int) -> bytes:
    """The answer to count_tokens where the router counts by itself."""
    return encode({"input_tokens": input_tokens})


def _rfc3339(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
