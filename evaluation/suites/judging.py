"""Runs candidates in the sandbox: each distinct one once, or as often as its verdict takes to be settled."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from evaluation.certain import is_certain
from evaluation.reruns import RUNS, Settled, settle
from evaluation.sandbox import Candidate, Outcome, Sandbox
from evaluation.suites.records import Excluded

Progress = Callable[[str, int, int], None]  # what is being done, done, total
T = TypeVar("T")


class Judge:
    """Runs candidates, each distinct one once; or, to settle its verdict, more often."""

    def __init__(self, sandbox: Sandbox, progress: Progress, *, reruns: bool = True) -> None:
        self.reruns = reruns
        self.isolation = sandbox.isolation
        self._sandbox = sandbox
        self._progress = progress
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def judge(self, candidates: Iterable[Candidate], what: str) -> list[Outcome]:
        """One outcome for each, in their order."""
        wanted = list(candidates)
        new = list({(one.id, one.source): one for one in wanted if (one.id, one.source) not in self._outcomes}.values())
        outcomes = self._run(new, what)
        self._outcomes |= {(one.id, one.source): outcome for one, outcome in zip(new, outcomes, strict=True)}
        return [self._outcomes[one.id, one.source] for one in wanted]

    def settle(self, candidates: Sequence[Candidate]) -> list[Settled[Outcome]]:
        """The verdict on each, in their order, settled by further runs where that is wanted."""
        distinct = list({(one.id, one.source): one for one in candidates}.values())
        first = self.judge(distinct, RUNS[1])
        if not self.reruns:
            return [Settled(one) for one in self.judge(candidates, RUNS[1])]
        found = settle(
            first,
            lambda places, number: self._run([distinct[at] for at in places], RUNS[number]),
            lambda place: distinct[place].check is None and is_certain(distinct[place].source),
        )
        by_text = {(one.id, one.source): settled for one, settled in zip(distinct, found, strict=True)}
        return [by_text[one.id, one.source] for one in candidates]

    def again(self, candidates: Sequence[Candidate]) -> list[Outcome]:
        """As `judge`, forgetting what was seen before."""
        for one in candidates:
            self._outcomes.pop((one.id, one.source), None)
        return self.judge(candidates, "failed solutions, again")

    def _run(self, candidates: Sequence[Candidate], what: str) -> list[Outcome]:
        done = 0

        def count(_: Outcome) -> None:
            nonlocal done
            done += 1
            self._progress(what, done, len(candidates))

        return self._sandbox.run(candidates, on_done=count) if candidates else []


def sound_tasks(solved: Sequence[tuple[T, Candidate]], judge: Judge) -> tuple[list[T], list[Excluded]]:
    """The tasks whose own solution, beside each, passes, at the second try at the latest; and the others."""
    outcomes = judge.judge((solution for _, solution in solved), "the suite's own solutions")
    failed = [solution for (_, solution), one in zip(solved, outcomes, strict=True) if one.status != "pass"]
    excluded = [
        Excluded(one.id, f"its own solution: {one.status}, {one.detail}")
        for one in judge.again(failed)
        if one.status != "pass"
    ]
    left_out = {one.id for one in excluded}
    return [task for task, solution in solved if solution.id not in left_out], excluded
