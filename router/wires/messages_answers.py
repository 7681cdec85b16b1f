"""Anthropic's answers, whole and streamed: read from Anthropic, and written for a client."""

from typing import Any

import msgspec
from msgspec import Raw

from router.kinds import Usage
from router.wires.bodies import encode
from router.wires.forms import Finish
from router.wires.pieces import Failed
from router.wires.reading import given
from router.wires.same import STOP_REASONS
from router.wires.strict import json_object
from router.wires.talk import (
    GEMINI_SIGNATURE,
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
from router.wires.usage import AnthropicUsage, anthropic_usage

NAMES: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}

# From Anthropic


class _Block(msgspec.Struct, frozen=True):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: Raw = Raw()


class _Message(msgspec.Struct, frozen=True):
    """A whole answer, or how a stream of one begins."""

    type: str = ""
    id: str = ""
    model: str = ""
    content: list[_Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: AnthropicUsage | None = None
    error: Raw = Raw()


class _Delta(msgspec.Struct, frozen=True):
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: AnthropicUsage | None = None
    error: Raw = Raw()


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_event = msgspec.json.Decoder(_Event).decode


def read_messages_answer(body: bytes) -> Reply:
    """A whole answer. Raises `Failed`, and msgspec's errors for what is not one."""
    message = _decode_message(body)
    if given(message.error):
        raise Failed(in_band(message.error))
    if message.content is None:
        raise Failed(malformed("the provider's answer holds no content"))
    parts: list[Text | Thinking | Call] = []
    for block in message.content:
        if block.type == "text":
            parts.append(Text(block.text))
        elif block.type == "thinking":
            parts.append(Thinking(block.thinking, block.signature))
        elif block.type == "redacted_thinking":
            parts.append(Thinking("", hidden=block.data))
        elif block.type == "tool_use":
            parts.append(Call(block.id, block.name, bytes(block.input).decode() or "{}"))
    return Reply(
        message.id,
        message.model,
        tuple(parts),
        STOP_REASONS.get(message.stop_reason or "", "stop"),
        message.stop_sequence or "",
        message.usage.read() if message.usage else None,
    )


class MessagesReader:
    """Reads a stream's events as pieces."""

    __slots__ = ("_calls", "_spoke", "_usage")

    def __init__(self) -> None:
        self._calls = 0
        self._spoke = True  # the open call has said some of its arguments
        self._usage: AnthropicUsage | None = None

    def read(self, payload: bytes) -> list[Piece]:
        event = _decode_event(payload)
        match event.type:
            case "content_block_delta" if event.delta is not None:
                return self._delta(event.delta)
            case "content_block_start" if event.content_block is not None:
                return self._start(event.content_block)
            case "content_block_stop" if not self._spoke:
                self._spoke = True
                return [CallSaid(self._calls - 1, "{}")]
            case "message_start" if event.message is not None:
                self._usage = event.message.usage
                return [Began(event.message.id, event.message.model)]
            case "message_delta" if event.delta is not None:
                return self._end(event.delta, event.usage)
            case "message_stop":
                return [Over()]
            case "error":
                raise Failed(in_band(event.error))
        return []

    def _start(self, block: _Block) -> list[Piece]:
        match block.type:
            case "tool_use":
                self._calls += 1
                self._spoke = given(block.input) and block.input != Raw(b"{}")
                said = [CallSaid(self._calls - 1, bytes(block.input).decode())] if self._spoke else []
                return [CallBegan(self._calls - 1, block.id, block.name), *said]
            case "redacted_thinking":
                return [Thought(hidden=block.data)]
            case "text" if block.text:
                return [Said(block.text)]
            case "thinking" if block.thinking:
                return [Thought(block.thinking)]
        return []

    def _delta(self, delta: _Delta) -> list[Piece]:
        if delta.text:
            return [Said(delta.text)]
        if delta.partial_json:
            self._spoke = True
            return [CallSaid(self._calls - 1, delta.partial_json)]
        if delta.thinking or delta.signature:
            return [Thought(delta.thinking, delta.signature)]
        return []

    def _end(self, delta: _Delta, usage: AnthropicUsage | None) -> list[Piece]:
        pieces: list[Piece] = []
        if delta.stop_reason:
            pieces.append(Ended(STOP_REASONS.get(delta.stop_reason, "stop"), delta.stop_sequence or ""))
        if usage is not None:
            self._usage = usage.after(self._usage)
            if (counted := self._usage.read()) is not None:
                pieces.append(Counted(counted))
        return pieces


# To a client


def write_messages_answer(reply: Reply) -> bytes:
    """A message as JSON."""
    stopped = "stop_sequence" if reply.stop_sequence else NAMES.get(reply.finish, "end_turn")
    return encode(
        {
            "id": reply.id,
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": [block for part in reply.parts for block in _blocks(part)],
            "stop_reason": stopped,
            "stop_sequence": reply.stop_sequence or None,
            "usage": anthropic_usage(reply.usage or Usage()),
        }
    )


def _blocks(part: Text | Thinking | Call) -> list[dict[str, Any]]:
    if isinstance(part, Text):
        return [{"type": "text", "text": part.text}] if part.text else []
    if isinstance(part, Thinking):
        if part.hidden:
            return [{"type": "redacted_thinking", "data": part.hidden}]
        return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]
    call = {"type": "tool_use", "id": part.id, "name": part.name, "input": Raw(json_object(part.arguments))}
    return [*_carried(part.signature), call]


