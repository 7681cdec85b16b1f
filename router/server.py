"""Runs the router on a socket until SIGTERM or SIGINT; requests under way are then finished first."""

import socket
from pathlib import Path

import uvicorn

from router.address import BACKLOG
from router.app import Router
from router.pointer import Pointer

CLIENT_IDLE_S = 75.0  # well above clients' own limits (httpx: 5 s): they, not the router, let go of idle connections


def serve(
    listening: socket.socket, endpoint: Path, *, project: str, request_timeout_s: float, drain_timeout_s: float
) -> None:
    """Serves until it is told to end; `endpoint` is the file that says where traffic goes."""
    app = Router(Pointer(endpoint), project=project, request_timeout_s=request_timeout_s)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(CLIENT_IDLE_S),
        timeout_graceful_shutdown=max(1, round(drain_timeout_s)),
    )
    uvicorn.Server(config).run(sockets=[listening])
