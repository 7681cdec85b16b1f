"""Compares two sets of measured runs task by task: `b` against `a`. Pure: runs in, a comparison out.

Compares only what was measured alike, the same suite on the same tasks, and says what does not match where it was not.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

from evaluation.statistics import (
    Counts,
    Interval,
    detectable_difference,
    holm,
    paired_bootstrap,
    paired_p_value,
    pass_rate,
    rate_difference,
    unanimous,
)
from evaluation.stored import LossRun, Run
from evaluation.suites.records import Result, Score, SuiteRun
from hone.errors import EvaluationError
from hone.records import LossDifference, Record

SEED = 0  # of every bootstrap here: the same runs give the same numbers
RESAMPLES = 10_000  # 250 of them lie beyond either end of an interval


class Side(Record, frozen=True):
    """One run's part: samples that passed and were taken, on the tasks compared."""

    name: str
    target: str
    passed: int
    samples: int
    rate: Interval


class Flip(Record, frozen=True):
    """A task that one of the two solves more often, with a sample of each that shows it."""

    id: str
    category: str
    won: bool  # by b
    a: Counts
    b: Counts
    a_result: Result
    b_result: Result
    a_detail: str
    b_detail: str
    a_sample: int
    b_sample: int


class Subset(Record, frozen=True):
    """The same comparison on the tasks that do not overlap the training data."""

    tasks: int
    a: Interval
    b: Interval
    difference: Interval


class SuiteComparison(Record, frozen=True):
    """One suite; rates and differences are fractions, `difference` is b minus a."""

    suite: str
    tasks: int
    left_out: int  # excluded in one of the two runs alone
    a: Side
    b: Side
    won: int
    lost: int
    difference: Interval
    p_value: float
    adjusted_p_value: float  # after Holm, over the suites compared at once
    test: str  # which one gave the p value
    detectable: float | None
    clean: Subset | None  # None where nobody looked for overlap, or no task is clean
    flips: tuple[Flip, ...]
    overlapping: int | None = None  # of the tasks; None where nobody looked


class Comparison(Record, frozen=True):
    """What was compared: suites of tasks, or the loss on the same files (`base` is a, `tuned` is b)."""

    suites: tuple[SuiteComparison, ...] = ()
    loss: LossDifference | None = None


def compare(a: Sequence[Run], b: Sequence[Run], *, contaminated: AbstractSet[str] = frozenset()) -> Comparison:
    """Compares runs of the same suites. `contaminated` are tasks known to overlap the training data, beside those that
    the runs themselves name. Raises `EvaluationError` naming what does not match."""
    losses = [run for run in (*a, *b) if isinstance(run, LossRun)]
    suites_a, suites_b = ([run for run in runs if isinstance(run, SuiteRun)] for runs in (a, b))
    if losses:
        if len(losses) != 2 or suites_a or suites_b or len(a) != 1:
            raise EvaluationError("a held-out loss compares with one other held-out loss, and with no executed suite")
        return Comparison(loss=_compare_loss(losses[0], losses[1]))
    pairs = _pairs(suites_a, suites_b)
    found = [compare_suite(before, after, contaminated=contaminated) for before, after in pairs]
    adjusted = holm([one.p_value for one in found])
    return Comparison(
        suites=tuple(msgspec.structs.replace(one, adjusted_p_value=p) for one, p in zip(found, adjusted, strict=True))
    )


def compare_suite(a: SuiteRun, b: SuiteRun, *, contaminated: AbstractSet[str] = frozenset()) -> SuiteComparison:
    """One suite, on the tasks that count in both runs."""
    tasks, left_out = _shared(a, b)
    before, after = by_task(a), by_task(b)
    base, tuned = ([counts(scores[task]) for task in tasks] for scores in (before, after))
    flips = [_flip(before[task], after[task]) for task in tasks if rate(before[task]) != rate(after[task])]
    p_value = paired_p_value(base, tuned)
    overlapping = contaminated | set(a.contaminated or ()) | set(b.contaminated or ())
    looked = bool(contaminated) or a.contaminated is not None or b.contaminated is not None
    return SuiteComparison(
        suite=a.suite,
        tasks=len(tasks),
        left_out=left_out,
        a=_side(a, base),
        b=_side(b, tuned),
        won=sum(flip.won for flip in flips),
        lost=sum(not flip.won for flip in flips),
        difference=rate_difference(base, tuned, seed=SEED, resamples=RESAMPLES),
        p_value=p_value,
        adjusted_p_value=p_value,
        test="exact McNemar" if unanimous([*base, *tuned]) else "exact randomisation",
        detectable=detectable_difference(base, tuned),
        clean=_clean(tasks, base, tuned, overlapping) if looked else None,
        flips=tuple(flips),
        overlapping=sum(task in overlapping for task in tasks) if looked else None,
    )


