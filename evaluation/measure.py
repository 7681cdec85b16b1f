"""Measures an adapter against its base model on held-out examples: evidence, and the results that it rests on.

Two suites: `measure_execution` runs the completions of both in the sandbox, `measure_loss` compares their loss per
token. Writes no file and decides nothing.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from evaluation.config import EvaluationConfig
from evaluation.findings import Contamination
from evaluation.generation import Decoding, generate
from evaluation.loss import Encoded, TokenLoss, completion_loss
from evaluation.models import ModelPair
from evaluation.reruns import Settled
from evaluation.results import FileResult, TaskLoss, TaskResult
from evaluation.sandbox import Candidate, Outcome, Sandbox
from evaluation.statistics import mcnemar_exact, paired_bootstrap, wilson
from evaluation.suites.judging import Judge, Progress
from hone.errors import EvaluationError
from hone.records import Evidence, Example, LossDifference, Record, TrainingOverlap

# A completion is the rest of one function: it ends where the next statement at the margin begins.
STOP = ("\ndef ", "\nclass ", "\n@", "\nif ", "\nfor ", "\nprint(", "\nassert ", "\nimport ", "\nfrom ", "\n#", "\n```")

T = TypeVar("T")


class Digests(Record, frozen=True):
    """The exact bytes that evidence is bound to."""

    adapter: str
    base: str
    dataset: str


class LossExample(Record, frozen=True):
    """A held-out example as the models read it, tokenised as in training."""

    encoded: Encoded
    path: str  # of the file that it is from
    id: str = ""
    task: str = ""


class ExecutionMetrics(Record, frozen=True):
    """What `dvc metrics show` shows of the execution suite."""

    base_pass_at_1: float
    base_low: float
    base_high: float
    tuned_pass_at_1: float
    tuned_low: float
    tuned_high: float
    p_value: float
    tasks: int


class LossMetrics(Record, frozen=True):
    """What `dvc metrics show` shows of the loss suite; nats per token."""

    base_loss: float
    tuned_loss: float
    difference: float
    difference_low: float
    difference_high: float
    tokens: int
    files: int


def measure_execution(
    models: ModelPair,
    examples: Sequence[Example],
    config: EvaluationConfig,
    sandbox: Sandbox,
    digests: Digests,
    *,
    clock: Callable[[], float],
    progress: Progress,
) -> tuple[Evidence, list[TaskResult]]:
    """pass@1 of both models, greedily, on the same tasks. Raises `EvaluationError` where no example has tests."""
    tasks = evenly_spaced([example for example in examples if example.tests], config.tasks)
    if not tasks:
        raise EvaluationError(
            f"none of the {len(examples)} held-out examples has tests to execute; set `evaluation.suite: loss`"
        )
    prompts = [task.prompt for task in tasks]
    decoding = Decoding(max_new_tokens=config.max_new_tokens, stop=STOP, precision=config.precision)

    def complete(what: str, *, tuned: bool) -> list[str]:
        with models.tuned() if tuned else models.base() as model:
            return generate(
                model, models.tokenizer, prompts, decoding, batch_size=config.batch_size, progress=named(progress, what)
            )

    base, tuned = complete("base completions", tuned=False), complete("tuned completions", tuned=True)
    verdicts = execute([*zip(tasks, base, strict=True), *zip(tasks, tuned, strict=True)], sandbox, progress)
    results = [
        TaskResult(
            id=task.id,
            base_completion=base[index],
            tuned_completion=tuned[index],
            base_status=before.run.status,
            base_detail=before.run.detail,
            tuned_status=after.run.status,
            tuned_detail=after.run.detail,
            base_execute_s=before.run.wall_s,
            tuned_execute_s=after.run.wall_s,
            base_flaky=before.flaky,
            tuned_flaky=after.flaky,
        )
        for index, task in enumerate(tasks)
        for before, after in [(verdicts[index], verdicts[len(tasks) + index])]
    ]
    return execution_evidence(results, digests, sandbox.isolation, now=clock()), results


def execute(completed: Sequence[tuple[Example, str]], sandbox: Sandbox, progress: Progress) -> list[Settled[Outcome]]:
    """Runs each example's prompt with a completion against its tests, and settles what differs between runs."""
    candidates = [
        Candidate(id=example.id, source=example.prompt + text, entry_point=example.entry_point, tests=example.tests)
        for example, text in completed
    ]
    return Judge(sandbox, progress).settle(candidates)


def execution_evidence(results: Sequence[TaskResult], digests: Digests, isolation: str, *, now: float) -> Evidence:
    """What task results prove."""
    base = [result.base_status == "pass" for result in results]
    tuned = [result.tuned_status == "pass" for result in results]
    return Evidence(
        suite="execution",
        adapter_digest=digests.adapter,
        base_digest=digests.base,
        dataset_digest=digests.dataset,
        isolation=isolation,
        base=wilson(sum(base), len(base)),
        tuned=wilson(sum(tuned), len(tuned)),
        paired=mcnemar_exact(base, tuned),
        measured_at=now,
        flaky=tuple(result.id for result in results if result.base_flaky or result.tuned_flaky),
    )


