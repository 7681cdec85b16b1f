"""Tokens and prices → US dollars, by the rules of the providers' price pages. Pure; the numbers stand in the catalog.

Every token is billed once: a cached one at the cache's price, not at both; a reasoning one as output unless the model
has a price of its own for it. A tier replaces all prices of a request whose whole input is larger than its threshold.
"""

from router.kinds import Price, Usage

PER_TOKEN = 1e-6  # prices are for a million
DAY_S, HOUR_S = 86_400, 3_600
MONDAY = 3  # the epoch began on a Thursday
WEEKDAYS = 5


def price_for(prices: tuple[Price, ...], input_tokens: int, at: float = 0.0) -> Price | None:
    """The price that holds for an input of this size at this moment (epoch seconds); None where nothing is charged.

    Without a moment, the hours of a day do not matter: the dear ones count.
    """
    chosen = None
    for price in prices:
        if input_tokens >= price.above_tokens + (price.above_tokens > 0) and _holds(price, at):
            chosen = price
    return chosen


def cost_usd(usage: Usage, prices: tuple[Price, ...], at: float = 0.0) -> float:
    """What one answer costs, from the usage that its provider reported; 0 without prices."""
    price = price_for(prices, usage.input_tokens, at)
    if price is None:
        return 0.0
    cache_read = price.input if price.cache_read is None else price.cache_read
    cache_write = price.input if price.cache_write is None else price.cache_write
    long_write = cache_write if price.long_cache_write is None else price.long_cache_write
    reasoning = price.output if price.reasoning is None else price.reasoning
    fresh = max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0)
    written_short = max(usage.cache_write_tokens - usage.long_cache_write_tokens, 0)
    spoken = max(usage.output_tokens - usage.reasoning_tokens, 0)
    return PER_TOKEN * (
        fresh * price.input
        + usage.cached_tokens * cache_read
        + written_short * cache_write
        + usage.long_cache_write_tokens * long_write
        + spoken * price.output
        + usage.reasoning_tokens * reasoning
    )


def worst_cost_usd(input_tokens: int, output_tokens: int, prices: tuple[Price, ...]) -> float:
    """The most that an answer of this size can cost, whatever the hour, the cache and the thinking; what to reserve.

    `output_tokens` is the client's own limit, or the model's where it set none.
    """
    worst = 0.0
    for price in prices:
        if input_tokens >= price.above_tokens:
            dearest_input = max(price.input, price.cache_write or 0.0, price.long_cache_write or 0.0)
            dearest_output = max(price.output, price.reasoning or 0.0)
            worst = max(worst, PER_TOKEN * (input_tokens * dearest_input + output_tokens * dearest_output))
    return worst


def _holds(price: Price, at: float) -> bool:
    if price.starts_at > at:
        return False
    if not price.weekday_hours_utc or not at:
        return True
    if (int(at) // DAY_S + MONDAY) % 7 >= WEEKDAYS:
        return False
    hour = int(at) % DAY_S // HOUR_S
    return any(first <= hour < end for first, end in price.weekday_hours_utc)
