"""The fault table: what can go wrong at a provider, a row each, and what the client must see of it.

`alone`: no other provider; `beside`: with a healthy one of another protocol behind it. Every row runs on a real router
process and real servers, for all three protocols of providers, streams at all three chat doors. Other faults stand
where their part is tested: slow and excessive clients in `test_doors` and `test_seen`, hedges in `test_hedge`, our own
deployments in `test_following` and `test_champion`, retries and breakers in files of their names, HTTP in
`test_connection`, clocks in `money/test_limits` and `money/test_shared`. What happens to the router's own database,
disk, Redis, connections and workers is in `test_hardship`.
"""

import contextlib
import email.utils
import gzip
import json
import random
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from router.connection import MAX_ANSWER_BYTES
from tests.router.conftest import ROUTED, FakeModel, Reply, RunningRouter, free_port
from tests.router.faulty import (
    VERSIONS,
    WIRES,
    byte_by_byte,
    close,
    error_of,
    good,
    plays,
    raw,
    reset,
    says,
    seen,
    sends,
    stall,
    start,
    stream_parts,
    whole_answer,
    zipped,
)  # fmt: skip

SHORT_S = 0.4
MODELS = 120  # of each kind and protocol: every test takes a fresh one, since a breaker remembers
NEXT = {"openai": "anthropic", "anthropic": "gemini", "gemini": "openai"}
WHOLE = (200, "whole")
SECOND = (200, "whole from the second")


@dataclass
class World:
    """Two routers, one of them with little time, in front of a bad and a healthy provider for each protocol."""

    router: RunningRouter
    hurried: RunningRouter
    bad: dict[str, FakeModel]
    taken: Counter[str]


def places(bad, gone_port):
    """configs/providers.yaml and the catalog's models: `bad`, `slow` (with short timeouts), `gone` and `nameless` ones,
    each alone and beside a healthy one."""
    providers, models = {}, {}
    shared = {
        "does": list(ROUTED), "quality": {"source": "ours"}, "supports": ["tools"], "context_tokens": 200_000,
        "max_output_tokens": 500, "tokenizer": "unknown",
    }  # fmt: skip
    priced = {"name": "up", "prices": [{"input": 1, "output": 2, "dated": "2026-11-26"}]}
    for wire in WIRES:
        url = f"{bad[wire].url}/{VERSIONS[wire]}"
        short = {"first_token_timeout_s": SHORT_S, "stall_timeout_s": SHORT_S}
        providers[f"bad-{wire}"] = {"wire": wire, "url": url}
        providers[f"slow-{wire}"] = {"wire": wire, "url": url, **short}
        providers[f"gone-{wire}"] = {"wire": wire, "url": f"http://127.0.0.1:{gone_port}/v1"}
        providers[f"nameless-{wire}"] = {"wire": wire, "url": "http://nowhere.invalid/v1", "connect_timeout_s": 1}
        providers[f"good-{wire}"] = {"wire": wire, "url": f"{bad['good ' + wire].url}/{VERSIONS[wire]}"}
        for kind in ("bad", "slow", "gone", "nameless"):
            for number in range(MODELS if kind in ("bad", "slow") else 2):
                first = {f"{kind}-{wire}": priced}
                models[f"{kind}-{wire}-alone-{number}"] = {**shared, "at": first}
                models[f"{kind}-{wire}-beside-{number}"] = {
                    **shared, "at": {**first, f"good-{NEXT[wire]}": priced}
                }  # fmt: skip
    gone = {f"{kind}-{wire}": priced for wire in WIRES for kind in ("gone", "nameless")}
    models["everybody-is-down"] = {**shared, "at": gone}
    return providers, models


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    fakes = {wire: FakeModel(wire) for wire in WIRES} | {f"good {wire}": FakeModel(wire, good(wire)) for wire in WIRES}
    providers, models = places(fakes, free_port())
    routers = [
        start(tmp_path_factory.mktemp("faults"), providers, models, request_timeout_s=request_timeout_s)
        for request_timeout_s in (20.0, 1.5)
    ]
    yield World(*routers, fakes, Counter())
    for each in (*routers, *fakes.values()):
        each.terminate() if isinstance(each, RunningRouter) else each.end()


DOORS = ("chat", "messages", "generate")


