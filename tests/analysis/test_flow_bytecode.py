"""Python's control flow against CPython's bytecode, over the standard library: what is reached, and the names there.

The compiler drops what cannot be reached, so a function's code loads and stores exactly the names in reachable blocks.
"""

import opcode
import sysconfig
import warnings
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from analysis import Module, parse
from analysis.flow import Graph, Step
from analysis.scopes import Scope

LIBRARY = Path(sysconfig.get_path("stdlib"))
INSIDE = ("<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
IMPLIED = {  # names that the compiler adds or takes away
    "__annotations__", "__class__", "__classcell__", "__debug__", "__doc__", "__module__", "__name__", "__qualname__",
}  # fmt: skip
# Reachable to us, and without bytecode of its own: the compiler put it into a constant, or it does nothing.
FOLDED = ("string", "concatenated_string", "tuple", "delete_statement", "parameters")
NONE = {"union_pattern", "with_exit", "unbind", "parameters"}  # steps that no line stands for

Names = tuple[set[str], set[str]]  # loaded, stored


class Compiled:
    """What is in one code object: the names that it handles itself, and its lines with those of its class bodies."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        own = (*code.co_varnames, *(name for name in code.co_cellvars if name not in code.co_varnames))
        places = {"FAST": (*own, *code.co_freevars), "DEREF": (*own, *code.co_freevars), "NAME": code.co_names}
        if not code.co_flags & 1:  # a module or a class
            places["GLOBAL"] = code.co_names
        self.loads: set[str] = set()
        self.stores: set[str] = set()
        extended = 0
        instructions = code.co_code
        for at in range(0, len(instructions), 2):
            operation, argument = instructions[at], instructions[at + 1] | extended
            extended = argument << 8 if operation == opcode.EXTENDED_ARG else 0
            action, kind = WATCHED.get(operation, ("", ""))
            if kind in places:
                name = places[kind][argument >> 1 if operation == GLOBAL else argument]
                (self.loads if action == "LOAD" else self.stores).add(name)
        self.lines = {line for _, _, line in code.co_lines() if line is not None}
        for inner in code.co_consts:
            if isinstance(inner, CodeType) and not inner.co_flags & 1:
                self.lines |= Compiled(inner).lines


GLOBAL = opcode.opmap["LOAD_GLOBAL"]  # its argument has one more bit
WATCHED = {
    number: (action, kind)
    for action, kinds in (("LOAD", ("FAST", "DEREF", "NAME", "GLOBAL")), ("STORE", ("FAST", "DEREF", "NAME", "GLOBAL")))
    for kind in kinds
    if (number := opcode.opmap[f"{action}_{kind}"])
} | {opcode.opmap["LOAD_CLASSDEREF"]: ("LOAD", "DEREF")}


class File:
    """One file, as we read it and as it was compiled."""

    def __init__(self, source: bytes, code: CodeType) -> None:
        self.module: Module = parse(source, "python")
        self.lines = [0, *(at + 1 for at, byte in enumerate(source) if byte == ord("\n"))]
        self.starts = [one.start for one in self.module.occurrences]
        self.codes: dict[str, list[CodeType]] = {}
        waiting = [code]
        while waiting:
            one = waiting.pop()
            self.codes.setdefault(one.co_name, []).append(one)
            waiting += [inner for inner in one.co_consts if isinstance(inner, CodeType)]
        self.scopes = {scope.start: scope for scope in self.module.scopes.walk() if scope.kind == "function"}

    def line(self, place: int) -> int:
        return bisect_right(self.lines, place)

    def code_of(self, name: str, place: int) -> CodeType | None:
        """The code of a definition: that which begins last before it; decorators come first."""
        line = self.line(place)
        found = [one for one in self.codes.get(name, ()) if one.co_firstlineno <= line]
        return max(found, key=lambda one: one.co_firstlineno, default=None)

    def names(self, steps: list[Step], scope: Scope) -> Names:
        """What steps load and store of the names that stand in a scope."""
        loads, stores = set(), set()
        for step in steps:
            for start, end in step.spans:
                for one in self.module.occurrences[bisect_left(self.starts, start) : bisect_left(self.starts, end)]:
                    if one.scope is scope:
                        if one.role in ("load", "update"):
                            loads.add(one.name)
                        if one.role in ("store", "update"):
                            stores.add(one.name)
        return loads, stores


def differences(file: File, counts: Counter[str]) -> Iterator[str]:
    """Where a file's flow and its bytecode say something else."""
    for graph in file.module.flows:
        scope = file.scopes.get(graph.start) if graph.name else file.module.scopes
        code = file.code_of(graph.name.rpartition(".")[2], graph.start) if graph.name else file.codes["<module>"][0]
        if scope is None or code is None:
            counts["in code that was dropped"] += 1
            continue
        alive = graph.reachable()
        reached = [step for block in graph.blocks if alive[block.index] for step in block.steps]
        counts["functions"] += 1
        compiled = Compiled(code)
        yield from names_differ(graph.name, compiled, file.names(reached, scope), is_function=bool(graph.name))
        for inner in classes_in(scope):
            body = file.code_of(inner.name, inner.start)
            if body is not None and not body.co_flags & 1:
                counts["class bodies"] += 1
                yield from names_differ(inner.name, Compiled(body), file.names(reached, inner), is_function=False)
        yield from lines_differ(file, graph, alive, compiled.lines, counts)


def names_differ(name: str, compiled: Compiled, ours: Names, *, is_function: bool) -> Iterator[str]:
    loads, stores = ours
    theirs_stored = compiled.stores
    if is_function:
        code = compiled.code
        local = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
        loads, stores = loads & local, stores & local
        flags = bool(code.co_flags & 4) + bool(code.co_flags & 8)
        theirs_stored = theirs_stored | {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]}
    if (wrong := (loads ^ compiled.loads) - IMPLIED) or (wrong := (stores ^ theirs_stored) - IMPLIED):
        yield f"{name}: {sorted(wrong)}"


