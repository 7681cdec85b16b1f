"""Bills worked by hand from the providers' price pages, as of November 2026. Prices in dollars per million tokens."""

import datetime

import pytest

from router.choose import Tables, cost_usd, worst_cost_usd
from router.choose.cost import price_for
from router.kinds import Price, Usage


def prices(shipped: Tables, model: str) -> tuple[Price, ...]:
    return shipped.models[model][0].hop.prices


def moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


QUIET, BUSY = moment("2026-11-28T02:00"), moment("2026-11-26T02:00")  # a Saturday, a Thursday


@pytest.mark.parametrize(
    ("model", "usage", "at", "usd"),
    [
        # OpenAI: input 1, cached 0.05, output 5. 4,000 × 1 + 6,000 × 0.05 + 1,000 × 5 = 9,300 millionths.
        ("gpt-6.1-terra", Usage(input_tokens=10_000, cached_tokens=6_000, output_tokens=1_000), QUIET, 0.0093),
        # Reasoning is output: 800 of the 1,000 change nothing.
        (
            "gpt-6.1-terra",
            Usage(input_tokens=10_000, cached_tokens=6_000, output_tokens=1_000, reasoning_tokens=800),
            QUIET,
            0.0093,
        ),
        # Cache writes at 1.25: 2,000 × 1 + 8,000 × 1.25 + 100 × 5 = 12,500.
        ("gpt-6.1-terra", Usage(input_tokens=10_000, cache_write_tokens=8_000, output_tokens=100), QUIET, 0.0125),
        # At 272,000 tokens still the lower price: 272,000 × 1.
        ("gpt-6.1-terra", Usage(input_tokens=272_000), QUIET, 0.272),
        # One more, and the whole request is dearer: 272,001 × 2 + 1,000 × 7.5.
        ("gpt-6.1-terra", Usage(input_tokens=272_001, output_tokens=1_000), QUIET, 0.551502),
        # The tier counts cached tokens as input too: 2,000 × 2 + 298,000 × 0.1 = 33,800.
        ("gpt-6.1-terra", Usage(input_tokens=300_000, cached_tokens=298_000), QUIET, 0.0338),
        # Anthropic: input 2, read 0.1, written 2.5, output 10. 100 × 2 + 1,900 × 0.1 + 3,000 × 2.5 + 500 × 10 = 12,890.
        (
            "claude-sonnet-5-5",
            Usage(input_tokens=5_000, cached_tokens=1_900, cache_write_tokens=3_000, output_tokens=500),
            QUIET,
            0.01289,
        ),
        # Of the written ones 1,000 are kept for an hour, at 4 and not 2.5: 1,500 more, 14,390.
        (
            "claude-sonnet-5-5",
            Usage(
                input_tokens=5_000,
                cached_tokens=1_900,
                cache_write_tokens=3_000,
                long_cache_write_tokens=1_000,
                output_tokens=500,
            ),
            QUIET,
            0.01439,
        ),
        # Haiku 5.5 above 100,000 tokens: 100,001 × 0.5 + 10 × 2.5.
        ("claude-haiku-5-5", Usage(input_tokens=100_001, output_tokens=10), QUIET, 0.0500255),
        # Gemini 2.5 Pro: input 1.25, output 10 with its thinking: 100,000 × 1.25 + (200 + 3,800) × 10 = 165,000.
        ("gemini-2.5-pro", Usage(input_tokens=100_000, output_tokens=4_000, reasoning_tokens=3_800), QUIET, 0.165),
        # Above 200,000: 150,000 × 2.5 + 100,000 × 0.25 + 1,000 × 15 = 415,000.
        ("gemini-2.5-pro", Usage(input_tokens=250_000, cached_tokens=100_000, output_tokens=1_000), QUIET, 0.415),
        # DeepSeek off its peak: miss 0.15, hit 0.003, output 0.6. 2,000 × 0.15 + 8,000 × 0.003 + 1,000 × 0.6 = 924.
        ("deepseek-flash", Usage(input_tokens=10_000, cached_tokens=8_000, output_tokens=1_000), QUIET, 0.000924),
        # In its peak twice as much.
        ("deepseek-flash", Usage(input_tokens=10_000, cached_tokens=8_000, output_tokens=1_000), BUSY, 0.001848),
        # Groq: input 0.15, cached 0.075, output 0.6. 500 × 0.15 + 500 × 0.075 + 100 × 0.6 = 172.5.
        ("gpt-oss-120b", Usage(input_tokens=1_000, cached_tokens=500, output_tokens=100), QUIET, 0.0001725),
        # An embedding has input only: 8,000 × 0.02.
        ("text-embedding-3-small", Usage(input_tokens=8_000), QUIET, 0.00016),
    ],
)
def test_a_bill_is_what_the_price_page_says(shipped: Tables, model: str, usage: Usage, at: float, usd: float) -> None:
    assert cost_usd(usage, prices(shipped, model), at) == pytest.approx(usd, rel=1e-12)