def ask(router, model, *, door="chat", stream=False, bad=None):
    """`bad` hears when the first content of a stream has come."""
    if door == "generate":
        path = f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
        body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    else:
        path = "/v1/chat/completions" if door == "chat" else "/v1/messages"
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50, "stream": stream}
    with closing(router.connect()) as connection:
        connection.request("POST", path, json.dumps(body).encode())
        response = connection.getresponse()
        begun = b""
        while bad and b"Hel" not in begun and (line := response.readline()):
            begun += line
        if bad:
            bad.proceed.set()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, begun + response.read())


def outcome(reply, door="chat"):
    """What an answer comes to: its status, and "whole", or the code of its error."""
    if reply.status != 200:
        error = reply.json["error"]
        return reply.status, error.get("code") if door == "chat" else "refused"
    if reply.headers["content-type"].startswith("text/event-stream"):
        return 200, outcome_of_stream(reply, door)
    told = reply.json
    text = {
        "chat": lambda: told["choices"][0]["message"]["content"],
        "messages": lambda: told["content"][0]["text"],
        "generate": lambda: told["candidates"][0]["content"]["parts"][0]["text"],
    }[door]()
    return 200, named(reply) if text == "Hello" else text


def named(reply):
    return "whole from the second" if reply.headers["x-hone-provider"].startswith("good") else "whole"


def outcome_of_stream(reply, door):
    events = [
        json.loads(line[6:]) if line != b"data: [DONE]" else "[DONE]"
        for line in reply.body.splitlines()
        if line.startswith(b"data: ")
    ]
    last = events[-1]
    text, finished = "", False
    for each in events:
        if each == "[DONE]":
            continue
        if door == "chat":
            text += "".join(choice["delta"].get("content") or "" for choice in each.get("choices", ()))
        elif door == "messages":
            text += each.get("delta", {}).get("text", "") if each["type"] == "content_block_delta" else ""
        else:
            for candidate in each.get("candidates", ()):
                text += "".join(part.get("text", "") for part in candidate.get("content", {}).get("parts", ()))
                finished = finished or bool(candidate.get("finishReason"))
    ended = {"chat": last == "[DONE]", "messages": last != "[DONE]" and last.get("type") == "message_stop"}
    if ended.get(door, finished and "error" not in last):
        return named(reply) if text == "Hello" else f"finished after {text!r}"
    assert "error" in last, f"neither an end nor an error: {reply.body!r}"
    return f"{text!r}, then an error"


def take(world, wire, model, behave):
    """A fresh model of that kind, whose provider does that."""
    world.bad[wire].behave = behave
    world.bad[wire].proceed.clear()
    model = model.replace("WIRE", wire)
    world.taken[model] += 1
    assert world.taken[model] <= MODELS, "too few models for all tests"
    return f"{model}-{world.taken[model] - 1}"


# Answers in one piece. Row: what the provider does, what the client sees of it alone, and beside a healthy one.

LATER_S = 30


def in_a_while():
    return email.utils.formatdate(time.time() + LATER_S, usegmt=True)


