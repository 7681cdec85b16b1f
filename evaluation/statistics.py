"""Intervals and tests for what was measured. Pure: numbers in, records out."""

import math
from collections.abc import Sequence

import numpy as np

from hone.errors import EvaluationError
from hone.records import LossDifference, PairedTest, PassRate

Z_95 = 1.959963984540054  # the standard normal's 97.5 % quantile
RESAMPLES_AT_ONCE = 1_000  # bounds the memory of the bootstrap at 8 kB a file

FileLoss = tuple[float, int]  # loss sum in nats, tokens


def wilson(passed: int, tasks: int) -> PassRate:
    """The pass rate with its Wilson score interval, 95 % (Wilson 1927; Brown, Cai and DasGupta 2001).

    Raises `EvaluationError` where there is no task, or more passes than tasks.
    """
    if not 0 <= passed <= tasks or tasks == 0:
        raise EvaluationError(f"{passed} passes of {tasks} tasks is no pass rate; at least one task is needed")
    rate = passed / tasks
    spread = Z_95**2 / tasks
    centre = (rate + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(rate * (1 - rate) / tasks + spread / (4 * tasks))
    # At the ends the bound is exact; rounding must not move it past the rate.
    low = 0.0 if passed == 0 else max(0.0, centre - half)
    high = 1.0 if passed == tasks else min(1.0, centre + half)
    return PassRate(passed=passed, tasks=tasks, rate=rate, low=low, high=high)


def mcnemar_exact(base: Sequence[bool], tuned: Sequence[bool]) -> PairedTest:
    """McNemar's exact test, two-sided, on the tasks that only one of the two passes (McNemar 1947).

    Under the null hypothesis each of them is a fair coin; with none, p is 1.
    """
    pairs = list(zip(base, tuned, strict=True))
    wins = sum(after and not before for before, after in pairs)
    losses = sum(before and not after for before, after in pairs)
    discordant = wins + losses
    tail = sum(math.comb(discordant, k) for k in range(min(wins, losses) + 1))
    return PairedTest(wins=wins, losses=losses, p_value=min(1.0, 2 * tail / 2**discordant))


def paired_bootstrap(
    base: Sequence[FileLoss], tuned: Sequence[FileLoss], *, seed: int, resamples: int
) -> LossDifference:
    """The difference in mean loss per token, tuned minus base, with its 95 % percentile interval (Efron 1979).

    `base[i]` and `tuned[i]` are the same file. Whole files are drawn, since tokens of one file are not independent.
    Raises `EvaluationError` where there is no token, or the two do not match.
    """
    tokens = np.array([count for _, count in base], dtype=np.float64)
    if tokens.sum() == 0 or [count for _, count in base] != [count for _, count in tuned]:
        raise EvaluationError("base and tuned losses must be of the same files and tokens, and of one token at least")
    # A file drawn twice counts twice: each resample is a row of counts times the per-file sums.
    sums = np.array([[loss for loss, _ in base], [loss for loss, _ in tuned], tokens]).T
    base_loss, tuned_loss, total = sums.sum(axis=0)
    rng = np.random.default_rng(seed)
    even = np.full(len(sums), 1 / len(sums))
    differences = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        counts = rng.multinomial(len(sums), even, size=min(RESAMPLES_AT_ONCE, resamples - start))
        before, after, drawn = (counts @ sums).T
        differences.append(((after - before)[drawn > 0]) / drawn[drawn > 0])
    low, high = np.percentile(np.concatenate(differences), [2.5, 97.5])
    return LossDifference(
        base=float(base_loss / total),
        tuned=float(tuned_loss / total),
        difference=float((tuned_loss - base_loss) / total),
        low=float(low),
        high=float(high),
        tokens=int(total),
        files=len(sums),
    )
