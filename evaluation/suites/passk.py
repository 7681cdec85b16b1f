"""pass@k from the samples that were taken. Pure."""

import math
from collections import defaultdict
from statistics import fmean, stdev

from evaluation.statistics import Counts, Interval, pass_rate
from evaluation.suites.records import SuiteRun
from hone.errors import EvaluationError
from hone.records import Record


class Spread(Record, frozen=True):
    """How much pass@1 depends on the seed: each sample's own rate over all tasks, of as many as were taken."""

    samples: int
    lowest: float
    mean: float
    highest: float
    deviation: float  # standard deviation of the samples' rates


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that one of k samples passes, unbiased: 1 - C(n-c, k) / C(n, k) (Chen et al. 2021, section 2.1).

    Raises `EvaluationError` where fewer than k samples were taken.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise EvaluationError(f"pass@{k} needs {k} samples a task, and there are {samples}; raise `--samples`")
    return 1 - math.comb(samples - passed, k) / math.comb(samples, k)


def mean_pass_at_k(counts: list[Counts], k: int) -> float:
    """Of a suite: the mean over its tasks. Raises `EvaluationError` where there is no task."""
    _check_any(counts)
    return math.fsum(pass_at_k(samples, passed, k) for passed, samples in counts) / len(counts)


def pass_at_1(counts: list[Counts], *, seed: int = 0, resamples: int = 10_000) -> Interval:
    """pass@1 with its interval: Wilson's for one sample a task. Raises `EvaluationError` where there is no task."""
    _check_any(counts)
    return pass_rate(counts, seed=seed, resamples=resamples)


def counts_of(run: SuiteRun) -> list[Counts]:
    """Samples passed and taken of each task, in the run's order."""
    counted: dict[str, list[bool]] = defaultdict(list)
    for score in run.scores:
        counted[score.id].append(score.result == "pass")
    return [(sum(passed), len(passed)) for passed in counted.values()]


def spread_of(run: SuiteRun) -> Spread | None:
    """Between the samples of a run; None where tasks have one, or not all the same ones."""
    rates: dict[int, list[bool]] = defaultdict(list)
    for score in run.scores:
        rates[score.sample].append(score.result == "pass")
    if len(rates) < 2 or len({len(passed) for passed in rates.values()}) > 1:
        return None
    found = [fmean(passed) for passed in rates.values()]
    return Spread(len(found), min(found), fmean(found), max(found), stdev(found))


def _check_any(counts: list[Counts]) -> None:
    if not counts:
        raise EvaluationError("no task is left to score; each one's own solution fails here, see its reason")
