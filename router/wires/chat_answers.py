"""OpenAI's chat answers, whole and streamed: read from a provider, and written for a client."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Usage
from router.wires.bodies import encode
from router.wires.forms import Finish
from router.wires.pieces import Failed
from router.wires.reading import given
from router.wires.same import FINISHES
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
    Text,
    Thinking,
    Thought,
)
from router.wires.troubles import in_band, malformed
from router.wires.usage import OpenAIUsage, openai_usage

NAMES: dict[Finish, str] = {"length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}
DONE = b"data: [DONE]\n\n"

# From a provider


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True):
    function: _Function = _Function()
    id: str | None = None
    index: int | None = None


class _Message(msgspec.Struct, frozen=True):
    """A message, or a part of one."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    """A whole answer, or one chunk of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None
    error: Raw = Raw()


_decode = msgspec.json.Decoder(_Answer).decode


class ChatReader:
    """Reads a whole answer or a stream's chunks as pieces."""

    __slots__ = ("_began", "_ids", "_refused")

    def __init__(self) -> None:
        self._began = False
        self._ids: list[tuple[int, str]] = []  # of each call: the provider's index, and the id
        self._refused = False

    def read(self, payload: bytes) -> list[Piece]:
        answer = _decode(payload)
        if given(answer.error):
            raise Failed(in_band(answer.error))
        pieces: list[Piece] = []
        if not self._began:
            self._began = True
            pieces.append(Began(answer.id or "", answer.model or ""))
        for choice in (answer.choices or ())[:1]:
            if said := choice.message or choice.delta:
                self._message(said, pieces)
            if choice.finish_reason:
                pieces.append(Ended(self._finish(choice.finish_reason)))
        if answer.usage is not None and (usage := answer.usage.read()) is not None:
            pieces.append(Counted(usage))
        return pieces

    def _finish(self, reason: str) -> Finish:
        """Some servers say `stop` after calls, and OpenAI after a refusal."""
        finish = FINISHES.get(reason, "stop")
        if finish == "stop" and self._ids:
            return "tool_calls"
        return "content_filter" if finish == "stop" and self._refused else finish

    def _message(self, said: _Message, pieces: list[Piece]) -> None:
        if thought := said.reasoning_content or said.reasoning:
            pieces.append(Thought(thought))
        if said.content:
            pieces.append(Said(said.content))
        if said.refusal:
            self._refused = True
            pieces.append(Said(said.refusal))
        for at, call in enumerate(said.tool_calls or ()):
            self._call(call, at if call.index is None else call.index, pieces)
        if said.function_call is not None:
            self._call(_Call(said.function_call), 0, pieces)

    def _call(self, call: _Call, at: int, pieces: list[Piece]) -> None:
        """A new call has a new index, or a new id at an old one."""
        known = next((n for n in reversed(range(len(self._ids))) if self._ids[n][0] == at), None)
        if known is None or (call.id and call.function.name and call.id != self._ids[known][1]):
            if not call.function.name:
                raise Failed(malformed("the provider sent a tool call without a name"))
            known = len(self._ids)
            self._ids.append((at, call.id or ""))
            pieces.append(CallBegan(known, call.id or f"call_{known}", call.function.name))
        if call.function.arguments:
            pieces.append(CallSaid(known, call.function.arguments))


# To a client


