"""Limits counted in this process: right for one worker. Each method is one step of the event loop: none needs a lock.

Windows follow a clock that never jumps; days and months follow the `now` that is passed in, and the sums of earlier
days are kept, so that a clock that jumps ahead and back finds what was spent before.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable

from router.money.keys import Key
from router.money.limits import (
    BUCKET_S,
    BUCKETS,
    DAY_S,
    ROUNDING_USD,
    Reservation,
    Spent,
    budget_spent,
    month_of,
    too_many_at_once,
    too_many_requests,
    too_many_tokens,
)
from router.refusal import Refusal

KEPT = 40  # days, and months, whose sums are remembered


class _Bucket:
    """What came in one half second; `live` until it has left the window."""

    __slots__ = ("live", "number", "requests", "tokens")

    def __init__(self, number: int) -> None:
        self.number, self.requests, self.tokens, self.live = number, 0, 0, True


class _Sum:
    """One day's or month's dollars."""

    __slots__ = ("reserved", "spent")

    def __init__(self) -> None:
        self.spent, self.reserved = 0.0, 0.0


class _Taken:
    """Where one reservation is counted."""

    __slots__ = ("bucket", "day_sum", "month_sum", "state")

    def __init__(self, state: "_State", bucket: _Bucket) -> None:
        self.state, self.bucket = state, bucket
        self.day_sum, self.month_sum = state.day_sum, state.month_sum


class _State:
    """One key's counts."""

    __slots__ = ("buckets", "day", "day_sum", "days", "in_flight", "month_sum", "months", "requests", "tokens")

    def __init__(self) -> None:
        self.buckets: deque[_Bucket] = deque()
        self.requests = self.tokens = self.in_flight = 0
        self.days: dict[int, _Sum] = {}
        self.months: dict[int, _Sum] = {}
        self.day, self.day_sum, self.month_sum = -1, _Sum(), _Sum()  # until the first `turn`

    def turn(self, day: int) -> None:
        """Makes `day` the one that is counted."""
        self.day = day
        self.day_sum = _sum_of(self.days, day)
        self.month_sum = _sum_of(self.months, month_of(day))

    def slide(self, number: int) -> None:
        """Forgets the buckets that have left the window."""
        while self.buckets and self.buckets[0].number <= number - BUCKETS:
            gone = self.buckets.popleft()
            self.requests -= gone.requests
            self.tokens -= gone.tokens
            gone.live = False

    def filling(self, number: int) -> _Bucket:
        """The bucket that is being filled."""
        if self.buckets and self.buckets[-1].number == number:
            return self.buckets[-1]
        bucket = _Bucket(number)
        self.buckets.append(bucket)
        return bucket

    def take(self, number: int, tokens: int, usd: float) -> _Taken:
        """Counts one request."""
        bucket = self.filling(number)
        bucket.requests += 1
        bucket.tokens += tokens
        self.requests += 1
        self.tokens += tokens
        self.in_flight += 1
        self.day_sum.reserved += usd
        self.month_sum.reserved += usd
        return _Taken(self, bucket)


