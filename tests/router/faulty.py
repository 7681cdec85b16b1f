"""Answers in each provider's own format, whole or in parts, and the many ways in which a provider can break them."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hone.files import write_atomic
from tests.router.conftest import ROUTED, Behaviour, FakeModel, Request, RunningRouter, chunked

POLL_S = 0.01
WIRES = ("openai", "anthropic", "gemini")
VERSIONS = {"openai": "v1", "anthropic": "v1", "gemini": "v1beta"}
Play = Callable[[FakeModel, asyncio.StreamWriter, Request], Awaitable[None]]
Step = bytes | Play


@dataclass(frozen=True)
class Parts:
    """One streamed answer, `Hello`, of 9 tokens in and 3 out."""

    opening: bytes  # no content yet
    content: tuple[bytes, ...]
    finish: bytes  # why it ended
    usage: bytes
    end: bytes  # the formal end

    @property
    def whole(self) -> bytes:
        return self.opening + b"".join(self.content) + self.finish + self.usage + self.end


def event(content: Any) -> bytes:
    name = f"event: {content['type']}\n" if isinstance(content, dict) and "type" in content else ""
    return f"{name}data: {content if isinstance(content, str) else json.dumps(content)}\n\n".encode()


USAGE: dict[str, Any] = {
    "openai": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    "anthropic": {"input_tokens": 9, "output_tokens": 3},
    "gemini": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
}


def stream_parts(wire: str, usage: Any = None) -> Parts:
    """`usage` in the provider's own form; None: the right one; False: none at all."""
    told = USAGE[wire] if usage is None else usage
    if wire == "openai":
        return _openai_parts(told)
    return _anthropic_parts(told) if wire == "anthropic" else _gemini_parts(told)


def _openai_parts(usage: Any) -> Parts:
    def chunk(delta: Any, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    last = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return Parts(
        chunk({"role": "assistant", "content": ""}),
        (chunk({"content": "Hel"}), chunk({"content": "lo"})),
        chunk({}, "stop"),
        event(last) if usage is not False else b"",
        event("[DONE]"),
    )


def _anthropic_parts(usage: Any) -> Parts:
    told = {} if usage is False else {"usage": usage}
    message = {
        "id": "c", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, **told,
    }  # fmt: skip

    def delta(text: str) -> bytes:
        return event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return Parts(
        event({"type": "message_start", "message": message})
        + event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        (delta("Hel"), delta("lo")),
        event({"type": "content_block_stop", "index": 0}) + event({"type": "message_delta", "delta": stop, **told}),
        b"",
        event({"type": "message_stop"}),
    )


def _gemini_parts(usage: Any) -> Parts:
    def chunk(text: str, **more: Any) -> bytes:
        content = {"role": "model", "parts": [{"text": text}]}
        finish = {"finishReason": more.pop("finish")} if "finish" in more else {}
        return event({"candidates": [{"content": content, "index": 0, **finish}], "modelVersion": "m", **more})

    told = {} if usage is False else {"usageMetadata": usage}
    return Parts(
        event({"candidates": [{"content": {"role": "model", "parts": []}, "index": 0}], "modelVersion": "m"}),
        (chunk("Hel"), chunk("lo")),
        chunk("", finish="STOP", **told),
        b"",
        b"",
    )


def whole_answer(wire: str, text: str = "Hello", usage: Any = None) -> dict[str, Any]:
    """An answer in one piece."""
    told = USAGE[wire] if usage is None else usage
    if wire == "openai":
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return answer if told is False else {**answer, "usage": told}
    if wire == "anthropic":
        answer = {
            "id": "c", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": text}],
        }  # fmt: skip
        return answer if told is False else {**answer, "usage": told}
    content = {"role": "model", "parts": [{"text": text}]}
    answer = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "modelVersion": "m"}
    return answer if told is False else {**answer, "usageMetadata": told}


def error_of(wire: str, status: int, message: str = "no") -> dict[str, Any]:
    """An error in the provider's own form."""
    kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
    if wire == "openai":
        return {"error": {"message": message, "type": kinds.get(status, "server_error"), "param": None, "code": None}}
    if wire == "anthropic":
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}
    names = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}
    return {"error": {"code": status, "message": message, "status": names.get(status, "INTERNAL")}}


def streams(request: Request) -> bool:
    return request.streams or ":streamGenerateContent" in request.path


def good(wire: str) -> Behaviour:
    """What a healthy provider does."""

    async def behave(fake: FakeModel, request: Request, writer: asyncio.StreamWriter) -> None:
        if streams(request):
            writer.write(fake.stream_head() + chunked(stream_parts(wire).whole) + b"0\r\n\r\n")
        else:
            writer.write(fake.response(whole_answer(wire)))

    return behave


def raw(head: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def says(status: str, body: Any, extra: str = "") -> Behaviour:
    """Always the same answer."""

    async def behave(fake: FakeModel, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(fake.response(body, status, extra))

    return behave


def sends(*steps: Step) -> Behaviour:
    """Writes the bytes as they are; a step may also cut or stall."""

    async def behave(fake: FakeModel, request: Request, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await step(fake, writer, request)

    return behave


def plays(*steps: Step) -> Behaviour:
    """A stream of these pieces and its end, unless a step ends it before."""
    return sends(HEAD, *(chunked(step) if isinstance(step, bytes) else step for step in steps if step), b"0\r\n\r\n")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def seen(fake: FakeModel, writer: asyncio.StreamWriter, request: Request) -> None:
    """Waits until the client has what was sent so far; the test says when."""
    await asyncio.to_thread(fake.proceed.wait, 20)


async def reset(fake: FakeModel, writer: asyncio.StreamWriter, request: Request) -> None:
    """A connection that breaks."""
    writer.transport.abort()
    raise ConnectionResetError


async def close(fake: FakeModel, writer: asyncio.StreamWriter, request: Request) -> None:
    """What was written still arrives; then the connection is over."""
    await writer.drain()
    writer.transport.close()
    raise ConnectionResetError


async def stall(fake: FakeModel, writer: asyncio.StreamWriter, request: Request) -> None:
    """Says nothing until the router has left."""
    while not request.abandoned:
        await asyncio.sleep(POLL_S)
    raise ConnectionResetError


def byte_by_byte(content: bytes) -> Behaviour:
    """Each in a packet of its own, as far as the kernel lets it."""

    async def behave(fake: FakeModel, request: Request, writer: asyncio.StreamWriter) -> None:
        for at in range(len(content)):
            writer.write(content[at : at + 1])
            await asyncio.sleep(0)

    return behave


def zipped(content: bytes, kind: str) -> bytes:
    return raw(f"200 OK\r\nContent-Type: {kind}\r\nContent-Encoding: gzip", gzip.compress(content))


def start(
    root: Path,
    providers: dict[str, Any],
    models: dict[str, Any],
    *,
    route: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    **options: Any,
) -> RunningRouter:
    """A router with these providers and models; every route is `route`, or none worth the name. `catalog`: what else
    stands in the catalog."""
    configs = root / "configs"
    configs.mkdir()
    written = {
        "providers.yaml": {"providers": providers},
        "catalog.yaml": {"sources": {"ours": "made up"}, "models": models, **(catalog or {})},
        "routes.yaml": {"routes": dict.fromkeys(ROUTED, route or {"models": []})},
    }
    for name, content in written.items():
        write_atomic(configs / name, json.dumps(content).encode())
    return RunningRouter(root, **options)