def measure_loss(
    models: ModelPair,
    examples: Sequence[LossExample],
    config: EvaluationConfig,
    digests: Digests,
    *,
    max_tokens: int,
    contamination: Contamination | None = None,
    clock: Callable[[], float],
    progress: Progress,
) -> tuple[Evidence, list[FileResult], list[TaskLoss]]:
    """Held-out loss of both models on the same answers; its sums by file and by task.

    What is longer than `max_tokens`, or has nothing to say, is left out, as in training. `contamination` names by `id`
    what stands in the training data; None where nobody looked. Raises `EvaluationError` where nothing is left.
    """
    fitting = [one for one in examples if fits(one, max_tokens)]
    chosen = evenly_spaced(fitting, config.tasks)
    if not chosen:
        raise EvaluationError(
            f"none of the {len(examples)} held-out examples has at most `max_tokens: {max_tokens}` tokens; raise it"
        )

    def measure(what: str, *, tuned: bool) -> list[TokenLoss]:
        with models.tuned() if tuned else models.base() as model:
            return completion_loss(
                model,
                [one.encoded for one in chosen],
                batch_size=config.batch_size,
                precision=config.precision,
                progress=named(progress, what),
            )

    base, tuned = measure("base loss", tuned=False), measure("tuned loss", tuned=True)
    files = [one.path for one in chosen]
    results = by_file(files, base, tuned)
    evidence = Evidence(
        suite="loss",
        adapter_digest=digests.adapter,
        base_digest=digests.base,
        dataset_digest=digests.dataset,
        isolation="",
        loss=_difference(results, config),
        measured_at=clock(),
    )
    if contamination:
        found = set(contamination.contaminated)
        clean = [at for at, one in enumerate(chosen) if one.id not in found]
        of_clean = by_file([files[at] for at in clean], [base[at] for at in clean], [tuned[at] for at in clean])
        overlap = TrainingOverlap(
            tasks=len(chosen),
            contaminated=len(chosen) - len(clean),
            documents=contamination.documents,
            loss=_difference(of_clean, config) if of_clean else None,
        )
        evidence = replace(evidence, overlap=overlap)
    sums = _sums([one.task for one in chosen], base, tuned)
    return evidence, results, [TaskLoss(task, *sums[task]) for task in sorted(sums)]


def fits(example: LossExample, max_tokens: int) -> bool:
    """Whether it can be measured, as it could be trained on."""
    ids, spans = example.encoded
    return len(ids) <= max_tokens and bool(spans)


def _difference(results: Sequence[FileResult], config: EvaluationConfig) -> LossDifference:
    return paired_bootstrap(
        [(result.base_loss, result.tokens) for result in results],
        [(result.tuned_loss, result.tokens) for result in results],
        seed=config.seed,
        resamples=config.bootstrap_resamples,
    )


def by_file(paths: Sequence[str], base: Sequence[TokenLoss], tuned: Sequence[TokenLoss]) -> list[FileResult]:
    """The sums of each file's examples, files in order of name."""
    sums = _sums(paths, base, tuned)
    return [FileResult(path, *sums[path]) for path in sorted(sums)]


def _sums(
    names: Sequence[str], base: Sequence[TokenLoss], tuned: Sequence[TokenLoss]
) -> dict[str, tuple[int, float, float]]:
    """Tokens, and the loss of the base and of the tuned model, by name."""
    sums: dict[str, tuple[int, float, float]] = {}
    for name, (before, tokens), (after, _) in zip(names, base, tuned, strict=True):
        so_far = sums.get(name, (0, 0.0, 0.0))
        sums[name] = (so_far[0] + tokens, so_far[1] + before, so_far[2] + after)
    return sums


def metrics_of(evidence: Evidence) -> ExecutionMetrics | LossMetrics:
    """The numbers of evidence, flat. Raises `EvaluationError` where there are none."""
    if evidence.base and evidence.tuned and evidence.paired:
        return ExecutionMetrics(
            base_pass_at_1=evidence.base.rate,
            base_low=evidence.base.low,
            base_high=evidence.base.high,
            tuned_pass_at_1=evidence.tuned.rate,
            tuned_low=evidence.tuned.low,
            tuned_high=evidence.tuned.high,
            p_value=evidence.paired.p_value,
            tasks=evidence.tuned.tasks,
        )
    if evidence.loss:
        return LossMetrics(
            base_loss=evidence.loss.base,
            tuned_loss=evidence.loss.tuned,
            difference=evidence.loss.difference,
            difference_low=evidence.loss.low,
            difference_high=evidence.loss.high,
            tokens=evidence.loss.tokens,
            files=evidence.loss.files,
        )
    raise EvaluationError(f"evidence of suite `{evidence.suite}` holds no numbers")


def evenly_spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many items, spread over all of them; every item where `most` is 0."""
    if not most or most >= len(items):
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def named(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Progress of one part."""
    return lambda done, total: progress(what, done, total)