def classes_in(scope: Scope) -> Iterator[Scope]:
    """Classes whose bodies run where they stand."""
    waiting = list(scope.children)
    while waiting:
        one = waiting.pop()
        if one.kind == "class":
            yield one
            waiting += one.children


def lines_differ(file: File, graph: Graph, alive: list[bool], lines: set[int], counts: Counter[str]) -> Iterator[str]:
    """A statement that is reached has bytecode on one of its lines; one that is not has none on its own."""
    reached, dropped = set(), []
    for block in graph.blocks:
        for step in block.steps:
            if step.kind in NONE:
                continue
            first = file.line(step.start)
            if not alive[block.index]:
                dropped.append((first, step))
                continue
            reached.add(first)
            counts["steps"] += 1
            if step.spans and step.kind not in FOLDED:
                last = file.line(step.end)
                if first not in lines and lines.isdisjoint(range(first, last + 1)):
                    yield f"{graph.name}: line {first} is reached, and has no bytecode"
    for line, step in dropped:
        if line not in reached:
            counts["lines that cannot be reached"] += 1
            if line in lines:
                yield f"{graph.name}: line {line} is not reached, and has bytecode ({step.kind})"


def compare(paths: list[Path], counts: Counter[str]) -> Iterator[str]:
    """The differences in files; those that do not compile, or that are no UTF-8, are left out."""
    for path in paths:
        source = path.read_bytes()
        try:
            source.decode()
            with warnings.catch_warnings(action="ignore"):
                code = compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        counts["files"] += 1
        for found in differences(File(source, code), counts):
            yield f"{path.relative_to(LIBRARY)}: {found}"


def library(*, tests: bool) -> list[Path]:
    """The standard library's files."""
    left_out = {"site-packages"} if tests else {"site-packages", "test", "tests"}
    return [path for path in sorted(LIBRARY.rglob("*.py")) if left_out.isdisjoint(path.relative_to(LIBRARY).parts)]


def test_the_whole_standard_library_is_followed_as_it_is_compiled(record_property):
    counts: Counter[str] = Counter()
    found = list(compare(library(tests=False), counts))
    for name, count in counts.items():
        record_property(name, count)
    assert found == []
    assert counts["functions"] > 15_000
