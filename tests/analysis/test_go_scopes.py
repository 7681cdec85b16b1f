"""Scopes and names of Go: rule by rule, and against Go's own type checker on its standard library."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from analysis import parse
from tests.analysis.binding import assert_whole, bound, names_of
from tests.analysis.libraries import go_library
from tests.analysis.mutations import damaged

HERE = Path(__file__).parent
CHECKED = ("encoding/json", "go/parser", "go/types", "reflect", "text/template")  # packages

RULES = {
    "what a package declares is known everywhere in the file": (
        "func f() T { return c }\nconst c = x\nvar x = 1\ntype T int",
        ["function f: 1", "variable c: 1 2", "variable x: 2 3", "type T: 1 4", "? int: 4"],
    ),
    "a variable is known behind its declaration": (
        "func f() {\n x := 1\n {\n  x := x\n  var x2 = x\n }\n x = 2\n}",
        ["function f: 1", "variable x: 2 4 7", "variable x: 4 5", "variable x2: 5"],
    ),
    "`:=` makes what its scope has not": (
        "func f(a int) (err error) {\n b, err := g()\n a, c := b, 1\n if a, d := 1, 2; a > d {\n }\n}",
        ["function f: 1", "parameter a: 1 3", "parameter err: 1 2", "variable b: 2 3", "variable c: 3",
         "variable a: 4 4", "variable d: 4 4", "? int: 1", "? error: 1", "? g: 2"],
    ),
    "if, for, switch and select have scopes of their own, and each of their clauses": (
        "func f() {\n for i := 0; i < 1; i++ { i := i; _ = i }\n"
        " switch a := 1; a {\n case 1: b := a; _ = b\n case 2: b\n }\n"
        " select {\n case c, ok := <-d: c(ok)\n case e = <-d:\n }\n}",
        ["function f: 1", "variable i: 2 2 2 2", "variable i: 2 2", "variable a: 3 3 4", "variable b: 4 4",
         "variable c: 8 8", "variable ok: 8 8", "? b: 5", "? d: 8 9", "? e: 9"],
    ),
    "the variable of a type switch is another one in each clause": (
        "func f(x any) {\n switch y := x.(type) {\n case int: y++\n case T, *U: _ = y\n default:\n }\n}",
        ["function f: 1", "parameter x: 1 2", "variable y: 2 3", "variable y: 2 4", "variable y: 2", "? any: 1",
         "? int: 3", "? T: 4", "? U: 4"],
    ),
    "a parameter is not known to types beside it": (
        "type a int\nfunc f(a a, b a) {\n a = b\n}",
        ["type a: 1 2 2", "function f: 2", "parameter a: 2 3", "parameter b: 2 3", "? int: 1"],
    ),
    "methods are no names, receivers and their type parameters are": (
        "type L[T any] struct { head *T; E }\nfunc (l *L[K]) Push(v K) { l.Push(v) }",
        ["type L: 1 2", "type T: 1 1", "parameter l: 2 2", "type K: 2 2", "parameter v: 2 2", "? any: 1", "? E: 1"],
    ),
    "type parameters are known in the signature and the body": (
        "func Map[T, U any](s []T, f func(x T) U) (r []U) {\n for _, v := range s { r = append(r, f(v)) }\n return\n}",
        ["function Map: 1", "type T: 1 1 1", "type U: 1 1 1", "parameter r: 1 2 2", "parameter f: 1 2",
         "parameter s: 1 2", "parameter x: 1", "variable v: 2 2", "? any: 1", "? append: 2"],
    ),
    "imports are called by their alias or their path's end": (
        'import (\n "fmt"\n m "math/rand"\n "a.b/c/v2"\n . "os"\n _ "net"\n)\nfunc f() { fmt.P(m.Q, c.R) }\nvar t c.T',
        ["import fmt: 2 8", "import m: 3 8", "import c: 4 8 9", "function f: 8", "variable t: 9"],
    ),
    "a composite literal's keys are fields where its type is no map, slice or array": (
        "const A, B = 0, 1\ntype P struct { A int }\ntype S []P\nvar x = P{A: B}\n"
        "var y = []int{A: B}\nvar z = map[string]P{x: {A: B}}\nvar w = S{B: {A: A}}\nvar v = q.R{A: B}",
        ["variable A: 1 5 7", "variable B: 1 4 5 6 7 8", "type P: 2 3 4 6", "type S: 3 7", "variable x: 4 6",
         "variable y: 5", "variable z: 6", "variable w: 7", "variable v: 8", "? int: 2 5", "? string: 6", "? q: 8"],
    ),
    "labels are names of their own": (
        "func f(a int) {\na:\n for {\n  break a\n }\n goto a\n}",
        ["function f: 1", "parameter a: 1", "label a: 2 4 6", "? int: 1"],
    ),
    "what the language declares is bound to nothing": (
        "const (\n A = iota\n)\nvar n = nil\nfunc f() { iota := len(n); _ = iota }",
        ["variable A: 2", "variable n: 4 5", "function f: 5", "variable iota: 5 5", "? iota: 2", "? nil: 4",
         "? len: 5"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_go_binds(rule):
    source, expected = RULES[rule]
    found = bound(source, "go")
    assert sorted(found) == sorted(expected)


@pytest.fixture(scope="module")
def said_by_go():
    """What Go's tools say of each file: {path: {"Names": …, "Functions": …}}."""
    library = go_library()
    argv = ["go", "run", str(HERE / "go_names.go"), *(str(library / package) for package in CHECKED)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_names_mean_what_gos_type_checker_says(said_by_go, record_property):
    """Each name that a file binds, with all its places, and each place of what it does not."""
    checked = 0
    for path, said in said_by_go.items():
        known = {int(place) for place in said["Names"]}
        theirs = {}
        for place, declared in said["Names"].items():
            theirs.setdefault(declared, set()).add(int(place))
        ours = {}
        for one in names_of(Path(path).read_bytes(), "go").occurrences:
            if one.symbol is None:
                ours.setdefault(-1, set()).add(one.start)
            elif one.symbol.kind != "import" or one.start in known:  # an import's own place is no name to it
                ours.setdefault((one.name, one.symbol.occurrences[0].start), set()).add(one.start)
        assert sorted(map(sorted, ours.values())) == sorted(map(sorted, theirs.values())), path
        checked += len(known)
    record_property("names", checked)
    assert checked > 30_000


def test_functions_stand_where_gos_parser_says(said_by_go, record_property):
    functions = 0
    for path, said in said_by_go.items():
        found = [
            (function.name, function.place.first_line, function.place.last_line)
            for function in parse(Path(path).read_bytes(), "go").syntax.functions
        ]
        assert found == [(one["Name"], one["First"], one["Last"]) for one in said["Functions"] or ()], path
        functions += len(found)
    record_property("functions", functions)
    assert functions > 1_000


def test_mutated_files_are_bound_all_the_same():
    chance = random.Random(3)
    source = "\n".join(source for source, _ in RULES.values()).encode()
    pieces = [b"", b"(", b"}", b"{", b":=", b"\xff", b"func", b'"']
    for _ in range(300):
        mutated = damaged(source, chance, pieces)
        assert_whole(names_of(mutated, "go"), len(mutated))


@pytest.mark.parametrize("deep", ["var x = " + "(" * 9_000, "func f() " + "{" * 3_000, "var x = T" + "{a:" * 5_000])
def test_depth_costs_no_stack(deep):
    assert_whole(names_of(deep.encode(), "go"), len(deep))
