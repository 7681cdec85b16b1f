"""What the router takes, passes on, stamps and refuses."""

import http.client
import json
import socket

import pytest

MAX_BODY_BYTES = 16 * 2**20  # the default


def test_every_answer_says_which_version_gave_it(router, model):
    router.point_to(model("v1"), "7")
    headers = router.ask().headers
    assert headers["x-hone-model-version"] == "hone-code:7"
    assert headers["x-hone-generation"] == str(router.generation)
    assert headers["x-hone-attempts"] == "1"
    assert len(headers["x-hone-request-id"]) == 32


def test_a_sane_request_id_of_the_client_is_kept_and_passed_on(router, model):
    fake = model("v1")
    router.point_to(fake)
    assert router.ask(headers={"X-Request-Id": "ci-7.a"}).headers["x-hone-request-id"] == "ci-7.a"
    assert fake.requests[0].headers["x-request-id"] == "ci-7.a"


@pytest.mark.parametrize("given", ["a b", "x" * 129, "<script>", ""])
def test_any_other_request_id_is_replaced(router, given):
    assert len(router.ask("/", headers={"X-Request-Id": given}).headers["x-hone-request-id"]) == 32


def test_all_but_the_models_name_arrives_unchanged(router, model):
    fake = model("v1")
    router.point_to(fake)
    body = b'{"prompt":"%s","model":"hone-code:1","top_k":3,"new":[1.50,{"a":null}]}' % ("é" * 100_000).encode()
    router.ask("/v1/completions?a=%20b", body=body)
    assert fake.requests[0].path == "/v1/completions?a=%20b"
    assert fake.requests[0].body == body.replace(b"hone-code:1", b"hone-code")


def test_credentials_and_hop_by_hop_headers_stay_at_the_router(router, model):
    fake = model("v1")
    router.point_to(fake)
    given = {
        "Authorization": "Bearer secret",
        "Cookie": "a=b",
        "Connection": "x-private",
        "X-Private": "1",
        "X-Kept": "2",
    }
    router.ask(headers=given)
    received = fake.requests[0].headers
    assert received["x-kept"] == "2"
    assert not {"authorization", "cookie", "x-private"} & set(received)


def test_the_upstreams_errors_pass_through_with_their_headers(router, model):
    async def busy(fake, request, writer):
        error = {"error": {"message": "the queue is full", "code": "queue_full"}}
        extra = "Retry-After: 3\r\nX-Hone-Attempts: 99\r\nKeep-Alive: timeout=5\r\n"
        writer.write(fake.response(error, "429 Too Many Requests", extra))

    router.point_to(model("v1", busy))
    reply = router.ask()
    assert (reply.status, reply.headers["retry-after"]) == (429, "3")
    assert reply.json["error"]["code"] == "queue_full"
    assert reply.headers["x-hone-attempts"] == "1"
    assert "keep-alive" not in reply.headers


def test_a_503_that_is_no_draining_passes_through(router, model):
    async def broken(fake, request, writer):
        writer.write(fake.response({"error": {"message": "no memory"}}, "503 Service Unavailable"))

    router.point_to(model("v1", broken))
    assert router.ask().json["error"]["message"] == "no memory"


def test_an_upstream_that_speaks_no_http_is_a_502_that_names_it(router, model):
    async def babble(fake, request, writer):
        writer.write(b"ni hao\r\n\r\n")

    fake = model("v1", babble)
    router.point_to(fake)
    reply = router.ask()
    assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_failed")
    assert fake.url in reply.json["error"]["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_a_413(router, model, chunked):
    router.point_to(model("v1"))
    connection = router.connect()
    body = b"x" * (MAX_BODY_BYTES + 1)
    connection.request("POST", "/v1/completions", iter([body]) if chunked else body, encode_chunked=chunked)
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["error"]["message"] == "the body is over 16 MiB; shorten the prompt"


def test_a_body_announced_over_the_limit_is_not_waited_for(router):
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n")
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status == 413


def test_a_body_that_never_ends_is_a_408(start_router, model):
    router = start_router(request_timeout_s=0.5)
    router.point_to(model("v1"))
    with socket.create_connection(("127.0.0.1", router.port)) as client:
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status == 408


def test_other_paths_and_methods_are_refused_by_name(router):
    missing = router.ask("/v1/images/generations", body=b"{}")
    assert (missing.status, missing.json["error"]["code"]) == (404, "unknown_url")
    wrong = router.ask("/v1/completions", body=None)
    assert (wrong.status, wrong.json["error"]["message"]) == (405, "`/v1/completions` takes POST, not GET")


def test_it_is_live_at_once_and_ready_with_its_first_deployment(new_router, model):
    assert new_router.ask("/health/live", body=None).status == 200
    assert new_router.ask("/health/ready", body=None).status == 503
    new_router.point_to(model("v1"), "7")
    ready = new_router.ask("/health/ready", body=None)
    assert (ready.status, ready.json["model_version"]) == (200, "hone-code:7")


def test_metrics_count_answers_by_path_and_status(new_router, model):
    new_router.point_to(model("v1"))
    new_router.ask()
    new_router.ask()
    assert new_router.metric('hone_router_requests_total{path="/v1/completions",status="200"}') == 2
    assert new_router.metric("hone_router_generation") == 1


def test_a_failed_request_leaves_one_line_in_the_log_and_an_answered_one_none(new_router, model):
    async def broken(fake, request, writer):
        writer.write(fake.response({"error": {"message": "no memory"}}, "500 Internal Server Error"))

    new_router.point_to(model("v1"))
    new_router.ask()
    new_router.point_to(model("v2", broken), "2")
    request_id = new_router.ask().headers["x-hone-request-id"]
    lines = [json.loads(line) for line in new_router.terminate().splitlines()]
    assert [(line["request_id"], line["model_version"], line["status"]) for line in lines] == [
        (request_id, "hone-code:2", 502)
    ]
