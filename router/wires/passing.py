"""Streams where client and provider speak the same protocol: looked into, and passed on as they came."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Asked, Usage
from router.refusal import Refusal
from router.wires.bodies import error_event
from router.wires.forms import Finish, Problem
from router.wires.reading import BROKEN, given
from router.wires.same import FINISHES, GEMINI_FINISHES, STOP_REASONS, wants_usage
from router.wires.sse import Events, cut, payload_of
from router.wires.troubles import in_band, malformed, stray
from router.wires.usage import AnthropicUsage, GeminiUsage, OpenAIUsage


class Passed:
    """A stream whose whole events go on in the bytes in which they came."""

    __slots__ = (
        "_door", "_end", "_events", "_look", "content", "counted", "done", "finish", "keeps_usage", "problem", "usage",
    )  # fmt: skip

    def __init__(self, asked: Asked, look: "Callable[[Passed, bytes], bool]", end: bytes) -> None:
        self._door = asked.door
        self._look = look
        self._end = end
        self._events = Events()
        self.keeps_usage = wants_usage(asked)
        self.counted: AnthropicUsage | None = None
        self.content = False
        self.done = False
        self.usage: Usage | None = None
        self.finish: Finish = ""
        self.problem: Problem | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes any piece of the upstream's body and gives the events that are whole by now."""
        if self.done or self.problem is not None:
            return b""
        if self._events.is_one(data):
            return data if self._passes(data[:-2]) else b""
        whole = self._events.feed(data)
        if not whole:
            return b""
        events = cut(whole)
        kept: list[bytes] = []
        for event in events:
            if self._passes(event):
                kept.append(event)
            if self.done or self.problem is not None:
                break
        if len(kept) == len(events):
            return whole
        return b"\n\n".join(kept) + b"\n\n" if kept else b""

    def _passes(self, event: bytes) -> bool:
        """Looks into one event; whether the client gets it."""
        payload = payload_of(event)
        if not payload:
            return True
        try:
            return self._look(self, payload)
        except BROKEN as error:
            self.problem = malformed(f"the provider sent a malformed event: {error}")
            return False

    def close(self) -> bytes:
        """The upstream's body is over: a whole answer that lacks only its formal end gets it."""
        if self.done or self.problem is not None:
            return b""
        out = b""
        if rest := self._events.rest().strip():
            self.problem = stray(rest)
            if self.problem is None and payload_of(rest):  # else half a line, which is nobody's
                out = self.feed(rest + b"\n\n")
        if self.done or self.problem is not None or not self.finish:
            return out
        self.done = True
        return out + self._end

    def cut(self, refusal: Refusal | Problem) -> bytes:
        """An error event, which the SDKs raise."""
        self.done = False
        return error_event(self._door, refusal)


class _Delta(msgspec.Struct, frozen=True):
    """Part of a message; what matters is whether it says anything."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Raw = Raw()
    function_call: Raw = Raw()
    audio: Raw = Raw()


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None
    delta: _Delta | None = None
    text: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None
    error: Raw = Raw()


_chunk = msgspec.json.Decoder(_Chunk).decode


def passed_chat(asked: Asked) -> Passed:
    """A stream of OpenAI's protocol, of chats or text completions.

    The usage is asked for in any case; the event that holds nothing else goes only to a client that asked for it too.
    """
    return Passed(asked, _look_at_chunk, b"data: [DONE]\n\n")


def _look_at_chunk(stream: Passed, payload: bytes) -> bool:
    if payload[:6] == b"[DONE]":
        stream.done = True
        return True
    chunk = _chunk(payload)
    if chunk.error and given(chunk.error):
        stream.problem = in_band(chunk.error)
        return False
    if chunk.usage is not None:
        stream.usage = chunk.usage.read()
    if not chunk.choices:
        return chunk.usage is None or stream.keeps_usage
    for choice in chunk.choices:
        if choice.finish_reason:
            stream.finish = FINISHES.get(choice.finish_reason, "stop")
            stream.content = True
        elif not stream.content:
            stream.content = _says(choice)
    return True


def _says(choice: _Choice) -> bool:
    said = choice.delta
    if said is None:
        return bool(choice.text)
    if said.content or said.reasoning_content or said.reasoning or said.refusal:
        return True
    return given(said.tool_calls) or given(said.function_call) or given(said.audio)


class _Stopped(msgspec.Struct, frozen=True):
    stop_reason: str | None = None


class _Started(msgspec.Struct, frozen=True):
    usage: AnthropicUsage | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    message: _Started | None = None
    delta: _Stopped | None = None
    usage: AnthropicUsage | None = None
    error: Raw = Raw()


_event = msgspec.json.Decoder(_Event).decode


def passed_messages(asked: Asked) -> Passed:
    """A stream of Anthropic's protocol."""
    return Passed(asked, _look_at_event, b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def _look_at_event(stream: Passed, payload: bytes) -> bool:
    event = _event(payload)
    match event.type:
        case "content_block_delta" | "content_block_start":
            # An empty text block is opened before there is a word; only a delta or a call says something.
            if not stream.content:
                stream.content = event.type == "content_block_delta" or b'"text"' not in payload
        case "message_start" if event.message is not None:
            _count(stream, event.message.usage)
        case "message_delta":
            _count(stream, event.usage)
            if event.delta is not None and event.delta.stop_reason:
                stream.finish = STOP_REASONS.get(event.delta.stop_reason, "stop")
                stream.content = True
        case "message_stop":
            stream.done = True
        case "error":
            stream.problem = in_band(event.error)
            return False
    return True


def _count(stream: Passed, usage: AnthropicUsage | None) -> None:
    if usage is not None:
        stream.counted = usage.after(stream.counted)
        stream.usage = stream.counted.read()


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: Raw = Raw()
    finish_reason: str | None = None


class _GeminiChunk(msgspec.Struct, frozen=True, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: GeminiUsage | None = None
    prompt_feedback: Raw = Raw()
    error: Raw = Raw()


_gemini_chunk = msgspec.json.Decoder(_GeminiChunk).decode
NO_PARTS = re.compile(rb'"parts"\s*:\s*(\[\s*\]|null)')


def passed_gemini(asked: Asked) -> Passed:
    """A stream of Gemini's protocol, which has no formal end: it is over with its body, if a reason was given."""
    return Passed(asked, _look_at_gemini_chunk, b"")


def _has_parts(content: bytes) -> bool:
    return b'"parts"' in content and NO_PARTS.search(content) is None


def _look_at_gemini_chunk(stream: Passed, payload: bytes) -> bool:
    chunk = _gemini_chunk(payload)
    if chunk.error and given(chunk.error):
        stream.problem = in_band(chunk.error)
        return False
    if chunk.usage_metadata is not None:
        stream.usage = chunk.usage_metadata.read()
    for candidate in chunk.candidates or ():
        if candidate.finish_reason:
            stream.finish = GEMINI_FINISHES.get(candidate.finish_reason, "content_filter")
        stream.content = stream.content or bool(candidate.finish_reason) or _has_parts(bytes(candidate.content))
    if not chunk.candidates and given(chunk.prompt_feedback):
        stream.finish, stream.content = "content_filter", True
    return True
