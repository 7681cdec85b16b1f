"""Reads code benchmarks: HumanEval, MBPP, and their plus variants as EvalPlus and its Hugging Face copies publish them.

A suite is tasks with a prompt to continue and assertions to hold. Runs nothing and asks no model.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

from evaluation.sandbox import Candidate, Check
from evaluation.suites.plus import compared_with_solution, numpy_stand_in
from hone.errors import DataError
from hone.files import sha256_file
from hone.json_lines import json_lines
from hone.records import Json, Record

# Where a text that goes on from a prompt has left the function that was asked for.
STOP_BODY = (
    "\ndef ",
    "\nclass ",
    "\n@",
    "\nif ",
    "\nfor ",
    "\nprint(",
    "\nassert ",
    "\nimport ",
    "\nfrom ",
    "\n#",
    "\n```",
)
STOP_MODULE = ('\n"""', "\nassert ", "\nprint(", "\nif __name__", "\nclass Test", "\n```")

PLUS = ("base_input", "plus_input")
LONGEST_SOURCE = 1_000_000  # characters of a generation that are run; no answer to a task needs more


class CodeTask(Record, frozen=True):
    """One task. `prefix + completion` is the whole module."""

    id: str
    prompt: str  # what a base model continues, and what a chat model is shown
    prefix: str
    entry_point: str
    solution: str  # the suite's own completion
    empty: str  # a completion that does nothing
    check: Check
    stop: tuple[str, ...]

    def candidate(self, completion: str) -> Candidate:
        """The completion, ready to be run."""
        return Candidate(id=self.id, source=self.prefix + completion, entry_point=self.entry_point, check=self.check)


class CodeSuite(Record, frozen=True):
    """A benchmark file."""

    name: str  # "humaneval" | "mbpp", with "+" where it carries more tests than the original
    digest: str  # of the file
    tasks: tuple[CodeTask, ...]


def read_code_suite(path: Path, wanted: str = "") -> CodeSuite:
    """Reads JSON lines, gzipped or not. The keys tell the format; `wanted` ("humaneval", "mbpp") insists on one.

    Raises `DataError` naming the file, and the line where one is wrong.
    """
    tasks: dict[str, CodeTask] = {}
    names = set()
    for at, row in json_lines(path, otherwise="give the benchmark by `--data`"):
        name = _format_of(row, at, wanted)
        try:
            task = READERS[name](row)
        except (KeyError, TypeError, ValueError, AttributeError, SyntaxError) as error:
            raise DataError(f"{at} is no {name} task: {_why(error)}") from error
        if task.id in tasks:
            raise DataError(f"{at} repeats the task `{task.id}`; each may stand there once")
        tasks[task.id] = task
        names.add(name)
    if not tasks:
        raise DataError(f"`{path}` is empty: it holds no task")
    if len(names) > 1:
        raise DataError(f"`{path}` mixes {' and '.join(sorted(names))}; one format a file")
    return CodeSuite(name=names.pop(), digest=sha256_file(path), tasks=tuple(tasks.values()))


def _format_of(row: dict[str, Json], at: str, wanted: str) -> str:
    """Which of `KEYS` a row is. Raises `DataError` saying which keys would be needed."""
    found = next((name for name, keys in KEYS.items() if keys <= row.keys()), "")
    family = wanted.removesuffix("+")
    if found and found.startswith(family):
        return found
    needed = "; or ".join(
        f"{name}: {', '.join(sorted(keys))}" for name, keys in KEYS.items() if name.startswith(family)
    )
    raise DataError(f"{at} is of another format, with keys {', '.join(sorted(row))[:200]}. Wanted: {needed}")


def _humaneval(row: dict[str, Json]) -> CodeTask:
    prompt, entry_point = _text(row, "prompt"), _name(_text(row, "entry_point"))
    test = _text(row, "test")
    check = Check(setup=numpy_stand_in(test) + prompt, assertions=f"{test}\ncheck(candidate)\n")
    return _continued(row, prompt, entry_point, check)