def test_reasoning_with_a_price_of_its_own_is_billed_at_it() -> None:
    usage = Usage(input_tokens=0, output_tokens=1_000, reasoning_tokens=400)
    assert cost_usd(usage, (Price(input=1, output=2, reasoning=10),)) == pytest.approx(600 * 2e-6 + 400 * 10e-6)


def test_what_has_no_price_costs_nothing() -> None:
    assert cost_usd(Usage(input_tokens=1_000_000, output_tokens=1_000), ()) == 0.0


def test_a_cache_without_a_price_costs_what_input_costs() -> None:
    usage = Usage(input_tokens=100, cached_tokens=60, cache_write_tokens=20)
    assert cost_usd(usage, (Price(input=3, output=0),)) == pytest.approx(100 * 3e-6)


def test_usage_that_contradicts_itself_is_never_negative() -> None:
    usage = Usage(input_tokens=10, cached_tokens=50, output_tokens=5, reasoning_tokens=50)
    assert cost_usd(usage, (Price(input=1, output=1),)) == pytest.approx(100e-6)


@pytest.mark.parametrize(
    ("at", "dear"),
    [
        ("2026-11-26T00:59", False),
        ("2026-11-26T01:00", True),
        ("2026-11-26T03:59", True),
        ("2026-11-26T04:00", False),
        ("2026-11-27T09:59", True),
        ("2026-11-28T02:00", False),  # Saturday
        ("2026-11-29T08:00", False),  # Sunday
        ("2026-11-30T08:00", True),  # Monday
    ],
)
def test_the_hours_of_a_weekday_decide(shipped: Tables, at: str, dear: bool) -> None:
    price = price_for(prices(shipped, "deepseek-flash"), 100, moment(at))
    assert price is not None
    assert price.input == (0.3 if dear else 0.15)


def test_without_a_moment_the_dear_hours_count(shipped: Tables) -> None:
    price = price_for(prices(shipped, "deepseek-flash"), 100)
    assert price is not None
    assert price.input == 0.3


def test_an_introductory_price_ends_on_its_day(shipped: Tables) -> None:
    usage = Usage(input_tokens=1_000_000)
    argon = prices(shipped, "gemini-4-argon")
    assert cost_usd(usage, argon, moment("2026-11-30T23:59")) == pytest.approx(2)
    assert cost_usd(usage, argon, moment("2026-12-01T00:00")) == pytest.approx(4)


def test_the_worst_case_is_no_less_than_any_bill_of_that_size(shipped: Tables) -> None:
    for model in shipped.models:
        for size in (1, 100_000, 272_001):
            usages = [
                Usage(input_tokens=size, output_tokens=500),
                Usage(input_tokens=size, cached_tokens=size, output_tokens=500, reasoning_tokens=500),
                Usage(input_tokens=size, cache_write_tokens=size, long_cache_write_tokens=size, output_tokens=500),
            ]
            worst = worst_cost_usd(size, 500, prices(shipped, model))
            assert all(cost_usd(usage, prices(shipped, model), at) <= worst for usage in usages for at in (QUIET, BUSY))
