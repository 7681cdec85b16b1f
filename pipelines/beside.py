"""What the stage `evaluate` asks of the training data, answered by a process of its own.

It reads and compares while the models are imported, loaded and run, and imports none of their libraries itself.
"""

import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from evaluation.findings import Contamination, Leaks
from evaluation.heldout import find_overlap, tuned_leaks
from evaluation.leaks import training_index
from evaluation.results import TaskResult
from hone.errors import EvaluationError, HoneError
from hone.layout import Layout
from hone.records import read_examples
from pipelines.examine import training_data


class _Answer(NamedTuple):
    value: Any
    problem: str = ""


class TrainingLook:
    """Begins to look as soon as it is made. Use as a context manager: leaving it ends the process."""

    def __init__(self, layout: Layout) -> None:
        context = get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(layout, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "TrainingLook":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._channel.close()

    def overlap(self) -> Contamination | None:
        """Which held-out examples stand in the training data; None where no training data is known. To be asked once.

        Raises `EvaluationError` where it cannot be told, with the reason.
        """
        found: Contamination | None = self._receive()
        return found

    def leaks(self, results: Sequence[TaskResult]) -> Leaks | None:
        """What the tuned model's completions repeat of the training data; None where none is known."""
        with suppress(OSError):  # it has ended: its last answer, or that there is none, says why
            self._channel.send(tuple(results))
        found: Leaks | None = self._receive()
        return found

    def _receive(self) -> Any:
        try:
            answer: _Answer = self._channel.recv()
        except (EOFError, OSError):
            self._process.join()
            raise EvaluationError(
                f"the process that looks through the training data ended with {self._process.exitcode}; "
                "is the machine out of memory?"
            ) from None
        if answer.problem:
            raise EvaluationError(f"the training data cannot be looked through: {answer.problem}")
        return answer.value


def _serve(layout: Layout, channel: Connection) -> None:
    """The other process: says what overlaps, then answers until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's to handle
    try:
        training = training_data(layout, "adapter", ())
        examples = read_examples(layout.data / "heldout.jsonl")
        channel.send(_Answer(find_overlap(examples, training.documents, training.files) if training else None))
        index = training_index(training.documents if training else ())
        while True:
            results = channel.recv()
            channel.send(_Answer(tuned_leaks(results, index, training.files) if training else None))
    except HoneError as error:
        channel.send(_Answer(None, str(error)))
    except (EOFError, OSError):  # the stage has ended
        pass
