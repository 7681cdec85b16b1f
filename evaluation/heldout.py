"""What the held-out tasks and the training data share, and what the completions give away and get wrong.

Held-out examples come from the sources that training examples come from: phrasing alone is no contamination.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from analysis.overlap import Document, TokenIndex
from evaluation.checkers import linter, type_checker
from evaluation.contamination import SAME_SOURCE_SHARE, TaskText, find_contamination
from evaluation.findings import CodeChecks, Contamination, Leaks, TrainingFile
from evaluation.leaks import find_leaks
from evaluation.results import TaskResult
from evaluation.static_checks import Program, check_programs
from evaluation.statistics import mcnemar_exact, wilson
from evaluation.suites.records import Score
from hone.records import Example, LeakCount, TrainingOverlap

Progress = Callable[[str, int, int], None]  # what is being done, done, total


def find_overlap(
    examples: Sequence[Example], training: Iterable[Document], data: tuple[TrainingFile, ...]
) -> Contamination:
    """Which held-out examples stand in the training data."""
    texts = [TaskText(one.id, "", one.text) for one in examples]
    return find_contamination(texts, training, share=SAME_SOURCE_SHARE, data=data)


def execution_overlap(results: Sequence[TaskResult], found: Contamination) -> TrainingOverlap:
    """How many of the executed tasks overlap, with the scores of the others."""
    overlapping = set(found.contaminated)
    clean = [one for one in results if one.id not in overlapping]
    base = [one.base_status == "pass" for one in clean]
    tuned = [one.tuned_status == "pass" for one in clean]
    return TrainingOverlap(
        tasks=len(results),
        contaminated=len(results) - len(clean),
        documents=found.documents,
        base=wilson(sum(base), len(base)) if clean else None,
        tuned=wilson(sum(tuned), len(tuned)) if clean else None,
        paired=mcnemar_exact(base, tuned) if clean else None,
    )


def tuned_leaks(results: Sequence[TaskResult], index: TokenIndex, data: tuple[TrainingFile, ...]) -> Leaks:
    """What the tuned model's completions repeat of the training data, and what in them looks like a secret."""
    return find_leaks(_scores(results, tuned=True), index, data=data)


def leak_count(found: Leaks) -> LeakCount:
    """The numbers alone."""
    return LeakCount(found.generations, found.repeating or 0, found.telling)


def check_completions(
    results: Sequence[TaskResult], examples: Mapping[str, Example], *, tuned: bool, progress: Progress
) -> tuple[CodeChecks | None, list[TaskResult]]:
    """Static checks of one model's completions, and the results with what they say of each. Examples by id."""
    programs = [
        Program(
            id=score.id,
            sample=0,
            source=examples[score.id].prompt + score.generation,
            own=examples[score.id].prompt + examples[score.id].completion,
        )
        for score in _scores(results, tuned=tuned)
    ]
    checks, scores = check_programs(
        programs, _scores(results, tuned=tuned), lint=linter(), types=type_checker(), progress=progress
    )
    field = "tuned_measures" if tuned else "base_measures"
    measured = [replace(one, **{field: score.measures}) for one, score in zip(results, scores, strict=True)]
    return checks, measured


def _scores(results: Sequence[TaskResult], *, tuned: bool) -> list[Score]:
    return [
        Score(
            id=one.id,
            sample=0,
            result=one.tuned_status if tuned else one.base_status,
            detail="",
            generation=one.tuned_completion if tuned else one.base_completion,
        )
        for one in results
    ]
