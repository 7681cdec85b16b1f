"""What stands on the report's page: measured runs → records that the template only has to lay out. Pure.

Text that a model wrote is passed on as it is, but for characters that would hide something; the template escapes it.
"""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from statistics import median

from evaluation.compare import (
    RESAMPLES,
    SEED,
    Comparison,
    Flip,
    Subset,
    SuiteComparison,
    by_task,
    compare,
    counts,
)
from evaluation.report_details import Details, Fact, RateRow, details_of, seconds, told
from evaluation.report_findings import FindingsView, findings_view
from evaluation.statistics import SIGNIFICANCE, pass_rate, rate_difference
from evaluation.stored import LossRun, Run
from evaluation.suites.records import Excluded, Result, Score, SuiteRun
from hone.records import LossDifference, Record, TrainingOverlap

TASKS_SHOWN = 200  # flipped or failed; a page of more no browser lays out at once
FILES_SHOWN = 60
CHARACTERS_SHOWN = 6_000  # of one generation
LINES_COMPARED = 300  # of two generations; the comparison's time grows with their product
RESULTS: tuple[Result, ...] = (
    "pass", "fail", "error", "timeout", "out-of-memory", "violation", "abstained", "malformed", "invalid",
)  # fmt: skip


class Line(Record, frozen=True):
    """One line of a generation."""

    text: str
    differs: bool  # from the other generation


class Pane(Record, frozen=True):
    """One generation: what became of it, and its text."""

    name: str
    result: Result
    detail: str
    lines: tuple[Line, ...]
    note: str  # what of the text is not shown, and why


class TaskView(Record, frozen=True):
    """One task worth reading: a flip with both generations, or a failure with its one."""

    id: str
    category: str
    outcome: str  # "won" | "lost" | "failed"
    detail: str
    prompt: str
    panes: tuple[Pane, ...]


class Outcomes(Record, frozen=True):
    """How often each result came up in one run."""

    name: str
    samples: int
    counts: tuple[tuple[Result, int], ...]  # none that did not


class SuiteView(Record, frozen=True):
    """Everything about one suite."""

    suite: str
    verdict: str  # "better" | "worse" | "no difference shown"; empty without a champion
    comparison: SuiteComparison | None
    runs: tuple[str, ...]  # names: the champion, if any, then the challenger
    rows: tuple[RateRow, ...]
    outcomes: tuple[Outcomes, ...]
    tasks: tuple[TaskView, ...]
    tasks_left: int  # not shown
    violations: tuple[tuple[str, Score], ...]  # with the run's name
    clean: Subset | None
    overlapping: int | None  # tasks; None where nobody looked
    excluded: tuple[tuple[str, Excluded], ...]
    times: tuple[Fact, ...]
    details: Details
    facts: tuple[Fact, ...]
    findings: FindingsView


class FileRow(Record, frozen=True):
    """One held-out file; losses in nats per token, the difference is challenger minus champion."""

    path: str
    tokens: int
    champion: float | None
    challenger: float
    difference: float


class LossView(Record, frozen=True):
    """Held-out loss."""

    names: tuple[str, ...]
    targets: tuple[str, ...]
    loss: float
    comparison: LossDifference | None
    tokens: int
    files: tuple[FileRow, ...]
    files_left: int
    verdict: str
    overlap: TrainingOverlap | None  # None where nobody looked


class Page(Record, frozen=True):
    """The whole page."""

    challenger: str
    champion: str  # empty where there is none
    suites: tuple[SuiteView, ...]
    loss: LossView | None


def build_page(runs: Sequence[Run], champions: Sequence[Run], contaminated: AbstractSet[str]) -> Page:
    """The page of `runs`, against `champions` of the same suites if there are any.

    Raises `EvaluationError` where they cannot be compared.
    """
    found = compare(champions, runs, contaminated=contaminated) if champions else Comparison()
    compared = {one.suite: one for one in found.suites}
    others = {run.suite: run for run in champions if isinstance(run, SuiteRun)}
    losses = [run for run in runs if isinstance(run, LossRun)]
    before = next((run for run in champions if isinstance(run, LossRun)), None)
    return Page(
        challenger=", ".join(run.name for run in runs),
        champion=", ".join(run.name for run in champions),
        suites=tuple(
            suite_view(run, others.get(run.suite), compared.get(run.suite), contaminated)
            for run in runs
            if isinstance(run, SuiteRun)
        ),
        loss=loss_view(losses[0], before, found.loss) if losses else None,
    )


