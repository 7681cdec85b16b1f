"""Documented functions of a git checkout at a pinned commit, or of an installed package → docstring → body examples.

The prompt is the imports and enclosing lines above a function, its signature and its docstring; the completion is its
body. Split by file. Nothing is run, so the examples carry no tests.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from analysis.python import Function, Module, parse
from data.split import is_heldout
from data.trees import SourceTree, read_checkout, read_package
from hone.config import Config
from hone.errors import DataError
from hone.records import Example, Origin, Record

Report = Callable[[int, int], None]  # files done, files in all


class RepositorySource(Config):
    """Functions of one repository."""

    kind: Literal["repository"]
    path: str | None = None
    """A local git checkout, relative to the project; its commits are read, never its work tree."""
    package: str | None = None
    """A package that is installed beside Hone, as distribution or import. Exactly one of `path` and `package`."""
    commit: str | None = Field(None, pattern=r"^[^-\s]\S*$")
    """The commit, tag or branch to read of `path`; null: HEAD."""
    include: tuple[str, ...] = ("**/*.py",)
    """Files to read: `*` is any part of a name, `**/` any folders, `?` one character."""
    exclude: tuple[str, ...] = (
        "**/tests/**",
        "**/test/**",
        "**/test_*.py",
        "**/conftest.py",
        "**/_vendor/**",
        "**/*_pb2.py",
    )
    """Files to leave out of those: tests, other people's code, generated code."""
    heldout_fraction: float = Field(0.15, gt=0, lt=1)
    """The share of files that is held out, chosen by a hash of its path: it keeps its side as others come and go."""
    max_prompt_chars: int = Field(1500, ge=100)
    """Context is cut to fit this; a function whose own signature and docstring do not fit is left out."""
    max_completion_chars: int = Field(1500, ge=10)
    """A function with a longer body is left out; one that was cut short would teach to stop too early."""
    context_lines: int = Field(20, ge=0)
    """At most so many lines of imports and enclosing definitions above the function."""

    @model_validator(mode="after")
    def _names_one_tree(self) -> "RepositorySource":
        if (self.path is None) == (self.package is None):
            raise ValueError("a repository source needs exactly one of `path` and `package`")
        if self.package is not None and self.commit is not None:
            raise ValueError("`commit` belongs to a `path`; a package is pinned by the version that is installed")
        return self

    def wants(self, path: str) -> bool:
        """Whether a file is to be read, by its path within the source."""
        return _matches(path, self.include) and not _matches(path, self.exclude)


class Gathered(Record, frozen=True):
    """The examples of one repository, in the order of paths and lines. `skipped` says of what, why, and how many."""

    name: str
    commit: str
    licence: str
    files: int
    train: tuple[Example, ...]
    heldout: tuple[Example, ...]
    skipped: dict[str, int]


def gather(source: RepositorySource, root: Path, report: Report) -> Gathered:
    """Reads the source; a relative `path` starts at `root`. Raises `DataError` where it holds nothing to learn from."""
    tree = _tree(source, root)
    if not tree.files:
        raise DataError(
            f"source `{tree.name}` has no Python files that can be read; see its `include` and `exclude`",
            detail=_listed(tree.skipped),
        )
    skipped = Counter({f"files: {reason}": count for reason, count in tree.skipped.items()})
    train: list[Example] = []
    heldout: list[Example] = []
    parsed = 0
    for done, file in enumerate(tree.files, start=1):
        module = parse(file.content)
        if module.fault:
            skipped[f"files: {module.fault.reason}"] += 1
        else:
            parsed += 1
            side = heldout if is_heldout(file.path, source.heldout_fraction) else train
            side += _examples(module, file.path, tree, source, skipped)
        report(done, len(tree.files))
    if not train and not heldout:
        raise DataError(
            f"source `{tree.name}` has no documented function that fits in its {len(tree.files)} files; choose another",
            detail=_listed(skipped),
        )
    return Gathered(
        tree.name, tree.commit, tree.licence, parsed, tuple(train), tuple(heldout), dict(sorted(skipped.items()))
    )


def _tree(source: RepositorySource, root: Path) -> SourceTree:
    if source.package is not None:
        return read_package(source.package, source.wants)
    return read_checkout(root / Path(source.path or "").expanduser(), source.commit, source.wants)


def _examples(
    module: Module, path: str, tree: SourceTree, source: RepositorySource, skipped: Counter[str]
) -> Iterator[Example]:
    """The examples of one file. Documented functions that give none are counted in `skipped`."""
    for function in module.functions:
        if not function.docstring:
            continue
        header, body = _unix_lines(function.header), _unix_lines(function.body)
        if reason := _unfit(function, header, body, source):
            skipped[f"functions: {reason}"] += 1
            continue
        context = _context(function, module, source.context_lines, source.max_prompt_chars - len(header))
        yield Example(
            id=f"{tree.name}/{path}:{function.first_line}",
            prompt=context + header,
            completion=body if body.endswith("\n") else f"{body}\n",
            entry_point=function.qualified_name,
            origin=Origin(tree.name, tree.commit, path, function.first_line, function.last_line, tree.licence),
        )


def _unfit(function: Function, header: str, body: str, source: RepositorySource) -> str:
    """Why a documented function makes no example; empty where it does."""
    if function.trivial:
        return "nothing in the body"
    if not header.endswith("\n"):
        return "docstring and body on one line"
    if len(header) > source.max_prompt_chars:
        return "signature and docstring longer than `max_prompt_chars`"
    return "body longer than `max_completion_chars`" if len(body) > source.max_completion_chars else ""


def _context(function: Function, module: Module, most_lines: int, most_chars: int) -> str:
    """Imports above the function, then the definitions around it: whole statements, the nearest kept first."""
    imports = [_unix_lines(line.text).rstrip("\n") for line in module.imports if line.last_line < function.first_line]
    around = [_unix_lines(line) for line in function.enclosing]
    context = ""
    lines = 0
    for index, statement in reversed(list(enumerate([*imports, *around]))):
        gap = "\n\n\n" if index == len(imports) - 1 else "\n"  # two empty lines between imports and code
        lines += statement.count("\n") + 1
        if lines > most_lines or len(statement) + len(gap) + len(context) > most_chars:
            break
        context = statement + gap + context
    return context


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _matches(path: str, globs: tuple[str, ...]) -> bool:
    return any(_pattern(glob).fullmatch(path) for glob in globs)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression; the standard library's own knows no `**` before Python 3.13."""
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _listed(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{count:6} {reason}" for reason, count in sorted(counts.items()))
