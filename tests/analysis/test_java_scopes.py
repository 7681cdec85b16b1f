"""Scopes and names of Java: rule by rule, and against the Java compiler on its own library."""

import json
import random
import subprocess
import zipfile
from pathlib import Path

import pytest

from analysis import parse
from tests.analysis.binding import assert_whole, bound, names_of
from tests.analysis.libraries import java_library
from tests.analysis.mutations import damaged

HERE = Path(__file__).parent
CHECKED = (
    "util/ArrayList", "util/Calendar", "util/Collections", "util/Formatter", "util/HashMap", "util/Locale",
    "util/concurrent/ConcurrentHashMap", "util/stream/Collectors", "lang/Class", "time/LocalDate",
)  # fmt: skip
INTERNALS = ("code", "tree", "util")  # packages of the compiler that its tree needs
MOST_INHERITED = 0.001  # of the names: those that a class inherits from another file

RULES = {
    "members are known everywhere in the class, and in classes in it": (
        "class A {\n int f() { return x + g(); }\n int x;\n int g() { return 1; }\n"
        " class B { int h() { return x + f(); } }\n}",
        ["class A: 1", "function f: 2 5", "variable x: 2 3 5", "function g: 2 4", "class B: 5", "function h: 5"],
    ),
    "variables, methods and types have a space each": (
        "class a {\n int a;\n a a() { return this.a.a(a, a()); }\n}",
        ["class a: 1 3", "variable a: 2 3", "function a: 3 3"],
    ),
    "a local variable is seen from its declaration on, and hides a field": (
        "class A {\n int x;\n void f() {\n  x++;\n  int x = 1, y = x;\n  { int z = x; }\n }\n}",
        ["class A: 1", "variable x: 2 4", "function f: 3", "variable x: 5 5 6", "variable y: 5", "variable z: 6"],
    ),
    "loops, handlers and resources have scopes of their own": (
        "class A { void f() {\n for (int i = 0; i < 1; i++) i++;\n for (var s : s) s.x();\n"
        " try (R r = o; r) { r.x(); } catch (E | F e) { e = r; } finally { r.y(); }\n} }",
        ["class A: 1", "function f: 1", "variable i: 2 2 2 2", "variable s: 3 3", "variable r: 4 4 4",
         "parameter e: 4 4", "? s: 3", "? R: 4", "? o: 4", "? E: 4", "? F: 4", "? r: 4 4"],
    ),
    "a lambda's parameters are its own": (
        "class A {\n F a = x -> x + 1, b = (x, y) -> { return y; }, c = (int z) -> z;\n}",
        ["class A: 1", "variable a: 2", "variable b: 2", "variable c: 2", "parameter x: 2 2", "parameter x: 2",
         "parameter y: 2 2", "parameter z: 2 2", "? F: 2"],
    ),
    "a pattern's variable is seen where it has matched": (
        "class A { int f(Object o) {\n if (o instanceof B b && b.x()) b.y(); else b.z();\n"
        " if (!(o instanceof C c)) return c.x();\n c.y();\n return o instanceof D d ? d.x() : d.y();\n} }",
        ["class A: 1", "function f: 1", "parameter o: 1 2 3 5", "variable b: 2 2 2", "variable c: 3 4",
         "variable d: 5 5", "? Object: 1", "? B: 2", "? b: 2", "? C: 3", "? c: 3", "? D: 5", "? d: 5"],
    ),
    "the same pattern variable may be bound again beside": (
        "class A { void f(Object o) {\n if (o instanceof B x) x.a();\n if (o instanceof C x) x.b();\n int x = 1;\n"
        " x++;\n while (!(o instanceof D y) || y.z()) y.w();\n y.v();\n} }",
        ["class A: 1", "function f: 1", "parameter o: 1 2 3 6", "variable x: 2 2", "variable x: 3 3", "variable x: 4 5",
         "variable y: 6 6 7", "? Object: 1", "? B: 2", "? C: 3", "? D: 6", "? y: 6"],
    ),
    "a case binds what its pattern names": (
        "class A { int f(Object o) {\n return switch (o) {\n  case P(int x, var y) when x > y -> x;\n"
        "  case B b -> b.x;\n  default -> x;\n };\n} }",
        ["class A: 1", "function f: 1", "parameter o: 1 2", "variable x: 3 3 3", "variable y: 3 3", "variable b: 4 4",
         "? Object: 1", "? P: 3", "? B: 4", "? x: 5"],
    ),
    "the statements of an old switch share its block": (
        "class A { void f(int o) {\n switch (o) {\n  case 1: int x = K;\n  default: x = 2;\n }\n} }",
        ["class A: 1", "function f: 1", "parameter o: 1 2", "variable x: 3 4", "? K: 3"],
    ),
    "type parameters are known in head and body": (
        "class A<T extends C<T>> extends B<T> {\n T x;\n <U> U f(T a, U b) { return b; }\n}",
        ["class A: 1", "type T: 1 1 1 2 3", "variable x: 2", "function f: 3", "type U: 3 3 3", "parameter a: 3",
         "parameter b: 3 3", "? C: 1", "? B: 1"],
    ),
    "what is inherited is known where the superclass stands in the file": (
        "class A { int x; void f() {} class I {} }\nclass B extends A { { x++; f(); I i; } }\n"
        "class C { A a = new A() { { x--; } }; }",
        ["class A: 1 2 3 3", "class B: 2", "class C: 3", "variable x: 1 2 3", "function f: 1 2", "class I: 1 2",
         "variable i: 2", "variable a: 3"],
    ),
    "enums, records and local classes": (
        "enum E { X(1) { int g() { return y; } }, Y; int y; E(int z) { y = z; } }\n"
        "record R(int a, E b) { R { a++; } int c() { return a; } }\n"
        "class A { void f() {\n class L { L l; }\n record M(int q) {}\n new L(); E e;\n} }",
        ["class E: 1 2 6", "class R: 2", "class A: 3", "variable X: 1", "variable Y: 1", "variable y: 1 1 1",
         "function g: 1", "parameter z: 1 1", "variable a: 2 2 2", "variable b: 2", "function c: 2", "function f: 3",
         "class L: 4 4 6", "class M: 5", "variable e: 6", "variable l: 4", "variable q: 5"],
    ),
    "of what stands behind a dot nothing is a name": (
        "class A {\n int x = a.b.c(d).e, y = A.x + this.z, w = java.util.List.of(String::valueOf);\n a.B<C.D> v;\n}",
        ["class A: 1 2", "variable x: 2", "variable y: 2", "variable w: 2", "variable v: 3", "? a: 2 3", "? d: 2",
         "? java: 2", "? String: 2", "? C: 3"],
    ),
    "imports are called by their last part, static ones in every space": (
        "import a.B;\nimport static c.D.e;\nimport f.*;\nclass A { B b = e() + e; @B(k = e) int g; }",
        ["import B: 1 4 4", "import e: 2 4 4 4", "class A: 4", "variable b: 4", "variable g: 4"],
    ),
    "`_` names nothing": (
        "class A { F f = (_, x) -> x; void g(B b) { for (var _ : b) if (b instanceof C _) { int _ = 1; } } }",
        ["class A: 1", "variable f: 1", "function g: 1", "parameter x: 1 1", "parameter b: 1 1 1", "? F: 1", "? B: 1",
         "? C: 1"],
    ),
    "labels are names of their own": (
        "class A { int a; void f() {\n a: for (;;) { break a; }\n a: while (a) continue a;\n} }",
        ["class A: 1", "variable a: 1 3", "function f: 1", "label a: 2 2", "label a: 3 3"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_java_binds(rule):
    source, expected = RULES[rule]
    assert sorted(bound(source, "java")) == sorted(expected)


@pytest.fixture(scope="module")
def said_by_java(tmp_path_factory):
    """What the compiler says of files of its library: {path: {"names": …, "functions": …}}, places in bytes."""
    library = java_library()
    java = library.parents[1] / "bin" / "java"
    if not java.with_name("javac").exists():
        pytest.skip("there is no Java compiler; `apt-get install default-jdk-headless`")
    folder = tmp_path_factory.mktemp("java")
    with zipfile.ZipFile(library) as archive:
        paths = [Path(archive.extract(f"java.base/java/{name}.java", folder)) for name in CHECKED]
    internals = [f"--add-exports=jdk.compiler/com.sun.tools.javac.{name}=ALL-UNNAMED" for name in INTERNALS]
    argv = [str(java), *internals, str(HERE / "JavaNames.java"), str(folder / "java.base"), *map(str, paths)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    for path, one in said.items():
        text = Path(path).read_bytes().decode()
        one["names"] = {len(text[: int(place)].encode()) if not text.isascii() else int(place): key
                        for place, key in one["names"].items()}  # fmt: skip
    return said


def test_names_mean_what_the_java_compiler_says(said_by_java, record_property):
    """But for what a class inherits from another file: its name is taken for one around the class, or for none."""
    names = inherited = 0
    for path, said in said_by_java.items():
        theirs = said["names"]
        ours = {}
        for one in names_of(Path(path).read_bytes(), "java").occurrences:
            kind = one.symbol.kind if one.symbol is not None else ""
            if kind == "import" and one.role == "load":
                ours[one.start] = None
            elif kind not in ("import", "label"):
                ours[one.start] = one.symbol
        assert ours.keys() == theirs.keys(), path
        for start, symbol in ours.items():
            meant = theirs[start]
            same = theirs[symbol.occurrences[0].start] == meant if symbol else not meant
            inherited += not same and meant != "?"
        names += len(ours)
    record_property("names", names)
    record_property("inherited", inherited)
    assert names > 20_000
    assert inherited <= names * MOST_INHERITED


def test_methods_stand_where_the_java_compiler_says(said_by_java, record_property):
    methods = 0
    for path, said in said_by_java.items():
        found = [
            [function.name, function.place.first_line, function.place.last_line]
            for function in parse(Path(path).read_bytes(), "java").syntax.functions
        ]
        assert found == said["functions"], path
        methods += len(found)
    record_property("methods", methods)
    assert methods > 1_500


def test_mutated_files_are_bound_all_the_same():
    chance = random.Random(4)
    source = "\n".join(source for source, _ in RULES.values()).encode()
    pieces = [b"", b"(", b"}", b"{", b"->", b"\xff", b"class", b"."]
    for _ in range(300):
        mutated = damaged(source, chance, pieces)
        assert_whole(names_of(mutated, "java"), len(mutated))


@pytest.mark.parametrize(
    "deep", ["class A { int x = " + "(" * 9_000, "class A " + "{" * 3_000, "class A { class " * 2_000, "a." * 9_000]
)
def test_depth_costs_no_stack(deep):
    assert_whole(names_of(deep.encode(), "java"), len(deep))


def test_classes_that_extend_each_other_are_no_trouble():
    source = "class A extends B { { x++; } }\nclass B extends A { class C extends C.D {} }\n"
    assert bound(source, "java") == ["class A: 1 2", "class B: 1 2", "class C: 2 2", "? x: 1"]
