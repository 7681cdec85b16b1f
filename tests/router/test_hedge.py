"""A second request beside a slow first one."""

import asyncio

import pytest

from router.hedge import FEWEST, Tails

CHAT = b'{"model": "both", "messages": [{"role": "user", "content": "write f"}]}'
STREAM = CHAT[:-1] + b', "stream": true}'


def slow_later(healthy, cancelled=None):
    """Quick for as long as its tail is learnt, then slow."""

    async def behave(fake, request, writer):
        if request.number >= FEWEST:
            for _ in range(500):
                await asyncio.sleep(0.01)
                if request.abandoned:
                    fake.cancelled.set()
                    return
        await healthy(fake, request, writer)

    return behave


@pytest.mark.parametrize("body", [CHAT, STREAM])
def test_a_slow_first_place_is_overtaken_by_the_second_and_ended(start_router, model, healthy, body):
    first = model("first", slow_later(healthy))
    router = start_router(first, model("second"), hedge=True)
    for _ in range(FEWEST):
        assert router.ask("/v1/chat/completions", body=body).headers["x-hone-provider"] == "p0"
    reply = router.ask("/v1/chat/completions", body=body)
    assert (reply.status, reply.headers["x-hone-provider"], reply.headers["x-hone-attempts"]) == (200, "p1", "2")
    assert first.cancelled.wait(10)
    assert router.metric("hone_router_hedged_total") == 1


def test_nothing_is_sent_twice_unless_it_is_asked_for(start_router, model, healthy):
    second = model("second")
    router = start_router(model("first", slow_later(healthy)), second)
    for _ in range(FEWEST + 1):
        router.ask("/v1/chat/completions", body=CHAT)
    assert second.requests == []


def test_a_client_that_leaves_ends_both(start_router, model, healthy):
    first, second = model("first", slow_later(healthy)), model("second", slow_later(healthy))
    router = start_router(first, second, hedge=True)
    for _ in range(FEWEST):
        router.ask("/v1/chat/completions", body=CHAT)
    second.requests.extend([second.requests] * FEWEST)  # it is slow from now on
    connection = router.connect()
    connection.request("POST", "/v1/chat/completions", CHAT)
    while len(second.requests) == FEWEST:
        pass
    connection.close()
    assert first.cancelled.wait(10)
    assert second.cancelled.wait(10)


def test_a_tail_is_known_only_after_some_answers():
    tails = Tails()
    for number in range(FEWEST):
        assert tails.slow_after_s(("p", "m"), streams=True) is None
        tails.add(("p", "m"), streams=True, seconds=float(number))
    assert tails.slow_after_s(("p", "m"), streams=True) == 0.95 * FEWEST
    assert tails.slow_after_s(("p", "m"), streams=False) is None