def _humaneval_plus(row: dict[str, Json]) -> CodeTask:
    prompt, entry_point = _text(row, "prompt"), _name(_text(row, "entry_point"))
    solution = prompt + _text(row, "canonical_solution")
    return _continued(row, prompt, entry_point, compared_with_solution(row, solution, entry_point))


def _continued(row: dict[str, Json], prompt: str, entry_point: str, check: Check) -> CodeTask:
    return CodeTask(
        id=str(row["task_id"]),
        prompt=prompt,
        prefix=prompt,
        entry_point=entry_point,
        solution=_text(row, "canonical_solution"),
        empty="    pass\n",
        check=check,
        stop=STOP_BODY,
    )


def _mbpp(row: dict[str, Json]) -> CodeTask:
    """`test`, in the Hugging Face copy of MBPP+, holds more than `test_list` and replaces it."""
    assertions = [
        _text({"assertion": one}, "assertion") for one in [*row["test_list"], *row.get("challenge_test_list", [])]
    ]
    solution = _text(row, "code")
    entry_point = called(assertions, solution)
    setup = _text(row, "test_setup_code") if "test_setup_code" in row else "\n".join(row.get("test_imports", []))
    test = str(row.get("test", ""))
    check = Check(setup=f"{numpy_stand_in(test)}{setup}\n", assertions=test or "\n".join(assertions))
    question = _text(row, "text" if "text" in row else "prompt").strip()
    prompt = '"""\n' + "\n".join([question, *row["test_list"]]) + '\n"""\n'
    return _whole(row, prompt, entry_point, solution, check, prefix=f"{setup}\n" if setup else "")


def _mbpp_plus(row: dict[str, Json]) -> CodeTask:
    entry_point, solution = _name(_text(row, "entry_point")), _text(row, "canonical_solution")
    check = compared_with_solution(row, solution, entry_point)
    return _whole(row, _text(row, "prompt"), entry_point, solution, check)


def _whole(
    row: dict[str, Json], prompt: str, entry_point: str, solution: str, check: Check, *, prefix: str = ""
) -> CodeTask:
    return CodeTask(
        id=str(row["task_id"]),
        prompt=prompt,
        prefix=prefix,
        entry_point=entry_point,
        solution=solution,
        empty=f"def {entry_point}(*args, **kwargs):\n    pass\n",
        check=check,
        stop=STOP_MODULE,
    )


def called(assertions: list[str], solution: str) -> str:
    """The function under test: one that the solution defines and every assertion calls, the outermost first.

    Raises `ValueError` where there is none.
    """
    defined = {node.name for node in ast.parse(solution).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {
        target.id
        for node in ast.parse(solution).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [
        [
            node.func.id
            for node in ast.walk(ast.parse(one))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        for one in assertions
    ]
    for name in calls[0] if calls else []:
        if name in defined and all(name in others for others in calls):
            return name
    raise ValueError("its assertions call no function that its `code` defines")


def _text(row: dict[str, Json], key: str) -> str:
    if not isinstance(row[key], str):
        raise TypeError(f"`{key}` must be text, not {type(row[key]).__name__}")
    return str(row[key])


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", text):
        raise ValueError(f"`entry_point` `{text[:40]}` is no name")
    return text


def _why(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


READERS: dict[str, Callable[[dict[str, Json]], CodeTask]] = {
    "humaneval+": _humaneval_plus,
    "mbpp+": _mbpp_plus,
    "humaneval": _humaneval,
    "mbpp": _mbpp,
}
# The richer first: a plus file carries the keys of the plain one as well.
KEYS: dict[str, frozenset[str]] = {
    "mbpp+": frozenset({"task_id", "prompt", "entry_point", "canonical_solution", *PLUS, "assertion"}),
    "humaneval+": frozenset({"task_id", "prompt", "entry_point", "canonical_solution", *PLUS}),
    "humaneval": frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "test"}),
    "mbpp": frozenset({"task_id", "code", "test_list"}),
}
