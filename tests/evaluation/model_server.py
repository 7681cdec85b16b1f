"""A model server that answers each request as a test says, whole or as a stream, slowly or wrongly if need be."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[[BaseHTTPRequestHandler, int, dict], None]


class Server:
    """Answers each request as told; `seen` holds the paths and bodies that came."""

    def __init__(self, behave: Behaviour) -> None:
        self.seen: list[tuple[str, dict, str]] = []
        self.inside = self.most_inside = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.seen.append((self.path, body, self.headers.get("Authorization", "")))
                    number = len(outer.seen)
                    outer.inside += 1
                    outer.most_inside = max(outer.most_inside, outer.inside)
                try:
                    behave(self, number, body)
                finally:
                    with lock:
                        outer.inside -= 1

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, content: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def stream(handler: BaseHTTPRequestHandler, *lines: bytes, ending: bytes = b"\n\n", **headers: str) -> None:
    """Sends lines as they are, each at once; the connection ends the body."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    for line in lines:
        handler.wfile.write(line + ending)
        handler.wfile.flush()


def event(said: str | None = None, **more: object) -> bytes:
    """A chunk of a completion; without text it has no choice."""
    choices = [] if said is None else [{"text": said, "index": 0, "finish_reason": None}]
    return b"data: " + json.dumps({"choices": choices} | more).encode()


def text(handler: BaseHTTPRequestHandler, said: str) -> None:
    reply(handler, 200, json.dumps({"choices": [{"text": said}]}).encode())
