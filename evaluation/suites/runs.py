"""Runs a suite: checks its own solutions, asks the target for what is not stored yet, scores, and writes run.json.

A run is a folder. The same name goes on where it stopped, and a finished one is scored again without asking.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from evaluation.suites.answers import CONTINUATION, QUESTION, completion_of
from evaluation.suites.bfcl import reply_of, request, score_row
from evaluation.suites.bfcl_rows import BfclSuite, Row
from evaluation.suites.bfcl_targets import OfflineTarget, score_offline
from evaluation.suites.code import CodeSuite, CodeTask
from evaluation.suites.judging import Judge, Progress, sound_tasks
from evaluation.suites.records import Excluded, Score, SuiteRun
from evaluation.suites.samples import Sample, SampleStore, sample_of
from evaluation.suites.speed import cost_of, speed_of
from evaluation.suites.targets import Answer, Ask, Target
from hone.errors import EvaluationError
from hone.files import sha256_bytes
from hone.records import Record, read_record, write_record

GENERATION_CHARACTERS, PROMPT_CHARACTERS = 20_000, 4_000  # of a score; the whole texts are in Parquet


class Settings(Record, frozen=True):
    """Everything that decides what a target is asked: samples under other settings are not mixed."""

    suite: str
    data_digest: str
    target: str
    model_digest: str  # of a local adapter or base model; empty for what is elsewhere
    template_digest: str
    temperature: float
    max_tokens: int
    chat: bool
    seed: int = 0  # of sampling; 0 where nothing is sampled


class RunFolder:
    """Where one run lies."""

    def __init__(self, runs: Path, name: str) -> None:
        if not name or name.startswith(".") or "/" in name or not name.isprintable():
            raise EvaluationError(f"`{name}` is no name for a run; it becomes a folder's name")
        self.name = name
        self.path = runs / name

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    def settle(self, settings: Settings) -> None:
        """Writes the settings, or compares them with those that the run began with. Raises `EvaluationError`."""
        path = self.path / "settings.json"
        if not path.exists():
            write_record(path, settings)
            return
        before = read_record(path, Settings)
        for name in Settings.__struct_fields__:
            was, now = getattr(before, name), getattr(settings, name)
            if was != now:
                raise EvaluationError(
                    f"run `{self.name}` began with {name} `{was}`, not `{now}`; give another `--name`, or remove it"
                )


def default_name(settings: Settings) -> str:
    """A run's name: equal settings have equal names."""
    target = "".join(one if one.isalnum() or one in "-." else "-" for one in settings.target.rpartition("/")[2])
    digest = sha256_bytes(repr(settings).encode()).removeprefix("sha256:")
    return f"{settings.suite}-{target.strip('-.')[:40]}-{digest[:6]}"


def prompt_format(chat: bool) -> str:
    """What is asked, apart from the task."""
    return QUESTION if chat else CONTINUATION


def run_code_suite(
    suite: CodeSuite,
    target: Target,
    judge: Judge,
    folder: RunFolder,
    settings: Settings,
    *,
    samples: int,
    clock: Callable[[], float],
    progress: Progress,
) -> SuiteRun:
    """Measures a target. Tasks whose own solution fails here are left out, with the reason.

    Raises `EvaluationError` where the target or the sandbox cannot go on; what was answered by then is stored.
    """
    started = clock()
    folder.settle(settings)
    tasks, excluded = sound_tasks([(task, task.candidate(task.solution)) for task in suite.tasks], judge)
    with SampleStore(folder.samples) as store:
        asks = [
            ask_for(task, number, chat=settings.chat)
            for number in range(samples)
            for task in tasks
            if (task.id, number) not in store
        ]
        collect(target, asks, store, progress)
        taken = [(task, store[task.id, number]) for task in tasks for number in range(samples)]
    scores = score(taken, judge, chat=settings.chat)
    return store_run(
        folder,
        settings,
        scores,
        excluded,
        samples=[sample for _, sample in taken],
        isolation=judge.isolation,
        reruns=judge.reruns,
        started=started,
        ended=clock(),
    )


