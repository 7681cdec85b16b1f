"""A whole repository: its files read in workers and through the cache, imports resolved between them, one call graph.

Python's imports are resolved by dotted name (absolute, relative, packages, names that an `__init__.py` passes on,
stars), JavaScript's and TypeScript's by relative path. What comes from outside the project keeps its name.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from analysis.cache import Cache
from analysis.calls import Call, Imported
from analysis.languages.calling import CALLING
from analysis.module import parse
from analysis.outlines import Task, work_out
from analysis.resolution import Known, Resolver
from analysis.syntax import Class, Fault, Function
from analysis.tree_files import Skipped, source_files
from analysis.workers import MEMORY_BYTES, TIME_S
from hone.records import Record

_encode = msgspec.msgpack.Encoder().encode


class FileFacts(Record, frozen=True, gc=False):
    """What one file says that others can be resolved by. Of a language without a call graph its outline alone."""

    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    errors: tuple[Fault, ...]
    calls: tuple[Call, ...] = ()
    imports: tuple[Imported, ...] = ()
    bases: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class ProjectFile(Record, frozen=True):
    """One file of a project."""

    path: str  # within the project, with `/`
    language: str
    module: str  # its dotted name where it is Python
    facts: FileFacts


class ProjectCall(Record, frozen=True):
    """One call, from a file to another or to itself, or out of the project."""

    path: str
    caller: str  # the qualified name of a function; empty for the file's own statements
    target: str  # path of the file that defines the callee; empty where it is outside, or unknown
    callee: str
    kind: str  # "local": of the same file, "project": of another, "import": from outside, "builtin", "unknown"
    line: int


class Dependency(Record, frozen=True):
    """A file that imports from another."""

    path: str
    target: str


class Project(Record, frozen=True):
    """A repository's files, what they call of each other, and who imports whom."""

    files: tuple[ProjectFile, ...]
    skipped: tuple[Skipped, ...]  # not readable, or the parser was cut off
    calls: tuple[ProjectCall, ...]
    dependencies: tuple[Dependency, ...]  # sorted; none of a file on itself


def project(
    root: Path,
    *,
    cache: Cache[FileFacts] | None = None,
    workers: int | None = None,
    time_s: float = TIME_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Project:
    """Reads a folder. Raises `AnalysisError` for what is no folder; a file that cannot be read is in `skipped`.

    With `workers=0` the files are parsed in this process, without limits.
    """
    names, skipped = source_files(root)
    found = work_out(
        [root / name for name in names], facts, FileFacts,
        cache=cache, workers=workers, time_s=time_s, memory_bytes=memory_bytes,
    )  # fmt: skip
    files: list[ProjectFile] = []
    for name, one in zip(names, found, strict=True):
        if one.value is None:
            skipped.append(Skipped(name, one.reason))
        else:
            files.append(ProjectFile(name, one.language, dotted_name(root, name), one.value))
    return _resolved(files, sorted(skipped, key=lambda one: one.path))


def facts(task: Task) -> bytes:
    """`FileFacts` in MessagePack, by a worker."""
    language, content = task
    module = parse(content, language)
    own: dict[str, Any] = {}
    if language in CALLING:
        own = {"calls": module.calls, "imports": module.imports, "bases": module.bases}
    return _encode(FileFacts(module.syntax.functions, module.syntax.classes, module.errors, **own))


def dotted_name(root: Path, name: str) -> str:
    """By which Python imports a file: from the folder above its outermost package on. Empty for another language."""
    path = root.resolve() / name
    if path.suffix not in (".py", ".pyi"):
        return ""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists() and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def _resolved(files: list[ProjectFile], skipped: Iterable[Skipped]) -> Project:
    resolver = Resolver(
        Known(
            path=file.path,
            module=file.module,
            defined=frozenset(one.qualified_name for one in file.facts.functions)
            | frozenset(one.qualified_name for one in file.facts.classes),
            imports=file.facts.imports,
            bases=file.facts.bases,
        )
        for file in files
    )
    calls: list[ProjectCall] = []
    dependencies: set[tuple[str, str]] = set()
    for file in files:
        for imported in file.facts.imports:
            target = resolver.file_of(file.path, imported)
            if target and target != file.path:
                dependencies.add((file.path, target))
        for call in file.facts.calls:
            target, callee = resolver.callee(file.path, call)
            kind = call.kind if not target else "local" if target == file.path else "project"
            calls.append(ProjectCall(file.path, call.caller, target, callee, kind, call.place.first_line))
    return Project(
        tuple(files), tuple(skipped), tuple(calls), tuple(Dependency(*pair) for pair in sorted(dependencies))
    )
