"""Requests, hops and streams for the wires' tests."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from router.kinds import Asked, Door, Hop, Wire
from router.wires import Stream, read_request

URLS: dict[Wire, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
}
MODELS: dict[Wire, str] = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro"}


def hop(wire: Wire, model: str = "", provider: str = "", **fields: Any) -> Hop:
    named = {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}[wire]
    upstream = model or MODELS[wire]
    return Hop(provider or named, upstream, upstream, wire, URLS[wire], **fields)


def ask(door: Door, **fields: Any) -> Asked:
    if door in {"chat", "messages", "count_tokens"}:
        fields.setdefault("messages", [{"role": "user", "content": "hi"}])
    if door == "messages":
        fields.setdefault("max_tokens", 100)
    if door == "generate":
        fields.setdefault("contents", [{"role": "user", "parts": [{"text": "hi"}]}])
        stream = fields.pop("stream", False)
        return read_request(door, json.dumps(fields, ensure_ascii=False).encode(), model="some-model", stream=stream)
    fields.setdefault("model", "some-model")
    return read_request(door, json.dumps(fields, ensure_ascii=False).encode())


def sse(*events: Any, named: bool = False) -> bytes:
    """Events as a provider sends them; `named` as Anthropic does."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        lines.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)}\n\n")
    return "".join(lines).encode()


def payloads(events: bytes) -> list[Any]:
    """What a client reads out of events."""
    data = [line.removeprefix("data: ") for line in events.decode().split("\n") if line.startswith("data: ")]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The whole, every cut in two, and one byte at a time."""
    yield [data]
    yield from ([data[:at], data[at:]] for at in range(1, len(data)))
    yield [data[at : at + 1] for at in range(len(data))]


def run(stream: Stream, pieces: list[bytes]) -> bytes:
    return b"".join(stream.feed(piece) for piece in pieces) + stream.close()


@pytest.fixture
def at_every_boundary() -> Callable[[Callable[[], Stream], bytes], tuple[Stream, bytes]]:
    """Feeds a body in every way it can be cut; all must come to the same. Gives the stream and what came out."""

    def feed(opened: Callable[[], Stream], body: bytes) -> tuple[Stream, bytes]:
        whole: tuple[Stream, bytes] | None = None
        for pieces in splits(body):
            stream = opened()
            out = run(stream, pieces)
            whole = whole or (stream, out)
            assert out == whole[1]
            assert (stream.done, stream.usage, stream.finish, stream.problem) == (
                whole[0].done, whole[0].usage, whole[0].finish, whole[0].problem,
            )  # fmt: skip
        assert whole is not None
        return whole

    return feed
