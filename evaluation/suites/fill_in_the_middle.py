"""Fill-in-the-middle: a model writes what stands between a prefix and a suffix.

Measured as exact match, edit similarity, whether the whole parses, and by execution where a task has tests. Reads its
own records (prefix, suffix, middle) and those of HumanEval-Infilling (Bavarian et al. 2022). How models are asked
stands in `hone.fill_formats`. Asks no model.
"""

import ast
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec.structs import replace

from evaluation.sandbox import Candidate, Check
from evaluation.statistics import Interval, pass_rate
from evaluation.suites.judging import Judge
from evaluation.suites.records import Score
from evaluation.suites.samples import Sample
from hone.errors import DataError
from hone.files import sha256_file
from hone.json_lines import json_lines
from hone.records import Record, TestCase

EXACT, SIMILAR, PARSES, EXECUTED = "exact_match", "edit_similarity", "parses", "executed"  # a score's measures
LONGEST_COMPARED = 20_000  # characters of a generation; the comparison takes their product over the machine's word


class FillTask(Record, frozen=True):
    """One gap. `prefix + middle + suffix` is a whole module."""

    id: str
    prefix: str
    suffix: str
    middle: str
    entry_point: str = ""  # the function that the tests call; empty where there are none
    tests: tuple[TestCase, ...] = ()
    check: Check | None = None

    @property
    def executed(self) -> bool:
        return bool(self.tests or self.check)


class FillSuite(Record, frozen=True):
    """A benchmark file."""

    digest: str
    tasks: tuple[FillTask, ...]


class FillSummary(Record, frozen=True):
    """Shares between 0 and 1, the rates with their intervals: means over tasks, each of equal weight."""

    samples: int
    exact_match: Interval
    edit_similarity: float  # the mean over all samples
    parses: Interval
    executed: int  # samples whose tasks have tests
    passed: int  # of those
    pass_rate: Interval | None  # theirs; None where no task has tests


# The lines of the files.
class _Own(msgspec.Struct):
    prefix: str
    suffix: str
    middle: str
    id: str = ""
    entry_point: str = ""
    tests: tuple[TestCase, ...] = ()
    test: str = ""  # assertions, where they call `candidate` or the function


class _HumanEvalInfilling(msgspec.Struct):
    task_id: str
    entry_point: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str


def load(path: Path) -> FillSuite:
    """Reads JSON lines, gzipped or not. Raises `DataError` naming the file, and the line where one is wrong."""
    tasks: dict[str, FillTask] = {}
    for number, (at, row) in enumerate(json_lines(path, otherwise="give the benchmark by `--data`")):
        try:
            task = _theirs(msgspec.convert(row, _HumanEvalInfilling)) if "task_id" in row else _ours(row, number)
        except msgspec.ValidationError as error:
            raise DataError(f"{at} is no gap to fill, with prefix, suffix and middle: {error}") from error
        if task.executed and not task.entry_point.isidentifier():
            raise DataError(f"{at} has tests, and `entry_point` does not name the function that they call")
        if task.id in tasks:
            raise DataError(f"{at} repeats the task `{task.id}`; each may stand there once")
        tasks[task.id] = task
    if not tasks:
        raise DataError(f"`{path}` is empty: it holds no task")
    return FillSuite(digest=sha256_file(path), tasks=tuple(tasks.values()))


def _ours(row: object, number: int) -> FillTask:
    own = msgspec.convert(row, _Own)
    check = Check(setup=own.prefix + own.middle + own.suffix, assertions=own.test) if own.test else None
    return FillTask(own.id or str(number), own.prefix, own.suffix, own.middle, own.entry_point, own.tests, check)


def _theirs(one: _HumanEvalInfilling) -> FillTask:
    # The assertions may need the task's other functions; the one under test is then replaced by the candidate's.
    solved = one.prompt + one.canonical_solution + one.suffix
    check = Check(setup=solved, assertions=f"{one.test}\ncheck(candidate)\n")
    return FillTask(one.task_id, one.prompt, one.suffix, one.canonical_solution, one.entry_point, (), check)


def measure(task: FillTask, generation: str, *, sample: int = 0) -> Score:
    """What can be said without running it: it passes where it is the middle but for empty lines around it."""
    written, wanted = _trimmed(generation[:LONGEST_COMPARED]), _trimmed(task.middle)
    exact = written == wanted and len(generation) <= LONGEST_COMPARED
    fault = _fault(task.prefix + generation + task.suffix)
    similarity = edit_similarity(written, wanted)
    return Score(
        id=task.id,
        sample=sample,
        result="pass" if exact else "fail",
        detail="" if exact else (fault or f"not the middle; edit similarity {similarity:.2f}"),
        generation=generation[:20_000],
        prompt=f"{task.prefix[-2_000:]}▁▁▁{task.suffix[:1_990]}",
        measures={EXACT: float(exact), SIMILAR: similarity, PARSES: float(not fault)},
    )


