"""A stream that breaks off, on a route where the next place goes on with it."""

import json
from contextlib import closing

import openai
import pytest

from tests.router.conftest import ROUTED
from tests.router.faulty import (
    VERSIONS,
    close,
    error_of,
    event,
    good,
    plays,
    says,
    start,
    stream_parts,
    whole_answer,
)
from tests.router.test_hardship import rows, wait_for

FIRST = stream_parts("openai")
CALL = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}
CALLING = event({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [CALL]}, "finish_reason": None}]})
REST = "lo"  # of `Hello`
TURNS = [{"role": "user", "content": "Say hello"}]


def breaks_off(*content):
    return plays(FIRST.opening, *content, close)


@pytest.fixture
def behind(tmp_path, model):
    """Two providers and the router before them, whose routes name both; what they do is up to the test."""
    started = []

    def make(*wires, continue_cut=True):
        fakes = [model(f"p{number}") for number in range(len(wires))]
        providers = {
            fake.name: {"wire": wire, "url": f"{fake.url}/{VERSIONS[wire]}"}
            for fake, wire in zip(fakes, wires, strict=True)
        }
        priced = {"name": "up", "prices": [{"input": 1, "output": 2, "dated": "2026-11-26"}]}
        shared = {
            "does": list(ROUTED), "quality": {"source": "ours"}, "context_tokens": 9_000, "max_output_tokens": 500,
            "tokenizer": "unknown", "serves": ["chat", "completions"], "supports": ["tools"],
        }  # fmt: skip
        models = {f"m{fake.name}": {**shared, "at": {fake.name: priced}} for fake in fakes}
        route = {"models": list(models), "continue_cut": continue_cut}
        started.append(start(tmp_path, providers, models, route=route))
        return started[-1], *fakes

    yield make
    for router in started:
        router.terminate()


def stream(router, model="hone/planning", **more):
    """All that the client reads, and its text."""
    body = {"model": model, "messages": TURNS, "stream": True, "max_tokens": 50, **more}
    with closing(router.connect()) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body).encode())
        read = connection.getresponse().read()
    events = [json.loads(line[6:]) for line in read.splitlines() if line.startswith(b"data: {")]
    text = "".join(choice["delta"].get("content") or "" for one in events for choice in one.get("choices", ()))
    return read, text


@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
def test_the_next_place_goes_on_where_a_stream_broke_off(behind, wire):
    router, first, second = behind("openai", wire)
    first.behave = breaks_off(FIRST.content[0])
    parts = stream_parts(wire)
    second.behave = plays(parts.opening, parts.content[1], parts.finish, parts.usage, parts.end)
    read, text = stream(router)
    assert text == "Hello"
    assert read.endswith(b"data: [DONE]\n\n")
    assert b"error" not in read
    assert b": p1/mp1 goes on\n\n" in read
    wait_for(lambda: rows(router) == 1)
    assert rows(router, "outcome || attempts || provider") == "ok2p1"
    # The first place's answer is paid for by estimate, the second's by its own count: 9 tokens in, 3 out.
    assert rows(router, "cost_usd") > (9 * 1 + 3 * 2) / 1e6


def test_the_next_place_is_told_what_was_said_and_how_much_it_may_still_say(behind):
    router, first, second = behind("openai", "openai")
    first.behave, second.behave = breaks_off(*FIRST.content), good("openai")
    stream(router)
    asked = json.loads(second.requests[-1].body)
    assert asked["messages"][:2] == [*TURNS, {"role": "assistant", "content": "Hello"}]
    assert asked["messages"][2]["role"] == "user"
    assert asked["max_tokens"] == 50 - len("Hello") // 4


def test_a_text_completion_goes_on_from_the_prompt_and_what_was_said(behind, healthy):
    router, first, second = behind("openai", "openai")
    first.behave = plays(event({"id": "c", "choices": [{"index": 0, "text": " = 1", "finish_reason": None}]}), close)
    second.behave = healthy
    body = {"model": "hone/completion", "prompt": "x", "stream": True}
    reply = router.ask("/v1/completions", body=json.dumps(body).encode())
    assert json.loads(second.requests[-1].body)["prompt"] == "x = 1"
    assert b"[DONE]" in reply.body


def test_the_official_client_reads_it_as_one_answer(behind):
    router, first, second = behind("openai", "openai")
    first.behave = breaks_off(FIRST.content[0])
    second.behave = plays(FIRST.opening, FIRST.content[1], FIRST.finish, FIRST.end)
    with openai.OpenAI(base_url=f"{router.url}/v1", api_key="none", max_retries=0) as client:
        chunks = client.chat.completions.create(model="hone/planning", messages=TURNS, stream=True)
        said = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(said) == "Hello"


@pytest.mark.parametrize(
    ("second", "made"),
    [
        ("has nothing behind it", ("openai",)),
        ("fails", ("openai", "openai")),
        ("answers in one piece", ("openai", "openai")),
        ("breaks off too", ("openai", "openai")),
    ],
)
def test_where_nobody_can_go_on_the_stream_ends_with_one_error(behind, second, made):
    router, first, *others = behind(*made)
    first.behave = breaks_off(FIRST.content[0])
    for other in others:
        other.behave = {
            "fails": says("503 Service Unavailable", error_of("openai", 503)),
            "answers in one piece": says("200 OK", whole_answer("openai")),
            "breaks off too": breaks_off(FIRST.content[1]),
        }[second]
    read, text = stream(router)
    assert text == ("Hello" if second == "breaks off too" else "Hel")
    assert read.count(b'"error"') == 1
    assert b"[DONE]" not in read
    wait_for(lambda: rows(router) == 1)
    assert rows(router, "outcome") == "cut"


def test_what_cannot_be_gone_on_with_ends_with_an_error(behind):
    router, first, second = behind("openai", "openai")
    first.behave = breaks_off(CALLING)
    read, _ = stream(router, tools=[{"type": "function", "function": {"name": "f"}}])
    assert read.count(b'"error"') == 1
    read, _ = stream(router)  # a call that nobody asked for
    assert read.count(b'"error"') == 1
    assert second.requests == []


def test_nobody_goes_on_unless_the_route_says_so(behind):
    router, first, second = behind("openai", "openai", continue_cut=False)
    first.behave = breaks_off(FIRST.content[0])
    read, text = stream(router)
    assert text == "Hel"
    assert read.count(b'"error"') == 1
    assert second.requests == []
