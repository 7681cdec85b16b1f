"""The shipped files: their prices against genai-prices, and what the issue asks of them."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price

from router.choose import Tables, cost_usd
from router.kinds import Capability, Usage

THEIR_NAME = {"gemini": "google"}
SIZES = (1_000, 150_000, 210_000, 300_000)  # within every tier
MOMENTS = [
    datetime.datetime(2026, 11, 26, 2, tzinfo=datetime.UTC),  # a peak of DeepSeek's
    datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC),
    datetime.datetime(2027, 2, 1, 12, tzinfo=datetime.UTC),  # after the introductory prices
]


def priced(tables: Tables) -> list[tuple[str, str, str]]:
    return [
        (name, place.hop.provider, place.hop.upstream_model)
        for name, places in tables.models.items()
        for place in places
        if place.hop.prices
    ]


def test_every_price_agrees_with_genai_prices(shipped: Tables) -> None:
    for name, provider, upstream in priced(shipped):
        place = next(place for place in shipped.models[name] if place.hop.provider == provider)
        speaks = place.chat or place.completions
        for size in SIZES:
            for moment in MOMENTS:
                ours = Usage(input_tokens=size, cached_tokens=size // 4, output_tokens=700 if speaks else 0)
                theirs = calc_price(
                    TheirUsage(
                        input_tokens=size,
                        cache_read_tokens=size // 4,
                        output_tokens=700 if speaks else 0,
                    ),
                    model_ref=upstream,
                    provider_id=THEIR_NAME.get(provider, provider),
                    genai_request_timestamp=moment,
                )
                bill = cost_usd(ours, place.hop.prices, moment.timestamp())
                assert bill == pytest.approx(float(theirs.total_price)), (upstream, size, moment)


def test_every_price_of_cache_writes_agrees_with_genai_prices(shipped: Tables) -> None:
    for name, provider, upstream in priced(shipped):
        place = next(place for place in shipped.models[name] if place.hop.provider == provider)
        if place.hop.prices[0].cache_write is None:
            continue
        for size in SIZES:
            theirs = calc_price(
                TheirUsage(input_tokens=size, cache_write_tokens=size // 2, output_tokens=0),
                model_ref=upstream,
                provider_id=THEIR_NAME.get(provider, provider),
                genai_request_timestamp=MOMENTS[1],
            )
            bill = cost_usd(
                Usage(input_tokens=size, cache_write_tokens=size // 2), place.hop.prices, MOMENTS[1].timestamp()
            )
            assert Decimal(bill) == pytest.approx(theirs.total_price), (upstream, size)


def test_every_capability_has_a_route(shipped: Tables) -> None:
    assert set(shipped.routes) == set(get_args(Capability))


@pytest.mark.parametrize(
    ("capability", "first_three"),
    [
        ("code-understanding", ["codellama-34b", "starcoder2-15b-instruct", "deepseek-coder-33b"]),
        ("code-generation", ["starcoder2-15b-instruct", "codellama-34b", "deepseek-coder-33b"]),
        ("tool-use", ["claude-sonnet-5-5", "gpt-6.1-terra", "deepseek-flash"]),
        ("planning", ["claude-sonnet-5-5", "gpt-6.1-sol", "mixtral-8x7b"]),
        ("reasoning", ["gpt-6.1-sol", "claude-sonnet-5-5", "mixtral-8x7b"]),
    ],
)
def test_the_hybrid_tiers_are_the_shipped_routes(
    shipped: Tables, capability: Capability, first_three: list[str]
) -> None:
    names = list(dict.fromkeys(place.hop.model for place in shipped.routes[capability].places))
    assert names[:3] == first_three


@pytest.mark.parametrize("name", ["palm-2", "gpt-4-turbo", "claude-3-sonnet-20240229", "mixtral-8x7b-32768"])
def test_names_of_the_first_design_that_were_retired_have_a_living_successor(shipped: Tables, name: str) -> None:
    assert shipped.models[shipped.retired[name].successor]


def test_each_shipped_file_begins_with_the_command_that_uses_it() -> None:
    configs = Path(__file__).parents[3] / "configs"
    for name in ("providers", "catalog", "routes"):
        assert (configs / f"{name}.yaml").read_text().splitlines()[0].startswith("# hone router explain")


def test_no_key_shows_itself(shipped: Tables) -> None:
    assert "sk-secret" not in repr(shipped)
    assert shipped.providers["openai"].key is not None
    assert shipped.providers["openai"].key.reveal() == "sk-secret"
