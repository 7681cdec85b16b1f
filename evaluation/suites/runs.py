"""Runs a suite: checks its own solutions, asks the target for what is not stored yet, scores, and writes run.json.

A run is a folder. The same name goes on where it stopped, and a finished one is scored again without asking.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from evaluation.sandbox import Candidate, Outcome, Sandbox
from evaluation.suites.answers import CONTINUATION, QUESTION, completion_of
from evaluation.suites.bfcl import reply_of, request, score_row
from evaluation.suites.bfcl_rows import BfclSuite, Row
from evaluation.suites.bfcl_targets import OfflineTarget, score_offline
from evaluation.suites.code import CodeSuite, CodeTask
from evaluation.suites.records import Excluded, Score, SuiteRun
from evaluation.suites.samples import Sample, SampleStore, sample_of
from evaluation.suites.speed import cost_of, speed_of
from evaluation.suites.targets import Answer, Ask, Target
from hone.errors import EvaluationError
from hone.files import sha256_bytes
from hone.records import Record, read_record, write_record

Progress = Callable[[str, int, int], None]  # what is being done, done, total
T = TypeVar("T")
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
    sandbox: Sandbox,
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
    judge = Judge(sandbox, progress)
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
        isolation=sandbox.isolation,
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
        isolation="",
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
    isolation: str,
    started: float,
    ended: float,
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


class Judge:
    """Runs candidates, each distinct one once."""

    def __init__(self, sandbox: Sandbox, progress: Progress) -> None:
        self._sandbox = sandbox
        self._progress = progress
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def judge(self, candidates: Iterable[Candidate], what: str) -> list[Outcome]:
        """One outcome for each, in their order."""
        wanted = list(candidates)
        new = list({(one.id, one.source): one for one in wanted if (one.id, one.source) not in self._outcomes}.values())
        done = 0

        def count(_: Outcome) -> None:
            nonlocal done
            done += 1
            self._progress(what, done, len(new))

        outcomes = self._sandbox.run(new, on_done=count) if new else []
        self._outcomes |= {(one.id, one.source): outcome for one, outcome in zip(new, outcomes, strict=True)}
        return [self._outcomes[one.id, one.source] for one in wanted]

    def again(self, candidates: Sequence[Candidate]) -> list[Outcome]:
        """As `judge`, forgetting what was seen before."""
        for one in candidates:
            self._outcomes.pop((one.id, one.source), None)
        return self.judge(candidates, "failed solutions, again")


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
    outcomes = iter(judge.judge(runnable, "sandboxed runs"))
    scores = []
    for task, sample in taken:
        outcome = None if sample.problem else next(outcomes)
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
            )
        )
    return scores
