"""Reads BFCL, the Berkeley Function Calling Leaderboard's rows (v4), with the answers that it accepts.

The categories whose calls are checked as Python syntax: simple, multiple, parallel, parallel-multiple, irrelevance.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from pydantic import Field

from evaluation.suites.bfcl_check import Answer, Function
from evaluation.suites.records import Excluded
from hone.config import Config
from hone.errors import DataError
from hone.files import sha256_bytes, sha256_file
from hone.json_lines import json_lines
from hone.records import Json, Record

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance")
NO_CALL = "irrelevance"  # the category where no function fits, and which has no answers

_FILE = re.compile(rf"BFCL_v\d+_({'|'.join(CATEGORIES)})\.json")


class WrongRows(Config):
    """Rows of the suite that are themselves wrong, and count for nothing."""

    rows: dict[str, str] = Field(default_factory=dict)
    """The row's id → why a right answer to it would not pass."""


class Message(Record, frozen=True):
    """One turn of the question."""

    role: str
    content: str


class Row(Record, frozen=True):
    """One question, the functions that may be called, and the wanted calls: none where no function fits."""

    id: str
    category: str
    messages: tuple[Message, ...]
    functions: tuple[Function, ...]
    answers: tuple[Answer, ...]


class BfclSuite(Record, frozen=True):
    """The rows that count, and those that do not."""

    digest: str  # of the files
    rows: tuple[Row, ...]
    excluded: tuple[Excluded, ...]


# The lines of the files, as far as they are needed.
class _Schema(msgspec.Struct):
    properties: dict[str, dict[str, Json]]
    required: tuple[str, ...] = ()


class _Function(msgspec.Struct):
    name: str
    parameters: _Schema
    description: str = ""


class _Question(msgspec.Struct):
    id: str
    question: tuple[tuple[Message, ...]]  # of one turn
    function: tuple[_Function, ...]


class _Accepted(msgspec.Struct):
    id: str
    ground_truth: tuple[dict[str, dict[str, list[Json]]], ...]


L = TypeVar("L", _Question, _Accepted)


def load(path: Path, wrong: WrongRows | None = None) -> BfclSuite:
    """Reads `BFCL_v*_CATEGORY.json` from a folder, with `possible_answer/` beside them; or one such file.

    Raises `DataError` naming the file, and the line where one is wrong.
    """
    found = sorted(path.iterdir()) if path.is_dir() else [path]
    files = {match[1]: file for file in found if (match := _FILE.fullmatch(file.name)) and file.exists()}
    if not files:
        raise DataError(f"`{path}` holds no BFCL file; wanted: BFCL_v4_CATEGORY.json, of {', '.join(CATEGORIES)}")
    rows: list[Row] = []
    digests: list[str] = []
    for category in (category for category in CATEGORIES if category in files):
        file = files[category]
        answers = file.parent / "possible_answer" / file.name
        rows += _rows(file, answers, category) if category != NO_CALL else _rows(file, None, category)
        digests += [sha256_file(one) for one in (file, answers) if category != NO_CALL or one == file]
    reasons = wrong.rows if wrong else {}
    return BfclSuite(
        digest=sha256_bytes("\n".join(digests).encode()),
        rows=tuple(row for row in rows if row.id not in reasons),
        excluded=tuple(Excluded(row.id, reasons[row.id]) for row in rows if row.id in reasons),
    )


def _rows(file: Path, answers: Path | None, category: str) -> list[Row]:
    """The rows of one category."""
    accepted = {line.id: (at, line) for at, line in _unique(answers, _Accepted)} if answers else {}
    rows = []
    for at, line in _unique(file, _Question):
        functions = tuple(
            Function(one.name, one.description, one.parameters.properties, one.parameters.required)
            for one in line.function
        )
        wanted: tuple[Answer, ...] = ()
        if answers:
            if line.id not in accepted:
                raise DataError(f"{at}: `{answers}` has no answer to `{line.id}`; is it truncated?")
            wanted = _answers(*accepted[line.id], {one.name for one in functions})
        rows.append(Row(line.id, category, line.question[0], functions, wanted))
    if not rows:
        raise DataError(f"`{file}` is empty: it holds no row")
    return rows


def _answers(at: str, line: _Accepted, offered: set[str]) -> tuple[Answer, ...]:
    for call in line.ground_truth:
        if len(call) != 1 or not offered >= call.keys():
            names = ", ".join(sorted(offered))
            raise DataError(f"{at} wants a call of `{', '.join(call)}`; its row offers {names}")
    return tuple(Answer(name, parameters) for call in line.ground_truth for name, parameters in call.items())


def _unique(path: Path, kind: type[L]) -> Iterator[tuple[str, L]]:
    """Each line and its place; every id once."""
    seen = set()
    for at, row in json_lines(path, otherwise="give the benchmark by `--data`"):
        try:
            line = msgspec.convert(row, kind)
        except msgspec.ValidationError as error:
            raise DataError(f"{at} is of another format than BFCL: {error}") from error
        if line.id in seen:
            raise DataError(f"{at} repeats the row `{line.id}`; each may stand there once")
        seen.add(line.id)
        yield at, line
