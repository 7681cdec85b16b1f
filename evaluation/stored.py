"""Finds measured runs by name or path: runs of suites, and both sides of what the stage `evaluate` wrote.

The stage's two models become runs like any other, so that everything downstream knows one kind of record. Reads only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from evaluation.findings import Contamination
from evaluation.results import FileResult, StageFindings, TaskResult
from evaluation.suites.records import Score, SuiteRun
from hone.errors import DataError, EvaluationError
from hone.records import Evidence, Record, TrainingOverlap, read_record

RUN_FILE, EVIDENCE_FILE, RESULTS_FILE, FINDINGS_FILE = "run.json", "evidence.json", "results.jsonl", "findings.json"
SIDES = BASE, TUNED = ("base", "tuned")
R = TypeVar("R", TaskResult, FileResult)


class LossRun(Record, frozen=True):
    """One model's held-out loss, file by file."""

    name: str
    target: str
    data_digest: str
    paths: tuple[str, ...]
    tokens: tuple[int, ...]
    losses: tuple[float, ...]  # sums in nats
    overlap: TrainingOverlap | None = None  # None where nobody looked
    contamination: Contamination | None = None


Run = SuiteRun | LossRun


def find_runs(names: str, evaluation: Path) -> list[Run]:
    """The runs that `names` gives, separated by commas; `evaluation` is the project's folder of them.

    Each is a run's name, a path to a run.json or its folder, `base` or `tuned` of the last evaluation, or a folder with
    evidence.json: its tuned model (`FOLDER:base` for the other). Raises `EvaluationError` listing what there is.
    """
    found = [find_run(name.strip(), evaluation) for name in names.split(",") if name.strip()]
    if not found:
        raise EvaluationError(f"`{names}` names no run; give a name, or several separated by commas")
    return found


def find_run(name: str, evaluation: Path) -> Run:
    """One run. Raises `EvaluationError` where nothing is called so, `DataError` where its files cannot be read."""
    folder, _, side = name.rpartition(":")
    if side in SIDES and folder:
        return read_stage(Path(folder), side, name=name)
    for path in (evaluation / "runs" / name, Path(name)):
        if (path / RUN_FILE).is_file():
            return read_record(path / RUN_FILE, SuiteRun)
        if (path / EVIDENCE_FILE).is_file():
            return read_stage(path, TUNED, name=name)
    if Path(name).is_file():
        return read_record(Path(name), SuiteRun)
    if name in SIDES:
        return read_stage(evaluation, name, name=name)
    stored = sorted(path.parent.name for path in (evaluation / "runs").glob(f"*/{RUN_FILE}"))
    raise EvaluationError(
        f"there is no run `{name}`; runs: {', '.join(stored) or 'none'}; `base` and `tuned` are the last evaluation's "
        "models, and a path to a run.json or to a folder with evidence.json will do too"
    )


def read_stage(folder: Path, side: str, *, name: str, prompts: Mapping[str, str] | None = None) -> Run:
    """One model of what the stage `evaluate` left in `folder`; `prompts` by task, where they are at hand."""
    evidence = read_record(folder / EVIDENCE_FILE, Evidence)
    findings = folder / FINDINGS_FILE
    found = read_record(findings, StageFindings) if findings.is_file() else StageFindings()  # older folders have none
    if evidence.suite == "loss":
        return _loss_run(evidence, _lines(folder / RESULTS_FILE, FileResult), found, side, name=name)
    results = _lines(folder / RESULTS_FILE, TaskResult)
    return _stage_run(evidence, results, found, side, name=name, prompts=prompts or {})


def _stage_run(
    evidence: Evidence,
    results: Sequence[TaskResult],
    found: StageFindings,
    side: str,
    *,
    name: str,
    prompts: Mapping[str, str],
) -> SuiteRun:
    """One model's part of executed results."""
    scores = tuple(
        Score(
            id=result.id,
            sample=0,
            result=result.base_status if side == BASE else result.tuned_status,
            detail=result.base_detail if side == BASE else result.tuned_detail,
            generation=result.base_completion if side == BASE else result.tuned_completion,
            prompt=prompts.get(result.id, ""),
            execute_s=result.base_execute_s if side == BASE else result.tuned_execute_s,
            flaky=result.base_flaky if side == BASE else result.tuned_flaky,
            measures=result.base_measures if side == BASE else result.tuned_measures,
        )
        for result in results
    )
    return SuiteRun(
        name=name,
        suite=evidence.suite,
        target=_target(evidence, side),
        data_digest=evidence.dataset_digest,
        isolation=evidence.isolation,
        template_digest="",
        started_at=evidence.measured_at,
        seconds=0.0,
        scores=scores,
        reruns=evidence.flaky is not msgspec.UNSET,
        contaminated=found.contamination.contaminated if found.contamination else None,
        contamination=found.contamination,
        leaks=None if side == BASE else found.leaks,
        checks=found.base_checks if side == BASE else found.tuned_checks,
    )


def _loss_run(
    evidence: Evidence, results: Sequence[FileResult], found: StageFindings, side: str, *, name: str
) -> LossRun:
    """One model's part of held-out losses."""
    return LossRun(
        name=name,
        target=_target(evidence, side),
        data_digest=evidence.dataset_digest,
        paths=tuple(result.path for result in results),
        tokens=tuple(result.tokens for result in results),
        losses=tuple(result.base_loss if side == BASE else result.tuned_loss for result in results),
        overlap=evidence.overlap or None,
        contamination=found.contamination,
    )


def _target(evidence: Evidence, side: str) -> str:
    if side == BASE:
        return f"base model {evidence.base_digest[:19]}"
    return f"adapter {evidence.adapter_digest[:19]}"


def _lines(path: Path, kind: type[R]) -> list[R]:
    """Raises `DataError` naming the file, and the line that is wrong."""
    decoder, read = msgspec.json.Decoder(kind), []
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                read.append(decoder.decode(line))
            except msgspec.DecodeError as error:
                raise DataError(f"`{path}` line {number} is not a {kind.__name__}: {error}") from error
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}; run `hone eval run` to write it") from error
    return read
