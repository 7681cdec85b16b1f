"""Limits counted in Redis, so that several workers and hosts agree: each step is one script there.

Steps that come while a round trip is under way go with the next one together. Where Redis is gone, each worker counts
on its own from what the ledger knows, or (`fail_closed`) refuses whoever has a limit; it comes back by itself, and is
then told what it missed. Redis that has lost its data is filled from the ledger again, at a key's next request.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import structlog

from hone.errors import RouterError
from router.money.keys import Key
from router.money.limits import (
    DAY_S,
    Reservation,
    Spent,
    budget_spent,
    month_of,
    too_many_at_once,
    too_many_requests,
    too_many_tokens,
)
from router.money.local import LocalLimiter
from router.money.redis_line import Gone, Line, Step
from router.money.scripts import BILLIONTHS, MOVE, RESERVE, SEED, SETTLE
from router.refusal import Refusal

log = structlog.get_logger()

RETRY_S = 1.0  # between two tries of a Redis that is gone, and two looks at the ledger meanwhile
LEDGER_S = 1.0  # how long a request waits for the ledger where neither Redis nor this worker knows a key's sums
LEASE_S = 900.0  # when a reservation whose worker was killed is given back; longer than any request
LEFT_S = 1.0  # how long what Redis said of a budget is taken for true
UNSETTLED = 100_000  # settlements that wait for Redis to come back; the ledger knows them too

Spending = Callable[[list[str]], list[Spent]]


class RedisLimiter:
    """A `Limiter` for several workers. `spent` reads the ledger (blocking; may raise `RouterError`).

    `fallback` counts where Redis is gone; None: whoever has a limit is refused then. `clock` is for tests: Redis's own
    time is taken otherwise.
    """

    def __init__(
        self,
        url: str,
        spent: Spending,
        *,
        fallback: LocalLimiter | None,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._line = Line(url)
        self._spent, self._fallback, self._lease_s, self._clock = spent, fallback, lease_s, clock
        self._steps: list[Step] = []  # for the next round trip
        self._unsettled: list[Step] = []  # settlements for when Redis is back
        self._held: dict[str, Reservation] = {}
        self._left: dict[str, tuple[float, float]] = {}  # when Redis last said it (monotonic), and dollars
        self._seeding: dict[str, asyncio.Task[None]] = {}
        self._budgeted: dict[str, float] = {}  # ids of keys with budgets → when they last came
        self._seeded: set[str] = set()  # keys whose sums the fallback knows, in this outage
        self._wanted = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self.up = False
        """Whether Redis answers."""

    async def start(self) -> None:
        """Connects. A Redis that is gone is tried again until it answers."""
        try:
            await self._return()
        except Gone as error:
            self._say_gone(error)
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._probe())]

    async def close(self) -> None:
        """Sends what is left, and lets go of the connection."""
        self._closing = True
        self._wanted.set()
        if self._tasks:
            sender, probe = self._tasks
            probe.cancel()
            await asyncio.gather(sender, probe, return_exceptions=True)
        await self._line.close()

    async def reserve(self, key: Key, tokens: int, usd: float, now: float) -> Reservation | Refusal:
        """As `Limiter.reserve`."""
        if not key.limited:
            return Reservation(key, tokens, usd, at=now)
        if key.day_usd is not None or key.month_usd is not None:
            self._budgeted[key.id] = now
        reservation = Reservation(key, tokens, usd, id=secrets.token_hex(8), at=now)
        try:
            reply = await self._ask(RESERVE, reservation)
            if reply[0] == b"unknown":
                await self._seed_once(key.id, now)
                reply = await self._ask(RESERVE, reservation)
        except Gone:
            return await self._without(reservation)
        except asyncio.CancelledError:  # the client left; Redis may have granted it
            self._put(Step(SETTLE, key.id, self._arguments(reservation, 0, 0.0, 0)))
            raise
        if reply[0] != b"taken":
            return _refusal(reservation, reply)
        if (left := int(reply[1])) >= 0:
            self._left[key.id] = time.monotonic(), left / BILLIONTHS
        self._held[reservation.id] = reservation
        return reservation

    async def move(self, reservation: Reservation, tokens: int, usd: float) -> Refusal | None:
        """As `Limiter.move`."""
        if reservation.taken is not None and self._fallback is not None and not self.up:
            return await self._fallback.move(reservation, tokens, usd)
        if reservation.id:
            try:
                reply = await self._ask(MOVE, msgspec.structs.replace(reservation, tokens=tokens, usd=usd))
            except Gone:  # by now the fallback has taken it over
                return (
                    _limits_unknown() if self._fallback is None else await self._fallback.move(reservation, tokens, usd)
                )
            if reply[0] != b"moved":
                return _refusal(msgspec.structs.replace(reservation, tokens=tokens, usd=usd), reply)
        reservation.tokens, reservation.usd = tokens, usd
        return None

    async def settle(self, reservation: Reservation, tokens: int, usd: float) -> None:
        """As `Limiter.settle`. Returns at once: nobody waits for Redis here."""
        if reservation.settled or not reservation.id:
            return
        if reservation.taken is not None and self._fallback is not None:
            await self._fallback.settle(reservation, tokens, usd)
        reservation.settled = True
        self._held.pop(reservation.id, None)
        self._put(Step(SETTLE, reservation.key.id, self._arguments(reservation, tokens, usd, 0)))

    async def release(self, reservation: Reservation) -> None:
        """As `Limiter.release`."""
        await self.settle(reservation, 0, 0.0)

    def left_usd(self, key: Key, now: float) -> float:
        """As `Limiter.left_usd`, by Redis's last reply; infinite where that is old."""
        if key.day_usd is None and key.month_usd is None:
            return math.inf
        if not self.up and self._fallback is not None:
            return self._fallback.left_usd(key, now)
        told_at, usd = self._left.get(key.id, (0.0, math.inf))
        return usd if time.monotonic() - told_at < LEFT_S else math.inf

    async def _ask(self, script: str, reservation: Reservation, *, granted: bool = False) -> list[Any]:
        """Runs a script that a request waits for. Raises `Gone`."""
        reply: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        step = self._step(script, reservation, granted=granted)
        step.reply = reply
        self._put(step)
        return await reply

    def _step(self, script: str, reservation: Reservation, *, granted: bool = False) -> Step:
        key = reservation.key
        limits = [-1 if limit is None else limit for limit in (key.rpm, key.tpm, key.concurrent)]
        budgets = [-1 if usd is None else math.floor(usd * BILLIONTHS) for usd in (key.day_usd, key.month_usd)]
        rest = (self._lease_s, *limits, *budgets, int(granted))
        return Step(script, key.id, self._arguments(reservation, reservation.tokens, reservation.usd, *rest))

    def _arguments(self, reservation: Reservation, tokens: int, usd: float, *rest: float) -> list[Any]:
        day = int(reservation.at // DAY_S)
        return [self._now(), reservation.id, tokens, _billionths(usd), day, month_of(day), *rest]

    def _now(self) -> float | str:
        return self._clock() if self._clock else "-"  # Redis's own

    def _put(self, step: Step) -> None:
        """Sends a step with the next round trip. Where Redis is gone, settlements wait for it to come back."""
        if self.up:
            self._steps.append(step)
            self._wanted.set()
        elif step.reply is not None:
            step.reply.set_exception(Gone("it is gone"))
        elif len(self._unsettled) < UNSETTLED:
            step.arguments[6] = 1  # again: it may have been run before its reply was lost
            self._unsettled.append(step)

    async def _send(self) -> None:
        while self._steps or not self._closing:
            await self._wanted.wait()
            self._wanted.clear()
            steps, self._steps = self._steps, []
            try:
                replies = await self._line.run_twice(steps)
            except Gone as error:
                self._lose(steps, error)
                continue
            for step, reply in zip(steps, replies, strict=True):
                if step.reply is not None and not step.reply.done():
                    step.reply.set_result(reply)

    def _lose(self, steps: list[Step], error: Gone) -> None:
        """Redis is gone: the fallback takes over what is under way."""
        self.up = False
        self._say_gone(error)
        if self._fallback is not None:
            for reservation in self._held.values():
                if reservation.taken is None:
                    self._fallback.adopt(reservation)
        waiting, self._steps = steps + self._steps, []
        for step in waiting:
            if step.reply is None or not step.reply.done():
                self._put(step)

    def _say_gone(self, error: Gone) -> None:
        policy = "each worker counts limits on its own" if self._fallback else "keys with limits are refused"
        log.warning(f"Redis is gone: until it is back, {policy}", error=str(error))

    async def _without(self, reservation: Reservation) -> Reservation | Refusal:
        """A reservation where Redis is gone, under the same id: Redis may know it after all."""
        key, now = reservation.key, reservation.at
        if self._fallback is None:
            return _limits_unknown()
        if key.id in self._budgeted and key.id not in self._seeded:
            self._seeded.add(key.id)
            self._fallback.seed(await self._by_ledger([key.id]))
        granted = await self._fallback.reserve(key, reservation.tokens, reservation.usd, now)
        if isinstance(granted, Reservation):
            granted.id = reservation.id
            self._held[granted.id] = granted
        return granted

    async def _by_ledger(self, keys: list[str]) -> list[Spent]:
        """What the ledger knows of keys; nothing where it does not answer in time."""
        try:
            async with asyncio.timeout(LEDGER_S):
                return await asyncio.to_thread(self._spent, keys)
        except (RouterError, TimeoutError) as error:
            log.warning("budgets are counted without the ledger", error=str(error) or f"no answer in {LEDGER_S} s")
            return []

    async def _seed_once(self, key: str, now: float) -> None:
        """Seeds a key; requests that come meanwhile wait for the same reading of the ledger. Raises `Gone`."""
        if key not in self._seeding:
            task = self._seeding[key] = asyncio.create_task(self._seed(key, now))
            task.add_done_callback(lambda _: self._seeding.pop(key))
        await asyncio.shield(self._seeding[key])

    async def _seed(self, key: str, now: float) -> None:
        """Tells Redis what a key has spent, and what of it is under way here. Raises `Gone`."""
        steps = self._seeds({key: now}, await self._by_ledger([key]))
        held = [reservation for reservation in self._held.values() if reservation.key.id == key]
        await self._line.run(steps + [self._step(RESERVE, reservation, granted=True) for reservation in held])

    def _seeds(self, keys: dict[str, float], spent: list[Spent]) -> list[Step]:
        steps = []
        for key, now in keys.items():
            day = int(now // DAY_S)
            rows = [row for row in spent if row.key == key]
            today = sum(row.usd for row in rows if row.day == day)
            month = sum(row.usd for row in rows if month_of(row.day) == month_of(day))
            arguments = [self._now(), day, _billionths(today), month_of(day), _billionths(month)]
            steps.append(Step(SEED, key, arguments))
        return steps

    async def _probe(self) -> None:
        """Brings Redis back, and the fallback up to date until then."""
        while True:
            await asyncio.sleep(RETRY_S)
            if self.up:
                continue
            try:
                await self._return()
            except Gone:
                if self._fallback is not None and self._seeded:
                    self._fallback.seed(await self._by_ledger(sorted(self._seeded)))
            else:
                log.warning("Redis is back: workers share their limits again")

    async def _return(self) -> None:
        """Tells Redis what it missed, then trusts it again. Raises `Gone`."""
        await self._line.run([], loads=True)
        while self._unsettled:
            steps, self._unsettled = self._unsettled, []
            try:
                await self._line.run(steps)
            except Gone:
                self._unsettled = steps + self._unsettled
                raise
        if self._budgeted:
            await self._line.run(self._seeds(self._budgeted, await self._by_ledger(sorted(self._budgeted))))
        told: set[str] = set()
        while missing := [held for held in self._held.values() if held.id not in told]:
            await self._line.run([self._step(RESERVE, reservation, granted=True) for reservation in missing])
            told.update(reservation.id for reservation in missing)
        self.up = True
        self._seeded.clear()


def _refusal(reservation: Reservation, reply: list[Any]) -> Refusal:
    """What a script's reply says, in words."""
    key = reservation.key
    match reply[0]:
        case b"concurrent":
            return too_many_at_once(key)
        case b"requests":
            return too_many_requests(key, int(reply[1]), float(reply[2]))
        case b"tokens":
            return too_many_tokens(key, int(reply[1]), reservation.tokens, float(reply[2]))
        case b"day" | b"month" as period:
            spent, reserved = int(reply[1]) / BILLIONTHS, int(reply[2]) / BILLIONTHS
            which: Literal["day", "month"] = "day" if period == b"day" else "month"
            return budget_spent(key, which, spent=spent, reserved=reserved, usd=reservation.usd, now=reservation.at)
    return _limits_unknown()


def _limits_unknown() -> Refusal:
    return Refusal(503, "limits_unavailable", "the limits of this key cannot be checked now; try again", RETRY_S)


def _billionths(usd: float) -> int:
    """Rounded up, but for what floats are off by."""
    return math.ceil(usd * BILLIONTHS - 1e-3)
