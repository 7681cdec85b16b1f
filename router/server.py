"""Runs the router on its sockets until SIGTERM or SIGINT; requests under way are then finished first.

With several workers this process watches over as many others, which share the port (SO_REUSEPORT); one that dies is
started again.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import time
from types import FrameType

import structlog
import uvicorn

from hone.log import configure_logging
from router.address import BACKLOG
from router.app import Router
from router.health import project_digest
from router.inbound import ClientConnection
from router.options import Options

log = structlog.get_logger()

CLIENT_IDLE_S = 75.0  # well above clients' own limits (httpx: 5 s): they, not the router, let go of idle connections
RESTART_PAUSE_S = 0.5
PR_SET_PDEATHSIG = 1  # prctl(2): a worker is told to end when its watcher is gone


def serve(listening: list[socket.socket], options: Options) -> int:
    """Serves until it is told to end; one socket for each worker. Returns the exit code."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a file; the usual limit is 1,024
    if len(listening) == 1:
        return _serve_one(listening[0], options)
    return _Workers(listening, options).run()


def _serve_one(listening: socket.socket, options: Options) -> int:
    """One worker in this process."""
    app = Router(options, project=project_digest(options.layout.root))
    config = uvicorn.Config(
        app,
        interface="asgi3",
        loop="uvloop",
        http=ClientConnection,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="critical",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(CLIENT_IDLE_S),
        timeout_graceful_shutdown=max(1, round(options.drain_timeout_s)),
        ssl_certfile=options.tls_cert or None,
        ssl_keyfile=options.tls_key or None,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    return 0 if server.started else 1


class _Workers:
    """The processes of one router."""

    def __init__(self, listening: list[socket.socket], options: Options) -> None:
        self._listening = listening
        self._options = options
        self._places: dict[int, int] = {}  # process → its place
        self._stopping = False

    def run(self) -> int:
        """Starts all, restarts what dies, ends all. Returns the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for place in range(len(self._listening)):
            self._fork(place)
        while self._places:
            try:
                pid, status = os.wait()
            except InterruptedError:
                continue
            except ChildProcessError:
                break
            if pid not in self._places:
                continue
            place = self._places.pop(pid)
            if self._stopping:
                continue
            if (code := os.waitstatus_to_exitcode(status)) == 1:  # it cannot start: nor can another
                self._stop(signal.SIGTERM, None)
                continue
            log.warning("a worker ended and is started again", pid=pid, exit_code=code)
            time.sleep(RESTART_PAUSE_S)
            if not self._stopping:
                self._fork(place)
        return 0 if self._stopping else 1

    def _fork(self, place: int) -> None:
        pid = os.fork()
        if pid:
            self._places[pid] = place
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        for index, other in enumerate(self._listening):
            if index != place:
                other.close()
        code = 1
        try:
            configure_logging()
            code = _serve_one(self._listening[place], self._options)
        except KeyboardInterrupt:
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for listening in self._listening:
            listening.close()  # else the kernel would go on taking connections that nobody accepts
        for pid in list(self._places):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