def score_fills(taken: Sequence[tuple[FillTask, Sample]], judge: Judge | None) -> list[Score]:
    """What became of each sample. Those with tests pass or fail by them, where there is a judge."""
    runnable = [(task, sample) for task, sample in taken if judge and task.executed and not sample.problem]
    candidates = [candidate(task, sample.text) for task, sample in runnable]
    verdicts = iter(judge.settle(candidates) if judge else ())
    scores = []
    for task, sample in taken:
        score = replace(measure(task, sample.text, sample=sample.sample), generate_s=sample.seconds)
        if judge and task.executed:
            score = replace(score, measures=score.measures | {EXECUTED: 1.0})
            if not sample.problem:
                verdict = next(verdicts)
                run = verdict.run
                score = replace(score, result=run.status, detail=run.detail, execute_s=run.wall_s, flaky=verdict.flaky)
        if sample.problem:
            nothing = {EXACT: 0.0, SIMILAR: 0.0, PARSES: 0.0}
            score = replace(score, result="error", detail=sample.problem, measures=score.measures | nothing)
        scores.append(score)
    return scores


def unfit(task: FillTask) -> str:
    """Why a task cannot be measured; empty for one that can."""
    fault = _fault(task.prefix + task.middle + task.suffix)
    return f"its own middle {fault}" if fault else ""


def candidate(task: FillTask, generation: str) -> Candidate:
    """The whole module, ready to be run."""
    source = task.prefix + generation + task.suffix
    return Candidate(id=task.id, source=source, entry_point=task.entry_point, tests=task.tests, check=task.check)


def summarise(scores: Sequence[Score]) -> FillSummary:
    """The means. Raises `DataError` where there is no score."""
    if not scores:
        raise DataError("no sample of fill-in-the-middle was scored; give a suite with at least one task")
    executed = [score for score in scores if EXECUTED in score.measures]
    return FillSummary(
        samples=len(scores),
        exact_match=_rate(scores, lambda score: score.measures[EXACT] == 1),
        edit_similarity=fmean(score.measures[SIMILAR] for score in scores),
        parses=_rate(scores, lambda score: score.measures[PARSES] == 1),
        executed=len(executed),
        passed=sum(score.result == "pass" for score in executed),
        pass_rate=_rate(executed, lambda score: score.result == "pass") if executed else None,
    )


def _rate(scores: Sequence[Score], holds: Callable[[Score], bool]) -> Interval:
    """Of the scores of which something holds, task by task."""
    found: dict[str, list[bool]] = defaultdict(list)
    for score in scores:
        found[score.id].append(holds(score))
    return pass_rate([(sum(held), len(held)) for held in found.values()], seed=0, resamples=10_000)


def edit_similarity(left: str, right: str) -> float:
    """1 less the Levenshtein distance over the longer length; 1 where both are empty."""
    return 1.0 - edit_distance(left, right) / max(len(left), len(right), 1)


def edit_distance(left: str, right: str) -> int:
    """Insertions, deletions and replacements of characters, by bit-parallel columns (Myers 1999; Hyyrö 2003)."""
    if not left:
        return len(right)
    places: dict[str, int] = {}
    for at, character in enumerate(left):
        places[character] = places.get(character, 0) | 1 << at
    mask, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    rises, falls, distance = mask, 0, len(left)  # where a column's cells grow or shrink downwards, as bits
    for character in right:
        match = places.get(character, 0)
        diagonal = (((match & rises) + rises) ^ rises) | match | falls
        grows = falls | (~(diagonal | rises) & mask)
        shrinks = rises & diagonal
        distance += bool(grows & last) - bool(shrinks & last)
        grows, shrinks = (grows << 1 | 1) & mask, (shrinks << 1) & mask
        rises, falls = shrinks | (~(diagonal | grows) & mask), grows & diagonal
    return distance


def _trimmed(text: str) -> str:
    """Without empty lines before and white space behind; the first line's indentation counts."""
    return text.lstrip("\r\n").rstrip()


def _fault(source: str) -> str:
    """Why a text is no Python module; empty where it is one."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"does not parse when joined: {error.args[0] if error.args else type(error).__name__}"
    return ""
