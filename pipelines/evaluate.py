"""Stage `evaluate`: base and tuned model on the held-out examples → evidence, results, metrics, a page to read."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from msgspec.structs import replace

from evaluation.findings import Contamination
from evaluation.heldout import check_completions, execution_overlap, leak_count
from evaluation.measure import Digests, LossExample, fits, measure_execution, measure_loss, metrics_of
from evaluation.models import ModelPair, load_models
from evaluation.report import write_report
from evaluation.results import FileResult, StageFindings, TaskResult
from evaluation.sandbox import open_engine
from evaluation.stored import FINDINGS_FILE, SIDES, read_stage
from hone.files import sha256_tree, write_atomic
from hone.layout import Layout
from hone.records import Evidence, Example, Manifest, read_examples, read_record, write_record, write_records
from pipelines.beside import TrainingLook
from pipelines.facts import BaseModel, base_location, read_base
from pipelines.recipe import Recipe
from pipelines.timing import record_stage_seconds
from training.encoding import encode

Progress = Callable[[str, int, int], None]


def evaluate(
    layout: Layout, recipe: Recipe, look: TrainingLook, *, progress: Progress, clock: Callable[[], float] = time.time
) -> Evidence:
    """Measures the adapter as the recipe's `evaluation` says and writes what was found to artifacts/evaluation.

    `look` is best made before this module is imported: it answers while the models' libraries are.
    """
    base = read_base(layout)
    digests = _digests(layout, base)
    examples = read_examples(layout.data / "heldout.jsonl")
    results: Sequence[TaskResult] | Sequence[FileResult]
    if recipe.evaluation.suite == "execution":
        # Opened first: where code cannot be isolated, nothing is loaded, generated or run.
        with closing(open_engine(recipe.evaluation.engine, recipe.evaluation.limits)) as sandbox:
            models = _load(layout, recipe, base)
            evidence, executed = measure_execution(
                models, examples, recipe.evaluation, sandbox, digests, clock=clock, progress=progress
            )
        contamination = _overlap(look, progress)
        if contamination:
            evidence = replace(evidence, overlap=execution_overlap(executed, contamination))
        evidence, results, found = _look(evidence, executed, examples, look, progress)
        found = replace(found, contamination=contamination)
    else:
        models = _load(layout, recipe, base)
        found = StageFindings(contamination=_overlap(look, progress))
        encoded = _encoded(models, examples)
        left_out = tuple(one.id for one in encoded if not fits(one, recipe.train.max_tokens))
        evidence, results, losses = measure_loss(
            models,
            encoded,
            recipe.evaluation,
            digests,
            max_tokens=recipe.train.max_tokens,
            contamination=found.contamination,
            clock=clock,
            progress=progress,
        )
        found = replace(found, losses=tuple(losses), left_out=left_out)
    _write(layout, evidence, results, found)
    prompts = {example.id: example.prompt for example in examples}
    base_run, tuned_run = (read_stage(layout.evaluation, side, name=side, prompts=prompts) for side in SIDES)
    write_report(layout.report, [tuned_run], champions=[base_run], clock=clock)
    record_stage_seconds(layout, "evaluate")
    return evidence


def _overlap(look: TrainingLook, progress: Progress) -> Contamination | None:
    """Which held-out examples stand in the training data."""
    progress("tasks in the training data", 0, 1)
    found = look.overlap()
    progress("tasks in the training data", 1, 1)
    return found


def _look(
    evidence: Evidence,
    results: Sequence[TaskResult],
    examples: Sequence[Example],
    look: TrainingLook,
    progress: Progress,
) -> tuple[Evidence, list[TaskResult], StageFindings]:
    """What the completions give away, and what static checks say of them."""
    by_id = {example.id: example for example in examples}
    base_checks, measured = check_completions(results, by_id, tuned=False, progress=progress)
    tuned_checks, measured = check_completions(measured, by_id, tuned=True, progress=progress)
    found = StageFindings(base_checks=base_checks, tuned_checks=tuned_checks)
    progress("training data in answers", 0, 1)
    if leaks := look.leaks(results):
        found, evidence = replace(found, leaks=leaks), replace(evidence, leaks=leak_count(leaks))
    progress("training data in answers", 1, 1)
    return evidence, measured, found


def _encoded(models: ModelPair, examples: Sequence[Example]) -> list[LossExample]:
    """The examples as both models read them."""
    return [
        LossExample(
            encoded=(one.ids, one.trained),
            path=f"{example.origin.source}/{example.origin.path}",
            id=example.id,
            task=example.task,
        )
        for example in examples
        for one in [encode(models.tokenizer, example)]
    ]


def _load(layout: Layout, recipe: Recipe, base: BaseModel) -> ModelPair:
    return load_models(base_location(layout, base.name), layout.adapter, dtype=recipe.train.base_dtype)


def _digests(layout: Layout, base: BaseModel) -> Digests:
    dataset = read_record(layout.data / "manifest.json", Manifest).digest
    return Digests(adapter=sha256_tree(layout.adapter), base=base.digest, dataset=dataset)


def _write(
    layout: Layout, evidence: Evidence, results: Sequence[TaskResult] | Sequence[FileResult], found: StageFindings
) -> None:
    write_records(layout.evaluation / "results.jsonl", results)
    write_record(layout.evaluation / FINDINGS_FILE, found)
    write_record(layout.evaluation / "metrics.json", metrics_of(evidence))
    write_atomic(layout.evaluation / "scores.csv", _scores(evidence).encode())
    write_record(layout.evaluation / "evidence.json", evidence)


def _scores(evidence: Evidence) -> str:
    """Two bars: pass@1, or loss per token, of the base and the tuned model."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("model", "score"))
    if evidence.base and evidence.tuned:
        writer.writerows((("base", evidence.base.rate), ("tuned", evidence.tuned.rate)))
    if evidence.loss:
        writer.writerows((("base", evidence.loss.base), ("tuned", evidence.loss.tuned)))
    return text.getvalue()