def by_task(run: SuiteRun) -> dict[str, list[Score]]:
    """The scores of each task, in the order of their samples."""
    tasks: dict[str, list[Score]] = {}
    for score in sorted(run.scores, key=lambda score: score.sample):
        tasks.setdefault(score.id, []).append(score)
    return tasks


def counts(scores: Sequence[Score]) -> Counts:
    """Samples that passed, and samples."""
    return sum(score.result == "pass" for score in scores), len(scores)


def rate(scores: Sequence[Score]) -> float:
    """The share of samples that passed."""
    passed, samples = counts(scores)
    return passed / samples


def _pairs(a: Sequence[SuiteRun], b: Sequence[SuiteRun]) -> list[tuple[SuiteRun, SuiteRun]]:
    """The runs of `a` with those of `b` on the same suite."""
    for runs in (a, b):
        if not runs:
            raise EvaluationError("nothing to compare: name at least one run on either side")
        suites = [run.suite for run in runs]
        for run in runs:
            if suites.count(run.suite) > 1:
                raise EvaluationError(f"two runs of suite `{run.suite}` stand on one side; name one of each suite")
    others = {run.suite: run for run in b}
    if others.keys() != {run.suite for run in a}:
        ours, theirs = (" and ".join(f"`{run.suite}`" for run in runs) for runs in (a, b))
        raise EvaluationError(
            f"different suites were measured: {ours} against {theirs}; compare runs of the same suite"
        )
    return [(run, others[run.suite]) for run in a]


def _shared(a: SuiteRun, b: SuiteRun) -> tuple[list[str], int]:
    """The tasks that count in both, in `a`'s order, and how many count in one alone because the other excludes them."""
    ours, theirs = by_task(a), by_task(b)
    shared = [task for task in ours if task in theirs]
    if not shared:
        raise EvaluationError(f"`{a.name}` and `{b.name}` share no task of `{a.suite}`; measure both on the same data")
    if a.data_digest != b.data_digest:
        raise EvaluationError(
            f"`{a.name}` and `{b.name}` were measured on different data ({a.data_digest[:19]} and "
            f"{b.data_digest[:19]}); measure both on the same file"
        )
    left_out = 0
    for run, other, alone in ((a, b, ours.keys() - theirs.keys()), (b, a, theirs.keys() - ours.keys())):
        if missing := sorted(alone - {row.id for row in other.excluded}):
            raise EvaluationError(
                f"`{run.name}` has {len(missing)} tasks that `{other.name}` has not, the first `{missing[0]}`; "
                "measure both on the same tasks"
            )
        left_out += len(alone)
    return shared, left_out


def _side(run: SuiteRun, tasks: Sequence[Counts]) -> Side:
    return Side(
        name=run.name,
        target=run.target,
        passed=sum(passed for passed, _ in tasks),
        samples=sum(samples for _, samples in tasks),
        rate=pass_rate(tasks, seed=SEED, resamples=RESAMPLES),
    )


def _flip(a: Sequence[Score], b: Sequence[Score]) -> Flip:
    won = rate(b) > rate(a)
    # Of the one that lost a sample that failed, of the other one that passed: together they show the difference.
    before = next(score for score in a if (score.result == "pass") != won)
    after = next(score for score in b if (score.result == "pass") == won)
    return Flip(
        id=before.id,
        category=before.category,
        won=won,
        a=counts(a),
        b=counts(b),
        a_result=before.result,
        b_result=after.result,
        a_detail=before.detail,
        b_detail=after.detail,
        a_sample=before.sample,
        b_sample=after.sample,
    )


def _clean(
    tasks: Sequence[str], base: Sequence[Counts], tuned: Sequence[Counts], overlapping: AbstractSet[str]
) -> Subset | None:
    kept = [index for index, task in enumerate(tasks) if task not in overlapping]
    if not kept:
        return None
    before, after = [base[index] for index in kept], [tuned[index] for index in kept]
    return Subset(
        tasks=len(kept),
        a=pass_rate(before, seed=SEED, resamples=RESAMPLES),
        b=pass_rate(after, seed=SEED, resamples=RESAMPLES),
        difference=rate_difference(before, after, seed=SEED, resamples=RESAMPLES),
    )


def _compare_loss(a: LossRun, b: LossRun) -> LossDifference:
    if (a.paths, a.tokens) != (b.paths, b.tokens):
        raise EvaluationError(
            f"`{a.name}` and `{b.name}` were measured on different files or tokens; measure both on the same data"
        )
    return paired_bootstrap(
        list(zip(a.losses, a.tokens, strict=True)),
        list(zip(b.losses, b.tokens, strict=True)),
        seed=SEED,
        resamples=RESAMPLES,
    )
