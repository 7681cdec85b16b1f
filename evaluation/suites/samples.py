"""What a target answered, kept in Parquet as it comes, so that nothing is asked twice and scoring can be repeated.

A folder of numbered files, each written whole; a killed process loses what it had not yet written, some seconds' worth.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from evaluation.suites.answers import unusable
from evaluation.suites.code import LONGEST_SOURCE
from evaluation.suites.targets import Answer, Call
from hone.errors import EvaluationError
from hone.records import Json, Record

WRITE_EVERY_S = 3.0  # what a killed process loses at most
COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("sample", pa.int32()),
        ("text", pa.string()),
        ("problem", pa.string()),
        ("seconds", pa.float64()),
        ("retries", pa.int32()),  # this one and what follows: empty in files from before it was measured
        ("asked_at", pa.float64()),
        ("first_token_s", pa.float64()),
        ("tokens", pa.int64()),
        ("cost_usd", pa.float64()),
    ]
)

Key = tuple[str, int]  # task, sample


class Sample(Record, frozen=True):
    """One answer."""

    id: str  # the task's
    sample: int  # 0-based
    text: str
    problem: str = ""  # why it cannot be scored as it is; then `text` is what could be kept
    seconds: float = 0.0  # until it was there
    call: Call | None = None  # None where no endpoint answered
    retries: int = 0  # requests that failed before


def sample_of(answer: Answer) -> Sample:
    """A sample that can be stored, whatever the answer's text holds."""
    problem = answer.problem or unusable(answer.text)
    text = answer.text[:LONGEST_SOURCE].encode("utf-8", "replace").decode() if problem else answer.text
    return Sample(answer.id, answer.sample, text, problem, answer.seconds, answer.call, answer.retries)


class SampleStore:
    """The samples of one run. Used in a `with`; what was added is written when it ends, however it ends."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._new: list[Sample] = []
        self._written_at = clock()
        self._samples = {(one.id, one.sample): one for path in self._parts() for one in _read(path)}

    def __enter__(self) -> "SampleStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()

    def __contains__(self, key: Key) -> bool:
        return key in self._samples

    def __getitem__(self, key: Key) -> Sample:
        return self._samples[key]

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: Sample) -> None:
        """Keeps a sample. Raises `EvaluationError` where it cannot be written."""
        self._samples[sample.id, sample.sample] = sample
        self._new.append(sample)
        if self._clock() - self._written_at >= WRITE_EVERY_S:
            self._write()

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.parquet"))

    def _write(self) -> None:
        """Writes what is new as one more file: beside, then renamed."""
        self._written_at = self._clock()
        if not self._new:
            return
        number = int(parts[-1].stem) + 1 if (parts := self._parts()) else 0
        path, beside = self._folder / f"{number:06d}.parquet", self._folder / f".{os.getpid()}.tmp"
        rows = [_row(one) for one in self._new]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=COLUMNS), beside, compression="zstd")
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise EvaluationError(
                f"`{path}` cannot be written: {error.strerror or error}; what was written before stays: mend that, and "
                "give the same command again"
            ) from error
        self._new = []


def _row(sample: Sample) -> dict[str, Json]:
    """A line of the table: its call lies flat beside it."""
    row: dict[str, Json] = msgspec.structs.asdict(sample)
    call = row.pop("call")
    return row | (msgspec.structs.asdict(call) if call else {})


def _sample(row: dict[str, Json]) -> Sample:
    """And back. What a file from before did not measure is missing."""
    called = {name: row.pop(name) for name in Call.__struct_fields__}
    call = called if called["asked_at"] is not None else None
    return msgspec.convert({**row, "retries": row["retries"] or 0, "call": call}, Sample)


def _read(path: Path) -> list[Sample]:
    try:
        rows = pq.read_table(path, schema=COLUMNS).to_pylist()
        return [_sample(row) for row in rows]
    except (OSError, pa.ArrowException, msgspec.ValidationError) as error:
        raise EvaluationError(f"`{path}` cannot be read; remove it, and its answers are asked for again") from error
