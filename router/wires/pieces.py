"""Streams between protocols: what a provider's reader and a door's writer must do, and the stream that joins them."""

from typing import Protocol

import msgspec

from router.kinds import Door, Usage
from router.refusal import Refusal
from router.wires.bodies import error_event
from router.wires.dialects import JSON_TOOL
from router.wires.forms import Finish, Problem
from router.wires.reading import BROKEN
from router.wires.sse import Events, cut, payload_of
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
from router.wires.troubles import malformed, stray


class Failed(Exception):
    """An error that a provider sent in the place of an answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Reader(Protocol):
    """Reads one protocol's events."""

    def read(self, payload: bytes) -> list[Piece]:
        """What one event says. Raises `Failed`, and msgspec's errors for what is not of the protocol."""


class Writer(Protocol):
    """Writes one door's events."""

    def write(self, piece: Piece) -> bytes:
        """The events that say it, each whole."""


class Translated:
    """A stream of one protocol as one of another."""

    __slots__ = (
        "_door", "_events", "_json_tool", "_reader", "_unwrap", "_writer", "content", "done", "finish", "problem",
        "usage",
    )  # fmt: skip

    def __init__(self, door: Door, reader: Reader, writer: Writer, *, json_tool: bool) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._json_tool = json_tool  # the answer may come as the call of a tool that was forced for its form
        self._unwrap = Unwrap()
        self._events = Events()
        self.content = False
        self.done = False
        self.usage: Usage | None = None
        self.finish: Finish = ""
        self.problem: Problem | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes any piece of the upstream's body and gives the client events that are whole by now."""
        whole = self._events.feed(data)
        if not whole:
            return b""
        out: list[bytes] = []
        for event in cut(whole):
            if self.done or self.problem is not None:
                break
            if payload := payload_of(event):
                out += [self._take(piece) for piece in self._pieces(payload)]
        return b"".join(out)

    def _pieces(self, payload: bytes) -> list[Piece]:
        if payload[:6] == b"[DONE]":
            return [Over()]
        try:
            pieces = self._reader.read(payload)
        except Failed as error:
            self.problem = error.problem
        except BROKEN as error:
            self.problem = malformed(f"the provider sent a malformed event: {error}")
        else:
            return [plain for piece in pieces for plain in self._unwrap.plain(piece)] if self._json_tool else pieces
        return []

    def _take(self, piece: Piece) -> bytes:
        if isinstance(piece, Said):
            self.content = self.content or piece.text != ""
        elif isinstance(piece, Counted):
            self.usage = piece.usage
        elif isinstance(piece, Ended):
            self.finish = piece.finish
            self.content = True
        elif isinstance(piece, Over):
            self.done = True
        elif not isinstance(piece, Began):
            self.content = True
        try:
            return self._writer.write(piece)
        except Failed as error:
            self.problem = error.problem
            return b""

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
        return out + self._take(Over())

    def cut(self, refusal: Refusal | Problem) -> bytes:
        """An error event, which the SDKs raise."""
        self.done = False
        return error_event(self._door, refusal)


class Unwrap:
    """Takes the call of the tool that was forced for JSON as the text that the client asked for."""

    __slots__ = ("_inside",)

    def __init__(self) -> None:
        self._inside = False

    def plain(self, piece: Piece) -> list[Piece]:
        if isinstance(piece, CallBegan):
            self._inside = piece.name == JSON_TOOL
            return [] if self._inside else [piece]
        if isinstance(piece, CallSaid) and self._inside:
            return [Said(piece.arguments)]
        if isinstance(piece, Ended) and piece.finish == "tool_calls" and self._inside:
            return [Ended("stop")]
        return [piece]

    @staticmethod
    def whole(reply: Reply) -> Reply:
        """The same with a whole answer."""
        parts = [
            Text(part.arguments) if isinstance(part, Call) and part.name == JSON_TOOL else part for part in reply.parts
        ]
        if parts == list(reply.parts):
            return reply
        return msgspec.structs.replace(reply, parts=tuple(parts), finish="stop")


def reply_of(pieces: list[Piece]) -> Reply:
    """A whole answer of the pieces of a stream."""
    began, finish, stop_sequence, usage = Began("", ""), Ended(""), "", None
    parts: list[Text | Thinking | Call] = []
    for piece in pieces:
        if isinstance(piece, Began):
            began = piece
        elif isinstance(piece, Ended):
            finish, stop_sequence = piece, piece.stop_sequence
        elif isinstance(piece, Counted):
            usage = piece.usage
        elif not isinstance(piece, Over):
            _grow(parts, piece)
    return Reply(began.id, began.model, tuple(parts), finish.finish, stop_sequence, usage)


def _grow(parts: list[Text | Thinking | Call], piece: Said | Thought | CallBegan | CallSaid) -> None:
    last = parts[-1] if parts else None
    if isinstance(piece, Said):
        parts[-1:] = [Text(last.text + piece.text)] if isinstance(last, Text) else [*parts[-1:], Text(piece.text)]
    elif isinstance(piece, CallBegan):
        parts.append(Call(piece.id, piece.name, "", piece.signature))
    elif isinstance(piece, CallSaid):
        at = [index for index, part in enumerate(parts) if isinstance(part, Call)][piece.index]
        call = parts[at]
        assert isinstance(call, Call)
        parts[at] = Call(call.id, call.name, call.arguments + piece.arguments, call.signature)
    elif piece.hidden:
        parts.append(Thinking("", hidden=piece.hidden))
    elif isinstance(last, Thinking) and not last.signature and not last.hidden:
        parts[-1] = Thinking(last.text + piece.text, piece.signature)
    else:
        parts.append(Thinking(piece.text, piece.signature))
