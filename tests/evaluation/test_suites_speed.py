"""Latency, throughput and cost of a run, from its samples."""

import pytest

from evaluation.suites.records import Percentiles
from evaluation.suites.samples import Sample
from evaluation.suites.speed import cost_of, speed_of
from evaluation.suites.targets import Call


def sample(asked_at: float, seconds: float, *, retries: int = 0, **measured) -> Sample:
    return Sample("a", 0, "x", "", seconds, Call(asked_at, **measured), retries)


def test_what_no_endpoint_answered_has_no_speed_and_no_cost():
    samples = [Sample("a", 0, "x", "", 0.5), Sample("b", 0, "", "too long")]
    assert speed_of(samples) is None
    assert cost_of(samples) is None


def test_latencies_are_told_by_their_middle_and_their_slow_end():
    speed = speed_of([sample(at, 1.0 + at, first_token_s=0.1 * at) for at in range(11)])
    assert speed.latency_s == Percentiles(p50=6.0, p90=10.0)
    assert speed.first_token_s == Percentiles(p50=0.5, p90=pytest.approx(0.9))


def test_tokens_count_over_the_time_in_which_a_request_was_in_flight():
    # Two at once for 2 s; then nothing for an hour, as after Ctrl-C; then one for 2 s.
    speed = speed_of([sample(0.0, 2.0, tokens=10), sample(1.0, 1.0, tokens=20), sample(3600.0, 2.0, tokens=10)])
    assert (speed.busy_s, speed.in_flight, speed.tokens, speed.tokens_per_s) == (4.0, 2, 40, 10.0)
    assert speed.tokens_per_s_each.p50 == 5.0


def test_requests_one_after_the_other_are_one_at_a_time():
    assert speed_of([sample(0.0, 1.0), sample(1.0, 1.0)]).in_flight == 1


def test_tokens_that_were_counted_in_part_give_no_throughput():
    speed = speed_of([sample(0.0, 1.0, tokens=10), sample(0.0, 1.0)])
    assert (speed.tokens, speed.tokens_per_s) == (None, None)
    assert speed.tokens_per_s_each.p50 == 10.0


def test_failures_that_were_tried_again_are_counted_for_answers_that_never_came_too():
    assert speed_of([sample(0.0, 1.0, retries=2), Sample("b", 0, "", "too long", retries=1)]).retried == 3


def test_costs_are_added_up_over_the_answers_that_name_them():
    assert cost_of([sample(0.0, 1.0, cost_usd=0.25), sample(0.0, 1.0), sample(0.0, 1.0, cost_usd=0.0)]) == 0.25
