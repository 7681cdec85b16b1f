"""Gemini's answers, whole and streamed: read from Google, and written for a client; embeddings and token counts too.

Every chunk of a stream has the form of a whole answer, so one reader reads both.
"""

import array
import base64
import hashlib
from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Usage
from router.wires.bodies import encode
from router.wires.forms import Finish
from router.wires.pieces import Failed
from router.wires.reading import given
from router.wires.same import GEMINI_FINISHES
from router.wires.strict import json_object
from router.wires.talk import (
    Began,
    Call,
    CallBegan,
    CallSaid,
    Counted,
    Ended,
    Over,
    Piece,
    Reply,
    Said,
    Thinking,
    Thought,
)
from router.wires.troubles import in_band, malformed
from router.wires.usage import GeminiUsage, gemini_usage

# The model said something that is no answer; another try may do better.
SPOILT = frozenset(
    [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    ]
)


class _Call(msgspec.Struct, frozen=True):
    name: str
    id: str = ""
    args: Raw = Raw()


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    text: str = ""
    thought: bool = False
    thought_signature: str = ""
    function_call: _Call | None = None
    inline_data: Raw = Raw()


class _Content(msgspec.Struct, frozen=True):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str = ""


class _Feedback(msgspec.Struct, frozen=True, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str = ""


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: GeminiUsage | None = None
    prompt_feedback: _Feedback | None = None
    model_version: str = ""
    response_id: str = ""
    error: Raw = Raw()


_decode = msgspec.json.Decoder(_Answer).decode


class GeminiReader:
    """Reads a whole answer or a stream's chunks as pieces. `model` stands in where the answer names none."""

    __slots__ = ("_calls", "_id", "_model")

    def __init__(self, model: str) -> None:
        self._model = model
        self._id = ""
        self._calls = 0

    def read(self, payload: bytes) -> list[Piece]:
        answer = _decode(payload)
        if given(answer.error):
            raise Failed(in_band(answer.error))
        pieces: list[Piece] = []
        if not self._id:
            # Ids of calls are made of this one, and must differ between the turns of a conversation.
            self._id = answer.response_id or hashlib.blake2b(payload, digest_size=12).hexdigest()
            pieces.append(Began(self._id, answer.model_version or self._model))
        for candidate in (answer.candidates or ())[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                self._part(part, pieces)
            if candidate.finish_reason:
                pieces.append(Ended(self._finish(candidate)))
        if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason and not answer.candidates:
            pieces.append(Ended("content_filter"))
        if answer.usage_metadata is not None and (usage := answer.usage_metadata.read()) is not None:
            pieces.append(Counted(usage))
        return pieces

    def _part(self, part: _Part, pieces: list[Piece]) -> None:
        if part.function_call is not None:
            call = part.function_call
            name = call.id or f"call_{self._id}_{self._calls}"
            arguments = bytes(call.args).decode() if given(call.args) else "{}"
            pieces.append(CallBegan(self._calls, name, call.name, part.thought_signature))
            pieces.append(CallSaid(self._calls, arguments))
            self._calls += 1
        elif part.inline_data:
            raise Failed(malformed("the provider answered with a file, which no door has a place for"))
        elif part.text:
            pieces.append(Thought(part.text) if part.thought else Said(part.text))

    def _finish(self, candidate: _Candidate) -> Finish:
        reason = candidate.finish_reason or ""
        if reason in SPOILT:
            raise Failed(malformed(f"the model's answer was spoilt: {reason} {candidate.finish_message}".rstrip()))
        if reason == "STOP" and self._calls:
            return "tool_calls"
        return GEMINI_FINISHES.get(reason, "content_filter")


class _Embedding(msgspec.Struct, frozen=True):
    values: list[float]


class _Embeddings(msgspec.Struct, frozen=True, rename="camel"):
    embeddings: list[_Embedding]
    usage_metadata: GeminiUsage | None = None


def write_embeddings(body: bytes, model: str, *, as_base64: bool) -> tuple[bytes, Usage | None]:
    """Gemini's embeddings in OpenAI's words: lists of numbers, or base64 of little-endian float32."""
    answer = msgspec.json.decode(body, type=_Embeddings)
    usage = answer.usage_metadata.read() if answer.usage_metadata else None
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(one.values) if as_base64 else one.values}
        for index, one in enumerate(answer.embeddings)
    ]
    tokens = usage.input_tokens if usage else 0
    counted = {"prompt_tokens": tokens, "total_tokens": tokens}
    return encode({"object": "list", "model": model, "data": data, "usage": counted}), usage


