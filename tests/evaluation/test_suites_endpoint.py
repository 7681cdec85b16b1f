"""An endpoint, against a server on this machine that streams, answers slowly, breaks off, fails or refuses."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from evaluation.suites.endpoint import STREAMED_TRIES, TRIES, Endpoint
from evaluation.suites.targets import Answer, Ask
from hone.errors import EvaluationError
from hone.fill_formats import FORMATS
from tests.evaluation.model_server import Behaviour, Server, event, reply, stream, text

DONE = b"data: [DONE]"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Server]]:
    servers: list[Server] = []

    def start(behave: Behaviour) -> Server:
        servers.append(Server(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def endpoint(server: Server, **changed: object) -> Endpoint:
    settings = {"max_tokens": 9, "temperature": 0.0, "timeout_s": 5.0, "first_wait_s": 0.01} | changed
    return Endpoint(url=server.url, model="tiny", **settings)


def ask(target, *asks: Ask) -> list[Answer]:
    answers: list[Answer] = []
    target.answer(asks or [Ask("a", 0, prompt="def f():")], answers.append)
    return answers


def test_a_base_model_is_asked_to_go_on_from_the_prompt(serve):
    server = serve(lambda handler, number, body: text(handler, " pass"))
    (answer,) = ask(endpoint(server, api_key="secret"), Ask("a", 0, prompt="def f():", stop=tuple("123456")))
    assert answer.text == " pass"
    wanted = {"model": "tiny", "max_tokens": 9, "temperature": 0.0, "stop": list("1234"), "prompt": "def f():"}
    assert server.seen == [("/v1/completions", wanted | STREAMED, "Bearer secret")]


def test_a_chat_model_is_asked_by_messages(serve):
    server = serve(
        lambda handler, number, body: reply(handler, 200, b'{"choices": [{"message": {"content": "hello"}}]}')
    )
    (answer,) = ask(endpoint(server), Ask("a", 0, messages=({"role": "user", "content": "hi"},)))
    assert answer.text == "hello"
    assert server.seen[0][0] == "/v1/chat/completions"
    assert server.seen[0][1]["messages"] == [{"role": "user", "content": "hi"}]


def test_a_message_with_tool_calls_is_kept_whole(serve):
    message = {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    server = serve(
        lambda handler, number, body: reply(handler, 200, json.dumps({"choices": [{"message": message}]}).encode())
    )
    asked = Ask("a", 0, messages=({"role": "user", "content": "hi"},), tools=({"type": "function"},))
    (answer,) = ask(endpoint(server), asked)
    assert json.loads(answer.text) == message
    assert server.seen[0][1]["tools"] == [{"type": "function"}]


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"te')


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@pytest.mark.parametrize(
    "trouble",
    [
        lambda handler: reply(handler, 500, b"boom"),
        lambda handler: reply(handler, 503, b"{}"),
        lambda handler: reply(handler, 429, b"{}", Retry_After="0"),
        lambda handler: reply(handler, 200, b'{"choices": ['),
        lambda handler: reply(handler, 200, b'{"choices": []}'),
        cut_off,
        hang_up,
        lambda handler: stream(handler, event("y")),
        lambda handler: stream(handler, event("y"), b'data: {"choices": [{"te'),
        lambda handler: stream(handler, event("y"), b'data: {"error": {"message": "out of cards"}}', DONE),
        lambda handler: stream(handler, b"data: 7", DONE),
    ],
    ids=[
        "500",
        "503",
        "429",
        "half a JSON",
        "no choice",
        "cut off",
        "hung up",
        "a stream without an end",
        "a stream cut off",
        "an error in a stream",
        "a stream of something else",
    ],
)
def test_what_may_get_better_is_tried_again(serve, trouble):
    server = serve(lambda handler, number, body: text(handler, "x") if number == 3 else trouble(handler))
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.retries) == ("x", 2)
    assert len(server.seen) == 3


def test_a_server_that_never_answers_in_time_ends_in_one_line(serve):
    stopped = threading.Event()
    server = serve(lambda handler, number, body: stopped.wait(30))
    with pytest.raises(EvaluationError, match=rf"no answer in {TRIES} tries \(no answer within 0.05 s\)"):
        ask(endpoint(server, timeout_s=0.05))
    stopped.set()


def test_a_server_that_keeps_failing_ends_in_one_line_with_its_reason(serve):
    server = serve(lambda handler, number, body: reply(handler, 500, b'{"error": {"message": "out of\\ncards"}}'))
    with pytest.raises(EvaluationError, match=r"\(500 out of cards\); what it answered before is kept"):
        ask(endpoint(server))
    assert len(server.seen) == TRIES


def test_nobody_listening_ends_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = Endpoint(f"http://127.0.0.1:{port}/v1", "tiny", max_tokens=1, temperature=0.0, first_wait_s=0.001)
    with pytest.raises(EvaluationError, match=f"{port}/v1` gave no answer"):
        ask(gone)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_not_tried_again(serve, status):
    server = serve(lambda handler, number, body: reply(handler, status, b'{"error": {"message": "wrong key"}}'))
    with pytest.raises(EvaluationError, match=f"refuses with {status}: wrong key"):
        ask(endpoint(server))
    assert len(server.seen) == 1


def test_a_request_that_is_refused_is_made_once_more_without_what_can_be_left_out(serve):
    server = serve(lambda handler, number, body: reply(handler, 400, b'{"error": {"message": "wrong model"}}'))
    with pytest.raises(EvaluationError, match="refuses with 400: wrong model"):
        ask(endpoint(server, temperature=0.5))
    kept = [(body.get("stream", False), "seed" in body) for _, body, _ in server.seen]
    assert kept == [(True, True), (False, True), (False, False)]


def test_a_prompt_too_long_for_the_context_is_a_problem_of_that_prompt(serve):
    body = b'{"error": {"message": "the context of this model is 256 tokens", "code": "context_length_exceeded"}}'
    server = serve(
        lambda handler, number, asked: text(handler, "x") if asked["prompt"] == "b" else reply(handler, 400, body)
    )
    answers = ask(endpoint(server), Ask("a", 0, prompt="a"), Ask("b", 0, prompt="b"))
    assert {answer.id: bool(answer.problem) for answer in answers} == {"a": True, "b": False}


def counted(tokens: int) -> bytes:
    return event(usage={"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens})


def test_a_stream_is_put_together_and_its_first_text_and_tokens_are_measured(serve):
    server = serve(lambda handler, number, body: stream(handler, event(""), event("a"), event("b"), counted(2), DONE))
    (answer,) = ask(endpoint(server))
    assert answer.text == "ab"
    assert answer.call.tokens == 2
    assert 0 < answer.call.first_token_s <= answer.seconds


def test_a_chat_is_streamed_by_its_deltas(serve):
    deltas = [{"role": "assistant", "content": ""}, {"content": "he"}, {"content": None}, {"content": "llo"}, {}]
    chunks = [f"data: {json.dumps({'choices': [{'delta': delta}]})}".encode() for delta in deltas]
    server = serve(lambda handler, number, body: stream(handler, *chunks, DONE))
    (answer,) = ask(endpoint(server), Ask("a", 0, messages=({"role": "user", "content": "hi"},)))
    assert answer.text == "hello"


@pytest.mark.parametrize(
    "lines",
    [
        [event("aé"), DONE],
        [event("a"), b'data: {"choices": [{"text": "\xc3\xa9", "finish_reason": "stop"}]}'],
        [b": ping", b"event: completion", b"id: 7", event("a"), b"", event("é"), DONE],
        [event("a").replace(b"data: ", b"data:"), event("é"), DONE],
    ],
    ids=["without usage", "without [DONE]", "with comments, names and ids", "without spaces"],
)
@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n", b"\n"], ids=["lf", "crlf", "one line end"])
def test_streams_of_many_servers_are_read(serve, lines, ending):
    server = serve(lambda handler, number, body: stream(handler, *lines, ending=ending))
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.call.tokens) == ("aé", None)
    assert answer.call.first_token_s is not None
    assert len(server.seen) == 1


def test_a_server_that_does_not_stream_answers_whole_and_is_believed(serve):
    whole = b' {"choices": [{"text": "x"}], "usage": {"completion_tokens": 1, "cost": 0.5}}'
    server = serve(lambda handler, number, body: reply(handler, 200, whole, Content_Type="text/event-stream"))
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.call.first_token_s, answer.call.tokens) == ("x", None, 1)
    assert len(server.seen) == 1


@pytest.mark.parametrize("usage", ["null", "7", "[]", '{"completion_tokens": "2"}', '{"completion_tokens": -2}'])
def test_a_usage_that_is_none_costs_no_answer(serve, usage):
    body = f'{{"choices": [{{"text": "x"}}], "usage": {usage}}}'.encode()
    server = serve(lambda handler, number, _: reply(handler, 200, body))
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.call.tokens, answer.call.cost_usd) == ("x", None, None)


def test_a_server_that_refuses_streams_is_asked_plainly_from_then_on(serve):
    def behave(handler: BaseHTTPRequestHandler, number: int, body: dict) -> None:
        if "stream_options" in body:
            reply(handler, 422, b'{"error": "extra inputs are not permitted: stream_options"}')
        else:
            text(handler, "x")

    server = serve(behave)
    answers = ask(endpoint(server, at_once=1), *[Ask(str(at), 0, prompt="p") for at in range(3)])
    assert [answer.text for answer in answers] == ["x"] * 3
    assert [body.get("stream", False) for _, body, _ in server.seen] == [True, False, False, False]
    assert [answer.retries for answer in answers] == [0] * 3  # it had not failed


def test_a_refusal_of_streams_that_speaks_of_a_context_is_not_taken_for_a_prompt_too_long(serve):
    refusal = b'{"error": {"message": "stream_options is not allowed in this context"}}'
    server = serve(
        lambda handler, number, body: reply(handler, 400, refusal) if "stream" in body else text(handler, "x")
    )
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.problem) == ("x", "")


def test_a_server_that_fails_whenever_it_streams_is_asked_plainly_in_the_end(serve):
    server = serve(
        lambda handler, number, body: stream(handler, event("x")) if "stream" in body else text(handler, "x")
    )
    (answer,) = ask(endpoint(server))
    assert (answer.text, answer.retries) == ("x", STREAMED_TRIES)


def test_tool_calls_are_asked_for_whole(serve):
    server = serve(lambda handler, number, body: reply(handler, 200, b'{"choices": [{"message": {"content": "no"}}]}'))
    ask(endpoint(server), Ask("a", 0, messages=({"role": "user", "content": "hi"},), tools=({"type": "function"},)))
    assert "stream" not in server.seen[0][1]


def seeds(server: Server) -> dict[str, int]:
    return {body["prompt"]: body["seed"] for _, body, _ in server.seen if "seed" in body}


def test_every_sample_has_a_seed_of_its_own_and_the_same_one_again(serve):
    asks = [Ask(task, number, prompt=f"{task} {number}") for task in "ab" for number in range(3)]
    servers = [serve(lambda handler, number, body: text(handler, "x")) for _ in range(3)]
    for server, seed in zip(servers, (7, 7, 8), strict=True):
        ask(endpoint(server, temperature=0.8, seed=seed), *asks)
    first, again, other = map(seeds, servers)
    assert len(set(first.values())) == 6
    assert first == again
    assert not set(first.values()) & set(other.values())
    assert all(0 <= seed < 2**31 for seed in first.values())


def test_greedy_answers_need_no_seed(serve):
    server = serve(lambda handler, number, body: text(handler, "x"))
    ask(endpoint(server))
    assert "seed" not in server.seen[0][1]


def test_a_server_that_takes_no_seed_is_asked_without_one(serve):
    def behave(handler: BaseHTTPRequestHandler, number: int, body: dict) -> None:
        if "seed" in body:
            reply(handler, 400, b'{"error": {"message": "unknown field `seed`"}}')
        else:
            stream(handler, event("x"), DONE)

    server = serve(behave)
    answers = ask(endpoint(server, temperature=0.8, at_once=1), *[Ask("a", at, prompt="p") for at in range(2)])
    assert [answer.text for answer in answers] == ["x", "x"]
    assert [("seed" in body, "stream" in body) for _, body, _ in server.seen] == [(True, True), *[(False, True)] * 2]


@pytest.mark.parametrize(
    ("header", "cost"), [("0.0125", 0.0125), ("0", 0.0), ("", None), ("free", None), ("nan", None)]
)
def test_what_an_answer_costs_is_kept_where_its_header_names_it(serve, header, cost):
    server = serve(lambda handler, number, body: stream(handler, event("x"), DONE, x_hone_cost_usd=header))
    assert ask(endpoint(server))[0].call.cost_usd == cost


def test_what_an_answer_costs_is_kept_where_its_usage_names_it(serve):
    server = serve(lambda handler, number, body: stream(handler, event("x"), event(usage={"cost": 0.25}), DONE))
    assert ask(endpoint(server))[0].call.cost_usd == 0.25


GAP = Ask("a", 0, prompt="def f(n):\n", suffix="    return m\n")


def test_a_gap_is_asked_for_by_the_suffix_that_follows_it(serve):
    server = serve(lambda handler, number, body: text(handler, "    m = n\n"))
    assert ask(endpoint(server), GAP)[0].text == "    m = n\n"
    path, body, _ = server.seen[0]
    assert (path, body["prompt"], body["suffix"]) == ("/v1/completions", GAP.prompt, GAP.suffix)
    assert "stop" not in body


def test_a_gap_is_asked_for_by_sentinels_where_a_format_is_given(serve):
    server = serve(lambda handler, number, body: text(handler, "    m = n\n<|file_sep|>x"))
    assert ask(endpoint(server, fill=FORMATS["qwen2.5-coder"]), GAP)[0].text == "    m = n\n"
    body = server.seen[0][1]
    assert body["prompt"] == f"<|fim_prefix|>{GAP.prompt}<|fim_suffix|>{GAP.suffix}<|fim_middle|>"
    assert body["stop"] == ["<|endoftext|>", "<|file_sep|>", "<|fim_pad|>", "<|repo_name|>"]
    assert "suffix" not in body


def test_a_server_that_takes_no_suffix_names_the_way_out(serve):
    refusal = b'{"error": {"message": "suffix is not currently supported"}}'
    server = serve(lambda handler, number, body: reply(handler, 400, refusal))
    with pytest.raises(EvaluationError, match=r"suffix is not currently supported; see .* --fim-format for a server"):
        ask(endpoint(server), GAP)


def test_requests_in_flight_are_bounded(serve):
    def slowly(handler: BaseHTTPRequestHandler, number: int, body: dict) -> None:
        threading.Event().wait(0.05)
        text(handler, "x")

    server = serve(slowly)
    answers = ask(endpoint(server, at_once=3), *[Ask(str(at), 0, prompt="p") for at in range(12)])
    assert sorted(int(answer.id) for answer in answers) == list(range(12))
    assert server.most_inside <= 3


def test_bytes_that_are_no_utf8_do_not_break_an_answer(serve):
    server = serve(lambda handler, number, body: reply(handler, 200, b'{"choices": [{"text": "a\xff"}]}'))
    assert ask(endpoint(server))[0].text == "a\udcff"


def test_ten_megabytes_come_through(serve):
    server = serve(lambda handler, number, body: text(handler, "x" * 10_000_000))
    assert len(ask(endpoint(server))[0].text) == 10_000_000


def test_what_was_answered_before_a_failure_has_been_handed_over(serve):
    server = serve(
        lambda handler, number, body: text(handler, "x") if number < 3 else reply(handler, 401, b'{"error": "no"}')
    )
    answers: list[Answer] = []
    with pytest.raises(EvaluationError, match="refuses with 401: no"):
        endpoint(server, at_once=1).answer([Ask(str(at), 0, prompt="p") for at in range(5)], answers.append)
    assert [answer.id for answer in answers] == ["0", "1"]


def test_nothing_of_a_stopped_endpoint_goes_on(serve):
    async def stop_soon() -> list[str]:
        server = serve(lambda handler, number, body: text(handler, "x"))
        running = asyncio.create_task(
            endpoint(server)._answer_all([Ask(str(at), 0, prompt="p") for at in range(1000)], lambda _: None)
        )
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(stop_soon()) == []
