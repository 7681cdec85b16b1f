"""The router as one raw ASGI application: which path is which door, who may use it, and the account of every request.

The answer itself is made by `router.attempts`. Keeps no log of requests, only of failed ones: the ledger has all.
"""

import asyncio
import os
import re
import time

import msgspec
import structlog

from hone.errors import HoneError
from router.attempts import Attempts
from router.books import Books
from router.breaker import Breakers
from router.call import Call
from router.exchange import Exchange, Receive, Scope, Send
from router.health import SERVICE, RouterHealth
from router.keeper import Keeper, load_tables
from router.kinds import Asked, Door
from router.live import Live, usable_providers
from router.metrics import Metrics
from router.money.cache import CachedAnswer, request_digest
from router.money.feedback import read_feedback
from router.money.journal import Content
from router.money.keys import Key
from router.openapi import document
from router.options import Options
from router.own import OwnDeployments
from router.pages import listed_models
from router.refusal import Refusal
from router.sending import Sender
from router.traces import Tracer, open_tracer
from router.upstream import Upstreams
from router.wires import Unusable, count_body, models_body, read_request

log = structlog.get_logger()

DOORS: dict[str, Door] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
}
GEMINI = re.compile(r"/v1(?:alpha|beta)?/models/(.+):(generateContent|streamGenerateContent)")
OPENAI_DOORS = ("chat", "completions", "embeddings")
FEEDBACK = "/v1/feedback"
MODELS = "/v1/models"
PAGES = ("/health/live", "/health/ready", "/metrics", "/openapi.json")
BODY_TIMEOUT_S = 30.0  # for a request's body to arrive
CLIENT_GONE = 499  # nginx's number for it; never sent, only counted
UNAUTHORIZED = Refusal(401, "invalid_api_key", "this key is not known here; ask for one, or see `hone router key list`")
NO_KEY = Refusal(401, "missing_api_key", "this router wants a key: `Authorization: Bearer …` or `x-api-key: …`")
FAULT = Refusal(500, "internal_error", "the router met a fault of its own; its log says more under this request's id")
PREFLIGHT_S = 600