class LocalLimiter:
    """A `Limiter` for one process. `monotonic` is a clock in seconds that never jumps."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._states: dict[str, _State] = {}

    def seed(self, spent: Iterable[Spent]) -> None:
        """What the ledger knows: raises each sum to at least that."""
        months: dict[tuple[str, int], float] = {}
        for row in spent:
            found = _sum_of(self._state(row.key).days, row.day)
            found.spent = max(found.spent, row.usd)
            at = row.key, month_of(row.day)
            months[at] = months.get(at, 0.0) + row.usd
        for (key, month), usd in months.items():
            found = _sum_of(self._state(key).months, month)
            found.spent = max(found.spent, usd)

    async def reserve(self, key: Key, tokens: int, usd: float, now: float) -> Reservation | Refusal:
        """As `Limiter.reserve`."""
        state = self._states.get(key.id) or self._state(key.id)
        at = self._monotonic()
        number = int(at / BUCKET_S)
        if state.buckets and state.buckets[0].number <= number - BUCKETS:
            state.slide(number)
        day = int(now // DAY_S)
        if state.day != day:
            state.turn(day)
        if key.concurrent is not None and state.in_flight >= key.concurrent:
            return too_many_at_once(key)
        if key.rpm is not None and state.requests >= key.rpm:
            return too_many_requests(key, state.requests, _wait_s(state, at, requests=state.requests - key.rpm + 1))
        if key.tpm is not None and state.tokens + tokens > key.tpm:
            wait_s = _wait_s(state, at, tokens=state.tokens + tokens - key.tpm)
            return too_many_tokens(key, state.tokens, tokens, wait_s)
        if refusal := _over_budget(key, state.day_sum, state.month_sum, usd, usd, now):
            return refusal
        return Reservation(key, tokens, usd, at=now, taken=state.take(number, tokens, usd))

    def adopt(self, reservation: Reservation) -> None:
        """Counts a reservation that was granted elsewhere."""
        state = self._state(reservation.key.id)
        state.turn(int(reservation.at // DAY_S))
        number = int(self._monotonic() / BUCKET_S)
        state.slide(number)
        reservation.taken = state.take(number, reservation.tokens, reservation.usd)

    async def move(self, reservation: Reservation, tokens: int, usd: float) -> Refusal | None:
        """As `Limiter.move`."""
        taken, key = reservation.taken, reservation.key
        state, more = taken.state, tokens - reservation.tokens
        if key.tpm is not None and more > 0 and state.tokens + more > key.tpm:
            at = self._monotonic()
            state.slide(int(at / BUCKET_S))
            if state.tokens + more > key.tpm:
                wait_s = _wait_s(state, at, tokens=state.tokens + more - key.tpm)
                return too_many_tokens(key, state.tokens, tokens, wait_s)
        more_usd = usd - reservation.usd
        if refusal := _over_budget(key, taken.day_sum, taken.month_sum, usd, more_usd, reservation.at):
            return refusal
        self._count_tokens(taken, more)
        taken.day_sum.reserved += more_usd
        taken.month_sum.reserved += more_usd
        reservation.tokens, reservation.usd = tokens, usd
        return None

    async def settle(self, reservation: Reservation, tokens: int, usd: float) -> None:
        """As `Limiter.settle`."""
        if reservation.settled:
            return
        reservation.settled = True
        taken = reservation.taken
        taken.state.in_flight -= 1
        self._count_tokens(taken, tokens - reservation.tokens)
        for found in (taken.day_sum, taken.month_sum):
            found.reserved -= reservation.usd
            found.spent += usd

    async def release(self, reservation: Reservation) -> None:
        """As `Limiter.release`."""
        await self.settle(reservation, 0, 0.0)

    def left_usd(self, key: Key, now: float) -> float:
        """As `Limiter.left_usd`."""
        if key.day_usd is None and key.month_usd is None:
            return float("inf")
        state = self._state(key.id)
        if state.day != (day := int(now // DAY_S)):
            state.turn(day)
        budgets = ((key.day_usd, state.day_sum), (key.month_usd, state.month_sum))
        return min(limit - found.spent - found.reserved for limit, found in budgets if limit is not None)

    def _state(self, key: str) -> _State:
        return self._states.setdefault(key, _State())

    @staticmethod
    def _count_tokens(taken: _Taken, more: int) -> None:
        if taken.bucket.live:
            taken.bucket.tokens += more
            taken.state.tokens += more


def _sum_of(sums: dict[int, _Sum], period: int) -> _Sum:
    """The sum of a day or month, made if missing; the oldest are forgotten."""
    if period not in sums:
        sums[period] = _Sum()
        if len(sums) > KEPT:
            del sums[min(kept for kept in sums if kept != period)]
    return sums[period]


def _over_budget(key: Key, day: _Sum, month: _Sum, usd: float, more: float, now: float) -> Refusal | None:  # noqa: PLR0917
    """Why `more` dollars, of a request that may cost `usd`, do not fit into a budget; what is free always does."""
    if more <= 0:
        return None
    if key.day_usd is not None and day.spent + day.reserved + more > key.day_usd + ROUNDING_USD:
        return budget_spent(key, "day", spent=day.spent, reserved=day.reserved, usd=usd, now=now)
    if key.month_usd is not None and month.spent + month.reserved + more > key.month_usd + ROUNDING_USD:
        return budget_spent(key, "month", spent=month.spent, reserved=month.reserved, usd=usd, now=now)
    return None


def _wait_s(state: _State, at: float, *, requests: int = 0, tokens: int = 0) -> float:
    """How long until that much has left the window."""
    for bucket in state.buckets:
        requests -= bucket.requests
        tokens -= bucket.tokens
        if requests <= 0 and tokens <= 0:
            return (bucket.number + BUCKETS) * BUCKET_S - at
    return BUCKETS * BUCKET_S
