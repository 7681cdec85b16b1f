"""pass@k, against what its definition gives by counting."""

from itertools import combinations

import pytest

from evaluation.suites.passk import mean_pass_at_k, pass_at_1, pass_at_k, spread_of
from hone.errors import EvaluationError
from tests.evaluation.making import run_of


@pytest.mark.parametrize(("samples", "passed", "k"), [(5, 2, 1), (5, 2, 3), (6, 0, 2), (6, 6, 4), (7, 1, 7), (8, 3, 6)])
def test_it_is_the_share_of_draws_with_a_pass(samples, passed, k):
    draws = list(combinations([True] * passed + [False] * (samples - passed), k))
    assert pass_at_k(samples, passed, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_it_stays_exact_for_many_samples():
    assert pass_at_k(10_000, 1, 100) == pytest.approx(0.01)


def test_more_draws_than_samples_are_refused():
    with pytest.raises(EvaluationError, match=r"pass@10 needs 10 samples a task, and there are 5"):
        pass_at_k(5, 1, 10)


def test_each_task_counts_alike():
    assert mean_pass_at_k([(1, 1), (0, 10)], 1) == 0.5


def test_a_suite_without_tasks_has_no_rate():
    for rate in (lambda: mean_pass_at_k([], 1), lambda: pass_at_1([])):
        with pytest.raises(EvaluationError, match="no task is left"):
            rate()


def test_one_sample_a_task_has_wilsons_interval():
    interval = pass_at_1([(1, 1)] * 8 + [(0, 1)] * 2)
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_the_spread_is_that_of_each_samples_own_rate():
    spread = spread_of(run_of("a", ["ppf", "pff"]))
    assert (spread.samples, spread.lowest, spread.mean, spread.highest) == (3, 0.0, 0.5, 1.0)
    assert spread.deviation == 0.5


@pytest.mark.parametrize("results", ["pf", ["pp", "p"], []], ids=["one sample", "not as many of each", "none"])
def test_without_the_same_samples_of_every_task_there_is_no_spread(results):
    assert spread_of(run_of("a", results)) is None
