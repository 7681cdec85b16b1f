"""How fast an endpoint answered a run, and what that cost, from what is stored beside each sample. Pure."""

from collections.abc import Iterable, Sequence

import numpy as np

from evaluation.suites.records import Percentiles, Speed
from evaluation.suites.samples import Sample


def speed_of(samples: Iterable[Sample]) -> Speed | None:
    """Latency, throughput and retries; None where no endpoint answered.

    Throughput is over the seconds in which a request was in flight, so that it stays the same where a run was stopped
    and went on later. A request's own rate is its tokens over its whole time, the wait for the first one included.
    """
    samples = list(samples)
    answered = [(one, one.call) for one in samples if one.call]
    if not answered:
        return None
    busy_s, in_flight = _busy([(call.asked_at, call.asked_at + one.seconds) for one, call in answered])
    tokens = [call.tokens for _, call in answered if call.tokens is not None]
    rates = [call.tokens / one.seconds for one, call in answered if call.tokens and one.seconds > 0]
    complete = len(tokens) == len(answered) and busy_s > 0  # a sum of some would look like a slower server
    return Speed(
        answers=len(answered),
        latency_s=_percentiles([one.seconds for one, _ in answered]),
        first_token_s=_percentiles([call.first_token_s for _, call in answered if call.first_token_s is not None]),
        tokens=sum(tokens) if complete else None,
        tokens_per_s=sum(tokens) / busy_s if complete else None,
        tokens_per_s_each=_percentiles(rates),
        in_flight=in_flight,
        busy_s=busy_s,
        retried=sum(one.retries for one in samples),
    )


def cost_of(samples: Iterable[Sample]) -> float | None:
    """Dollars, over the answers that name them; None where none does."""
    costs = [one.call.cost_usd for one in samples if one.call and one.call.cost_usd is not None]
    return sum(costs) if costs else None


def _percentiles(values: Sequence[float]) -> Percentiles | None:
    if not values:
        return None
    half, most = np.percentile(values, [50, 90])
    return Percentiles(p50=float(half), p90=float(most))


def _busy(spans: Sequence[tuple[float, float]]) -> tuple[float, int]:
    """The seconds that the spans cover together, and the most of them at one time."""
    changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])  # ends before begins
    covered, most, open_now, since = 0.0, 0, 0, 0.0
    for moment, change in changes:
        if open_now == 0:
            since = moment
        open_now += change
        most = max(most, open_now)
        if open_now == 0:
            covered += moment - since
    return covered, most
