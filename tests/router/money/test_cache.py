"""The answer cache: the same answer to the same question of the same key, and nothing else."""

import json
from typing import Any

import msgspec
import pytest

from router.kinds import Asked, Hop, Usage
from router.money.cache import OVERHEAD_BYTES, AnswerCache, CachedAnswer, request_digest

HOP = Hop(provider="hone", model="code:3", upstream_model="code", wire="openai", url="http://127.0.0.1", generation=1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(body: bytes = b"{}", kind: bytes = b"application/json") -> CachedAnswer:
    return CachedAnswer(
        content_type=kind, body=body, usage=Usage(input_tokens=1, output_tokens=2), provider="hone", model="code:3"
    )


def asked(body: dict[str, Any] | bytes, **changed: Any) -> Asked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Asked(door="chat", body=raw, deterministic=True, **changed)


def test_an_answer_comes_back_whole_and_only_to_its_own_key() -> None:
    cache = AnswerCache(largest_bytes=100_000, keep_s=60.0)
    stream = answer(b"data: {}\n\ndata: [DONE]\n\n", b"text/event-stream")
    cache.put("key_ci", b"1", stream)
    assert cache.get("key_ci", b"1") is stream
    assert cache.get("key_other", b"1") is None
    assert cache.get("key_ci", b"2") is None


def test_an_answer_is_forgotten_when_its_time_is_over() -> None:
    clock = Clock()
    cache = AnswerCache(largest_bytes=100_000, keep_s=60.0, clock=clock)
    cache.put("key_ci", b"1", answer())
    clock.now = 59.9
    assert cache.get("key_ci", b"1") is not None
    clock.now = 60.0
    assert cache.get("key_ci", b"1") is None
    assert (len(cache), cache.bytes) == (0, 0)


def test_the_least_recently_used_answers_go_first_and_the_bytes_are_bounded() -> None:
    size = 1000 + OVERHEAD_BYTES + len(b"application/json")
    cache = AnswerCache(largest_bytes=10 * size, keep_s=60.0)
    for number in range(10):
        cache.put("key_ci", b"%d" % number, answer(b"x" * 1000))
    cache.get("key_ci", b"0")
    cache.put("key_ci", b"new", answer(b"x" * 1000))
    assert cache.get("key_ci", b"0") is not None
    assert cache.get("key_ci", b"1") is None
    assert cache.bytes <= 10 * size
    cache.put("key_ci", b"new", answer(b"y" * 1000))
    assert cache.bytes == 10 * size


def test_an_answer_that_would_push_out_most_others_is_not_kept() -> None:
    cache = AnswerCache(largest_bytes=10_000, keep_s=60.0)
    cache.put("key_ci", b"1", answer(b"x" * 5_000))
    assert len(cache) == 0


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = AnswerCache(largest_bytes=0, keep_s=60.0)
    cache.put("key_ci", b"1", answer())
    assert cache.get("key_ci", b"1") is None


def test_white_space_order_and_the_model_s_name_make_no_difference() -> None:
    body = {"model": "hone/auto", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
    turned = b'{ "temperature": 0,\n "messages": [{"content": "hi", "role": "user"}], "model": "hone/code-generation"}'
    assert request_digest(asked(body), HOP) == request_digest(asked(turned), HOP)


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": [{"role": "user", "content": "ho"}]},
        {"stream": True},
        {"seed": 1},
        {"max_tokens": 5},
        {"user": "me"},
    ],
)
def test_anything_else_makes_another_request(changed: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}
    assert request_digest(asked(body), HOP) != request_digest(asked({**body, **changed}), HOP)


@pytest.mark.parametrize(
    "changed", [{"model": "code:4"}, {"provider": "other"}, {"generation": 2}, {"model_version": "a:2"}]
)
def test_another_model_version_or_provider_is_another_answer(changed: dict[str, Any]) -> None:
    body = {"messages": [], "temperature": 0}
    assert request_digest(asked(body), HOP) != request_digest(asked(body), msgspec.structs.replace(HOP, **changed))


def test_another_door_is_another_answer() -> None:
    body = {"prompt": "a", "temperature": 0}
    other = msgspec.structs.replace(asked(body), door="completions")
    assert request_digest(asked(body), HOP) != request_digest(other, HOP)
