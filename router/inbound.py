"""A client's connection: uvicorn's, with bounds on what a client may send and how slowly, word when it leaves, and
answers written at once.

An application finds the channel of its request under `scope["extensions"]["hone"]`. It answers through that and not
through ASGI's `send`: head and body in one write, headers checked where they are made (docs/decisions/0006).
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64 * 2**10
HEAD_TIMEOUT_S = 20.0  # from a connection's, or a request's, first moment to the end of its headers
LINGER_S = 2.0  # for a client to read its answer while it still sends
TOO_LARGE_BODY = (
    b'{"error":{"message":"the headers are over 64 KiB; send less","type":"invalid_request_error","param":null,'
    b'"code":"headers_too_large"}}'
)
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(TOO_LARGE_BODY), TOO_LARGE_BODY)
)
STATUS_LINES = {
    status: b"HTTP/1.1 %d %s\r\n" % (status, (HTTPStatus(status).phrase if status in set(HTTPStatus) else "").encode())
    for status in range(200, 600)
}


class ClientConnection(HttpToolsProtocol):
    """One client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_gone: Callable[[], None] | None = None
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_head_timer()
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            on_gone()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes and not self.transport.is_closing():
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            elif self._head_timer is None:  # the first bytes of a further request
                self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._too_slow)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._unset_head_timer()
        self.scope["extensions"] = extensions = {}
        super().on_headers_complete()
        extensions["hone"] = Channel(self, self.cycle)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._head_bytes = 0

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head and not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _unset_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Channel:
    """One request of a connection and its answer."""

    __slots__ = ("_chunked", "_connection", "_cycle")

    def __init__(self, connection: ClientConnection, cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle
        self._chunked = True

    def whole_body(self) -> bytes | None:
        """The request's body if it is all here."""
        return None if self._cycle.more_body else bytes(self._cycle.body)

    @property
    def clogged(self) -> bool:
        """Whether the client does not take what is sent to it."""
        return self._connection.flow.write_paused

    def call_when_gone(self, on_gone: Callable[[], None] | None) -> None:
        """Who hears of it when the client leaves; None: nobody any more."""
        self._connection.on_gone = on_gone

    def abort(self) -> None:
        """Ends the connection at once; what waits to be sent is dropped."""
        self._cycle.response_started = True
        self._connection.transport.abort()

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer. `headers` are lines without the length."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        content = b"" if cycle.scope["method"] == "HEAD" else body
        head = b"%s%scontent-length: %d\r\n\r\n%s" % (self._begin(status), headers, len(body), content)
        self._connection.transport.write(head)
        self._end()

    def start(self, headers: bytes) -> None:
        """The head of a stream."""
        self._chunked = self._cycle.scope["http_version"] != "1.0"
        framing = b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n"
        head = self._begin(200) + headers + framing
        if not self._cycle.disconnected:
            self._connection.transport.write(head)

    async def send(self, content: bytes) -> None:
        """A part of a stream. Waits as long as the client does not take what was sent before."""
        connection = self._connection
        if connection.flow.write_paused:
            await connection.flow.drain()
        if not self._cycle.disconnected:
            connection.transport.write(b"%x\r\n%s\r\n" % (len(content), content) if self._chunked else content)

    async def end(self, content: bytes) -> None:
        """The last part of a stream."""
        connection = self._connection
        if connection.flow.write_paused:
            await connection.flow.drain()
        if self._cycle.disconnected:
            return
        if self._chunked:
            last = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content) if content else b"0\r\n\r\n"
            connection.transport.write(last)
        elif content:
            connection.transport.write(content)
        self._end()

    def _begin(self, status: int) -> bytes:
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        if cycle.more_body:  # answered before all of it came: nobody reads the rest
            cycle.keep_alive = False
        date = self._connection.server_state.default_headers
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        if not date:
            return STATUS_LINES[status] + close
        return b"%s%sdate: %s\r\n" % (STATUS_LINES[status], close, date[0][1])

    def _end(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if cycle.more_body:  # closed with unread bytes, a connection is reset, and the client may never see its answer
            self._connection.loop.call_later(LINGER_S, self._connection.transport.close)
        elif not cycle.keep_alive:
            self._connection.transport.close()
        cycle.on_response()
