"""Traces as a collector gets them, and what a client may not send."""

import http.server
import json
import socket
import threading

import pytest

CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "a secret"}], "max_tokens": 7}'


@pytest.fixture
def collector():
    """A real OTLP/HTTP address that keeps the spans it gets."""
    spans = []
    come = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(span for each in body["resourceSpans"] for s in each["scopeSpans"] for span in s["spans"])
            self.send_response(200)
            self.end_headers()
            come.set()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.spans, server.come = spans, come
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_a_request_is_one_span_with_the_genai_names_and_without_its_words(start_router, model, collector):
    router = start_router(model("first"), traces=f"http://127.0.0.1:{collector.server_port}")
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    router.ask("/v1/chat/completions", body=CHAT, headers={"traceparent": parent, "x-request-id": "r1"})
    router.terminate()
    assert collector.come.wait(10)
    (span,) = collector.spans
    values = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
    assert (span["traceId"], span["parentSpanId"], span["name"]) == ("a" * 32, "b" * 16, "chat both")
    assert values["gen_ai.operation.name"] == "chat"
    assert values["gen_ai.request.model"] == "both"
    assert values["gen_ai.request.max_tokens"] == "7"
    assert (values["hone.request_id"], values["hone.provider"], values["hone.outcome"]) == ("r1", "p0", "ok")
    assert "secret" not in json.dumps(span)


def test_a_collector_that_is_gone_costs_no_request(start_router, model, port):
    router = start_router(model("first"), traces=f"http://127.0.0.1:{port}")
    assert router.ask("/v1/chat/completions", body=CHAT).status == 200


def test_headers_over_64_kib_are_refused(router):
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 70_000)
        assert client.recv(100).startswith(b"HTTP/1.1 431")


def test_an_answer_before_the_whole_body_ends_the_connection(router):
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
        client.sendall(b"POST /v1/nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nhalf")
        head = client.recv(1000)
        assert head.startswith(b"HTTP/1.1 404")
        assert b"connection: close" in head
        client.sendall(b"more")
        assert client.recv(1000) == b""


def test_many_idle_connections_do_not_stand_in_the_way(router):
    idle = [socket.create_connection(("127.0.0.1", router.port), timeout=10) for _ in range(400)]
    assert router.ask("/health/live", body=None).status == 200
    for each in idle:
        each.close()


def test_a_request_in_pieces_and_two_in_one_piece_are_answered(router):
    one = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
        for byte in one:
            client.sendall(bytes([byte]))
        assert client.recv(4000).startswith(b"HTTP/1.1 200")
        client.sendall(one + one)
        got = b""
        while got.count(b'"hone-router"') < 2:
            got += client.recv(4000)
        assert got.count(b"HTTP/1.1 200") == 2
