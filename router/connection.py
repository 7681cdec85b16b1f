"""One HTTP/1.1 connection to an upstream, as an asyncio protocol over httptools. Carries one request at a time.

Knows nothing of retries, providers or wire formats. Why not aiohttp's client: docs/decisions/0006.
"""

import asyncio
import zlib
from typing import Protocol, cast

import httptools

HeaderList = list[tuple[bytes, bytes]]

MAX_ANSWER_BYTES = 64 * 2**20  # the embeddings of 2,048 inputs take about half of it
HIGH_WATER_BYTES = 256 * 2**10  # of a stream that the client does not take: the upstream is then paused
MAX_HEAD_BYTES = 64 * 2**10
LAST_BYTES_S = 0.5  # for the end of a body whose last event has come


class UpstreamError(Exception):
    """An answer that did not come whole. `began`: at least its status line has been read."""

    def __init__(self, reason: str, *, began: bool = False, reset: bool = False, garbled: bool = False) -> None:
        super().__init__(reason)
        self.garbled = garbled  # what came is not HTTP, or not what was asked for
        self.reason = reason
        self.began = began
        self.reset = reset  # the other end took the request and closed instead of answering


class Owner(Protocol):
    """Where a connection goes when its answer is whole, or it is lost."""

    def free(self, connection: "Connection") -> None:
        """It may carry another request."""

    def lost(self, connection: "Connection") -> None:
        """It is gone."""


class Connection(asyncio.Protocol):
    """A connection and the answer that is under way on it. `status` is 0 until the answer's head is here."""

    __slots__ = (
        "_buffered", "_closes", "_decoder", "_framed", "_head_bytes", "_interim", "_loop", "_owner", "_parser",
        "_parts", "_paused", "_transport", "_waiter", "_whole", "busy", "complete", "error", "headers", "heard_at",
        "idle_since", "left", "status", "used",
    )  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.used = 0  # requests so far
        self.idle_since = 0.0
        self.heard_at = 0.0  # the loop's time of the last bytes
        self.busy = False
        self.error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: HeaderList = []
        self.complete = False
        self._parts: list[bytes] = []
        self._buffered = 0
        self._head_bytes = 0
        self._interim = False
        self._framed = False  # a length or chunks say where the body ends; else the connection's end does
        self._closes = False
        self._whole = False
        self._paused = False
        self.left = False  # nobody reads the rest
        self._decoder: zlib._Decompress | None = None

    @property
    def held_back(self) -> bool:
        """Whether the upstream is paused, since nobody takes what is here already."""
        return self._paused

    @property
    def alive(self) -> bool:
        """Whether a request can be sent on it."""
        return self._transport is not None and self.error is None and not self._transport.is_closing()

    def send(self, request: bytes) -> None:
        """Writes one whole request; the answer follows."""
        assert self._transport is not None, "connected before it is used"
        if self.used:
            self._reset()
        self.used += 1
        self.busy = True
        self._transport.write(request)

    async def head(self) -> int:
        """Waits for the answer's status. Raises `UpstreamError`."""
        while not self.status or self._interim:
            if self.error is not None:
                raise self.error
            await self._wait()
        return self.status

    async def some(self) -> bytes:
        """The body that is here and was not read yet; waits for it, nothing at its end. Raises `UpstreamError`."""
        while not self._parts:
            if self.complete:
                self._done()
                return b""
            if self.error is not None:
                raise self.error
            await self._wait()
        parts = self._parts
        content = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._buffered = 0
        if self.complete:
            self._done()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return content

    async def whole(self) -> bytes:
        """The whole body. Raises `UpstreamError`, also for one over `MAX_ANSWER_BYTES`."""
        self._whole = True
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        while not self.complete:
            if self.error is not None:
                raise self.error
            await self._wait()
        parts = self._parts
        self._done()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abandon(self) -> None:
        """Ends the request: closes the connection at once unless its answer is complete."""
        if self.complete and self.error is None:
            self._done()
        else:
            self._fail(UpstreamError("was left", began=bool(self.status)))

    def leave(self) -> None:
        """What matters of the answer has been read: its formal end may still come, for a moment."""
        if self.complete or self.error is not None:
            self.abandon()
        else:
            self.left = True
            self._loop.call_later(LAST_BYTES_S, self._drop_left)

    def _drop_left(self) -> None:
        if self.left:
            self.abandon()

    def close(self) -> None:
        """Ends an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def _wait(self) -> "asyncio.Future[None]":
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, error: UpstreamError) -> None:
        if self.error is None:
            self.error = error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        if not self.busy:  # nothing was asked: whatever it is, it must not become the next request's answer
            self._fail(UpstreamError("sent what nobody asked for"))
            return
        self.heard_at = self._loop.time()
        if not self.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            began = bool(self.status)
            self._fail(UpstreamError(f"did not answer in HTTP ({_line(error)})", began=began, garbled=True))
            return
        if not self.status and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(UpstreamError("sent headers without an end", garbled=True))
            return
        if self.left:
            self._parts.clear()
            if self.complete:
                self.left = False
                self._done()
            return
        if not self.complete and self._buffered > HIGH_WATER_BYTES:
            self._hold_back()
        if self._waiter is not None and (self.complete or not self._whole):
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy and self.status and not self._framed and exc is None and not self._interim:
            self.complete = True  # the body's end is the connection's
        if self.error is None:
            began = bool(self.status)
            reason = "cut its answer off" if began else "closed the connection before it answered"
            self.error = UpstreamError(reason, began=began, reset=not began)
        self._transport = None
        self._owner.lost(self)
        self._wake()

    # httptools

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("more than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name == b"content-encoding" and value.lower() not in (b"identity", b""):
            if value.lower() not in (b"gzip", b"x-gzip", b"deflate"):
                raise ValueError(f"an encoding that nobody asked for, {value[:20]!r}")
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif name in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._interim = 100 <= self.status < 200

    def on_body(self, body: bytes) -> None:
        if self._decoder is not None:
            try:
                body = self._decoder.decompress(body, MAX_ANSWER_BYTES)
            except zlib.error as error:
                raise ValueError("a body that is not compressed as it says") from error
            if not body:
                return
        self._parts.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        if self._interim:
            self.status = 0
            self.headers = []
            self._interim = self._framed = False
            return
        self._closes = not self._parser.should_keep_alive()
        self.complete = True

    def _done(self) -> None:
        """The answer has been read: the connection is for the next request."""
        if not self.busy:
            return
        self.busy = False
        if self._closes or self.error is not None:
            if self._transport is not None:
                self._transport.close()
        else:
            self._owner.free(self)

    def _hold_back(self) -> None:
        if self._whole:
            if self._buffered > MAX_ANSWER_BYTES:
                self._fail(UpstreamError(f"sent more than {MAX_ANSWER_BYTES // 2**20} MiB", began=True, garbled=True))
        elif not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()


def _line(error: Exception) -> str:
    """An error's message on one line."""
    cause = error.__context__ if isinstance(error.__context__, ValueError) else error
    return " ".join(str(cause).split()) or type(error).__name__