class Router:
    """The application. `project` tells it from the router of another checkout."""

    def __init__(self, options: Options, *, project: str) -> None:
        self._options = options
        self._project = project
        self.metrics = Metrics(options.folder / "metrics" if options.workers > 1 else None)
        self._own = OwnDeployments(options.layout)
        self._breakers = Breakers()
        self._books = Books(options)
        self._body_timeout_s = min(BODY_TIMEOUT_S, options.request_timeout_s)
        self._tracer: Tracer | None = None
        self._caching = options.cache_bytes > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection: a request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        exchange = Exchange(scope, receive, arrived=self._now())
        door = DOORS.get(exchange.path) or ("generate" if GEMINI.fullmatch(exchange.path) else None)
        numbers = self.metrics.numbers
        numbers.in_flight += 1
        try:
            if self._options.cors_origins and (origin := exchange.header(b"origin")):
                if exchange.method == "OPTIONS":
                    self._preflight(exchange, origin)
                    return
                if self._shares_with(origin):
                    exchange.share_with(origin)
            if door is not None and exchange.method == "POST":
                exchange.door = door
                await self._ask(exchange, door, scope["query_string"])
            else:
                await self._other(exchange)
        except Exception:
            log.exception("a request met a fault of the router's own", request_id=exchange.id, path=exchange.path)
            if exchange.status:
                exchange.abort()
            else:
                exchange.refuse(FAULT, _stamped(exchange))
        finally:
            numbers.in_flight -= 1
            status = exchange.status if not exchange.gone else CLIENT_GONE
            self.metrics.answered(_known(exchange.path), status, self._now() - exchange.arrived)

    async def _ask(self, exchange: Exchange, door: Door, query: bytes) -> None:
        """A request for a model."""
        key = self._key_of(exchange)
        body = await exchange.body(self._options.max_body_bytes, self._body_timeout_s)
        if body is None:
            return
        if isinstance(body, Refusal):
            exchange.refuse(body, _stamped(exchange))
            return
        if isinstance(key, Refusal):
            exchange.refuse(key, _stamped(exchange))
            return
        try:
            asked = read_request(door, body) if door != "generate" else _read_gemini(exchange.path, query, body)
        except Unusable as error:
            exchange.refuse(error, _stamped(exchange))
            return
        deadline = exchange.arrived + self._options.request_timeout_s
        same = query.decode("latin-1") if query and door in OPENAI_DOORS else ""
        call = Call(exchange, asked, key, time.time(), deadline, same)
        span = self._tracer.begin(call) if self._tracer is not None else None
        try:
            if door == "count_tokens" and await self._counted(call):
                return
            if not (self._caching and asked.deterministic and await self._answered_before(call)):
                await self._attempts.answer(call)
        finally:
            self._account(call)
            if span is not None and self._tracer is not None:
                self._tracer.end(span, call)

    def _key_of(self, exchange: Exchange) -> Key | Refusal:
        """Who asks, by either header that clients use."""
        given = exchange.header(b"authorization")
        if given[:7].lower() == b"bearer ":
            token = given[7:]
        else:
            token = exchange.header(b"x-api-key") or exchange.header(b"x-goog-api-key") or given
        key = self._books.find(token.strip().decode("utf-8", "surrogateescape"))
        return key or (UNAUTHORIZED if token else NO_KEY)

    async def _counted(self, call: Call) -> bool:
        """Counts a message's tokens here, unless its place counts them itself."""
        call.decision = decision = self._live.decide(call.asked, self._live.snapshot(), call.key, call.at)
        if not decision.hops or decision.hops[0].wire == "anthropic":
            return False
        call.hop, call.outcome = decision.hops[0], "ok"
        call.exchange.answer(200, count_body(call.asked.input_tokens), call.stamps(0.0))
        return True

    async def _answered_before(self, call: Call) -> bool:
        """Answers from the cache, if the very same was asked with this key and its first place still stands."""
        call.snapshot = self._live.snapshot()
        decision = self._live.decide(call.asked, call.snapshot, call.key, call.at)
        if not decision.hops:
            return False
        found = self._books.cache.get(call.key.id, request_digest(call.asked, decision.hops[0]))
        if found is None:
            return False
        call.decision, call.hop, call.cached, call.outcome = decision, decision.hops[0], True, "ok"
        call.usage = found.usage
        self.metrics.numbers.cached += 1
        if call.asked.stream:
            call.exchange.start_events(call.stamps(0.0))
            await call.exchange.end_events(found.body)
        else:
            call.exchange.answer(200, found.body, call.stamps(0.0))
        return True

    def _keep_answer(self, call: Call, content_type: bytes, body: bytes) -> None:
        """A whole answer: for the ledger, and for whoever asks the same again."""
        hop = call.hop
        if self._options.keep_content:
            call.answer = body
        if self._caching and call.asked.deterministic and hop is not None:
            answer = CachedAnswer(
                content_type, body, call.usage, hop.provider, hop.model, hop.model_version, hop.generation
            )
            self._books.cache.put(call.key.id, request_digest(call.asked, hop), answer)

    def _account(self, call: Call) -> None:
        """Writes the request into the ledger and the metrics, and a failed one into the log."""
        seconds = self._now() - call.exchange.arrived
        entry = call.entry(seconds)
        content = None
        if self._options.keep_content and call.answer:
            content = Content(call.asked.body.decode(errors="replace"), call.answer.decode(errors="replace"))
        self._books.ledger.add(entry, content)
        self.metrics.served(call.exchange.path, entry)
        if entry.outcome in ("failed", "cut"):
            log.warning(
                "request failed",
                request_id=entry.id,
                key=entry.key,
                path=call.exchange.path,
                status=entry.status,
                outcome=entry.outcome,
                reason=entry.reason,
                provider=entry.provider,
                model=entry.model,
                model_version=entry.model_version,
                upstream=call.hop.url if call.hop is not None else None,
                attempts=entry.attempts,
                seconds=round(seconds, 3),
            )

    async def _other(self, exchange: Exchange) -> None:
        """Everything that asks no model."""
        path, method = exchange.path, exchange.method
        stamps = _stamped(exchange)
        if path == FEEDBACK and method == "POST":
            await self._take_feedback(exchange)
        elif path in PAGES and method in ("GET", "HEAD"):
            status, kind, body = self._page(path)
            exchange.answer(status, body, stamps, b"content-type: %s\r\n" % kind)
        elif (path == MODELS or path.startswith(f"{MODELS}/")) and method in ("GET", "HEAD"):
            self._models(exchange, path.removeprefix(MODELS).removeprefix("/"))
        else:
            exchange.refuse(_refuse_path(method, path), stamps)

    def _models(self, exchange: Exchange, name: str) -> None:
        key = self._key_of(exchange)
        if isinstance(key, Refusal):
            exchange.refuse(key, _stamped(exchange))
            return
        models = listed_models(self._live.snapshot(), self._live.access(key, time.time()))
        if not name:
            exchange.answer(200, models_body(models), _stamped(exchange))
            return
        for model in models:
            if model.id == name:
                one = {"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by}
                exchange.answer(200, msgspec.json.encode(one), _stamped(exchange))
                return
        unknown = Refusal(404, "model_not_found", f"the model `{name}` is not served here; `{MODELS}` lists what is")
        exchange.refuse(unknown, _stamped(exchange))

    async def _take_feedback(self, exchange: Exchange) -> None:
        key = self._key_of(exchange)
        body = await exchange.body(self._options.max_body_bytes, self._body_timeout_s)
        if body is None:
            return
        given = key if isinstance(key, Refusal) else body if isinstance(body, Refusal) else read_feedback(body)
        refusal = (
            given
            if isinstance(given, Refusal) or isinstance(key, Refusal)
            else await self._books.feedback.add(key, given)
        )
        if isinstance(refusal, Refusal):
            exchange.refuse(refusal, _stamped(exchange))
        else:
            exchange.answer(200, b'{"stored":true}', _stamped(exchange))

    def _page(self, path: str) -> tuple[int, bytes, bytes]:
        """Status, content type and body of the router's own pages."""
        target = self._own.target
        if path == "/openapi.json":
            return 200, b"application/json", document()
        if path == "/metrics":
            ledger, numbers = self._books.ledger, self.metrics.numbers
            numbers.ledger_waiting, numbers.ledger_lost = ledger.waiting, ledger.lost
            generation = target.generation if target else 0
            text = self.metrics.text(
                generation=generation, breakers=self._breakers.open, stale_config=bool(self._keeper.problem)
            )
            return 200, b"text/plain; version=0.0.4; charset=utf-8", text
        ready = target is not None or usable_providers(self._live.tables)
        status = "live" if path == "/health/live" else "ready" if ready else "no deployment"
        known = RouterHealth(
            service=SERVICE, project=self._project, pid=os.getpid(), status=status, problem=self._keeper.problem
        )
        if target is not None:
            known = msgspec.structs.replace(
                known, model_version=target.model_version, generation=target.generation, endpoint=target.url
            )
        return (200 if ready or path == "/health/live" else 503), b"application/json", msgspec.json.encode(known)

    def _shares_with(self, origin: bytes) -> bool:
        allowed = self._options.cors_origins
        return "*" in allowed or origin.decode("latin-1") in allowed

    def _preflight(self, exchange: Exchange, origin: bytes) -> None:
        lines = _stamped(exchange)
        if self._shares_with(origin):
            exchange.share_with(origin)
            asked = exchange.header(b"access-control-request-headers") or b"authorization, content-type"
            lines += b"access-control-allow-methods: GET, POST\r\naccess-control-allow-headers: %s\r\n" % asked
            lines += b"access-control-max-age: %d\r\n" % PREFLIGHT_S
        exchange.answer(200, b"", lines, b"")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._open()
        except HoneError as error:
            log.error("the router cannot start", reason=str(error))
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        except Exception:
            log.exception("the router cannot start")
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self) -> None:
        self._now = asyncio.get_running_loop().time
        configs = self._options.layout.root / "configs"
        tables = load_tables(configs)
        await self._books.open(self._breakers)
        self._live = Live(self._own, tables, self._breakers, self._books.limiter)
        self._upstreams = Upstreams()
        keep = self._keep_answer if self._caching or self._options.keep_content else None
        sender = Sender(self._upstreams, self._live.answered, keep)
        hedged = self._count_hedged if self._options.hedge else None
        self._attempts = Attempts(self._live, sender, self._breakers, self._books.limiter, hedged)
        self._tracer = open_tracer(self._options.traces)
        self._keeper = Keeper(configs, self._live, self._upstreams, self._every_period)
        self._keeper.start()

    def _count_hedged(self) -> None:
        self.metrics.numbers.hedged += 1

    def _every_period(self) -> None:
        self._books.share_breakers(self._breakers, self._now())
        self.metrics.write()

    async def _close(self) -> None:
        self._keeper.close()
        self._upstreams.close()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        self.metrics.write()
        await self._books.close()


