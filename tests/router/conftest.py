"""A real router process, and small real HTTP servers behind it that misbehave on demand."""

import asyncio
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hone.files import write_atomic
from hone.layout import Layout
from hone.records import Deployment, Endpoint, write_record
from router.client import read_health
from router.options import Options, write_options

POLL_S = 0.02
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Request:
    """One request as the fake model received it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int  # counted from 0 for each model
    reader: asyncio.StreamReader

    @property
    def streams(self) -> bool:
        return b'"stream":true' in self.body.replace(b" ", b"")

    @property
    def abandoned(self) -> bool:
        """Whether the router has closed the connection."""
        return self.reader.at_eof()


Behaviour = Callable[["FakeModel", Request, asyncio.StreamWriter], Awaitable[None]]


async def answer(model: "FakeModel", request: Request, writer: asyncio.StreamWriter) -> None:
    """What a healthy model does."""
    if request.streams:
        writer.write(model.stream_head())
        for word in ("def", " f", "()", ":"):
            writer.write(model.event(word))
            await writer.drain()
        writer.write(chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    elif request.path == "/v1/models":
        writer.write(model.response({"object": "list", "data": [{"id": "hone-code", "object": "model"}]}))
    elif request.path == "/v1/chat/completions":
        message = {"role": "assistant", "content": model.name}
        writer.write(
            model.response({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        )
    else:
        writer.write(
            model.response({"id": "c", "choices": [{"index": 0, "text": model.name, "finish_reason": "stop"}]})
        )


def chunked(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


@dataclass
class FakeModel:
    """A server that speaks OpenAI's wire format, on a loop of its own thread."""

    name: str
    behave: Behaviour = answer
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    proceed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listens, on the same port again after a stop."""

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

        self._server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listens no more, and resets every connection, as a killed server does."""

        async def close() -> None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result()

    def end(self) -> None:
        self.proceed.set()
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(Request(method, path, headers, body, len(self.requests), reader))
                await self.behave(self, self.requests[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def response(self, content: dict[str, Any], status: str = "200 OK", extra: str = "") -> bytes:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        return head.encode() + body

    def stream_head(self) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def event(self, text: str) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": None}
        event = {"id": "c", "object": "text_completion", "created": 0, "model": self.name, "choices": [choice]}
        return chunked(b"data: " + json.dumps(event).encode() + b"\n\n")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return str(self.json["choices"][0]["text"])


class RunningRouter:
    """`python -m router` on a free port, with a project of its own; `more` are further options."""

    def __init__(
        self, root: Path, *, request_timeout_s: float = 20.0, drain_timeout_s: float = 10.0, **more: Any
    ) -> None:
        self.layout = Layout(root=root, artifacts=root / "artifacts")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.generation = 0
        self.options = Options(
            root=str(root),
            host="127.0.0.1",
            port=self.port,
            request_timeout_s=request_timeout_s,
            drain_timeout_s=drain_timeout_s,
            **more,
        )
        argv = [sys.executable, "-m", "router", write_options(self.options)]
        self.log = root / "router.log"  # a file: a pipe that nobody reads would be full one day
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, cwd=REPOSITORY, stderr=log, env={**os.environ, "HONE_LOG": "json"})
        while not self._listens() if self.options.tls_cert else read_health(self.url) is None:
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(POLL_S)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def connect_tls(self, context: ssl.SSLContext) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)

    def point_to(self, model: FakeModel, version: str = "1") -> None:
        """What a deployment's switch does."""
        self.generation += 1
        deployment = Deployment(
            id=f"d{version}",
            model_name="hone-code",
            model_version=version,
            adapter_digest="sha256:0",
            engine="process",
            url=model.url,
            handle=f"d{version}",
        )
        write_record(self.layout.endpoint, Endpoint(generation=self.generation, deployment=deployment))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(
        self,
        path: str = "/v1/completions",
        *,
        body: bytes | None = b'{"model": "hone-code", "prompt": "def f():"}',
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = self.connect()
        try:
            connection.request("POST" if body is not None else "GET", path, body, headers or {})
            response = connection.getresponse()
            return Reply(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def stream(self) -> http.client.HTTPResponse:
        """Starts a stream and returns its response, unread."""
        connection = self.connect()
        connection.request("POST", "/v1/completions", b'{"model": "hone-code", "prompt": "", "stream": true}')
        return connection.getresponse()

    def metric(self, name: str) -> float:
        lines = self.ask("/metrics", body=None).body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def terminate(self) -> str:
        """SIGTERM, and what it logged by its end."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        return self.log.read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def model() -> Iterator[Callable[..., FakeModel]]:
    """Makes fake models: `model("v1")`, `model("v1", behave=…)`."""
    made: list[FakeModel] = []

    def make(name: str, behave: Behaviour = answer) -> FakeModel:
        made.append(FakeModel(name, behave))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def start_router(tmp_path: Path) -> Iterator[Callable[..., RunningRouter]]:
    """Starts routers with the options given; fake models become providers, as `write_world` says."""
    started: list[RunningRouter] = []

    def start(*places: FakeModel, world: dict[str, Any] | None = None, **options: Any) -> RunningRouter:
        root = tmp_path / f"project{len(started)}"
        root.mkdir()
        if places:
            write_world(root, *places, **(world or {}))
        started.append(RunningRouter(root, **options))
        return started[-1]

    yield start
    for each in started:
        each.terminate()


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router that the tests share; each points it to models of its own."""
    running = RunningRouter(tmp_path_factory.mktemp("project"))
    yield running
    running.terminate()


@pytest.fixture
def new_router(start_router: Callable[..., RunningRouter]) -> RunningRouter:
    """A router of this test alone, with nothing behind it yet."""
    return start_router()


@pytest.fixture
def healthy() -> Behaviour:
    """What a healthy model does, for behaviours that misbehave only at first."""
    return answer


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    return free_port()


ROUTED = (
    "code-generation", "code-understanding", "code-explanation", "planning", "reasoning", "debugging", "documentation",
    "tool-use", "code-review", "completion",
)  # fmt: skip


def write_world(
    root: Path,
    *places: FakeModel,
    keys: dict[str, str] | None = None,
    proofs: list[dict[str, object]] | None = None,
    **provider: object,
) -> None:
    """Writes configs/ for a router. Each fake model is a provider, `p0`, `p1` …, that offers `m0`, `m1` …; every route,
    and the model `both`, goes through all of them in order. `keys` are files that hold a provider's key, `proofs` let
    our own version go first."""
    configs = root / "configs"
    configs.mkdir(exist_ok=True)
    providers: dict[str, dict[str, object]] = {
        f"p{number}": {"wire": "openai", "url": f"{place.url}/v1", **provider} for number, place in enumerate(places)
    }
    for name, path in (keys or {}).items():
        providers[name]["api_key_file"] = path
    prices = [{"input": 1, "output": 2, "dated": "2026-11-26"}]
    shared = {
        "does": list(ROUTED),
        "quality": {"score": 0.5, "source": "ours"},
        "supports": ["tools", "suffix"],
        "serves": ["chat", "completions", "embeddings"],
        "context_tokens": 1000,
        "max_output_tokens": 500,
        "tokenizer": "unknown",
    }
    models = {
        f"m{number}": {**shared, "at": {f"p{number}": {"name": f"up{number}", "prices": prices}}}
        for number in range(len(places))
    }
    everywhere = {f"p{number}": {"name": "up", "prices": prices} for number in range(len(places))}
    models["both"] = {**shared, "at": everywhere}
    routes = {name: {"policy": "tiered", "models": ["both"], "champion": proofs or []} for name in ROUTED}
    written = {
        "providers.yaml": {"providers": providers},
        "catalog.yaml": {"sources": {"ours": "made up"}, "models": models},
        "routes.yaml": {"routes": routes},
    }
    for name, content in written.items():
        write_atomic(configs / name, json.dumps(content).encode())


@pytest.fixture
def write_config() -> Callable[..., None]:
    """`write_world`, for tests that change a configuration while a router runs."""
    return write_world
