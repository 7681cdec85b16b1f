"""What the stage `evaluate` writes, one line a task or a file, beside its evidence. Records alone."""

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


class FileResult(Record, frozen=True):
    """The loss of one file's completions under each model; sums in nats."""

    path: str
    tokens: int
    base_loss: float
    tuned_loss: float
