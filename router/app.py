"""The router as one raw ASGI application: forwards what `router.wire.FORWARDED` lists, and answers for its own health.

`_target_of` is the one place that decides where a request goes. Keeps no log of requests, only of failed ones.
"""

import os
import time

import msgspec
import structlog

from router.exchange import Exchange, Receive, Scope, Send
from router.health import SERVICE, RouterHealth
from router.metrics import Metrics
from router.pointer import Pointer, Target
from router.upstream import Call, Upstream
from router.wire import FORWARDED, Headers, refuse_path, request_id, stamps

log = structlog.get_logger()
CLIENT_GONE = 499  # nginx's number for it; never sent, only counted


class Router:
    """The application. `project` tells it from the router of another checkout."""

    def __init__(self, pointer: Pointer, *, project: str, request_timeout_s: float) -> None:
        self._pointer = pointer
        self._project = project
        self._request_timeout_s = request_timeout_s
        self._metrics = Metrics()
        self._upstream: Upstream | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection: a request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif FORWARDED.get(scope["path"]) == scope["method"]:
            await self._forward(scope, receive, send)
        elif scope["method"] == "GET" and (answer := self._about_itself(scope["path"])):
            await _answer(scope, send, *answer)
        else:
            await Exchange(scope, receive, send).refuse(refuse_path(scope["method"], scope["path"]))

    def _target_of(self, _call: Call) -> Target | None:
        """Where a request goes: to the current endpoint, whatever it asks for. The choice of a provider stands here."""
        return self._pointer.current()

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._upstream is not None, "the server starts the application before it sends requests"
        started = time.perf_counter()
        exchange = Exchange(scope, receive, send)
        self._metrics.in_flight.inc()
        try:
            await exchange.run(self._upstream, self._request_timeout_s)
        finally:
            self._metrics.in_flight.dec()
            self._account(exchange, scope["path"], time.perf_counter() - started)

    def _account(self, exchange: Exchange, path: str, seconds: float) -> None:
        """Counts the request, and logs a failed one."""
        call, target = exchange.call, exchange.call.target
        if exchange.gone:
            self._metrics.gone.inc()
        elif exchange.failure and exchange.status < 400:
            self._metrics.cut.inc()
        self._metrics.answered(path, CLIENT_GONE if exchange.gone else exchange.status, seconds, call.attempts)
        if not exchange.gone and (exchange.failure or exchange.status >= 500):
            log.warning(
                "request failed",
                request_id=call.id,
                path=path,
                status=exchange.status,
                reason=exchange.failure or "the upstream's own error",
                upstream=target.url if target else None,
                model_version=target.model_version if target else None,
                attempts=call.attempts,
                seconds=round(seconds, 3),
            )

    def _about_itself(self, path: str) -> tuple[int, bytes, bytes] | None:
        """Status, content type and body of the router's own pages."""
        target = self._pointer.current()
        if path == "/health/live":
            return 200, b"application/json", msgspec.json.encode(self._health("live", target))
        if path == "/health/ready":
            health = self._health("ready" if target else "no deployment", target)
            return (200 if target else 503), b"application/json", msgspec.json.encode(health)
        if path == "/metrics":
            return 200, b"text/plain; version=0.0.4; charset=utf-8", self._metrics.text(target)
        return None

    def _health(self, status: str, target: Target | None) -> RouterHealth:
        known = RouterHealth(service=SERVICE, project=self._project, pid=os.getpid(), status=status)
        if target is None:
            return known
        return msgspec.structs.replace(
            known, model_version=target.model_version, generation=target.generation, endpoint=target.url
        )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._upstream = Upstream(self._target_of)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(scope: Scope, send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers: Headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    headers += stamps(request_id(scope["headers"]), None, 0)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
