"""Benchmarks as they could stand in training data: the tasks of the files that a recipe names, to be kept out of it.

Reads the text of each task and its solution, and nothing of how it is run or scored.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from hone.config import Config
from hone.errors import DataError
from hone.json_lines import json_lines
from hone.records import Json, Record

_TEXTS = ("prompt", "question", "text", "instruction", "content", "test")  # of any other suite
_SOLUTIONS = ("canonical_solution", "solution", "code", "completion")


class SuiteFile(Config):
    """One benchmark that must not be trained on."""

    format: Literal["humaneval", "mbpp", "jsonl"]
    """`humaneval` and `mbpp` also as EvalPlus extends them; `jsonl`: lines with any of `prompt`, `question`, `text`,
    `instruction`, `content`, `test`, `canonical_solution`, `solution`, `code`, `completion`."""
    path: str = Field(min_length=1)
    """JSON lines, gzipped or not, relative to the project."""


class SuiteTask(Record, frozen=True):
    """One task."""

    id: str
    text: str  # the question, with tests
    solution: str  # as a whole module, where there is one


class Suite(Record, frozen=True):
    """Tasks that are kept out."""

    name: str
    tasks: tuple[SuiteTask, ...]


def read_suite(file: SuiteFile, root: Path) -> Suite:
    """Reads one file. Raises `DataError` naming it, and the line that is wrong."""
    path = root / Path(file.path).expanduser()
    tasks: list[SuiteTask] = []
    for at, row in json_lines(path, otherwise="see `decontaminate`"):
        try:
            tasks.append(_READERS[file.format](row, f"{path.name}:{len(tasks) + 1}"))
        except (KeyError, TypeError) as error:
            raise DataError(f"{at} is no {file.format} task: {_why(error)}; see `format`") from error
    if not tasks:
        raise DataError(f"suite `{path}` holds no task; give the benchmark's own file")
    return Suite(path.name.removesuffix(".gz").removesuffix(".jsonl"), tuple(tasks))


def _humaneval(row: dict[str, Json], _name: str) -> SuiteTask:
    prompt = _text(row, "prompt")
    return SuiteTask(str(row["task_id"]), str(row.get("test", "")), prompt + _text(row, "canonical_solution"))


def _mbpp(row: dict[str, Json], _name: str) -> SuiteTask:
    question = _text(row, "text" if "text" in row else "prompt")
    tests = row.get("test_list", ())
    solution = _text(row, "code" if "code" in row else "canonical_solution")
    return SuiteTask(str(row["task_id"]), "\n".join([question, *map(str, tests)]), solution)


def _any(row: dict[str, Json], name: str) -> SuiteTask:
    texts = [row[key] for key in _TEXTS if isinstance(row.get(key), str)]
    solution = next((row[key] for key in _SOLUTIONS if isinstance(row.get(key), str)), "")
    if not texts and not solution:
        raise KeyError(" or ".join(f"`{key}`" for key in (*_TEXTS, *_SOLUTIONS)))
    return SuiteTask(str(row.get("task_id", row.get("id", name))), "\n".join(texts), solution)


_READERS: dict[str, Callable[[dict[str, Json], str], SuiteTask]] = {
    "humaneval": _humaneval,
    "mbpp": _mbpp,
    "jsonl": _any,
}


def _text(row: dict[str, Json], key: str) -> str:
    if not isinstance(row[key], str):
        raise TypeError(f"`{key}` must be text, not {type(row[key]).__name__}")
    return str(row[key])


def _why(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
