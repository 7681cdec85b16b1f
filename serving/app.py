"""The ASGI application: OpenAI's doors, health and metrics over one engine. `serving.server` listens."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import structlog

from serving.answering import Admitted, answer_stream, answer_whole
from serving.doors import DOORS, Door
from serving.engine import Engine
from serving.exchange import CLIENT_GONE, CLOSE, ClientGone, Exchange, Receive, Scope, Send
from serving.metrics import CONTENT_TYPE, Metrics
from serving.options import Options
from serving.prompts import RenderChat, chat_prompt, completion_prompt
from serving.protocol import ApiError, ChatRequest, CompletionRequest, Request, plan_sampling, read_request

RETRY_AFTER_S = 1
RETRY_AFTER = (b"retry-after", str(RETRY_AFTER_S).encode())
MODELS = "/v1/models"

log = structlog.get_logger()


class App:
    """One model version behind OpenAI's protocol. Not ready until `serve`, and no longer once `draining`."""

    def __init__(self, options: Options) -> None:
        self.draining = False
        self.in_flight = 0  # requests that generate or wait to
        self._options = options
        self._names = (options.model, f"{options.model}:{options.version}")
        self._started = int(time.time())
        self._engine: Engine | None = None
        self._render: RenderChat | None = None
        self._headers = ((b"x-hone-model-version", options.version.encode()),)
        self.metrics = Metrics(model=options.model, version=options.version, waiting=lambda: self._waiting)

    def serve(self, engine: Engine, render: RenderChat | None) -> None:
        """Ready from now on."""
        self._engine, self._render = engine, render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, headers=self._headers)
        try:
            await self._route(exchange)
        except ApiError as error:
            await exchange.refuse(error)
        except ClientGone:
            exchange.status = CLIENT_GONE
        except asyncio.CancelledError:  # the grace time is over
            exchange.status = CLIENT_GONE
            raise
        except Exception:
            log.exception("request failed", request_id=exchange.request_id, path=exchange.path)
            await exchange.refuse(ApiError(500, "the server could not answer; its log says why"))
        finally:
            door = DOORS[exchange.path].name if exchange.path in DOORS else "other"
            self.metrics.requests.labels(door, str(exchange.status)).inc()
            log.info(
                "answered",
                request_id=exchange.request_id,
                path=exchange.path,
                status=exchange.status,
                seconds=exchange.age_s,
            )

    async def _route(self, exchange: Exchange) -> None:
        if exchange.path in DOORS:
            _allow(exchange, "POST")
            await self._generate(exchange, DOORS[exchange.path])
            return
        pages = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
            MODELS: self._models,
            **{f"{MODELS}/{name}": self._model for name in self._names},
        }
        page = pages.get(exchange.path)
        if page is None:
            if exchange.path.startswith(f"{MODELS}/"):
                raise self._unknown_model(exchange.path.removeprefix(f"{MODELS}/"))
            raise ApiError(404, f"`{exchange.path}` does not exist; there are {', '.join((*DOORS, *list(pages)[:4]))}")
        _allow(exchange, "GET")
        await page(exchange)

    async def _live(self, exchange: Exchange) -> None:
        await exchange.answer(b'{"status":"live"}')

    async def _ready(self, exchange: Exchange) -> None:
        self._ready_engine()
        await exchange.answer(b'{"status":"ready"}')

    async def _metrics(self, exchange: Exchange) -> None:
        await exchange.answer(self.metrics.exposition(), kind=CONTENT_TYPE)

    async def _models(self, exchange: Exchange) -> None:
        await exchange.answer(
            msgspec.json.encode({"object": "list", "data": [self._card(name) for name in self._names]})
        )

    async def _model(self, exchange: Exchange) -> None:
        await exchange.answer(msgspec.json.encode(self._card(exchange.path.removeprefix(f"{MODELS}/"))))

    def _card(self, name: str) -> dict[str, str | int]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": "hone"}

    async def _generate(self, exchange: Exchange, door: Door) -> None:
        """Reads a request, admits it, and answers it whole or as a stream."""
        engine = self._ready_engine()
        request = read_request(await exchange.body(self._options.max_body_bytes), door.request)
        if request.model not in self._names:
            raise self._unknown_model(request.model)
        with self._place(engine):
            prompt = await asyncio.to_thread(self._prompt, request, engine)  # a long text takes long to tokenize
            admitted = Admitted(
                door=door,
                wording=door.wording(door.id_prefix + exchange.request_id, int(time.time()), self._names[1]),
                prompt=prompt,
                sampling=plan_sampling(request, len(prompt), engine.weights.context_tokens),
                include_usage=bool(request.stream_options and request.stream_options.include_usage),
            )
            answer = answer_stream if request.stream else answer_whole
            await exchange.while_connected(answer(exchange, admitted, engine, self.metrics))
        self.metrics.request_s.labels(door.name).observe(exchange.age_s)

    def _prompt(self, request: Request, engine: Engine) -> list[int]:
        if isinstance(request, ChatRequest):
            return chat_prompt(request, engine, self._render)
        assert isinstance(request, CompletionRequest)
        return completion_prompt(request, engine)

    def _ready_engine(self) -> Engine:
        """The engine. Raises `ApiError` 503 until it is loaded, and while draining."""
        if self.draining:
            raise ApiError(503, "this server is stopping; ask another", code="draining", headers=(CLOSE, RETRY_AFTER))
        if self._engine is None:
            raise ApiError(503, "the model is still loading; try again soon", code="loading", headers=(RETRY_AFTER,))
        return self._engine

    @contextmanager
    def _place(self, engine: Engine) -> Iterator[None]:
        """A place among the running and the waiting. Raises `ApiError` 429 where there is none."""
        if self.in_flight >= engine.slots + self._options.queue:
            raise ApiError(
                429,
                f"{engine.slots} requests run and {self._options.queue} wait already; try again in {RETRY_AFTER_S} s",
                code="queue_full",
                headers=(RETRY_AFTER,),
            )
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    @property
    def _waiting(self) -> int:
        return max(0, self.in_flight - self._engine.slots) if self._engine else 0

    def _unknown_model(self, name: str) -> ApiError:
        known = " or ".join(f"`{known}`" for known in self._names)
        return ApiError(
            404, f"the model `{name}` is not served here; ask for {known}", param="model", code="model_not_found"
        )


def _allow(exchange: Exchange, method: str) -> None:
    if exchange.method != method:
        raise ApiError(
            405, f"`{exchange.path}` takes {method}, not {exchange.method}", headers=((b"allow", method.encode()),)
        )
