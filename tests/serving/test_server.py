"""A real server in its own process, asked by the OpenAI SDK and, where bytes matter, by httpx."""

import json
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import pytest
from tokenizers import Tokenizer

from tests.serving.conftest import Serve
from tests.serving.tiny import PROMPT, RECITED, Server

ASK = {"model": "tiny", "prompt": PROMPT, "max_tokens": 100}
WAIT_S = 30.0


@pytest.fixture
def client(server: Server) -> openai.OpenAI:
    return client_of(server)


def client_of(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60)


def metric(server: Server, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{server.url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def post(server: Server, path: str = "/v1/completions", **body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}{path}", json=body, timeout=60)


def error_of(answer: httpx.Response) -> tuple[int, str | None, str | None, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"], error["message"]


def test_a_completion_has_text_reason_and_usage(client: openai.OpenAI) -> None:
    answer = client.completions.create(**ASK)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (RECITED, "stop")
    assert answer.model == "tiny:7"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_gives_the_same_text_in_pieces_and_usage_when_asked(client: openai.OpenAI) -> None:
    chunks = list(client.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].text for chunk in chunks if chunk.choices]
    assert len(texts) > 5
    assert "".join(texts) == RECITED
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage == client.completions.create(**ASK).usage


def test_the_stream_ends_with_done_and_is_valid_utf8_at_every_event(server: Server) -> None:
    with httpx.stream("POST", f"{server.url}/v1/completions", json={**ASK, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert events[-1] == "[DONE]"
    texts = [json.loads(event)["choices"][0]["text"] for event in events[:-1]]
    assert "".join(texts) == RECITED
    assert all("\ufffd" not in text for text in texts)


def test_a_base_model_completes_the_last_message_of_a_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny:7", messages=[{"role": "user", "content": PROMPT}])
    assert answer.choices[0].message.content == RECITED
    assert answer.choices[0].message.role == "assistant"


def test_a_chat_streams(client: openai.OpenAI) -> None:
    parts: list[Any] = [{"type": "text", "text": PROMPT}]
    stream = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": parts}], stream=True)
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == RECITED
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stop_string_never_shows_in_a_stream(client: openai.OpenAI) -> None:
    chunks = list(client.completions.create(**ASK, stream=True, stop=["turn 'Hel"]))
    assert "".join(chunk.choices[0].text for chunk in chunks) == RECITED[: RECITED.index("turn 'Hel")]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_completion_without_max_tokens_has_sixteen(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt=PROMPT)
    assert answer.usage is not None
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 16)


def test_a_prompt_may_be_a_list_of_one_or_token_ids(client: openai.OpenAI, weights: Path) -> None:
    ids = Tokenizer.from_file(str(weights / "tokenizer.json")).encode(PROMPT).ids
    for prompt in ([PROMPT], ids, [ids]):
        answer = client.completions.create(model="tiny", prompt=prompt, max_tokens=100)
        assert answer.choices[0].text == RECITED


def test_the_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny", "tiny:7"]
    assert client.models.retrieve("tiny:7").id == "tiny:7"


def test_a_request_id_is_echoed_and_the_version_stamped(server: Server) -> None:
    answer = httpx.post(f"{server.url}/v1/completions", json=ASK, headers={"x-request-id": "abc-1"})
    assert (answer.headers["x-request-id"], answer.headers["x-hone-model-version"]) == ("abc-1", "7")
    assert answer.json()["id"] == "cmpl-abc-1"
    bad = httpx.post(f"{server.url}/v1/completions", json=ASK, headers={"x-request-id": "a b"})
    assert re.fullmatch(r"[0-9a-f]{32}", bad.headers["x-request-id"])


def test_harmless_parameters_are_ignored(server: Server) -> None:
    body = {**ASK, "user": "me", "metadata": {}, "n": 1, "logit_bias": {}, "presence_penalty": 0, "whatever": 1}
    assert post(server, **body).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("logprobs", 0),
        ("logprobs", True),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "json_object"}),
        ("presence_penalty", 0.5),
        ("suffix", "return x"),
        ("echo", True),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(server: Server, field: str, value: Any) -> None:
    status, code, param, message = error_of(post(server, **{**ASK, field: value}))
    assert (status, code, param) == (400, "unsupported_parameter", field)
    assert f"`{field}` is not supported" in message


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"max_tokens": "ten"}, "max_tokens", "expected `int | null`, got `str`"),
        ({"max_tokens": 0}, "max_tokens", "expected `int` >= 1"),
        ({"temperature": 3}, "temperature", "expected `float` <= 2"),
        ({"stop": [""]}, "stop", "none of them empty"),
        ({"stop": ["a"] * 17}, "stop", "up to 16"),
        ({"prompt": ""}, "prompt", "is empty"),
        ({"prompt": []}, "prompt", "is empty"),
        ({"prompt": ["a", "b"]}, "prompt", "one prompt a request"),
        ({"prompt": [1, 99999]}, "prompt", "99999 is not a token id (0 to 511)"),
        ({"stream_options": {"include_usage": 3}}, "stream_options.include_usage", "expected `bool | null`"),
    ],
)
def test_a_wrong_value_names_its_field(server: Server, change: dict[str, Any], field: str, words: str) -> None:
    status, _, param, message = error_of(post(server, **{**ASK, **change}))
    assert (status, param) == (400, field)
    assert words in message