def _carried(signature: str) -> list[dict[str, Any]]:
    """Gemini's signature of a call, in the one place where Anthropic's clients give it back."""
    if not signature:
        return []
    return [{"type": "thinking", "thinking": "", "signature": GEMINI_SIGNATURE + signature}]


class MessagesWriter:
    """Writes pieces as Anthropic's events. One block is open at a time."""

    __slots__ = ("_at", "_call", "_ended", "_kind", "_usage")

    def __init__(self) -> None:
        self._at = -1  # index of the open block, or of the last one
        self._kind = ""  # of the open block
        self._call = -1  # which call is open
        self._usage = Usage()
        self._ended = Ended("stop")

    def write(self, piece: Piece) -> bytes:
        match piece:
            case Said():
                return self._open("text", {"type": "text", "text": ""}) + self._delta("text_delta", "text", piece.text)
            case Thought():
                return self._think(piece)
            case CallBegan():
                return self._begin_call(piece)
            case CallSaid():
                if self._call != piece.index:
                    raise Failed(malformed("the provider mixed the arguments of two tool calls"))
                return self._delta("input_json_delta", "partial_json", piece.arguments)
            case Began():
                return self._begin(piece)
            case Counted():
                self._usage = piece.usage
            case Ended():
                self._ended = piece
            case Over():
                return self._end()
        return b""

    def _begin(self, piece: Began) -> bytes:
        message: dict[str, Any] = {
            "id": piece.id,
            "type": "message",
            "role": "assistant",
            "model": piece.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": anthropic_usage(self._usage),
        }
        return _event("message_start", {"message": message})

    def _open(self, kind: str, block: dict[str, Any], *, anew: bool = False) -> bytes:
        if self._kind == kind and not anew:
            return b""
        closed = self._close()
        self._at += 1
        self._kind = kind
        return closed + _event("content_block_start", {"index": self._at, "content_block": block})

    def _close(self) -> bytes:
        if not self._kind:
            return b""
        self._kind, self._call = "", -1
        return _event("content_block_stop", {"index": self._at})

    def _delta(self, kind: str, field: str, text: str) -> bytes:
        return _event("content_block_delta", {"index": self._at, "delta": {"type": kind, field: text}})

    def _think(self, piece: Thought) -> bytes:
        if piece.hidden:
            return self._open("hidden", {"type": "redacted_thinking", "data": piece.hidden}, anew=True) + self._close()
        out = self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        if piece.text:
            out += self._delta("thinking_delta", "thinking", piece.text)
        if piece.signature:
            out += self._delta("signature_delta", "signature", piece.signature) + self._close()
        return out

    def _begin_call(self, piece: CallBegan) -> bytes:
        out = b""
        if piece.signature:
            out = self._think(Thought("", GEMINI_SIGNATURE + piece.signature))
        block = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
        out += self._open("call", block, anew=True)
        self._call = piece.index
        return out

    def _end(self) -> bytes:
        stopped = "stop_sequence" if self._ended.stop_sequence else NAMES.get(self._ended.finish, "end_turn")
        delta = {"stop_reason": stopped, "stop_sequence": self._ended.stop_sequence or None}
        usage = anthropic_usage(self._usage)
        return self._close() + _event("message_delta", {"delta": delta, "usage": usage}) + _event("message_stop", {})


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + encode({"type": kind, **fields}) + b"\n\n"