def _packed(values: list[float]) -> str:
    return base64.b64encode(array.array("f", values).tobytes()).decode()


class _Count(msgspec.Struct, frozen=True, rename="camel"):
    total_tokens: int


def read_count(body: bytes) -> int:
    """The answer to countTokens."""
    return msgspec.json.decode(body, type=_Count).total_tokens


# To a client

NAMES: dict[Finish, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY", "pause": "OTHER"}


class GeminiWriter:
    """Writes pieces as a stream's chunks. Gemini gives a call whole, so its arguments wait until they are."""

    __slots__ = ("_call", "_ended", "_head", "_usage")

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._call: tuple[CallBegan, list[str]] | None = None
        self._ended = Ended("stop")
        self._usage: Usage | None = None

    def write(self, piece: Piece) -> bytes:
        if isinstance(piece, CallSaid):
            if self._call is None or self._call[0].index != piece.index:
                raise Failed(malformed("the provider mixed the arguments of two tool calls"))
            self._call[1].append(piece.arguments)
            return b""
        if isinstance(piece, Counted):
            self._usage = piece.usage
            return b""
        out = self._finish_call()
        match piece:
            case Said() if piece.text:
                return out + self._part({"text": piece.text})
            case Thought() if piece.text:
                return out + self._part({"text": piece.text, "thought": True})
            case CallBegan():
                self._call = (piece, [])
            case Began():
                self._head = {"modelVersion": piece.model, "responseId": piece.id}
            case Ended():
                self._ended = piece
            case Over():
                return out + self._end()
        return out

    def _finish_call(self) -> bytes:
        if self._call is None:
            return b""
        begun, said = self._call
        self._call = None
        return self._part(_written_call(Call(begun.id, begun.name, "".join(said), begun.signature)))

    def _part(self, part: dict[str, Any]) -> bytes:
        return self._event({"content": {"role": "model", "parts": [part]}, "index": 0})

    def _end(self) -> bytes:
        finish = NAMES.get(self._ended.finish, "STOP")
        return self._event({"content": {"role": "model", "parts": []}, "finishReason": finish, "index": 0}, self._usage)

    def _event(self, candidate: dict[str, Any], usage: Usage | None = None) -> bytes:
        counted = {} if usage is None else {"usageMetadata": gemini_usage(usage)}
        return b"data: " + encode({"candidates": [candidate], **counted, **self._head}) + b"\n\n"


def write_gemini_answer(reply: Reply) -> bytes:
    """A whole answer as JSON."""
    parts: list[dict[str, Any]] = []
    for part in reply.parts:
        if isinstance(part, Call):
            parts.append(_written_call(part))
        elif part.text:
            parts.append({"text": part.text, **({"thought": True} if isinstance(part, Thinking) else {})})
    content = {"role": "model", "parts": parts}
    return encode(
        {
            "candidates": [{"content": content, "finishReason": NAMES.get(reply.finish, "STOP"), "index": 0}],
            "usageMetadata": gemini_usage(reply.usage or Usage()),
            "modelVersion": reply.model,
            "responseId": reply.id,
        }
    )


def _written_call(call: Call) -> dict[str, Any]:
    signed = {"thoughtSignature": call.signature} if call.signature else {}
    return {"functionCall": {"id": call.id, "name": call.name, "args": Raw(json_object(call.arguments))}, **signed}
