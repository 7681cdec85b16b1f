"""One client's request and its answer: reads the bounded body, sends the answer, ends it honestly.

A stream that was cut ends with an error event, any other cut answer with a closed connection: never with a clean
finish. Knows nothing of providers.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from router.inbound import Channel
from router.kinds import Door
from router.refusal import Refusal
from router.wires import Problem, Unusable, error_body

# ASGI, as its specification names them (https://asgi.readthedocs.io/en/latest/specs/www.html).
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
STOPPING = Refusal(503, "router_stopping", "the router is stopping; ask again", retry_after_s=1)
BODY_TOO_SLOW = Refusal(408, "request_timeout", "the request's body did not arrive in time")
JSON = b"content-type: application/json\r\n"
QUOTA = "insufficient_quota"  # a budget that is spent; the official SDKs would ask again, unless they are told not to
SOON_S = 60.0  # the longest wait that they follow
EVENTS = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
CORS_EXPOSED = (
    b"x-hone-request-id, x-hone-provider, x-hone-model-version, x-hone-cost-usd, x-hone-attempts, retry-after"
)

_random = random.Random()  # noqa: S311 - names requests, hides nothing


class Exchange:
    """A request and the answer to it. `status` is what the client was told, 0 until it was told anything."""

    __slots__ = (
        "_channel", "_receive", "_shared", "_task", "arrived", "door", "ended", "gone", "headers", "id", "method",
        "path", "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, *, arrived: float) -> None:
        self._channel: Channel = scope["extensions"]["hone"]
        self._receive = receive
        self._shared = b""
        self._task: asyncio.Task[Any] | None = None
        self.headers: Headers = scope["headers"]
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.door: Door = "chat"
        self.arrived = arrived
        self.status = 0
        self.gone = False
        self.ended = False
        given = self.header(b"x-request-id")
        self.id = given.decode() if given and SANE_REQUEST_ID.fullmatch(given) else f"{_random.getrandbits(128):032x}"

    def header(self, name: bytes) -> bytes:
        """The first request header of that name (lower case), or nothing."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    def share_with(self, origin: bytes) -> None:
        """Lets pages of that origin read the answer (CORS)."""
        self._shared = (
            b"access-control-allow-origin: %s\r\naccess-control-expose-headers: %s\r\nvary: origin\r\n"
            % (origin, CORS_EXPOSED)
        )  # fmt: skip

    @property
    def clogged(self) -> bool:
        """Whether the client does not take what is sent to it."""
        return self._channel.clogged

    def watch(self) -> None:
        """From now on the running task is cancelled when the client leaves."""
        self._task = asyncio.current_task()
        self._channel.call_when_gone(self._left)

    def unwatch(self) -> None:
        """The answer is over."""
        self._channel.call_when_gone(None)

    def abort(self) -> None:
        """Ends the connection: of a client that takes nothing, or of an answer that cannot be ended honestly."""
        self._channel.abort()

    def _left(self) -> None:
        self.gone = True
        if self._task is not None and not self.ended:
            self._task.cancel()

    async def body(self, limit: int, timeout_s: float) -> bytes | Refusal | None:
        """The whole body; None where the client left meanwhile."""
        length = self.header(b"content-length")
        if length and length.isdigit() and int(length) > limit:
            return too_large(limit)
        body = self._channel.whole_body()  # mostly it is all here, and no timer is needed
        if body is not None:
            return body if len(body) <= limit else too_large(limit)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._rest(limit)
        except TimeoutError:
            return BODY_TOO_SLOW

    async def _rest(self, limit: int) -> bytes | Refusal | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                return None
            parts.append(message["body"])
            size += len(parts[-1])
            if size > limit:
                return too_large(limit)
            if not message["more_body"]:
                return b"".join(parts)

    def answer(self, status: int, body: bytes, headers: bytes, content_type: bytes = JSON) -> None:
        """A whole answer. `headers` and `content_type` are whole lines."""
        self.status = status
        self.ended = True
        self._channel.answer(status, content_type + headers + self._shared, body)

    def start_events(self, headers: bytes) -> None:
        """The head of a stream."""
        self.status = 200
        self._channel.start(EVENTS + headers + self._shared)

    async def events(self, content: bytes) -> None:
        """Some whole events."""
        await self._channel.send(content)

    async def end_events(self, content: bytes = b"") -> None:
        """The last events."""
        await self._channel.end(content)
        self.ended = True

    def refuse(self, said: Refusal | Problem | Unusable, headers: bytes, retry_after_s: float = 0.0) -> None:
        """The router's own error, in the words of the door."""
        wait_s = retry_after_s or (said.retry_after_s if not isinstance(said, Unusable) else 0.0)
        if said.code == QUOTA and not 0 < wait_s <= SOON_S:
            headers = b"x-should-retry: false\r\n" + headers
        if wait_s:
            headers = b"retry-after: %d\r\n%s" % (-(-wait_s // 1), headers)
        self.answer(said.status, error_body(self.door, said), headers)


def too_large(limit: int) -> Refusal:
    """The refusal of a body above the limit."""
    shown = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit} bytes"
    return Refusal(413, "request_too_large", f"the body is over {shown}; shorten the prompt")


def header_value(text: str) -> bytes:
    """Any text as a header's value: one line of ASCII."""
    return " ".join(text.split()).encode("ascii", "replace")[:500]