def write_chat_answer(reply: Reply, now: int) -> bytes:
    """A chat completion as JSON; `now` in epoch seconds."""
    texts = [part.text for part in reply.parts if isinstance(part, Text)]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    thinking = [part for part in reply.parts if isinstance(part, Thinking)]
    if shown := "".join(part.text for part in thinking):
        message["reasoning_content"] = shown
    if signed := [_thinking(part) for part in thinking if part.signature or part.hidden]:
        message["thinking_blocks"] = signed
    if calls := [part for part in reply.parts if isinstance(part, Call)]:
        message["tool_calls"] = [_call(call) for call in calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": NAMES.get(reply.finish, "stop")}
    return encode(
        {
            "id": reply.id,
            "object": "chat.completion",
            "created": now,
            "model": reply.model,
            "choices": [choice],
            "usage": openai_usage(reply.usage or Usage()),
        }
    )


def _thinking(part: Thinking) -> dict[str, str]:
    if part.hidden:
        return {"type": "redacted_thinking", "data": part.hidden}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _call(call: Call) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    return {**written, **_signed(call.signature)}


def _signed(signature: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def write_text_answer(reply: Reply, now: int) -> bytes:
    """A text completion as JSON."""
    finish = "length" if reply.finish == "length" else "content_filter" if reply.finish == "content_filter" else "stop"
    text = "".join(part.text for part in reply.parts if isinstance(part, Text))
    return encode(
        {
            "id": reply.id,
            "object": "text_completion",
            "created": now,
            "model": reply.model,
            "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}],
            "usage": openai_usage(reply.usage or Usage()),
        }
    )


class ChatWriter:
    """Writes pieces as chat completion chunks."""

    __slots__ = ("_head", "_now", "_thought", "_usage", "_wants_usage", "_write")

    def __init__(self, now: int, *, wants_usage: bool) -> None:
        self._now = now
        self._wants_usage = wants_usage
        self._usage: Usage | None = None
        self._thought: list[str] = []
        self._write: dict[type, Callable[[Any], bytes]] = {
            Began: self._begin,
            Said: lambda piece: self._delta({"content": piece.text}),
            Thought: self._think,
            CallBegan: self._begin_call,
            CallSaid: lambda piece: self._arguments(piece.index, {"function": {"arguments": piece.arguments}}),
            Counted: self._count,
            Ended: lambda piece: (
                self._head + b"{}" + b',"finish_reason":' + encode(NAMES.get(piece.finish, "stop")) + b"}]}\n\n"
            ),
            Over: self._end,
        }

    def write(self, piece: Piece) -> bytes:
        return self._write[type(piece)](piece)

    def _begin(self, piece: Began) -> bytes:
        head = {"id": piece.id, "object": "chat.completion.chunk", "created": self._now, "model": piece.model}
        self._head = b"data: " + encode(head)[:-1] + b',"choices":[{"index":0,"delta":'
        return self._delta({"role": "assistant", "content": ""})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._head + encode(delta) + b',"finish_reason":null}]}\n\n'

    def _think(self, piece: Thought) -> bytes:
        """The text as it comes; a whole block again with its signature, as only together they can go back."""
        delta: dict[str, Any] = {}
        if piece.text:
            self._thought.append(piece.text)
            delta["reasoning_content"] = piece.text
        if piece.signature or piece.hidden:
            delta["thinking_blocks"] = [_thinking(Thinking("".join(self._thought), piece.signature, piece.hidden))]
            self._thought.clear()
        return self._delta(delta)

    def _begin_call(self, piece: CallBegan) -> bytes:
        function = {"name": piece.name, "arguments": ""}
        called = {"id": piece.id, "type": "function", "function": function, **_signed(piece.signature)}
        return self._arguments(piece.index, called)

    def _arguments(self, index: int, call: dict[str, Any]) -> bytes:
        return self._delta({"tool_calls": [{"index": index, **call}]})

    def _count(self, piece: Counted) -> bytes:
        self._usage = piece.usage
        return b""

    def _end(self, _: Over) -> bytes:
        if self._usage is None or not self._wants_usage:
            return DONE
        head = self._head.rpartition(b"[")[0]
        return head + b'[],"usage":' + encode(openai_usage(self._usage)) + b"}\n\n" + DONE


class TextWriter:
    """Writes pieces as chunks of a text completion; thinking and calls have no place there."""

    __slots__ = ("_head", "_now", "_usage", "_wants_usage")

    def __init__(self, now: int, *, wants_usage: bool) -> None:
        self._now = now
        self._wants_usage = wants_usage
        self._usage: Usage | None = None

    def write(self, piece: Piece) -> bytes:
        if isinstance(piece, Began):
            head = {"id": piece.id, "object": "text_completion", "created": self._now, "model": piece.model}
            self._head = b"data: " + encode(head)[:-1] + b',"choices":['
        elif isinstance(piece, Said):
            return self._chunk({"index": 0, "text": piece.text, "logprobs": None, "finish_reason": None})
        elif isinstance(piece, Ended):
            reason = piece.finish if piece.finish in {"length", "content_filter"} else "stop"
            return self._chunk({"index": 0, "text": "", "logprobs": None, "finish_reason": reason})
        elif isinstance(piece, Counted):
            self._usage = piece.usage
        elif isinstance(piece, Over):
            counted = b""
            if self._usage is not None and self._wants_usage:
                counted = self._head + b'],"usage":' + encode(openai_usage(self._usage)) + b"}\n\n"
            return counted + DONE
        return b""

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return self._head + encode(choice) + b"]}\n\n"
