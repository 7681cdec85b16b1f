"""The figures of decontamination: HumanEval's solutions in many disguises, false alarms, speed.

    python -m bench.code_decontamination

Each solution is planted in a real module, below an import and between two functions. A disguise keeps the program and
changes what the name says; only `verbatim` and `reformatted` keep the docstring, whose words would tell.
"""

import argparse
import ast
import random
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.measuring import library, timed
from bench.report import Row, finish, measured
from data.decontamination import Sieve
from data.suites import SuiteFile, SuiteTask, read_suite

MOST_FALSE = 0.001  # of the functions
HOST = """import os


def before(path):
    '''Tell.'''
    return os.path.exists(path)


{}


def after():
    return 1
"""
REMARKS = ("# a remark of another kind\n", "# and one more\n")
RUNS = 3


def measure(benchmarks: Path) -> Iterator[Row]:
    """Every row."""
    suite = read_suite(SuiteFile(format="humaneval", path="HumanEval.jsonl.gz"), benchmarks)
    sieve = Sieve([suite])
    for name, disguise in DISGUISES.items():
        texts = disguise([task.solution for task in suite.tasks])
        missed = [task.id for task, text in zip(suite.tasks, texts, strict=True) if not _is_caught(sieve, task, text)]
        yield measured(
            f"HumanEval, {name}: caught {missed or ''}".strip(),
            len(suite.tasks) - len(missed),
            f"of {len(suite.tasks)}",
            f"≥ {len(suite.tasks)}",
        )
    yield from false_alarms(sieve)


def false_alarms(sieve: Sieve) -> Iterator[Row]:
    """What of the standard library the sieve stops. A few one-liners there are a task's solution: `return a + b`."""
    texts = list(_library())
    spent = []
    for _ in range(RUNS):
        seconds, found = timed(lambda: [sieve.findings(text, python=True) for text in texts])
        spent.append(seconds)
    functions = stopped = 0
    for text, findings in zip(texts, found, strict=True):
        lines = [(one.first_line, one.last_line) for one in findings]
        for first, last in _functions(text):
            functions += 1
            stopped += any(first <= start and end <= last for start, end in lines)
    name = f"false alarms: {stopped} of the {functions:,} functions of the standard library with its tests"
    yield measured(name, stopped / functions, "", f"≤ {MOST_FALSE}")
    lost = sum(not one.small for findings in found for one in findings)
    name = f"files that are refused, of {len(texts):,}: of the others the function alone goes"
    yield measured(name, lost / len(texts), "", f"≤ {MOST_FALSE}")
    size = sum(len(text.encode()) for text in texts) / 1e6
    yield measured("decontamination, one core", size / min(spent), "MB/s of CPU time", "")


def verbatim(sources: Sequence[str]) -> list[str]:
    """As the suite has them."""
    return list(sources)


def renamed(sources: Sequence[str]) -> list[str]:
    """Other names for all that the code names itself, no docstring."""
    return [ast.unparse(_Renamed(tree).visit(tree)) for tree in _bare(sources)]


def renamed_literals(sources: Sequence[str]) -> list[str]:
    """Other names, numbers and strings."""
    return [ast.unparse(_Literals().visit(_Renamed(tree).visit(tree))) for tree in _bare(sources)]


def reformatted(sources: Sequence[str]) -> list[str]:
    """One layout for all: no comments, no empty lines, other quotes."""
    return [ast.unparse(ast.parse(source)) for source in sources]


def narrow(sources: Sequence[str]) -> list[str]:
    """Short lines with tabs and single quotes, as a formatter breaks them; no docstring."""
    return [_formatted(ast.unparse(tree)) for tree in _bare(sources)]


def commented(sources: Sequence[str]) -> list[str]:
    """Other docstrings, and comments between the lines."""
    rng = random.Random(0)
    texts = []
    for tree in _bare(sources):
        lines = []
        for line in ast.unparse(tree).splitlines():
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + rng.choice(REMARKS).strip(), f"{line}  # so"] if line.strip() else [""]
            if line.lstrip().startswith("def "):
                lines.append(f'{indent}    """Does what it is called for."""')
        texts.append("\n".join(lines))
    return texts


def disguised(sources: Sequence[str]) -> list[str]:
    """All at once, as a method."""
    return [textwrap.indent(_formatted(text), "\t") for text in commented(renamed_literals(sources))]


DISGUISES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "verbatim": verbatim,
    "renamed": renamed,
    "renamed with literals": renamed_literals,
    "reformatted": reformatted,
    "in a narrow layout": narrow,
    "with other comments": commented,
    "all of these, as a method": disguised,
}


class _Renamed(ast.NodeTransformer):
    """Gives every name that the code binds another one."""

    def __init__(self, tree: ast.Module) -> None:
        self._names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                self._bind(node.name)
            elif isinstance(node, ast.arg):
                self._bind(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._bind(node.id)

    def _bind(self, name: str) -> None:
        self._names.setdefault(name, f"other_{len(self._names)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._names[node.name]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names[node.arg]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node


class _Literals(ast.NodeTransformer):
    """Changes numbers and strings."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            node.value += "q"
        elif isinstance(node.value, int | float) and not isinstance(node.value, bool):
            node.value += 7
        return node


def _bare(sources: Sequence[str]) -> Iterator[ast.Module]:
    """The trees without docstrings."""
    for source in sources:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        yield tree


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "40", "-"]
    options = ["--config", "format.quote-style='single'", "--config", "format.indent-style='tab'"]
    done = subprocess.run([*command[:-1], *options, "-"], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def _is_caught(sieve: Sieve, task: SuiteTask, text: str) -> bool:
    method = text.startswith("\t")
    planted = HOST.format(f"class Planted:\n{text}" if method else text)
    return any(one.task == task.id for one in sieve.findings(planted, python=True))


def _library() -> Iterator[str]:
    for path in library():
        try:
            yield path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def _functions(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of each."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.end_lineno or node.lineno


def main() -> None:
    """Measures and shows; exit code 1 where a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--benchmarks", type=Path, default=Path("../shared/benchmarks"), help="the folder of public data"
    )
    finish("Decontamination", measure(parser.parse_args().benchmarks.resolve()))


if __name__ == "__main__":
    main()
