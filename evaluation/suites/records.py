"""What a run of a suite leaves behind: one score per generation, and everything that they rest on.

Stored as one JSON file, `run.json`, in a folder of its own under artifacts/evaluation/runs; the generations lie beside
it in Parquet, so that scoring can be repeated without generating.
"""

from typing import Literal

import msgspec

from evaluation.findings import CodeChecks, Contamination, Leaks
from hone.records import Record

Result = Literal["pass", "fail", "error", "timeout", "out-of-memory", "violation", "abstained", "malformed", "invalid"]


class Excluded(Record, frozen=True):
    """A row of the suite that counts for nothing, and why."""

    id: str
    reason: str


class Score(Record, frozen=True):
    """What became of one generation for one task."""

    id: str  # the task's
    sample: int  # 0-based; tasks may be sampled several times
    result: Result
    detail: str  # one line: the failing assertion, the wrong argument; empty for a pass
    generation: str  # what the target wrote, cut to 20,000 characters
    category: str = ""  # within the suite
    prompt: str = ""  # cut to 4,000 characters
    generate_s: float = 0.0  # seconds until the target had answered
    execute_s: float = 0.0  # seconds in the sandbox
    measures: dict[str, float] = msgspec.field(default_factory=dict)  # further numbers of the suite's own, by name
    flaky: tuple[Result, ...] = ()  # the verdicts of its runs, where they differ; see `evaluation.reruns`


class Percentiles(Record, frozen=True):
    """Of what was measured of each answer."""

    p50: float
    p90: float


class Speed(Record, frozen=True):
    """How an endpoint answered the requests of a run."""

    answers: int
    latency_s: Percentiles | None  # from the request to the last byte of its answer
    first_token_s: Percentiles | None  # to the first text; None where nothing was streamed
    tokens: int | None  # of all completions; None where the server did not count every one
    tokens_per_s: float | None  # all requests together
    tokens_per_s_each: Percentiles | None  # of the requests whose tokens were counted
    in_flight: int  # the most requests at one time
    busy_s: float  # seconds in which there was at least one
    retried: int  # requests that failed and were made again


class SuiteRun(Record, frozen=True):
    """One suite, one target."""

    name: str  # of the run: its folder
    suite: str  # "humaneval" | "mbpp" | "bfcl" | …
    target: str  # what was measured: an address with model, "adapter", "canonical", "empty" …
    data_digest: str  # of the suite's file or files
    isolation: str  # of the sandbox; empty where nothing is executed
    template_digest: str  # of the chat template or prompt format; empty where none was used
    started_at: float  # epoch seconds, UTC
    seconds: float
    scores: tuple[Score, ...]
    excluded: tuple[Excluded, ...] = ()
    contaminated: tuple[str, ...] | None = None  # tasks that overlap the training data; None where nobody looked
    cost_usd: float | None = None  # what the target's provider charges for it; None where nobody counts
    model_digest: str = ""  # of a local adapter or base model; empty for what is elsewhere
    speed: Speed | None = None  # of an endpoint
    reruns: bool = False  # whether what was executed ran more than once, so that flaky verdicts show
    contamination: Contamination | None = None  # where `contaminated` comes from
    leaks: Leaks | None = None  # None where nobody looked
    checks: CodeChecks | None = None  # None where the suite has no code, or nobody looked
