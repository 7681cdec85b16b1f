"""What a suite measures, seen from the suite: asks go in, answers come out, in whatever order they come.

Here stand the seam and the answers that are known beforehand. Stores and scores nothing.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hone.records import Json, Record


class Ask(Record, frozen=True):
    """One question: a text to go on from, a gap to fill, or messages for a chat model, with tools perhaps."""

    id: str  # the task's
    sample: int
    prompt: str = ""
    suffix: str | None = None  # what stands after the gap that begins where `prompt` ends; None: there is no gap
    messages: tuple[Json, ...] = ()
    tools: tuple[Json, ...] = ()
    stop: tuple[str, ...] = ()


class Call(Record, frozen=True):
    """How the request went that an endpoint answered."""

    asked_at: float  # epoch seconds, UTC
    first_token_s: float | None = None  # until the first text was there; None where it did not come as a stream
    tokens: int | None = None  # of the completion, as the server counted; None where it did not
    cost_usd: float | None = None  # None where nobody said


class Answer(Record, frozen=True):
    """What came back: text or, where tools were given, the message as JSON."""

    id: str
    sample: int
    text: str
    seconds: float  # of the request that was answered
    problem: str = ""  # why there can be no text
    call: Call | None = None  # None where no endpoint answered
    retries: int = 0  # requests that failed before


OnAnswer = Callable[[Answer], None]


class Target(Protocol):
    """Something that answers."""

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        """Calls `on_answer` once for each ask, as they come. Raises `EvaluationError` where it cannot go on."""


class Written:
    """Answers that are known beforehand, by task."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def answer(self, asks: Sequence[Ask], on_answer: OnAnswer) -> None:
        for ask in asks:
            on_answer(Answer(ask.id, ask.sample, self._texts[ask.id], 0.0))


def seed_of(base: int, task: str, sample: int) -> int:
    """The seed of one sample: samples differ, and the same run has the same ones. It fits 31 bits, as servers want."""
    return zlib.crc32(f"{base} {task} {sample}".encode()) & 0x7FFF_FFFF
