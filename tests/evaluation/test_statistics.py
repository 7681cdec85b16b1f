"""The statistics against published values, and against what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.statistics import mcnemar_exact, paired_bootstrap, wilson
from hone.errors import EvaluationError


@pytest.mark.parametrize(
    ("passed", "tasks", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17, table I
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_intervals_that_newcombe_published(passed, tasks, low, high):
    rate = wilson(passed, tasks)
    assert rate.low == pytest.approx(low, abs=5e-5)
    assert rate.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda tasks: st.tuples(st.integers(0, tasks), st.just(tasks))))
def test_a_wilson_interval_holds_its_rate_lies_within_0_and_1_and_mirrors(counts):
    passed, tasks = counts
    rate, mirrored = wilson(passed, tasks), wilson(tasks - passed, tasks)
    assert 0 <= rate.low <= rate.rate <= rate.high <= 1
    assert rate.low == pytest.approx(1 - mirrored.high)


def test_a_pass_rate_of_no_task_is_refused():
    with pytest.raises(EvaluationError, match="at least one task"):
        wilson(0, 0)


def outcomes(wins: int, losses: int, both: int, neither: int) -> tuple[list[bool], list[bool]]:
    base = [False] * wins + [True] * losses + [True] * both + [False] * neither
    tuned = [True] * wins + [False] * losses + [True] * both + [False] * neither
    return base, tuned


@pytest.mark.parametrize(
    ("wins", "losses", "p_value"),
    [(12, 2, 0.01293945), (0, 5, 0.0625), (6, 6, 1.0), (1, 0, 1.0), (0, 0, 1.0), (400, 0, 2 * 0.5**400)],
)
def test_mcnemar_is_the_binomial_test_on_discordant_pairs(wins, losses, p_value):
    test = mcnemar_exact(*outcomes(wins, losses, both=7, neither=3))
    assert (test.wins, test.losses) == (wins, losses)
    assert test.p_value == pytest.approx(p_value, rel=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=300))
def test_mcnemar_does_not_mind_who_is_called_base(pairs):
    base, tuned = [before for before, _ in pairs], [after for _, after in pairs]
    there, back = mcnemar_exact(base, tuned), mcnemar_exact(tuned, base)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert there.p_value == back.p_value
    assert 0 < there.p_value <= 1


def test_the_bootstrap_of_equal_losses_is_exactly_zero():
    losses = [(3.0, 2), (10.0, 7), (1.5, 1)]
    found = paired_bootstrap(losses, losses, seed=0, resamples=500)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert (found.tokens, found.files) == (10, 3)
    assert found.base == pytest.approx(1.45)


def test_the_bootstrap_agrees_with_the_normal_interval_where_files_are_many():
    # Per-file differences of a fixed spread, one token each: the interval is mean ± 1.96 sd / sqrt(n).
    size = 2000
    differences = [math.sin(12.9898 * index) for index in range(size)]
    base = [(5.0, 1)] * size
    tuned = [(5.0 + difference, 1) for difference in differences]
    found = paired_bootstrap(base, tuned, seed=1, resamples=10_000)
    mean = sum(differences) / size
    half = 1.96 * math.sqrt(sum((difference - mean) ** 2 for difference in differences) / size) / math.sqrt(size)
    assert found.low == pytest.approx(mean - half, abs=0.1 * half)
    assert found.high == pytest.approx(mean + half, abs=0.1 * half)


@given(
    st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 1e3), st.integers(1, 500)), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
def test_the_bootstrap_is_ordered_repeatable_and_within_the_files_extremes(files, seed):
    base = [(before, tokens) for before, _, tokens in files]
    tuned = [(after, tokens) for _, after, tokens in files]
    found = paired_bootstrap(base, tuned, seed=seed, resamples=200)
    per_file = [(after - before) / tokens for before, after, tokens in files]
    assert found == paired_bootstrap(base, tuned, seed=seed, resamples=200)
    assert found.low <= found.high
    assert min(per_file) - 1e-6 <= found.low
    assert found.high <= max(per_file) + 1e-6


@pytest.mark.parametrize("tuned", [[], [(1.0, 2)], [(1.0, 1), (1.0, 1)]])
def test_losses_of_other_files_or_tokens_are_refused(tuned):
    with pytest.raises(EvaluationError, match="same files and tokens"):
        paired_bootstrap([(1.0, 1)], tuned, seed=0, resamples=10)