def test_a_missing_field_is_named(server: Server) -> None:
    assert error_of(post(server, prompt="x"))[2:] == ("model", "`model` is required")
    assert error_of(post(server, "/v1/chat/completions", model="tiny"))[2:] == ("messages", "`messages` is required")


def test_a_body_that_is_no_json_object_is_refused(server: Server) -> None:
    for body in (b"{", b"[1]", b"\xff\xfe"):
        assert httpx.post(f"{server.url}/v1/completions", content=body).status_code == 400


def test_a_context_that_is_too_small_is_told_with_the_numbers(server: Server) -> None:
    status, code, param, message = error_of(post(server, **{**ASK, "prompt": [5] * 200, "max_tokens": 57}))
    assert (status, code, param) == (400, "context_length_exceeded", "prompt")
    assert "is 256 tokens; the request needs 257: 200 in the prompt, 57 for the completion" in message
    assert post(server, **{**ASK, "prompt": [5] * 200, "max_tokens": 56}).status_code == 200


def test_an_unknown_model_is_told_what_is_served(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="ask for `tiny` or `tiny:7`") as caught:
        client.completions.create(model="gpt-5", prompt="x")
    assert caught.value.code == "model_not_found"


def test_unknown_paths_and_wrong_methods_are_told_apart(server: Server) -> None:
    assert httpx.get(f"{server.url}/v2/completions").status_code == 404
    wrong = httpx.get(f"{server.url}/v1/completions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_a_body_above_the_limit_is_refused_whether_its_length_is_declared_or_not(server: Server) -> None:
    url = f"{server.url}/v1/completions"
    assert httpx.post(url, content=b"x" * 20001).status_code == 413
    assert httpx.post(url, content=iter([b"x" * 8000] * 3)).status_code == 413


def test_metrics_count_requests_and_tokens(server: Server) -> None:
    ok = 'hone_serving_requests_total{door="completions",status="200"}'
    before, tokens = metric(server, ok), metric(server, "hone_serving_completion_tokens_total")
    post(server, **{**ASK, "max_tokens": 5})
    assert metric(server, ok) == before + 1
    assert metric(server, "hone_serving_completion_tokens_total") == tokens + 5
    assert metric(server, 'hone_serving_model_info{model="tiny",version="7"}') == 1


LONG = {"model": "tiny", "prompt": PROMPT, "max_tokens": 8000}


def test_a_full_queue_answers_429_and_says_when_to_come_again(serve: Serve, endless_weights: Path) -> None:
    server = serve(endless_weights, "--threads", "1", "--queue", "1")
    with httpx.stream("POST", f"{server.url}/v1/completions", json={**LONG, "stream": True}, timeout=60) as running:
        chunks = running.iter_bytes()
        next(chunks)
        waiting = threading.Thread(target=post, args=(server,), kwargs={**LONG, "max_tokens": 1})
        waiting.start()
        assert eventually(lambda: metric(server, "hone_serving_queue_depth") == 1)
        refused = post(server, **{**LONG, "max_tokens": 1})
        assert error_of(refused)[:2] == (429, "queue_full")
        assert refused.headers["retry-after"] == "1"
    waiting.join()  # the client above left, which freed the slot
    assert post(server, **{**LONG, "max_tokens": 1}).status_code == 200


def test_a_client_that_leaves_without_a_stream_frees_the_slot_too(serve: Serve, endless_weights: Path) -> None:
    server = serve(endless_weights, "--threads", "1", "--queue", "0")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/completions", json=LONG, timeout=0.3)
    gone = 'hone_serving_requests_total{door="completions",status="499"}'
    assert eventually(lambda: metric(server, gone) == 1)
    assert metric(server, "hone_serving_completion_tokens_total") < 8000
    assert post(server, **{**LONG, "max_tokens": 1}).status_code == 200


def test_a_stopping_server_finishes_its_stream_refuses_new_requests_and_exits_with_0(
    serve: Serve, endless_weights: Path
) -> None:
    server = serve(endless_weights, "--threads", "1")
    body = {**LONG, "max_tokens": 1500, "stream": True, "stream_options": {"include_usage": True}}
    with httpx.stream("POST", f"{server.url}/v1/completions", json=body, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: httpx.get(f"{server.url}/health/ready").status_code == 503)
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        assert error_of(post(server, **LONG))[:2] == (503, "draining")
        events = [line for line in lines if line]
    assert events[-1] == "data: [DONE]"
    assert json.loads(events[-2].removeprefix("data: "))["usage"]["completion_tokens"] == 1500
    assert server.process.wait(WAIT_S) == 0


def test_the_grace_time_bounds_the_drain(serve: Serve, endless_weights: Path) -> None:
    server = serve(endless_weights, "--threads", "1", "--grace-s", "0.2")
    with httpx.stream("POST", f"{server.url}/v1/completions", json={**LONG, "stream": True}, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    assert server.process.wait(WAIT_S) == 0