def suite_view(
    run: SuiteRun, champion: SuiteRun | None, comparison: SuiteComparison | None, contaminated: AbstractSet[str]
) -> SuiteView:
    """One suite of the page."""
    both = (champion, run) if champion else (run,)
    tasks = flipped(comparison.flips, both[0], run) if comparison else failed(run)
    looked = bool(contaminated) or any(one.contaminated is not None for one in both)
    overlapping = contaminated | {task for one in both for task in one.contaminated or ()}
    rows = rate_rows(run, champion, overlapping)
    return SuiteView(
        suite=run.suite,
        verdict=_verdict(comparison.difference.value, comparison.adjusted_p_value) if comparison else "",
        comparison=comparison,
        runs=tuple(one.name for one in both),
        rows=rows,
        outcomes=tuple(outcomes(one) for one in both),
        tasks=tuple(tasks[:TASKS_SHOWN]),
        tasks_left=max(0, len(tasks) - TASKS_SHOWN),
        violations=tuple((one.name, score) for one in both for score in one.scores if score.result == "violation"),
        clean=comparison.clean if comparison else None,
        overlapping=len({score.id for score in run.scores} & overlapping) if looked else None,
        excluded=tuple((one.name, row) for one in both for row in one.excluded),
        times=times(both),
        details=details_of(both),
        facts=facts(both),
        findings=findings_view(both),
    )


def rate_rows(run: SuiteRun, champion: SuiteRun | None, overlapping: AbstractSet[str]) -> tuple[RateRow, ...]:
    """The suite as a whole, what of it is clean, and its categories; over the tasks that count in both runs."""
    after, before = by_task(run), by_task(champion) if champion else None
    tasks = [task for task in after if before is None or task in before]
    groups = [("all tasks", tasks, False)]
    if overlapping:
        groups.append(("without overlap", [task for task in tasks if task not in overlapping], True))
    categories = sorted({score.category for score in run.scores if score.category})
    for category in categories if len(categories) > 1 else []:
        groups.append((category, [task for task in tasks if after[task][0].category == category], True))
    return tuple(_row(label, ids, after, before, part=part) for label, ids, part in groups if ids)


def _row(
    label: str,
    tasks: Sequence[str],
    after: dict[str, list[Score]],
    before: dict[str, list[Score]] | None,
    *,
    part: bool,
) -> RateRow:
    tuned = [counts(after[task]) for task in tasks]
    challenger = pass_rate(tuned, seed=SEED, resamples=RESAMPLES)
    if before is None:
        return RateRow(label, len(tasks), challenger, part=part)
    base = [counts(before[task]) for task in tasks]
    return RateRow(
        label,
        len(tasks),
        challenger,
        champion=pass_rate(base, seed=SEED, resamples=RESAMPLES),
        difference=rate_difference(base, tuned, seed=SEED, resamples=RESAMPLES),
        part=part,
    )


def flipped(flips: Sequence[Flip], champion: SuiteRun, run: SuiteRun) -> list[TaskView]:
    """Tasks that came out otherwise, lost ones first, with a generation of either run."""
    before, after = by_task(champion), by_task(run)
    views = []
    for flip in sorted(flips, key=lambda flip: flip.won):
        a = next(score for score in before[flip.id] if score.sample == flip.a_sample)
        b = next(score for score in after[flip.id] if score.sample == flip.b_sample)
        views.append(
            TaskView(
                id=flip.id,
                category=flip.category,
                outcome="won" if flip.won else "lost",
                detail=visible(flip.a_detail if flip.won else flip.b_detail),
                prompt=visible(b.prompt or a.prompt),
                panes=_panes((champion.name, a), (run.name, b)),
            )
        )
    return views


def failed(run: SuiteRun) -> list[TaskView]:
    """Tasks of which a sample failed, each with its first such sample."""
    first = [next((score for score in scores if score.result != "pass"), None) for scores in by_task(run).values()]
    return [
        TaskView(
            score.id, score.category, "failed", visible(score.detail), visible(score.prompt), _panes((run.name, score))
        )
        for score in first
        if score is not None
    ]


def _panes(*sides: tuple[str, Score]) -> tuple[Pane, ...]:
    texts = [visible(score.generation[:CHARACTERS_SHOWN]).rstrip().split("\n") for _, score in sides]
    marks = _differing(*texts) if len(texts) == 2 else [[False] * len(texts[0])]
    return tuple(
        Pane(
            name=name,
            result=score.result,
            detail=visible(score.detail),
            lines=tuple(Line(text, differs) for text, differs in zip(lines, differing, strict=True)),
            note=_note(score.generation),
        )
        for (name, score), lines, differing in zip(sides, texts, marks, strict=True)
    )


