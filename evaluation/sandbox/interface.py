"""The seam between evaluation and whatever isolates untrusted code: its records and its Protocol."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from hone.config import Config
from hone.records import Record, TestCase

Status = Literal["pass", "fail", "error", "timeout", "out-of-memory", "violation"]
Shown = tuple[Path, str]  # a folder outside, and the absolute path at which it is seen inside, not below /tmp


class Check(Record, frozen=True):
    """Assertions about a function, which run in another process than the function: it is called there by value."""

    setup: str  # what the assertions need beside the function: imports, helpers
    assertions: str  # they call the function by its own name, or as `candidate`


class Candidate(Record, frozen=True):
    """Code to run: the whole text of a module, the function in it to call, and what says whether it is right.

    That is the calls with what they must return or, for suites that come as assertions, a `check`.
    """

    id: str
    source: str
    entry_point: str
    tests: tuple[TestCase, ...] = ()
    check: Check | None = None


class Outcome(Record, frozen=True):
    """What became of one candidate.

    pass: every call returned what was expected. fail: a call returned something else. error: it raised, was no
    Python, or ended early. violation: it sent too much, or no result that can be read.
    """

    id: str
    status: Status
    detail: str  # one line of at most 300 printable characters; empty for a pass
    wall_s: float  # from start to end, the sandbox's own start included
    cpu_s: float = 0.0  # of the candidate and what it waited for; 0 where it is not measured
    peak_mb: float = 0.0  # the most memory at one time, in MiB; 0 where it is not measured
    output: str = ""  # what it printed, as far as `output_kb` goes


class Limits(Config):
    """What one candidate may use."""

    timeout_s: float = Field(5.0, gt=0)
    """Seconds on the clock for all its calls together, the reading of its code included. Lower is faster on endless
    loops, but fails slow and correct code on a busy machine."""
    memory_mb: int = Field(256, ge=64)
    """Memory of all its processes together, in MiB, and address space of each. The interpreter takes about 30 of it."""
    processes: int = Field(8, ge=1)
    """Processes and threads at one time."""
    scratch_mb: int = Field(16, ge=1)
    """Its writable `/tmp`, in MiB of memory; also the largest file that it can write."""
    output_kb: int = Field(1024, ge=1)
    """The most that it may hand back, in KiB. Of what it prints as much is kept, and the rest thrown away."""


OnDone = Callable[[Outcome], None]


class Sandbox(Protocol):
    """Runs candidates one by one or several at a time, each apart from the others and from this machine."""

    @property
    def isolation(self) -> str:
        """What isolates, in words fit for evidence: its name, version and how it was set up."""

    def run(self, candidates: Sequence[Candidate], *, on_done: OnDone) -> list[Outcome]:
        """One outcome per candidate, in the order given; `on_done` is called in the caller's thread as each ends.

        Raises `EvaluationError` where the sandbox itself fails: that is no candidate's fault and counts for none.
        """

    def close(self) -> None:
        """Ends everything that was started."""
