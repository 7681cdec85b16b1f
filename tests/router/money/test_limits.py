"""Both limiters, the same promises: what a key may, it gets, and never more."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from router.money.keys import Key
from router.money.limits import DAY_S, Limiter, Reservation, Spent
from router.money.local import LocalLimiter
from router.money.shared import RedisLimiter
from router.refusal import Refusal
from tests.router.money.making import key

NOON = 20_717 * DAY_S + DAY_S / 2  # 2026-09-21, 12:00 UTC


@dataclass
class Clock:
    """Both clocks: the wall's, which may jump, and one that does not."""

    now: float = NOON
    steady: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds


@dataclass
class Scene:
    """A limiter and its clock."""

    limiter: Limiter
    clock: Clock = field(default_factory=Clock)

    async def reserve(self, key: Key, tokens: int = 0, usd: float = 0.0) -> Reservation | Refusal:
        return await self.limiter.reserve(key, tokens, usd, self.clock.now)

    async def granted(self, key: Key, tokens: int = 0, usd: float = 0.0) -> Reservation:
        reservation = await self.reserve(key, tokens, usd)
        assert isinstance(reservation, Reservation), reservation
        return reservation

    async def refused(self, key: Key, tokens: int = 0, usd: float = 0.0) -> Refusal:
        refusal = await self.reserve(key, tokens, usd)
        assert isinstance(refusal, Refusal), refusal
        return refusal


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


