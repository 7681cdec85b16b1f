"""Limits in Redis: shared by workers, and kept when Redis goes and comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hone.errors import RouterError
from router.money.database import Database
from router.money.keys import Key
from router.money.ledger import Ledger
from router.money.limits import DAY_S, Reservation, Spent
from router.money.local import LocalLimiter
from router.money.shared import RedisLimiter
from router.refusal import Refusal
from tests.router.money.making import entry, key
from tests.router.money.servers import RedisServer

NOW = 20_717 * DAY_S + DAY_S / 2
TODAY = 20_717


class Spending:
    """What the ledger would say."""

    def __init__(self) -> None:
        self.usd = 0.0
        self.asked = 0
        self.broken = False

    def __call__(self, keys: list[str]) -> list[Spent]:
        self.asked += 1
        if self.broken:
            raise RouterError("the database is gone")
        return [Spent(key, TODAY, self.usd) for key in keys if self.usd]


def worker(server: RedisServer, spent: Callable[[list[str]], list[Spent]], **options: Any) -> RedisLimiter:
    return RedisLimiter(server.url, spent, **{"fallback": LocalLimiter(), **options})


async def reserve(limiter: RedisLimiter, key: Key, tokens: int = 0, usd: float = 0.0) -> Reservation | Refusal:
    return await limiter.reserve(key, tokens, usd, NOW)


async def granted(limiter: RedisLimiter, key: Key, tokens: int = 0, usd: float = 0.0) -> Reservation:
    reservation = await reserve(limiter, key, tokens, usd)
    assert isinstance(reservation, Reservation), reservation
    return reservation


async def refused(limiter: RedisLimiter, key: Key, tokens: int = 0, usd: float = 0.0) -> Refusal:
    refusal = await reserve(limiter, key, tokens, usd)
    assert isinstance(refusal, Refusal), refusal
    return refusal


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_two_workers_share_one_limit(redis_server: RedisServer) -> None:
    async def scene() -> None:
        first, second = worker(redis_server, Spending()), worker(redis_server, Spending())
        await asyncio.gather(first.start(), second.start())
        limited = key(rpm=100, tpm=8_000, day_usd=0.7)
        got = await asyncio.gather(*(reserve(one, limited, 100, 0.01) for one in (first, second) * 100))
        assert sum(isinstance(one, Reservation) for one in got) == 70
        for reservation in got:
            if isinstance(reservation, Reservation):
                await first.settle(reservation, 10, 0.001)
        await until(lambda: not first._steps)
        assert isinstance(await reserve(second, limited, 100, 0.63), Reservation)
        assert (await refused(first, limited, 100, 0.01)).code == "insufficient_quota"
        await asyncio.gather(first.close(), second.close())

    play(scene)


def test_sixty_four_clients_at_two_workers_never_spend_more_than_their_cent(redis_server: RedisServer) -> None:
    async def scene() -> None:
        workers = worker(redis_server, Spending()), worker(redis_server, Spending())
        await asyncio.gather(*(one.start() for one in workers))
        limited, spent = key(day_usd=0.01), 0.0

        async def client(number: int) -> None:
            nonlocal spent
            limiter = workers[number % 2]
            for step in range(20):
                worst = 0.0001 * (1 + (number + step) % 7)
                reservation = await reserve(limiter, limited, 0, worst)
                if isinstance(reservation, Refusal):
                    continue
                if step % 3 == 0 and await limiter.move(reservation, 0, 4 * worst) is None:
                    worst *= 4
                await limiter.settle(reservation, 0, worst * 0.9)
                spent += worst * 0.9

        await asyncio.gather(*(client(number) for number in range(64)))
        assert 0.009 < spent <= 0.01
        await asyncio.gather(*(one.close() for one in workers))

    play(scene)


def test_a_budget_starts_from_what_the_ledger_knows_and_asks_it_once(redis_server: RedisServer) -> None:
    async def scene() -> None:
        spending = Spending()
        spending.usd = 0.75
        limiter = worker(redis_server, spending)
        await limiter.start()
        got = await asyncio.gather(*(reserve(limiter, key(day_usd=1.0), 0, 0.1) for _ in range(10)))
        assert sum(isinstance(one, Reservation) for one in got) == 2
        assert spending.asked == 1
        await limiter.close()

    play(scene)


def test_where_redis_is_gone_each_worker_goes_on_with_what_it_and_the_ledger_know(redis_server: RedisServer) -> None:
    async def scene() -> None:
        spending = Spending()
        limiter = worker(redis_server, spending)
        await limiter.start()
        limited = key(day_usd=1.0)
        await limiter.settle(await granted(limiter, limited, 0, 0.3), 0, 0.3)
        under_way = await granted(limiter, limited, 0, 0.4)
        redis_server.kill()
        spending.usd = 0.3
        assert isinstance(await reserve(limiter, limited, 0, 0.3), Reservation)
        assert not limiter.up
        assert (await refused(limiter, limited, 0, 0.01)).code == "insufficient_quota"
        await limiter.settle(under_way, 0, 0.1)
        await granted(limiter, limited, 0, 0.3)
        await limiter.close()

    play(scene)


def test_redis_that_comes_back_empty_is_told_what_was_spent_and_is_under_way(redis_server: RedisServer) -> None:
    async def scene() -> None:
        spending = Spending()
        limiter, other = worker(redis_server, spending), worker(redis_server, spending)
        await asyncio.gather(limiter.start(), other.start())
        limited = key(day_usd=1.0, concurrent=3)
        await granted(limiter, limited, 0, 0.2)
        redis_server.kill()
        await granted(limiter, limited, 0, 0.2)
        spending.usd = 0.5
        redis_server.start()
        await until(lambda: limiter.up)
        assert (await refused(other, limited, 0, 0.2)).code == "insufficient_quota"  # 0.5 + 0.2 + 0.2 + 0.2 > 1
        last = await granted(other, limited, 0, 0.1)
        assert (await refused(limiter, limited)).code == "concurrency_limit_exceeded"
        await other.release(last)
        await asyncio.gather(limiter.close(), other.close())

    play(scene)


def test_what_is_settled_while_redis_is_frozen_is_settled_once(redis_server: RedisServer) -> None:
    async def scene() -> None:
        spending = Spending()
        limiter = worker(redis_server, spending)
        await limiter.start()
        limited = key(day_usd=1.0, tpm=1000)
        reservation = await granted(limiter, limited, 400, 0.4)
        redis_server.freeze()
        started = time.monotonic()
        await granted(limiter, limited, 100, 0.1)  # after one reply's time, by the fallback
        assert time.monotonic() - started < 10
        await limiter.settle(reservation, 300, 0.3)
        spending.usd = 0.3
        redis_server.thaw()
        await until(lambda: limiter.up)
        assert (await refused(limiter, limited, 0, 0.61)).code == "insufficient_quota"
        assert isinstance(await reserve(limiter, limited, 600, 0.6), Reservation)
        await limiter.close()

    play(scene)


def test_fail_closed_refuses_keys_with_limits_and_no_others(redis_server: RedisServer) -> None:
    async def scene() -> None:
        redis_server.kill()
        limiter = worker(redis_server, Spending(), fallback=None)
        await limiter.start()
        refusal = await refused(limiter, key(rpm=5))
        assert (refusal.status, refusal.code, refusal.retry_after_s) == (503, "limits_unavailable", 1.0)
        await granted(limiter, key())
        redis_server.start()
        await until(lambda: limiter.up)
        await granted(limiter, key(rpm=5))
        await limiter.close()

    play(scene)


def test_a_redis_that_forgets_its_scripts_and_data_is_taught_again(redis_server: RedisServer) -> None:
    async def scene() -> None:
        from router.money.redis_line import connect

        spending = Spending()
        limiter = worker(redis_server, spending)
        await limiter.start()
        await limiter.settle(await granted(limiter, key(day_usd=1.0), 0, 0.6), 0, 0.6)
        spending.usd = 0.6
        client = connect(redis_server.url)
        await client.script_flush()
        await client.flushall()
        await refused(limiter, key(day_usd=1.0), 0, 0.5)
        await granted(limiter, key(day_usd=1.0), 0, 0.4)
        assert limiter.up
        await client.aclose()
        await limiter.close()

    play(scene)


def test_neither_redis_nor_ledger_stops_a_request(redis_server: RedisServer) -> None:
    async def scene() -> None:
        spending = Spending()
        spending.broken = True
        limiter = worker(redis_server, spending)
        await limiter.start()
        await granted(limiter, key(day_usd=1.0), 0, 0.1)
        redis_server.kill()
        await granted(limiter, key(day_usd=1.0), 0, 0.1)
        await limiter.close()

    play(scene)


def test_a_killed_worker_gives_back_what_it_held_when_its_lease_ends(redis_server: RedisServer) -> None:
    async def scene() -> None:
        at = [1000.0]
        dead = worker(redis_server, Spending(), lease_s=60.0, clock=lambda: at[0])
        alive = worker(redis_server, Spending(), lease_s=60.0, clock=lambda: at[0])
        await asyncio.gather(dead.start(), alive.start())
        limited = key(concurrent=1, day_usd=1.0)
        await granted(dead, limited, 0, 1.0)
        at[0] += 59
        await refused(alive, limited, 0, 1.0)
        at[0] += 2
        await granted(alive, limited, 0, 1.0)
        await asyncio.gather(dead.close(), alive.close())

    play(scene)


def test_a_cancelled_limiter_ends_whatever_it_is_doing(redis_server: RedisServer) -> None:
    async def scene() -> None:
        limiter = worker(redis_server, Spending())
        await limiter.start()

        async def client() -> None:
            for _ in range(20):
                await limiter.settle(await granted(limiter, key(rpm=10**6)), 0, 0.0)

        await asyncio.gather(*(client() for _ in range(64)))  # its last settlements are on their way

    play(scene)  # does not close it: `asyncio.run` cancels what is left, and waits for it


def test_a_clock_of_redis_that_jumps_locks_nobody_out(redis_server: RedisServer) -> None:
    async def scene() -> None:
        at = [100_000.0]
        limiter = worker(redis_server, Spending(), clock=lambda: at[0])
        await limiter.start()
        for jump in (0.0, 7200.0, -50_000.0):
            at[0] += jump
            await limiter.settle(await granted(limiter, key(rpm=1)), 0, 0.0)
            await refused(limiter, key(rpm=1))
        at[0] += 60.5
        await granted(limiter, key(rpm=1))
        await limiter.close()

    play(scene)


def test_a_client_that_leaves_while_its_request_is_reserved_holds_nothing(redis_server: RedisServer) -> None:
    async def scene() -> None:
        limiter = worker(redis_server, Spending())
        await limiter.start()
        limited = key(concurrent=1)
        leaving = asyncio.create_task(reserve(limiter, limited))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await granted(limiter, limited)
        await limiter.close()

    play(scene)


def test_a_real_ledger_and_redis_keep_a_budget_across_a_restart_of_both(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    async def life(usd: float) -> bool:
        ledger = Ledger(Database(f"sqlite:///{tmp_path}/router.db"), tmp_path / "journal")
        ledger.start()
        limiter = worker(redis_server, ledger.spent)
        await limiter.start()
        now = time.time()
        reservation = await limiter.reserve(key(month_usd=1.0), 0, usd, now)
        if isinstance(reservation, Reservation):
            await limiter.settle(reservation, 0, usd)
            ledger.add(entry(at=now, cost_usd=usd))
        await limiter.close()
        ledger.close()
        return isinstance(reservation, Reservation)

    assert asyncio.run(life(0.6))
    redis_server.kill()
    redis_server.start()
    assert not asyncio.run(life(0.6))
    assert asyncio.run(life(0.4))


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(RouterError, match=r"`router.redis` is no address of a Redis"):
        RedisLimiter("http://somewhere", Spending(), fallback=None)
