"""Where client and provider speak the same protocol: the client's own bytes with the model replaced, and answers as
they came, looked into for what the router must know."""

from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Asked, Door, Hop
from router.wires.bodies import encode, error_body
from router.wires.forms import Answered, Finish, Outgoing, Problem
from router.wires.reading import BROKEN, fields_of, given
from router.wires.troubles import in_band, malformed, problem_of
from router.wires.usage import AnthropicUsage, GeminiUsage, OpenAIUsage

PATHS: dict[Door, str] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "messages": "/messages",
    "count_tokens": "/messages/count_tokens",
}
JSON = ("content-type", "application/json")
ANTHROPIC = (JSON, ("anthropic-version", "2023-06-01"))
FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
GEMINI_FINISHES: dict[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length"}  # every other one: content_filter
STOP_REASONS: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pause",
}


def gemini_path(hop: Hop, *, stream: bool) -> str:
    """Where Gemini's model and the wish for a stream stand."""
    return f"/models/{hop.upstream_model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


def pass_request(asked: Asked, hop: Hop) -> Outgoing:
    """The client's own request for the provider's model. A stream is asked for its usage.

    Every other value goes on as the bytes that came: only the top level is taken apart.
    """
    if hop.wire == "gemini":
        return Outgoing(gemini_path(hop, stream=asked.stream), (JSON,), asked.body)
    fields = fields_of(asked.body)
    fields["model"] = hop.upstream_model
    left_out: tuple[str, ...] = ()
    if asked.tools and "tools-without-reasoning" in hop.quirks:
        left_out = ("reasoning_effort",) if "reasoning_effort" in fields else ()
        fields["reasoning_effort"] = "none"
    if asked.stream and hop.wire == "openai":
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
    headers = (JSON,) if hop.wire == "openai" else ANTHROPIC
    return Outgoing(PATHS[asked.door], headers, encode(fields), left_out)


def wants_usage(asked: Asked) -> bool:
    """Whether the client itself asked for the usage of a stream."""
    if b"include_usage" not in asked.body:
        return False
    options = fields_of(asked.body).get("stream_options")
    try:
        return options is not None and _options(options).get("include_usage") is True
    except BROKEN:
        return False


def _with_usage(options: Raw | None) -> Any:
    if options is None:
        return {"include_usage": True}
    try:
        return {**_options(options), "include_usage": True}
    except BROKEN:
        return options  # not an object: the provider refuses it better than we could


def _options(raw: Raw) -> dict[str, Any]:
    return msgspec.json.decode(raw, type=dict[str, Any] | None) or {}


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _OpenAIAnswer(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    data: list[Raw] | None = None  # of embeddings
    usage: OpenAIUsage | None = None
    error: Raw = Raw()


class _AnthropicAnswer(msgspec.Struct, frozen=True):
    content: list[Raw] | None = None
    stop_reason: str | None = None
    usage: AnthropicUsage | None = None
    input_tokens: int | None = None  # of count_tokens
    error: Raw = Raw()


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    finish_reason: str | None = None


class _GeminiAnswer(msgspec.Struct, frozen=True, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: Raw = Raw()
    usage_metadata: GeminiUsage | None = None
    error: Raw = Raw()

    @property
    def usage(self) -> GeminiUsage | None:
        return self.usage_metadata


_gemini = msgspec.json.Decoder(_GeminiAnswer).decode
_openai = msgspec.json.Decoder(_OpenAIAnswer).decode
_anthropic = msgspec.json.Decoder(_AnthropicAnswer).decode


def pass_answer(asked: Asked, status: int, body: bytes) -> Answered:
    """An answer as it came, with what the router must know of it."""
    if status >= 400:
        return _failed(asked.door, problem_of(status, body))
    answer: _AnthropicAnswer | _GeminiAnswer | _OpenAIAnswer
    try:
        if asked.door in {"messages", "count_tokens"}:
            answer = _anthropic(body)
        else:
            answer = _gemini(body) if asked.door == "generate" else _openai(body)
    except BROKEN as error:
        return _failed(asked.door, malformed(f"the provider's answer cannot be read: {error}"))
    if given(answer.error):
        return _failed(asked.door, in_band(answer.error))
    usage = answer.usage.read() if answer.usage else None
    if isinstance(answer, _AnthropicAnswer):
        whole = answer.content is not None or answer.input_tokens is not None
        finish = STOP_REASONS.get(answer.stop_reason or "", "")
    elif isinstance(answer, _GeminiAnswer):
        whole = bool(answer.candidates) or given(answer.prompt_feedback)
        finish = (
            GEMINI_FINISHES.get(answer.candidates[0].finish_reason or "STOP", "content_filter")
            if answer.candidates
            else ""
        )
    else:
        whole = bool(answer.data if asked.door == "embeddings" else answer.choices)
        finish = FINISHES.get(answer.choices[0].finish_reason or "", "") if answer.choices else ""
    if not whole:
        return _failed(asked.door, malformed("the provider's answer holds no answer"))
    return Answered(status, body, usage, finish)


def _failed(door: Door, problem: Problem) -> Answered:
    return Answered(problem.status, error_body(door, problem), problem=problem)