def _stamped(exchange: Exchange) -> bytes:
    """The stamp of an answer that no place gave."""
    return b"x-hone-request-id: %s\r\nx-hone-attempts: 0\r\n" % exchange.id.encode()


def _read_gemini(path: str, query: bytes, body: bytes) -> Asked:
    """A request of Gemini's door, whose model and manner stand in the path. Raises `Unusable`."""
    found = GEMINI.fullmatch(path)
    assert found is not None, "the path made it this door"
    streams = found[2] == "streamGenerateContent"
    if streams and b"alt=sse" not in query:
        raise Unusable("streams come as server-sent events only: ask with `?alt=sse`", param="alt")
    return read_request("generate", body, model=found[1], stream=streams)


def _known(path: str) -> str:
    """A path as a label: of endless others there is one."""
    if path in DOORS or path in PAGES or path in (MODELS, FEEDBACK):
        return path
    if ":" in path and (found := GEMINI.fullmatch(path)):
        return f"/v1beta/models/{{model}}:{found[2]}"
    return MODELS if path.startswith(f"{MODELS}/") else "other"


def _refuse_path(method: str, path: str) -> Refusal:
    """Why a method and path are not served."""
    takes = "POST" if path in DOORS or path == FEEDBACK else "GET"
    if path in DOORS or path in PAGES or path in (MODELS, FEEDBACK):
        return Refusal(405, "method_not_allowed", f"`{path}` takes {takes}, not {method}")
    served = ", ".join([MODELS, *DOORS, FEEDBACK])
    return Refusal(404, "unknown_url", f"`{path}` is not served here; served: {served}")