ANSWERS = {
    "connection closed before headers": (lambda wire: sends(close), (502, "upstream_failed"), SECOND),
    "reset before headers": (lambda wire: sends(reset), (502, "upstream_failed"), SECOND),
    "reset within headers": (lambda wire: sends(b"HTTP/1.1 200 OK\r\nConte", reset), (502, "upstream_failed"), SECOND),
    "429": (
        lambda wire: says("429 Too Many Requests", error_of(wire, 429)),
        (429, "upstream_rate"),
        SECOND,
    ),
    "429 with Retry-After in seconds": (
        lambda wire: says("429 Too Many Requests", error_of(wire, 429), f"Retry-After: {LATER_S}\r\n"),
        (429, "upstream_rate"),
        SECOND,
    ),
    "429 with Retry-After as a date": (
        lambda wire: says("429 Too Many Requests", error_of(wire, 429), f"Retry-After: {in_a_while()}\r\n"),
        (429, "upstream_rate"),
        SECOND,
    ),
    "401": (lambda wire: says("401 Unauthorized", error_of(wire, 401)), (502, "upstream_auth"), SECOND),
    "500": (lambda wire: says("500 Internal Server Error", error_of(wire, 500)), (502, "upstream_transient"), SECOND),
    "500 without a body": (
        lambda wire: sends(raw("500 Internal Server Error", b"")),
        (502, "upstream_transient"),
        SECOND,
    ),
    "529": (lambda wire: says("529 Overloaded", error_of(wire, 529)), (529, "upstream_transient"), SECOND),
    "200 with an error": (lambda wire: says("200 OK", error_of(wire, 500)), (502, "upstream_transient"), SECOND),
    "200 with a page": (
        lambda wire: sends(raw("200 OK\r\nContent-Type: text/html", b"<html>Sign in</html>")),
        (502, "upstream_failed"),
        SECOND,
    ),
    "200 with nothing": (lambda wire: sends(raw("200 OK", b"")), (502, "upstream_failed"), SECOND),
    "200 with half its JSON": (
        lambda wire: sends(raw("200 OK", json.dumps(whole_answer(wire)).encode()[:-20])),
        (502, "upstream_failed"),
        SECOND,
    ),
    "cut within the body": (
        lambda wire: sends(raw("200 OK", json.dumps(whole_answer(wire)).encode())[:-20], reset),
        (502, "upstream_failed"),
        SECOND,
    ),
    "usage missing": (lambda wire: says("200 OK", whole_answer(wire, usage=False)), WHOLE, WHOLE),
    "gzip": (
        lambda wire: sends(zipped(json.dumps(whole_answer(wire)).encode(), "application/json")),
        WHOLE,
        WHOLE,
    ),
    "gzip that is none": (
        lambda wire: sends(raw("200 OK\r\nContent-Encoding: gzip", json.dumps(whole_answer(wire)).encode())),
        (502, "upstream_failed"),
        SECOND,
    ),
    "half a gzip": (
        lambda wire: sends(
            raw("200 OK\r\nContent-Encoding: gzip", gzip.compress(json.dumps(whole_answer(wire)).encode())[:-30])
        ),
        (502, "upstream_failed"),
        SECOND,
    ),
    "a gzip that unpacks to a gigabyte": (
        lambda wire: sends(raw("200 OK\r\nContent-Encoding: gzip", BOMB)),
        (502, "upstream_failed"),
        SECOND,
    ),
    "one byte at a time": (
        lambda wire: byte_by_byte(raw("200 OK", json.dumps(whole_answer(wire)).encode())),
        WHOLE,
        WHOLE,
    ),
}
BOMB = gzip.compress(bytes(2**30), 1)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ANSWERS)
def test_a_faulty_answer_alone(world, wire, fault):
    behave, alone, _ = ANSWERS[fault]
    reply = ask(world.router, take(world, wire, "bad-WIRE-alone", behave(wire)))
    assert outcome(reply) == alone


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ANSWERS)
def test_a_faulty_answer_beside_a_healthy_provider(world, wire, fault):
    behave, _, beside = ANSWERS[fault]
    reply = ask(world.router, take(world, wire, "bad-WIRE-beside", behave(wire)))
    assert outcome(reply) == beside


@pytest.mark.parametrize("fault", ["429 with Retry-After in seconds", "429 with Retry-After as a date"])
def test_the_client_is_told_when_to_come_again(world, fault):
    model = take(world, "openai", "bad-WIRE-alone", ANSWERS[fault][0]("openai"))
    assert LATER_S - 10 <= int(ask(world.router, model).headers["retry-after"]) <= LATER_S


# Addresses where nobody answers, and providers that say nothing: until the deadline alone, at once beside another.

NOBODY = {"connection refused": "gone", "DNS failure": "nameless"}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", NOBODY)
def test_a_provider_that_cannot_be_reached(world, wire, fault):
    alone = ask(world.hurried, f"{NOBODY[fault]}-{wire}-alone-0")
    assert outcome(alone) == (504, "upstream_timeout")
    assert f"`{NOBODY[fault]}-{wire}`" in alone.json["error"]["message"]
    assert outcome(ask(world.hurried, f"{NOBODY[fault]}-{wire}-beside-0")) == SECOND


def test_every_provider_down_is_one_error_within_the_deadline(world):
    assert outcome(ask(world.hurried, "everybody-is-down")) == (504, "upstream_timeout")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_headers_after_the_deadline(world, wire, stream):
    alone = ask(world.hurried, take(world, wire, "bad-WIRE-alone", sends(stall)), stream=stream)
    assert outcome(alone) == (504, "upstream_timeout")
    beside = ask(world.router, take(world, wire, "slow-WIRE-beside", sends(stall)), stream=stream)
    assert outcome(beside) == SECOND


