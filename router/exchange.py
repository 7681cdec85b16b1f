"""One client's request and its answer: reads the bounded body, passes the answer on, and ends it honestly.

A stream that was cut ends with an error event, any other cut answer with a closed connection: never with a
clean finish. A client that leaves ends the request upstream at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

from router.upstream import Answer, Call, Upstream
from router.wire import (
    Headers,
    Refusal,
    ends_stream,
    forwarded_headers,
    header,
    request_id,
    returned_headers,
    split_events,
    stamps,
)

# ASGI, as its specification names them (https://asgi.readthedocs.io/en/latest/specs/www.html).
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 16 * 2**20  # a context of a million tokens is about a quarter of it
TOO_LARGE = Refusal(413, "request_too_large", f"the body is over {MAX_BODY_BYTES // 2**20} MiB; shorten the prompt")
BODY_TOO_SLOW = Refusal(408, "request_timeout", "the request's body did not arrive in time")
STOPPING = Refusal(503, "router_stopping", "the router is stopping; ask again", retry_after_s=1)


class Exchange:
    """A request and the answer to it. `status` is what the client was told, 0 until it was told anything."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._headers: Headers = scope["headers"]
        self._receive = receive
        self._send = send
        self._events = False
        self.status = 0
        self.gone = False
        self.failure = ""  # why the answer is not the upstream's, or not whole
        query = scope["query_string"]
        path = scope["raw_path"].decode("latin-1")
        self.call = Call(
            id=request_id(self._headers),
            method=scope["method"],
            path=f"{path}?{query.decode('latin-1')}" if query else path,
            headers=[],
            body=b"",
        )

    async def run(self, upstream: Upstream, timeout_s: float) -> None:
        """Answers the request within the time, whatever happens."""
        watcher: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._read_body()
                if body is None:
                    self.gone = True
                    return
                if isinstance(body, Refusal):
                    await self.refuse(body)
                    return
                self.call.body = body
                self.call.headers = forwarded_headers(self._headers, self.call.id)
                watcher = asyncio.create_task(self._leave_with_client(asyncio.current_task()))
                answer = await upstream.answer(self.call)
                await (self.refuse(answer) if isinstance(answer, Refusal) else self._relay(answer))
        except TimeoutError:
            await self._break_off(_too_late(self.call, timeout_s))
        except asyncio.CancelledError:
            if not self.gone:  # the server's drain time is over
                await self._break_off(STOPPING)
        finally:
            if watcher is not None:
                watcher.cancel()

    async def refuse(self, refusal: Refusal) -> None:
        """Answers with the router's own error."""
        self.failure = refusal.message
        await self._start(refusal.status, refusal.headers())
        await self._body(refusal.body(), more=False)

    async def _read_body(self) -> bytes | Refusal | None:
        """The whole body; None where the client left meanwhile."""
        length = header(self._headers, b"content-length")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            return TOO_LARGE
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message["body"])
            size += len(parts[-1])
            more = message["more_body"]
            if size > MAX_BODY_BYTES:
                return TOO_LARGE
        return b"".join(parts)

    async def _leave_with_client(self, task: "asyncio.Task[Any] | None") -> None:
        """Cancels the request, and with it the upstream's work, when the client is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if task is not None:
            task.cancel()

    async def _relay(self, answer: Answer) -> None:
        response = answer.response
        self._events = answer.events
        try:
            await self._start(response.status, returned_headers(list(response.raw_headers)))
            if answer.whole:
                await self._body(answer.head, more=False)
            elif answer.events:
                await self._relay_events(response, answer.head)
            else:
                await self._relay_bytes(response, answer.head)
        except aiohttp.ClientError:
            await self._break_off(_cut_off(self.call))
        finally:
            if not response.content.at_eof():
                response.close()

    async def _relay_events(self, response: aiohttp.ClientResponse, chunk: bytes) -> None:
        """Passes whole events on as they come; a stream that stops without its last event was cut."""
        unfinished, done = b"", False
        while chunk:
            events, unfinished = split_events(unfinished + chunk)
            if events:
                await self._body(events, more=True)
                done = ends_stream(events)
            chunk = await response.content.readany()
        if done:
            await self._body(b"", more=False)
        elif ends_stream(unfinished):
            await self._body(unfinished + b"\n\n", more=False)
        else:
            await self._break_off(_cut_off(self.call))

    async def _relay_bytes(self, response: aiohttp.ClientResponse, chunk: bytes) -> None:
        while chunk:
            await self._body(chunk, more=True)
            chunk = await response.content.readany()
        await self._body(b"", more=False)

    async def _break_off(self, refusal: Refusal) -> None:
        """Ends the answer as a failed one, in the way that its beginning leaves open."""
        if not self.status:
            await self.refuse(refusal)
        elif self._events:
            self.failure = refusal.message
            await self._body(refusal.event(), more=False)
        else:
            self.failure = refusal.message  # the unfinished answer makes the server close the connection

    async def _start(self, status: int, headers: Headers) -> None:
        self.status = status
        headers += stamps(self.call.id, self.call.target, self.call.attempts)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, content: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": content, "more_body": more})


def _too_late(call: Call, timeout_s: float) -> Refusal:
    if call.target is None:
        return BODY_TOO_SLOW
    why = f" (it {call.failure})" if call.failure else ""
    return Refusal(504, "upstream_timeout", f"{call.where} gave no whole answer within {timeout_s:g} s{why}", 1)


def _cut_off(call: Call) -> Refusal:
    return Refusal(502, "stream_cut", f"the answer of {call.where} was cut off; what came before is not whole")