def _note(generation: str) -> str:
    if not generation.strip():
        return f"nothing but white space, {len(generation)} characters" if generation else "nothing"
    if len(generation) > CHARACTERS_SHOWN:
        return f"the first {CHARACTERS_SHOWN:,} of {len(generation):,} characters"
    return ""


def _differing(one: Sequence[str], other: Sequence[str]) -> list[list[bool]]:
    """Which lines of either the other has not at that place; none where that would be all, or too many to compare."""
    marks = [[False] * len(one), [False] * len(other)]
    if len(one) > LINES_COMPARED or len(other) > LINES_COMPARED:
        return marks
    for what, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if what != "equal":
            marks[0][a:b] = [True] * (b - a)
            marks[1][c:d] = [True] * (d - c)
    return marks if not all(marks[0]) or not all(marks[1]) else [[False] * len(one), [False] * len(other)]


def visible(text: str) -> str:
    """Text whose every character shows: controls as their pictures, and what would reorder or hide text by its name.

    Line ends and tabs stay. See Boucher and Anderson 2021, Trojan Source.
    """
    return "".join(character if _shows(character) else _named(character) for character in text)


def _shows(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _named(character: str) -> str:
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"


def outcomes(run: SuiteRun) -> Outcomes:
    """How often each result came up."""
    found = Counter(score.result for score in run.scores)
    return Outcomes(run.name, len(run.scores), tuple((result, found[result]) for result in RESULTS if found[result]))


def times(runs: Sequence[SuiteRun]) -> tuple[Fact, ...]:
    """Seconds and cost; only what was measured of a run."""
    rows = (
        ("whole run", [seconds(run.seconds) for run in runs]),
        ("generation, all samples", [seconds(sum(score.generate_s for score in run.scores)) for run in runs]),
        ("generation, median sample", [seconds(_median(run, "generate_s")) for run in runs]),
        ("sandbox, all samples", [seconds(sum(score.execute_s for score in run.scores)) for run in runs]),
        ("sandbox, median sample", [seconds(_median(run, "execute_s")) for run in runs]),
        ("cost", ["" if run.cost_usd is None else f"{run.cost_usd:.4f} USD" for run in runs]),
    )
    return told(*rows)


def facts(runs: Sequence[SuiteRun]) -> tuple[Fact, ...]:
    """Where the numbers come from."""
    rows = (
        ("target", [run.target for run in runs]),
        ("data", [run.data_digest for run in runs]),
        ("prompt template", [run.template_digest for run in runs]),
        ("isolation", [run.isolation for run in runs]),
    )
    return tuple(Fact(name, tuple(visible(value) or "–" for value in values)) for name, values in rows if any(values))


def loss_view(run: LossRun, champion: LossRun | None, comparison: LossDifference | None) -> LossView:
    """Held-out loss, and the files that changed most."""
    files = [
        FileRow(
            path=path,
            tokens=tokens,
            champion=champion.losses[index] / tokens if champion else None,
            challenger=loss / tokens,
            difference=(loss - champion.losses[index]) / tokens if champion else 0.0,
        )
        for index, (path, tokens, loss) in enumerate(zip(run.paths, run.tokens, run.losses, strict=True))
        if tokens
    ]
    files.sort(key=lambda row: (-row.difference, -row.challenger))  # what got worse comes first
    both = (champion, run) if champion else (run,)
    verdict = ""
    if comparison:
        shown = comparison.low > 0 or comparison.high < 0
        verdict = _verdict(-comparison.difference, 0.0 if shown else 1.0)
    return LossView(
        names=tuple(one.name for one in both),
        targets=tuple(one.target for one in both),
        loss=sum(run.losses) / max(1, sum(run.tokens)),
        comparison=comparison,
        tokens=sum(run.tokens),
        files=tuple(files[:FILES_SHOWN]),
        files_left=max(0, len(files) - FILES_SHOWN),
        verdict=verdict,
        overlap=run.overlap,
    )


def _verdict(gain: float, p_value: float) -> str:
    if p_value >= SIGNIFICANCE or gain == 0:
        return "no difference shown"
    return "better" if gain > 0 else "worse"


def _median(run: SuiteRun, field: str) -> float:
    values = [float(getattr(score, field)) for score in run.scores]
    return median(values) if values else 0.0
