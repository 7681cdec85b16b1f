"""What the stage `evaluate` writes beside its evidence: a line a task or a file, and its findings. Records alone."""

import msgspec

from evaluation.findings import CodeChecks, Contamination, Leaks
from evaluation.sandbox.interface import Status
from hone.records import Record


class TaskResult(Record, frozen=True):
    """One executed task: what each model wrote, and what became of it."""

    id: str
    base_completion: str
    tuned_completion: str
    base_status: Status
    base_detail: str
    tuned_status: Status
    tuned_detail: str
    base_execute_s: float = 0.0  # seconds in the sandbox
    tuned_execute_s: float = 0.0
    base_flaky: tuple[Status, ...] = ()  # the verdicts of its runs, where they differ; see `evaluation.reruns`
    tuned_flaky: tuple[Status, ...] = ()
    base_measures: dict[str, float] = msgspec.field(default_factory=dict)  # as of a score
    tuned_measures: dict[str, float] = msgspec.field(default_factory=dict)


class FileResult(Record, frozen=True):
    """The loss of one file's completions under each model; sums in nats."""

    path: str
    tokens: int
    base_loss: float
    tuned_loss: float


class TaskLoss(Record, frozen=True):
    """The loss of all measured examples of one task under each model; sums in nats."""

    task: str
    tokens: int
    base_loss: float
    tuned_loss: float


class StageFindings(Record, frozen=True):
    """What was found out beside the scores, in one file for both models. None: nobody looked, or there was nothing."""

    contamination: Contamination | None = None  # of all held-out examples
    leaks: Leaks | None = None  # of what the tuned model generated
    base_checks: CodeChecks | None = None
    tuned_checks: CodeChecks | None = None
    losses: tuple[TaskLoss, ...] = ()  # of the loss suite
    left_out: tuple[str, ...] = ()  # ids of held-out examples that it cannot measure: too long, or with nothing to say
