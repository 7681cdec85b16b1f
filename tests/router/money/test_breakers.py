"""Workers tell each other of broken providers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from router.money.breakers import SharedBreakers
from tests.router.money.servers import RedisServer

HOP, OTHER = ("openai", "gpt"), ("hone", "code:3")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def play(scene: Callable[[SharedBreakers, SharedBreakers], Awaitable[None]], url: str) -> None:
    async def whole() -> None:
        first, second = SharedBreakers(url), SharedBreakers(url)
        await asyncio.gather(first.start(), second.start())
        await scene(first, second)
        await asyncio.gather(first.close(), second.close())

    asyncio.run(whole())


def test_a_breaker_that_opens_is_open_here_at_once_and_elsewhere_soon(redis_server: RedisServer) -> None:
    async def scene(first: SharedBreakers, second: SharedBreakers) -> None:
        first.opened(HOP, 60.0)
        assert first.open_for()[HOP] == pytest.approx(60.0, abs=1.0)
        await until(lambda: HOP in second.open_for())
        assert 50.0 < second.open_for()[HOP] <= 60.0

    play(scene, redis_server.url)


def test_the_later_of_two_ends_holds(redis_server: RedisServer) -> None:
    async def scene(first: SharedBreakers, second: SharedBreakers) -> None:
        first.opened(HOP, 60.0)
        await until(lambda: HOP in second.open_for())
        second.opened(HOP, 5.0)
        second.opened(OTHER, 5.0)
        await until(lambda: OTHER in first.open_for())
        assert first.open_for()[HOP] > 30.0
        assert second.open_for()[HOP] > 30.0

    play(scene, redis_server.url)


def test_a_breaker_that_closes_is_closed_everywhere(redis_server: RedisServer) -> None:
    async def scene(first: SharedBreakers, second: SharedBreakers) -> None:
        first.opened(HOP, 60.0)
        await until(lambda: HOP in second.open_for())
        second.closed(HOP)
        assert HOP not in second.open_for()
        await until(lambda: HOP not in first.open_for())

    play(scene, redis_server.url)


def test_one_worker_probes_a_half_open_hop(redis_server: RedisServer) -> None:
    async def scene(first: SharedBreakers, second: SharedBreakers) -> None:
        assert await first.may_probe(HOP, 60.0)
        assert not await second.may_probe(HOP, 60.0)
        assert await second.may_probe(OTHER, 60.0)

    play(scene, redis_server.url)


def test_where_redis_is_gone_each_decides_alone_and_the_news_wait(redis_server: RedisServer) -> None:
    async def scene(first: SharedBreakers, second: SharedBreakers) -> None:
        redis_server.kill()
        first.opened(HOP, 60.0)
        assert HOP in first.open_for()
        assert await first.may_probe(HOP, 1.0)
        assert await second.may_probe(HOP, 1.0)
        redis_server.start()
        await until(lambda: HOP in second.open_for())

    play(scene, redis_server.url)