# Streams. Row: what the provider does, what the client sees alone, and beside a healthy one: once content has come,
# another provider cannot help any more.


CUT = (200, "'Hel', then an error")
STREAMS = {
    "cut before headers end": (lambda p: sends(b"HTTP/1.1 200 OK\r\n", reset), (502, "upstream_failed"), SECOND),
    "cut before anything": (lambda p: plays(reset), (502, "upstream_failed"), SECOND),
    "cut before content": (lambda p: plays(p.opening, reset), (502, "upstream_failed"), SECOND),
    "ended before content": (lambda p: plays(p.opening), (502, "upstream_failed"), SECOND),
    "cut after content": (lambda p: plays(p.opening, p.content[0], seen, close), CUT, CUT),
    "cut within an event": (lambda p: plays(p.opening, p.content[0] + p.content[1][:20], seen, close), CUT, CUT),
    "ended after content": (lambda p: plays(p.opening, p.content[0], seen), CUT, CUT),
    "malformed before content": (lambda p: plays(p.opening, b"data: {]}\n\n"), (502, "upstream_failed"), SECOND),
    "malformed after content": (
        lambda p: plays(p.opening, p.content[0], seen, b'data: {"choices": [\n\n', p.content[1], p.finish, p.end),
        CUT,
        CUT,
    ),
    "a page after content": (
        lambda p: plays(p.opening, p.content[0], seen, b"data: <html>\n\n", p.finish, p.end),
        CUT,
        CUT,
    ),
    "an error after content": (
        lambda p: plays(p.opening, p.content[0], seen, b'event: error\ndata: {"type": "error", "error": {}}\n\n'),
        CUT,
        CUT,
    ),
    "an end without [DONE] or message_stop": (
        lambda p: plays(p.opening, *p.content, p.finish, p.usage),
        WHOLE,
        WHOLE,
    ),
    "cut after the formal end": (  # Gemini has none but the body's
        lambda p: plays(p.opening, *p.content, p.finish, p.usage, p.end, *([reset] if p.end else [])),
        WHOLE,
        WHOLE,
    ),
    "an end without usage": (lambda p: plays(p.opening, *p.content, p.finish, p.end), WHOLE, WHOLE),
    "gzip": (lambda p: sends(zipped(p.whole, "text/event-stream")), WHOLE, WHOLE),
    "one byte at a time": (
        lambda p: byte_by_byte(raw("200 OK\r\nContent-Type: text/event-stream", p.whole)),
        WHOLE,
        WHOLE,
    ),
    "comments, and lines that end in CR LF": (
        lambda p: plays(b": ping\r\n\r\n", p.whole.replace(b"\n", b"\r\n")),
        WHOLE,
        WHOLE,
    ),
}


def expected(row, door):
    """Errors have codes at OpenAI's doors only."""
    return row if row[0] == 200 or door == "chat" else (row[0], "refused")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", STREAMS)
def test_a_faulty_stream(world, wire, fault, door):
    behave, alone, beside = STREAMS[fault]
    for kind, row in (("bad-WIRE-alone", alone), ("bad-WIRE-beside", beside)):
        model = take(world, wire, kind, behave(stream_parts(wire)))
        reply = ask(world.router, model, door=door, stream=True, bad=world.bad[wire])
        assert outcome(reply, door) == expected(row, door)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_that_stalls(world, wire, door):
    parts = stream_parts(wire)
    after = plays(parts.opening, parts.content[0], seen, stall)
    for model in ("slow-WIRE-alone", "slow-WIRE-beside"):
        reply = ask(world.router, take(world, wire, model, after), door=door, stream=True, bad=world.bad[wire])
        assert outcome(reply, door) == CUT
    before = plays(parts.opening, stall)
    alone = ask(world.router, take(world, wire, "slow-WIRE-alone", before), door=door, stream=True)
    assert outcome(alone, door) == expected((504, "upstream_timeout"), door)
    beside = ask(world.router, take(world, wire, "slow-WIRE-beside", before), door=door, stream=True)
    assert outcome(beside, door) == SECOND


# Money follows the provider's own count; where there is none, or one that cannot be, an estimate that is above nothing.

