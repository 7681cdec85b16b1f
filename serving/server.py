"""Listens, loads the model meanwhile, and stops gracefully. The application itself is `serving.app`."""

import asyncio
import contextlib
import os
import socket
from types import FrameType

import structlog
import uvicorn

from hone.errors import ServingError
from serving.app import App
from serving.engine import load_engine
from serving.options import Options
from serving.prompts import compile_chat_template
from serving.weights import read_weights

# Longer than clients keep idle connections: else one would be closed under a request that is just being sent.
KEEP_ALIVE_S = 75
POLL_S = 0.02
CLOSE_S = 1  # for answers cut off at the end of the grace time to be closed

log = structlog.get_logger()


class DrainingServer(uvicorn.Server):
    """uvicorn, but its first signal begins to drain and only a second one stops at once. Exits with 0 after both."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        if self.told.is_set():
            self.should_exit = self.force_exit = True
        self._loop.call_soon_threadsafe(self.told.set)


async def run_server(options: Options) -> None:
    """Serves until SIGTERM or SIGINT, and then until the requests in flight are answered or the grace time is over.

    Raises `ServingError` where the address is taken or the weights cannot be loaded.
    """
    read_weights(options.weights)  # fails before anything listens
    app = App(options)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSE_S,
    )
    with _listen(options) as listener:
        server = DrainingServer(config)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await _load_and_drain(app, server, options, serving)
        finally:
            server.should_exit = True
            await serving


async def _load_and_drain(app: App, server: DrainingServer, options: Options, serving: asyncio.Task[None]) -> None:
    """The server's life beside its listening: load, serve, drain."""
    engine = await asyncio.to_thread(load_engine, options.weights, threads=options.threads)
    try:
        app.serve(engine, compile_chat_template(engine.weights))
        log.info("ready", model=options.model, version=options.version, host=options.host, port=options.port)
        await server.told.wait()
        app.draining = True
        log.info("draining", in_flight=app.in_flight, grace_s=options.grace_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.grace_s):
                while app.in_flight and not server.should_exit:
                    await asyncio.sleep(POLL_S)
        server.should_exit = True
        await asyncio.wait([serving])  # cuts off what is still in flight
    finally:
        engine.close()


def _listen(options: Options) -> socket.socket:
    try:
        return socket.create_server((options.host, options.port), backlog=2048, reuse_port=False)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        raise ServingError(
            f"cannot listen on `{where}`: {os.strerror(error.errno or 0)}; choose another `--port` or `--host`"
        ) from error
