"""One HTTP request and its answer over ASGI (asgi.readthedocs.io, HTTP connection scope). Knows nothing of models."""

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from serving.protocol import ApiError

T = TypeVar("T")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

JSON = "application/json"
CLOSE = (b"connection", b"close")
REQUEST_ID = re.compile(r"[!-~]{1,128}")
CLIENT_GONE = 499  # nginx's number for it; never sent


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


class Exchange:
    """Reads the request; sends one whole answer, or a stream of events."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.arrived = time.perf_counter()
        self.status = 0  # of the answer, once it has begun
        self._request = {name.lower(): value for name, value in scope["headers"]}
        given = self._request.get(b"x-request-id", b"").decode("latin-1")
        self.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self._headers = [*headers, (b"x-request-id", self.request_id.encode())]
        self._receive = receive
        self._send = send

    @property
    def age_s(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.arrived

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `ApiError` 413 above `limit` bytes, without reading on."""
        declared = self._request.get(b"content-length", b"")
        whole, more = bytearray(), True
        while more:
            if len(whole) > limit or (declared.isdigit() and int(declared) > limit):
                raise ApiError(413, f"the request is larger than {limit} bytes; send less", headers=(CLOSE,))
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            whole += message.get("body", b"")
            more = message.get("more_body", False)
        if len(whole) > limit:
            raise ApiError(413, f"the request is larger than {limit} bytes; send less", headers=(CLOSE,))
        return bytes(whole)

    async def answer(
        self, body: bytes, *, status: int = 200, kind: str = JSON, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """Sends a whole answer."""
        length = (b"content-length", str(len(body)).encode())
        await self._start(status, kind, (length, *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, error: ApiError) -> None:
        """Sends an error: as the answer, or as a last event where a stream has begun."""
        if self.status:
            await self.event(error.body())
            await self.end_events(b"")
        else:
            await self.answer(error.body(), status=error.status, headers=error.headers)

    async def start_events(self) -> None:
        """Begins a stream of server-sent events."""
        await self._start(200, "text/event-stream; charset=utf-8", ((b"cache-control", b"no-cache"),))

    async def event(self, data: bytes) -> None:
        """Sends one event."""
        await self._send({"type": "http.response.body", "body": b"data: %b\n\n" % data, "more_body": True})

    async def end_events(self, last: bytes = b"data: [DONE]\n\n") -> None:
        """Ends the stream, by default with the mark that OpenAI's clients wait for."""
        await self._send({"type": "http.response.body", "body": last})

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits `work`, and cancels it as soon as the client is gone (`ClientGone`)."""
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            return task.result()
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, kind: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.status = status
        every = [(b"content-type", kind.encode()), *self._headers, *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": every})