WRONG = {
    "openai": [
        {"prompt_tokens": -9, "completion_tokens": -3},
        {"prompt_tokens": "nine", "completion_tokens": 3},
        {"prompt_tokens": 10**30, "completion_tokens": 3},
        {"prompt_tokens": 9.5, "completion_tokens": 3},
    ],
    "anthropic": [
        {"input_tokens": -9, "output_tokens": -3},
        {"input_tokens": 9, "output_tokens": "three"},
        {"input_tokens": 9, "cache_read_input_tokens": -100, "output_tokens": 3},
    ],
    "gemini": [
        {"promptTokenCount": -9, "candidatesTokenCount": -3},
        {"promptTokenCount": 9, "candidatesTokenCount": 10**30},
    ],
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("usage", ["missing", "wrong"])
def test_a_wrong_or_missing_count_spoils_no_answer_and_makes_nothing_free(world, wire, usage):
    for told in WRONG[wire] if usage == "wrong" else [False]:
        for door in DOORS:
            model = take(world, wire, "bad-WIRE-alone", says("200 OK", whole_answer(wire, usage=told)))
            reply = ask(world.router, model, door=door)
            assert (outcome(reply, door), float(reply.headers["x-hone-cost-usd"]) > 0) == (WHOLE, True)
            model = take(world, wire, "bad-WIRE-alone", plays(stream_parts(wire, told).whole))
            reply = ask(world.router, model, door=door, stream=True)
            assert (outcome(reply, door), 0 < cost_of(world.router, reply) < 0.01) == (WHOLE, True)


@pytest.mark.parametrize("wire", WIRES)
def test_the_right_count_is_what_is_paid(world, wire):
    model = take(world, wire, "bad-WIRE-alone", plays(stream_parts(wire).whole))
    for door in DOORS:
        reply = ask(world.router, model, door=door, stream=True)
        assert cost_of(world.router, reply) == pytest.approx((9 * 1 + 3 * 2) / 1e6)


def cost_of(router, reply):
    """What the ledger says, as soon as it does."""
    until = time.monotonic() + 20
    with closing(sqlite3.connect(router.layout.router / "router.db")) as database:
        while time.monotonic() < until:
            found = database.execute(
                "SELECT cost_usd FROM requests WHERE id = ?", [reply.headers["x-hone-request-id"]]
            ).fetchone()
            if found:
                return found[0]
            time.sleep(0.05)
    raise AssertionError("it is not in the ledger")


# Size, and clients.


@pytest.mark.parametrize("wire", WIRES)
def test_fifty_megabytes_pass_and_more_than_the_limit_is_left_for_the_next(world, wire):
    large = sends(raw("200 OK", json.dumps(whole_answer(wire, "x" * 50 * 2**20)).encode()))
    reply = ask(world.router, take(world, wire, "bad-WIRE-alone", large))
    assert (reply.status, len(reply.json["choices"][0]["message"]["content"])) == (200, 50 * 2**20)
    endless = sends(raw("200 OK", json.dumps(whole_answer(wire, "x" * (MAX_ANSWER_BYTES + 2**20))).encode()))
    assert outcome(ask(world.router, take(world, wire, "bad-WIRE-beside", endless))) == SECOND


@pytest.mark.parametrize("wire", WIRES)
def test_a_client_that_vanishes_mid_stream_ends_the_request_at_the_provider(world, wire):
    async def told(fake, writer, request):
        fake.cancelled.set()

    async def until_left(fake, writer, request):
        with contextlib.suppress(ConnectionResetError):
            await stall(fake, writer, request)

    bad = world.bad[wire]
    bad.cancelled.clear()
    parts = stream_parts(wire)
    model = take(world, wire, "bad-WIRE-alone", plays(parts.opening, parts.content[0], until_left, told))
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    connection = world.router.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps(body).encode())
    response = connection.getresponse()
    while b"Hel" not in response.readline():
        pass
    response.close()
    connection.close()
    assert bad.cancelled.wait(20)


def test_a_provider_that_closes_kept_connections_at_random_loses_no_request(world):
    chance = random.Random(4)
    healthy = good("openai")

    async def moody(fake, request, writer):
        mood = chance.random()
        if mood < 0.2:
            await reset(fake, writer, request)
        await healthy(fake, request, writer)
        if mood < 0.5:
            await close(fake, writer, request)

    model = take(world, "openai", "bad-WIRE-alone", moody)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: ask(world.router, model, stream=number % 2 == 0), range(100)))
    assert [outcome(reply) for reply in replies] == [WHOLE] * 100