def run_bfcl(
    suite: BfclSuite,
    target: Target | OfflineTarget,
    folder: RunFolder,
    settings: Settings,
    *,
    samples: int,
    clock: Callable[[], float],
    progress: Progress,
) -> SuiteRun:
    """Measures a chat target with tools; or proves the checker by replies that need no model."""
    started = clock()
    folder.settle(settings)
    taken = []
    if isinstance(target, str):
        scores = score_offline(suite, target)
    else:
        with SampleStore(folder.samples) as store:
            asks = [
                Ask(row.id, number, messages=(asked := request(row)).messages, tools=asked.tools)
                for number in range(samples)
                for row in suite.rows
                if (row.id, number) not in store
            ]
            collect(target, asks, store, progress)
            taken = [(row, store[row.id, number]) for row in suite.rows for number in range(samples)]
        scores = [called(row, sample) for row, sample in taken]
    return store_run(
        folder,
        settings,
        scores,
        suite.excluded,
        samples=[sample for _, sample in taken],
        started=started,
        ended=clock(),
    )


def store_run(
    folder: RunFolder,
    settings: Settings,
    scores: Sequence[Score],
    excluded: Sequence[Excluded],
    *,
    samples: Sequence[Sample],
    started: float,
    ended: float,
    isolation: str = "",
    reruns: bool = False,
) -> SuiteRun:
    """Writes what a run found to its folder. Times are seconds since the epoch."""
    run = SuiteRun(
        name=folder.name,
        suite=settings.suite,
        target=settings.target,
        data_digest=settings.data_digest,
        isolation=isolation,
        template_digest=settings.template_digest,
        started_at=started,
        seconds=ended - started,
        scores=tuple(scores),
        excluded=tuple(excluded),
        cost_usd=cost_of(samples),
        model_digest=settings.model_digest,
        speed=speed_of(samples),
        reruns=reruns,
    )
    write_record(folder.record, run)
    return run


def called(row: Row, sample: Sample) -> Score:
    """What became of one message with its tool calls, stored as JSON."""
    message = {} if sample.problem else json.loads(sample.text)
    found = score_row(row, reply_of(row, message), sample=sample.sample)
    if sample.problem:
        found = replace(found, result="error", detail=sample.problem)
    return replace(found, generate_s=sample.seconds)


def ask_for(task: CodeTask, number: int, *, chat: bool) -> Ask:
    """The question for one sample of a task."""
    if chat:
        content = QUESTION.format(prompt=task.prompt.strip("\n"))
        return Ask(task.id, number, messages=({"role": "user", "content": content},))
    return Ask(task.id, number, prompt=task.prompt, stop=task.stop)


def collect(target: Target, asks: Sequence[Ask], store: SampleStore, progress: Progress) -> None:
    """Asks, and stores every answer as it comes."""
    done = 0

    def keep(answer: Answer) -> None:
        nonlocal done
        store.add(sample_of(answer))
        done += 1
        progress("answers", done, len(asks))

    if asks:
        target.answer(asks, keep)


def score(taken: Sequence[tuple[CodeTask, Sample]], judge: Judge, *, chat: bool) -> list[Score]:
    """What became of each sample."""
    runnable = [
        task.candidate(completion_of(sample.text, task, chat=chat)) for task, sample in taken if not sample.problem
    ]
    verdicts = iter(judge.settle(runnable))
    scores = []
    for task, sample in taken:
        verdict = None if sample.problem else next(verdicts)
        outcome = verdict.run if verdict else None
        scores.append(
            Score(
                id=task.id,
                sample=sample.sample,
                result=outcome.status if outcome else "error",
                detail=outcome.detail if outcome else sample.problem,
                generation=sample.text[:GENERATION_CHARACTERS],
                prompt=task.prompt[:PROMPT_CHARACTERS],
                generate_s=sample.seconds,
                execute_s=outcome.wall_s if outcome else 0.0,
                flaky=verdict.flaky if verdict else (),
            )
        )
    return scores
