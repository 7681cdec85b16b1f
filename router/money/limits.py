"""What limits are, whoever holds them: a reservation before a provider is asked, a settlement with what it took.

`local` counts in this process, `shared` in Redis. Requests and tokens are counted in 121 buckets of half a second: in
any 60 s a key never gets more than its limit, and at least 99.1 % of it. Days and months are UTC's. A budget counts
what was spent and what is reserved, so it is never exceeded as long as no request costs more than was reserved for it.
"""

import math
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from router.money.keys import Key
from router.refusal import Refusal

BUCKET_S = 0.5
BUCKETS = 121  # those of 60 s, and the one that is being filled
DAY_S = 86_400
ROUNDING_USD = 1e-9  # what sums of floats may be off by


class Reservation(msgspec.Struct):
    """What one request holds. `settle` or `release` it, in every case; a second time does nothing."""

    key: Key
    tokens: int
    usd: float
    id: str = ""  # the shared limiter's name for it
    at: float = 0.0  # epoch seconds; its day and month are those that it counts in
    taken: Any = None  # where the local limiter counts it
    settled: bool = False


class Spent(msgspec.Struct, frozen=True):
    """What a key has spent on one UTC day, by the ledger."""

    key: str  # its id
    day: int  # days since 1970-01-01
    usd: float


class Limiter(Protocol):
    """Holds the limits of keys. No method raises for what a client, a database or a network does."""

    async def reserve(self, key: Key, tokens: int, usd: float, now: float) -> Reservation | Refusal:
        """Takes a request, its tokens and its worst-case cost, or says what stands against it.

        `tokens` are input and the most that the output may be; `now` is epoch seconds.
        """

    async def move(self, reservation: Reservation, tokens: int, usd: float) -> Refusal | None:
        """The same request at its next hop: `usd` is what its failed hops have cost and this one's worst case.

        None: granted. A refusal leaves the reservation as it was; another hop may be tried, or it is settled.
        """

    async def settle(self, reservation: Reservation, tokens: int, usd: float) -> None:
        """Replaces what was reserved by what was used."""

    async def release(self, reservation: Reservation) -> None:
        """Nothing was used. The request still counts as one."""

    def left_usd(self, key: Key, now: float) -> float:
        """What the key's budgets leave for a request, as far as it is known here; infinite without a budget."""


def month_of(day: int) -> int:
    """The month that a day (since 1970-01-01) lies in, as `year * 12 + month - 1`."""
    date = datetime.fromtimestamp(day * DAY_S, UTC)
    return date.year * 12 + date.month - 1


def first_day(month: int) -> int:
    """The first day of a month, as days since 1970-01-01."""
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) // DAY_S


def too_many_requests(key: Key, made: int, wait_s: float) -> Refusal:
    """The refusal of a request above the key's requests a minute."""
    said = f"{_of(key)} may make {key.rpm:,} requests in 60 s and has made {made:,}; try again in {wait_s:.1f} s"
    return Refusal(429, "rate_limit_exceeded", said, wait_s)


def too_many_tokens(key: Key, used: int, tokens: int, wait_s: float) -> Refusal:
    """The refusal of a request above the key's tokens a minute; one that can never fit is the request's own fault."""
    assert key.tpm is not None
    if tokens > key.tpm:
        said = f"this request may take {tokens:,} tokens and {_of(key)} may use {key.tpm:,} in 60 s; lower `max_tokens`"
        return Refusal(400, "request_too_large", said)
    said = (
        f"{_of(key)} may use {key.tpm:,} tokens in 60 s, has used or reserved {used:,}, and this request may take "
        f"{tokens:,}; try again in {wait_s:.1f} s"
    )
    return Refusal(429, "rate_limit_exceeded", said, wait_s)


def too_many_at_once(key: Key) -> Refusal:
    """The refusal of a request above the key's concurrency."""
    said = f"{_of(key)} may have {key.concurrent:,} requests under way at once; try again when one has ended"
    return Refusal(429, "concurrency_limit_exceeded", said, 1.0)


def budget_spent(
    key: Key, period: Literal["day", "month"], *, spent: float, reserved: float, usd: float, now: float
) -> Refusal:
    """The refusal of a request whose worst case `usd` does not fit into a budget.

    429 and `insufficient_quota`, as OpenAI does it: its clients know that code.
    """
    limit = (key.day_usd if period == "day" else key.month_usd) or 0.0
    renews_s = DAY_S - now % DAY_S if period == "day" else first_day(month_of(int(now // DAY_S)) + 1) * DAY_S - now
    soon = spent + usd <= limit + ROUNDING_USD  # only what others have reserved stands against it
    never = usd > limit + ROUNDING_USD
    when = "never" if never else "when requests under way have ended" if soon else f"in {_span(renews_s)}"
    said = (
        f"{_of(key)} may spend {_usd(limit)} a {period} (UTC), {_usd(spent)} is spent, {_usd(reserved)} reserved, and "
        f"this request may cost {_usd(usd)}: it fits {when}"
    )
    return Refusal(429, "insufficient_quota", said, 0.0 if never else 1.0 if soon else renews_s)


def _of(key: Key) -> str:
    return f"key `{key.name}`"


def _usd(amount: float) -> str:
    """Dollars with cents, or three digits that say something where there are none."""
    if amount >= 0.1 or amount < ROUNDING_USD:
        return f"${max(amount, 0.0):.2f}"
    return f"${amount:.{2 - math.floor(math.log10(amount))}f}"


def _span(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
