"""Python's names against `symtable`, over the whole standard library: what each function and class has for its locals,
its globals, and what it takes from functions around it."""

import bisect
import symtable
import sysconfig
import tokenize
import warnings
from collections import Counter, defaultdict
from pathlib import Path

from analysis import parse

LIBRARY = Path(sysconfig.get_path("stdlib"))
UNFOLLOWED = {"test/test_compile.py"}  # the grammar gives up on it: it ends in one error from its first line on


def test_all_scopes_of_the_standard_library_have_the_names_that_symtable_gives_them(record_property, capsys):
    files = functions = classes = 0
    wrong = []
    for path in sorted(LIBRARY.rglob("*.py")):
        name = path.relative_to(LIBRARY).as_posix()
        if "site-packages" in path.parts or name in UNFOLLOWED:
            continue
        try:
            with tokenize.open(path) as file, warnings.catch_warnings(action="ignore"):
                source = file.read()
                theirs = theirs_of(symtable.symtable(source, name, "exec"))
        except (SyntaxError, ValueError):  # made to be broken
            continue
        ours = ours_of(source)
        wrong += [(name, *scope) for scope in (theirs - ours) + (ours - theirs)]
        files += 1
        functions += sum(scope[0][-1][0] == "function" for scope in theirs.elements())
        classes += sum(scope[0][-1][0] == "class" for scope in theirs.elements())
    assert wrong == []
    assert functions > 50_000
    record_property("functions", functions)
    record_property("classes", classes)
    with capsys.disabled():
        print(f"\n{functions:,} functions and {classes:,} classes in {files:,} files, as symtable")  # noqa: T201


def theirs_of(table):
    """Every function's and class's path, and its locals, globals, frees and cells."""
    found = Counter()
    waiting = [(table, ())]
    while waiting:
        around, path = waiting.pop()
        for inner in around.get_children():
            names = inner._table.symbols
            name = "comprehension" if ".0" in names else inner.get_name()
            here = (*path, (inner.get_type(), name, inner.get_lineno()))
            waiting.append((inner, here))
            lives: dict[int, set[str]] = defaultdict(set)
            for symbol, flags in names.items():  # what `Symbol` reads too, but for modules named "top"
                if symbol != ".0":
                    lives[flags >> symtable.SCOPE_OFF & symtable.SCOPE_MASK].add(symbol)
            local, free, cells = (lives[kind] for kind in (symtable.LOCAL, symtable.FREE, symtable.CELL))
            globals_ = lives[symtable.GLOBAL_IMPLICIT] | lives[symtable.GLOBAL_EXPLICIT]
            found[here, *map(frozenset, (local | cells, globals_, free, cells))] += 1
    return found


def ours_of(source):
    """The same of ours. `symtable` has no scopes for annotations that are not evaluated, and no cells in classes; and
    what a class binds it does not tell as taken from around the class too, by a method."""
    module = parse(source, "python")
    starts = [0]
    while (end := module.source.find(b"\n", starts[-1])) >= 0:
        starts.append(end + 1)
    found = Counter()
    waiting = [(module.scopes, ())]
    while waiting:
        around, path = waiting.pop()
        for inner in around.children:
            if inner.kind == "annotation":
                continue
            kind = "class" if inner.kind == "class" else "function"
            here = (*path, (kind, inner.name or inner.kind, bisect.bisect(starts, inner.start)))
            waiting.append((inner, here))
            locals_, frees, cells = inner.locals(), inner.frees(), inner.cells()
            if kind == "class":
                frees, cells = frees - locals_, cells - {"__class__"}
            found[here, *map(frozenset, (locals_, inner.globals(), frees, cells))] += 1
    return found
