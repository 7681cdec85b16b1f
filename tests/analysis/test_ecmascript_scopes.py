"""Scopes and names of JavaScript and TypeScript: rule by rule, and against `eslint-scope` on real packages."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from analysis import parse
from tests.analysis.binding import assert_whole, bound, names_of
from tests.analysis.mutations import damaged
from tests.analysis.npm import installed, node

HERE = Path(__file__).parent
JAVASCRIPT = {
    "`var` rises to the function, `let` stays in its block": (
        "function f() {\n  if (a) { var x = 1; let y = 2; }\n  return x + y;\n}",
        ["function f: 1", "variable x: 2 3", "variable y: 2", "? a: 2", "? y: 3"],
    ),
    "a function in a block belongs to the block": (
        "{\n  function f() {}\n  f();\n}\nf();",
        ["function f: 2 3", "? f: 5"],
    ),
    "a name is known before its declaration": ("f();\nfunction f() { return later; }\nlet later = 1;",
        ["function f: 1 2", "variable later: 2 3"]),
    "patterns bind every name in them, and their defaults and keys are read": (
        "const { a, b: [c = d], [e]: f = g, ...h } = i;",
        ["variable a: 1", "variable c: 1", "variable f: 1", "variable h: 1",
         "? d: 1", "? e: 1", "? g: 1", "? i: 1"],
    ),
    "an assignment to a pattern binds nothing": (
        "let a;\n[a, b.c, { d: a = 1 }] = e;",
        ["variable a: 1 2 2", "? b: 2", "? e: 2"],
    ),
    "a default value does not see the function's body": (
        "const x = 1;\nfunction f(a = () => x) {\n  var x = 2;\n  return x;\n}",
        ["variable x: 1 2", "function f: 2", "parameter a: 2", "variable x: 3 4"],
    ),
    "a function expression knows its own name alone": (
        "const f = function g(n) {\n  return g(n);\n};\ng();",
        ["variable f: 1", "function g: 1 2", "parameter n: 1 2", "? g: 4"],
    ),
    "`arguments` is the nearest function's that is no arrow": (
        "function f() {\n  return () => arguments;\n}\narguments;",
        ["function f: 1", "variable arguments: 2", "? arguments: 4"],
    ),
    "what is caught is known in the handler": (
        "try {} catch ({ message }) {\n  message;\n}\nmessage;",
        ["parameter message: 1 2", "? message: 4"],
    ),
    "a loop's `let` is the loop's, its `var` the function's": (
        "for (let i = 0; i < 1; i++) { i; }\nfor (const k of k) k;\nfor (var v in w) {}\ni, v;",
        ["variable v: 3 4", "variable i: 1 1 1 1", "variable k: 2 2 2", "? w: 3", "? i: 4"],
    ),
    "the cases of a switch share a scope": (
        "switch (a) {\n  case 1: let b = 1;\n  default: b;\n}\nb;",
        ["variable b: 2 3", "? a: 1", "? b: 5"],
    ),
    "a class is known in itself, its private names are none": (
        "class A extends B {\n  #p = A;\n  [q]() { return this.#p; }\n  static { var s; s; }\n}\ns;",
        ["class A: 1 2", "variable s: 4 4", "? B: 1", "? q: 3", "? s: 6"],
    ),
    "a class expression is named inside alone": (
        "const C = class D { m() { D; } };\nD;",
        ["variable C: 1", "class D: 1 1", "? D: 2"],
    ),
    "imports bind their local names, exports refer": (
        'import d, { a as b } from "m";\nimport * as n from "m";\nexport { b as c, d };\nexport { e } from "m";\nn;',
        ["import d: 1 3", "import b: 1 3", "import n: 2 5"],
    ),
    "labels are names of their own": (
        "let a;\na: for (;;) { break a; }\na: for (;;) { continue a; }",
        ["variable a: 1", "label a: 2 2", "label a: 3 3"],
    ),
    "properties are no names, shorthand is": (
        "({ a, b: c, d() {}, [e]: f }).g.a;",
        ["? a: 1", "? c: 1", "? e: 1", "? f: 1"],
    ),
    "components are names, tags of HTML and attributes are not": (
        "const x = <A.B c={d} {...e}><div/><F/></A.B>;",
        ["variable x: 1", "? A: 1", "? d: 1", "? e: 1", "? F: 1"],
    ),
}  # fmt: skip
TYPESCRIPT = {
    "types and values are found each in their space": (
        "interface T {}\nfunction f() {\n  const T = 1;\n  let v: T = T;\n}",
        ["type T: 1 4", "function f: 2", "variable T: 3 4", "variable v: 4"],
    ),
    "equal names of a scope are one symbol": (
        "interface A { b: A }\nconst A = 1;\nlet v: A = A;",
        ["type A: 1 1 2 3 3", "variable v: 3"],
    ),
    "type parameters belong to what they stand at": (
        "function f<T extends U>(a: T): T { let b: T; }\ntype L<T> = T[];\nlet c: T;",
        ["function f: 1", "type L: 2", "variable c: 3", "parameter a: 1", "type T: 1 1 1 1", "variable b: 1",
         "type T: 2 2", "? U: 1", "? T: 3"],
    ),
    "enums and namespaces hold their members": (
        "enum E { A = 1, B = A }\nnamespace N {\n  export const x = E.A;\n  x;\n}\nN.x, x;",
        ["class E: 1 3", "namespace N: 2 6", "variable A: 1 1", "variable B: 1", "variable x: 3 4", "? x: 6"],
    ),
    "`infer` binds for the true branch, a mapped type for its values": (
        "type A<T> = T extends (infer U)[] ? U : U;\ntype M = { [K in keyof A<1>]: K };",
        ["type A: 1 2", "type M: 2", "type T: 1 1", "type U: 1 1", "type K: 2 2", "? U: 1"],
    ),
    "parameter properties, `this` and overloads": (
        "function f(a: string): void;\nfunction f(this: D, a: any) {}\nclass C { constructor(private b: D) { b; } }",
        ["function f: 1 2", "class C: 3", "parameter a: 1", "parameter a: 2", "parameter b: 3 3", "? D: 2 3"],
    ),
    "`import type` is an import": (
        'import type { A } from "m";\nimport { type B } from "m";\nlet x: A | B.C;\nexport type { A };',
        ["import A: 1 3 4", "import B: 2 3", "variable x: 3"],
    ),
    "decorators, `typeof` and predicates refer": (
        "@d class A { @e f(x): x is string { return typeof x; } }\ntype T = typeof A.b;",
        ["class A: 1 2", "type T: 2", "parameter x: 1 1 1", "? d: 1", "? e: 1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", JAVASCRIPT)
def test_javascript_binds(rule):
    source, expected = JAVASCRIPT[rule]
    assert bound(source, "javascript") == expected


@pytest.mark.parametrize("rule", TYPESCRIPT)
def test_typescript_binds(rule):
    source, expected = TYPESCRIPT[rule]
    assert bound(source, "typescript") == expected


def test_roles_say_what_is_done_to_a_name():
    source = "let a; var b = 1; a = b; a += 1; b++; for (c of d) {}"
    roles = [(one.name, one.role) for one in names_of(source, "javascript").occurrences]
    assert roles == [
        ("a", "declare"), ("b", "store"), ("a", "store"), ("b", "load"), ("a", "update"), ("b", "update"),
        ("c", "store"), ("d", "load"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def packages():
    return installed() / "node_modules"


def said_by_eslint(packages, kind, files):
    """For each file: variables as sets of places, each with its name and scope; places that nothing is found for."""
    argv = [node(), str(HERE / "eslint_scopes.mjs"), str(packages.parent), kind, *map(str, files)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    for file, said in zip(files, json.loads(done.stdout), strict=True):
        offsets = []  # UTF-16 units → bytes
        at = 0
        for character in file.read_bytes().decode():
            offsets += [at] * (2 if ord(character) > 0xFFFF else 1)
            at += len(character.encode())
        offsets.append(at)
        yield groups(said["variables"], offsets), {offsets[place] for place in said["unresolved"]}


def groups(variables, offsets):
    """A class has two variables there, inside and outside, with one definition: here they are one."""
    found, by_definition = [], {}
    for variable in variables:
        if variable["name"] in ("this", "const"):  # no names: a parameter for its type, `as const`
            continue
        definitions = [offsets[place] for place in variable["definitions"]]
        group = next((by_definition[place] for place in definitions if place in by_definition), None)
        if group is None:
            end = variable["scope_end"]  # a method's begins behind its name there: only ends are compared
            group = (variable["name"], None if end is None else offsets[end], set())
            found.append(group)
        group[2].update(definitions, (offsets[place] for place in variable["references"]))
        by_definition |= dict.fromkeys(definitions, group)
    return {(name, scope, tuple(sorted(places))) for name, scope, places in found if places}


def said_by_us(source, language):
    names = names_of(source, language)
    symbols = [symbol for scope in names.root.walk() for symbol in scope.symbols.values() if symbol.kind != "label"]
    return {
        (
            symbol.name,
            symbol.scope.end if symbol.scope.parent is not None else None,
            tuple(sorted({one.start for one in symbol.occurrences})),
        )
        for symbol in symbols
        if symbol.occurrences
    }, {one.start for one in names.occurrences if one.symbol is None}


def assert_equal(packages, kind, files, record_property, *, scopes):
    """Every variable, with each of its places and, where `scopes` says so, the scope that it belongs to."""
    variables = places = unresolved = 0
    for file, (said, unknown) in zip(files, said_by_eslint(packages, kind, files), strict=True):
        language = "typescript" if file.suffix == ".ts" else "tsx" if file.suffix == ".tsx" else "javascript"
        source = file.read_bytes()
        ours, ours_unknown = said_by_us(source, language)
        theirs = said
        if not scopes:
            ours, theirs = ({(name, places) for name, _, places in found} for found in (ours, said))
        assert ours == theirs, file
        assert ours_unknown == unknown, file
        variables, unresolved = variables + len(ours), unresolved + len(unknown)
        places += sum(len(one[-1]) for one in ours)
    record_property("variables", variables)
    record_property("places", places)
    record_property("unresolved", unresolved)
    return variables


def test_javascript_is_bound_as_eslint_binds_it(packages, record_property):
    files = [packages / "react-dom/cjs/react-dom-client.development.js"]
    assert assert_equal(packages, "commonjs", files, record_property, scopes=True) > 5_000


def test_modules_and_jsx_are_bound_as_eslint_binds_them(packages, record_property):
    files = [*sorted((packages / "eslint-scope/lib").glob("*.js")), packages / "acorn/dist/acorn.mjs"]
    files.append(HERE / "samples" / "names.jsx")
    assert assert_equal(packages, "module", files, record_property, scopes=True) > 1_500


def test_typescript_is_bound_as_its_eslint_binds_it(packages, record_property):
    """Files that the grammar cannot follow are left out: variance of type parameters (`<in T, out U>`)."""
    files = sorted((packages / "zod/src").rglob("*.ts"), key=str)[::6]
    files = [file for file in files if not parse(file.read_bytes(), "typescript").errors]
    files.append(HERE / "samples" / "names.tsx")
    assert assert_equal(packages, "typescript", files, record_property, scopes=False) > 1_000


@pytest.mark.parametrize("name", ["names.jsx", "names.tsx"])
def test_mutated_files_are_bound_all_the_same(name):
    chance = random.Random(2)
    source = (HERE / "samples" / name).read_bytes()
    language = "tsx" if name.endswith("tsx") else "javascript"
    pieces = [b"", b"(", b"}", b"{", b"=>", b"\xff", b"let", b"<"]
    for _ in range(200):
        mutated = damaged(source, chance, pieces)
        assert_whole(names_of(mutated, language), len(mutated))


@pytest.mark.parametrize(
    "deep", ["(" * 9_000 + ")" * 9_000, "{" * 3_000, "[" * 9_000, "a=>" * 5_000 + "1", "!" * 9_000]
)
def test_depth_costs_no_stack(deep):
    assert_whole(names_of(deep.encode(), "typescript"), len(deep))