@pytest.fixture(params=["local", "redis"])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a scene with one of the limiters."""
    clock = Clock()

    async def local(scene: Callable[[Scene], Awaitable[None]]) -> None:
        await scene(Scene(LocalLimiter(monotonic=lambda: clock.steady), clock))

    async def redis(scene: Callable[[Scene], Awaitable[None]]) -> None:
        url = request.getfixturevalue("redis_server").url
        limiter = RedisLimiter(url, lambda _: [], fallback=None, clock=lambda: clock.steady)
        await limiter.start()
        assert limiter.up
        await scene(Scene(limiter, clock))
        await limiter.close()

    which = {"local": local, "redis": redis}[request.param]
    return lambda scene: asyncio.run(which(scene))


def test_a_key_without_limits_is_granted_everything(play: Play) -> None:
    async def scene(at: Scene) -> None:
        for _ in range(100):
            await at.limiter.settle(await at.granted(key(), 10**9, 10**6), 10**9, 10**6)

    play(scene)


def test_requests_above_the_limit_wait_for_the_first_to_leave_the_window(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(rpm=3)
        for _ in range(3):
            await at.limiter.settle(await at.granted(limited), 0, 0.0)
            at.clock.pass_by(10)
        refusal = await at.refused(limited)
        assert refusal.status == 429
        assert refusal.code == "rate_limit_exceeded"
        assert "may make 3 requests in 60 s and has made 3" in refusal.message
        assert refusal.retry_after_s == pytest.approx(30.5)
        at.clock.pass_by(refusal.retry_after_s)
        await at.granted(limited)
        await at.refused(limited)

    play(scene)


def test_no_window_of_a_minute_holds_more_than_the_limit_and_the_rate_is_met_within_one_percent(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited, dice, granted = key(rpm=100), random.Random(1), []
        started = at.clock.steady
        while at.clock.steady < started + 600:
            if isinstance(await at.reserve(limited), Reservation):
                granted.append(at.clock.steady)
            at.clock.pass_by(dice.uniform(0.0, 0.8))
        for first, later in zip(granted, granted[100:], strict=False):
            assert later - first >= 60.0
        assert len(granted) >= 1000 * 0.99

    play(scene)


def test_hundreds_of_tasks_at_once_get_exactly_the_limit(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(rpm=200, tpm=15_000)
        got = await asyncio.gather(*(at.reserve(limited, 100) for _ in range(600)))
        assert sum(isinstance(one, Reservation) for one in got) == 150
        assert sum(isinstance(one, Refusal) for one in got) == 450

    play(scene)


def test_tokens_are_reserved_before_and_settled_after(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(tpm=1000)
        first = await at.granted(limited, 900)
        refusal = await at.refused(limited, 200)
        assert (
            "may use 1,000 tokens in 60 s, has used or reserved 900, and this request may take 200" in refusal.message
        )
        await at.limiter.settle(first, 300, 0.0)
        await at.granted(limited, 700)
        await at.refused(limited, 1)

    play(scene)


def test_a_settlement_after_its_minute_changes_nothing_of_the_next(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(tpm=1000)
        slow = await at.granted(limited, 1000)
        at.clock.pass_by(61)
        await at.granted(limited, 1000)
        await at.limiter.settle(slow, 10, 0.0)
        await at.refused(limited, 1)

    play(scene)


def test_a_request_that_can_never_fit_is_told_so_and_not_to_come_again(play: Play) -> None:
    async def scene(at: Scene) -> None:
        refusal = await at.refused(key(tpm=1000), 1001)
        assert (refusal.status, refusal.code, refusal.retry_after_s) == (400, "request_too_large", 0.0)

    play(scene)


def test_requests_under_way_are_bounded_and_each_end_makes_room(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(concurrent=2)
        first, _ = await at.granted(limited), await at.granted(limited)
        assert (await at.refused(limited)).code == "concurrency_limit_exceeded"
        await at.limiter.release(first)
        await at.limiter.release(first)  # a second time does nothing
        await at.granted(limited)
        await at.refused(limited)

    play(scene)


def test_sixty_four_clients_never_spend_more_than_their_cent(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited, dice = key(day_usd=0.01), random.Random(2)
        spent, refused = 0.0, 0

        async def client() -> None:
            nonlocal spent, refused
            for _ in range(40):
                worst = dice.uniform(0.0001, 0.001)
                reservation = await at.reserve(limited, 0, worst)
                if isinstance(reservation, Refusal):
                    refused += 1
                    assert reservation.code == "insufficient_quota"
                    continue
                await asyncio.sleep(0)
                if dice.random() < 0.3:  # its first provider fails; the next is five times as dear
                    moved = await at.limiter.move(reservation, 0, 5 * worst)
                    worst = 5 * worst if moved is None else worst
                    await asyncio.sleep(0)
                    if moved is not None:
                        await at.limiter.release(reservation)
                        continue
                real = dice.uniform(0.0, worst)
                await at.limiter.settle(reservation, 0, real)
                spent += real

        await asyncio.gather(*(client() for _ in range(64)))
        assert spent <= 0.01
        assert spent > 0.009
        assert refused > 0

    play(scene)


def test_a_hop_to_a_dearer_model_is_refused_where_it_does_not_fit_and_the_request_keeps_what_it_has(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0)
        reservation = await at.granted(limited, 0, 0.4)
        refusal = await at.limiter.move(reservation, 0, 1.2)
        assert refusal is not None
        assert refusal.code == "insufficient_quota"
        assert reservation.usd == 0.4
        assert await at.limiter.move(reservation, 0, 0.9) is None
        await at.refused(limited, 0, 0.2)
        await at.limiter.settle(reservation, 0, 0.5)
        await at.granted(limited, 0, 0.5)

    play(scene)


def test_a_budget_renews_at_midnight_utc_and_says_when(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0)
        await at.limiter.settle(await at.granted(limited, 0, 1.0), 0, 1.0)
        refusal = await at.refused(limited, 0, 0.25)
        assert refusal.status == 429
        assert refusal.retry_after_s == DAY_S / 2
        assert "may spend $1.00 a day (UTC), $1.00 is spent, $0.00 reserved" in refusal.message
        assert "this request may cost $0.25: it fits in 12 h 0 min" in refusal.message
        at.clock.pass_by(DAY_S / 2)
        await at.granted(limited, 0, 1.0)

    play(scene)


def test_a_budget_that_only_requests_under_way_hold_says_to_come_again_soon(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0)
        await at.granted(limited, 0, 0.8)
        assert (await at.refused(limited, 0, 0.3)).retry_after_s == 1.0

    play(scene)


def test_the_month_holds_across_its_days(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0, month_usd=1.5)
        await at.limiter.settle(await at.granted(limited, 0, 1.0), 0, 1.0)
        at.clock.pass_by(DAY_S)
        refusal = await at.refused(limited, 0, 0.6)
        assert "a month (UTC)" in refusal.message
        assert refusal.retry_after_s == 8.5 * DAY_S  # until the 1st of October
        await at.granted(limited, 0, 0.5)
        at.clock.pass_by(refusal.retry_after_s)
        await at.granted(limited, 0, 1.0)

    play(scene)


def test_what_costs_nothing_is_granted_without_a_budget_left(play: Play) -> None:
    async def scene(at: Scene) -> None:
        await at.granted(key(day_usd=0.0), 10, 0.0)
        assert (await at.refused(key(day_usd=0.0), 10, 0.001)).code == "insufficient_quota"

    play(scene)


def test_a_clock_that_jumps_ahead_and_back_gives_no_budget_twice(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0)
        await at.limiter.settle(await at.granted(limited, 0, 1.0), 0, 1.0)
        at.clock.now += 3 * DAY_S
        await at.limiter.settle(await at.granted(limited, 0, 1.0), 0, 1.0)
        at.clock.now -= 3 * DAY_S
        await at.refused(limited, 0, 0.01)
        at.clock.now -= DAY_S
        await at.granted(limited, 0, 1.0)
        at.clock.now += DAY_S
        await at.refused(limited, 0, 0.01)

    play(scene)


def test_a_wall_clock_that_jumps_moves_no_window(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(rpm=1)
        await at.granted(limited)
        for jump in (3600.0, -7200.0):
            at.clock.now += jump
            await at.refused(limited)
        at.clock.pass_by(61)
        await at.granted(limited)

    play(scene)


def test_what_is_left_of_the_budgets_is_known(play: Play) -> None:
    async def scene(at: Scene) -> None:
        limited = key(day_usd=1.0, month_usd=5.0)
        assert at.limiter.left_usd(key(), at.clock.now) == float("inf")
        await at.granted(limited, 0, 0.25)
        assert at.limiter.left_usd(limited, at.clock.now) == pytest.approx(0.75)

    play(scene)


def test_a_seeded_budget_counts_what_was_spent_before_a_restart() -> None:
    async def scene() -> None:
        limiter = LocalLimiter()
        today = int(NOON // DAY_S)
        limiter.seed([Spent("key_ci", today, 0.75), Spent("key_ci", today - 2, 3.0)])
        for limited, fits, over in ((key(day_usd=1.0), 0.25, 0.26), (key(month_usd=4.0), 0.25, 0.26)):
            assert isinstance(await limiter.reserve(limited, 0, over, NOON), Refusal)
            granted = await limiter.reserve(limited, 0, fits, NOON)
            assert isinstance(granted, Reservation)
            await limiter.release(granted)

    asyncio.run(scene())
