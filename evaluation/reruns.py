"""Verdicts that come by chance: candidates are run again, and what differs is settled by a majority and reported.

Any verdict can be chance. A busy machine makes a timeout or a lack of memory of what would pass; random numbers, hashes
and the clock make a pass, a failure or a violation of the same code. So every candidate is run twice, passes as well as
failures, and a third time where one of the two runs passed and the other did not; then two of three count. Where none
or both passed the third could change nothing, and the first verdict counts.

That treats both sides alike: code that passes with chance p counts as a pass with chance 3p² − 2p³, which lies between
p and the nearer of 0 and 1. Were failures alone run again, it would be p + (1 − p)p²: above p for every p, so that a
rate could only rise, and most where it was luck.

Two verdicts need no second run. One is a timeout of code that had a processor for nearly all of its time: it was slow
by itself, and no waiting for others was counted against it; that spares endless loops their second five seconds. The
other is a pass or a failure of code that can come out one way only (`evaluation.certain`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from evaluation.sandbox.interface import Status

RUNS = {1: "sandboxed runs", 2: "second runs", 3: "third runs, of two that differ"}  # as progress names them
OWN_SHARE = 0.9  # of the time on the clock that was the code's own, for its timeout to be


class Ran(Protocol):
    """One run of a candidate: the sandbox's outcome, or what is kept of one."""

    @property
    def status(self) -> Status: ...
    @property
    def wall_s(self) -> float: ...
    @property
    def cpu_s(self) -> float: ...


R = TypeVar("R", bound=Ran)


@dataclass(frozen=True)
class Settled(Generic[R]):
    """The run whose verdict counts."""

    run: R
    flaky: tuple[Status, ...] = ()  # the verdicts in the order of the runs, where they were not all the same


def settle(
    first: Sequence[R],
    again: Callable[[Sequence[int], int], Sequence[R]],
    is_certain: Callable[[int], bool] = lambda _place: False,
) -> list[Settled[R]]:
    """Settles each of the first runs. `again` runs those at some places once more, the second time or the third.

    `is_certain` says of a place whether its code can come out one way only.
    """
    seen = [[run] for run in first]
    places = [at for at, run in enumerate(first) if not _own_timeout(run) and not (_ended(run) and is_certain(at))]
    for number in (2, 3):
        for at, run in zip(places, again(places, number) if places else (), strict=True):
            seen[at].append(run)
        places = [at for at in places if sum(run.status == "pass" for run in seen[at]) == 1]
    return [settled(runs) for runs in seen]


def settled(runs: Sequence[R]) -> Settled[R]:
    """Of all runs of a candidate: the first that passed where most did, else the first with the others' commonest."""
    passes = [run for run in runs if run.status == "pass"]
    if 2 * len(passes) > len(runs):
        counts = passes[0]
    else:
        others = [run for run in runs if run.status != "pass"]
        commonest = Counter(run.status for run in others).most_common(1)[0][0]
        counts = next(run for run in others if run.status == commonest)
    statuses = tuple(run.status for run in runs)
    return Settled(counts, statuses if len(set(statuses)) > 1 else ())


def _ended(run: Ran) -> bool:
    return run.status in ("pass", "fail")


def _own_timeout(run: Ran) -> bool:
    return run.status == "timeout" and run.cpu_s >= OWN_SHARE * run.wall_s
