"""Python's names, and what they are bound to: what `symtable` cannot say, or cannot say of broken code."""

import random
import sysconfig
from pathlib import Path

import pytest

from analysis import parse
from hone.errors import AnalysisError
from tests.analysis.mutations import damaged

LIBRARY = Path(sysconfig.get_path("stdlib"))


def scopes(source):
    """Each scope by its kind and name → what it binds, sorted."""
    return {f"{scope.kind} {scope.name}".strip(): " ".join(sorted(scope.symbols)) for scope in scopes_of(source)}


def scopes_of(source):
    return list(parse(source, "python").scopes.walk())


def meaning(source, name, at=-1):
    """What the n-th place of a name is bound to: the kind of the symbol, and the scope that binds it."""
    place = [one for one in parse(source, "python").occurrences if one.name == name][at]
    return place.symbol and f"{place.symbol.kind} of {place.symbol.scope.kind} {place.symbol.scope.name}".strip()


def roles(source):
    """Every place of a name, as written, with what is done there."""
    module = parse(source, "python")
    return " ".join(f"{module.text(one.start, one.end)}:{one.role}" for one in module.occurrences)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = y", "x:store y:load"),
        ("x += y", "x:update y:load"),
        ("x.a[y] += 1", "x:load y:load"),
        ("x: int", "x:declare int:load"),
        ("x: int = y", "x:store int:load y:load"),
        ("(x): int", "int:load"),
        ("a, (b, *c), d.e, f[g] = h", "a:store b:store c:store d:load f:load g:load h:load"),
        ("del a, b.c, (d, [e[f]])", "a:delete b:load d:delete e:load f:load"),
        ("with a as b, c as (d, e.f): pass", "a:load b:store c:load d:store e:load"),
        ("for a, b in c: pass", "a:store b:store c:load"),
        ("for \\\n a in b: pass", "a:store b:load"),
        ("try: pass\nexcept (A, B) as e: pass", "A:load B:load e:store"),
        ("try: pass\nexcept* A as e: pass", "A:load e:store"),
        ("def f():\n global a, b\n nonlocal c", "f:store a:declare b:declare c:declare"),
        ("import a.b.c, d as e, f.g as h", "a:store e:store h:store"),
        ("from \\\n a.b import c, d as e", "c:store e:store"),
        ("from . import a\nfrom .b import (c)", "a:store c:store"),
        ("f(a=b, *c, **d)", "f:load b:load c:load d:load"),
        ("@a.b\n@c(d)\nclass E(F, metaclass=G): pass", "a:load c:load d:load E:store F:load G:load"),
        ("lambda \\\n a, *b, c=d, **e: a", "a:store b:store c:store d:load e:store a:load"),
        ("(a := b)", "a:store b:load"),
        ("print >>a, b", "print:load a:load b:load"),
        ("type \\\n a = b", "a:store b:load"),
        ("type(a).b = c", "type:load a:load c:load"),
        ("match = case = type = _ = print", "match:store case:store type:store _:store print:load"),
        ("b'{a}' '{b}' f'{c}' rf'{d!r:>{e}}'", "c:load d:load e:load"),
        ("f'{a:=5} {(b := 5)} {c=}'", "a:load b:store c:load"),
        ("f'{a['b']} {f'{f'{c}'}'}'", "a:load c:load"),
    ],
)
def test_places_of_names_say_what_is_done_there(source, said):
    assert roles(source) == said


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a", "a:store"),
        ("a.b | None", "a:load"),
        ("1 | 'x' | -2j | _", ""),
        ("[a, *b, _] | (c, *_)", "a:store b:store c:store"),
        ("a, *b", "a:store b:store"),
        ("{'a': b, c.d: e, **f}", "b:store c:load e:store f:store"),
        ("A.B(c, d=e, f=g.h)", "A:load c:store e:store g:load"),
        ("(int() | str()) as a if a", "int:load str:load a:store a:load"),
    ],
)
def test_patterns_bind_what_they_capture(pattern, said):
    assert roles(f"match x:\n    case {pattern}: pass") == f"x:load {said}".strip()


def test_comprehensions_have_a_scope_that_the_first_iterable_stands_outside_of():
    source = "def f(x):\n    return [x for x in x for y in x if y]"
    assert scopes(source)["comprehension"] == "x y"
    assert [meaning(source, "x", at) for at in range(1, 5)] == [
        "variable of comprehension", "variable of comprehension", "parameter of function f",
        "variable of comprehension",
    ]  # fmt: skip


def test_a_walrus_in_a_comprehension_binds_in_the_function_around():
    source = "def f(a):\n    return [[(b := x) for x in y] for y in a], b"
    assert scopes(source)["function f"] == "a b"
    assert meaning(source, "b", 0) == meaning(source, "b") == "variable of function f"


def test_a_class_gives_its_names_to_nobody_inside():
    source = "x = 0\nclass A:\n    x = 1\n    def f(self): return x"
    assert meaning(source, "x") == "variable of module"
    assert meaning(source + "\n    y = x", "x") == "variable of class A"


def test_a_global_binds_in_the_module_and_a_nonlocal_in_the_function_around():
    source = "def f():\n    x = 0\n    def g():\n        nonlocal x\n        global y\n        x = y = 1"
    assert meaning(source, "x") == "variable of function f"
    assert meaning(source, "y") == "variable of module"


def test_super_and_the_name_of_its_cell_are_taken_from_the_class():
    source = "class A:\n    def f(self): return super().f\n    def g(self): return __class__"
    _, outer, first, second = scopes_of(source)
    assert outer.cells() == first.frees() == second.frees() == {"__class__"}
    assert meaning(source, "__class__") == "variable of class A"


def test_private_names_are_spelled_as_the_class_spells_them():
    source = "class _A:\n    __x = 1\n    def f(self, __y, __z__): global __g; import __m.n; return __x, self.__x"
    assert scopes(source)["class _A"] == "_A__x f"
    assert scopes(source)["function f"] == "_A__m _A__y __z__ self"
    assert scopes_of(source)[-1].globals() == {"_A__g", "_A__x"}


def test_names_are_compared_as_python_compares_them():
    assert meaning("ﬁ = 1\nfi", "fi") == "variable of module"


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        ("def f[T, *Ts, **P](a: T) -> T: return T", "T Ts P"),
        ("class A[T: (int, str), U: int](B[T]): x: T", "T U"),
        ("type X[T: int] = dict[T, U]", "T"),
        ("def f[T = int, *Ts = *tuple[int], **P = [int, str]](): pass", "T Ts P"),
        ("class A[T: int = str, U = dict[str, int]]: pass", "T U"),
        ("type X = Y", ""),
    ],
)
def test_type_parameters_have_a_scope_of_their_own(source, bound):
    types = next(scope for scope in scopes_of(source) if scope.kind == "types")
    assert list(types.symbols) == bound.split()
    assert all(symbol.kind == "type" and symbol.definitions for symbol in types.symbols.values())


def test_type_parameters_are_seen_by_what_they_are_for_and_see_their_class():
    source = "class A:\n    y = 1\n    def f[T: y](self, a: T = y) -> T: return T, y"
    assert [meaning(source, "T", at) for at in range(1, 4)] == ["type of types"] * 3
    assert [meaning(source, "y", at) for at in range(1, 4)] == ["variable of class A", "variable of class A", None]


def test_annotations_that_are_never_evaluated_are_bound_and_take_nothing():
    source = "from __future__ import annotations\ndef f(T):\n    def g(a: T) -> T: pass\n    x: T = 1"
    outer = scopes_of(source)[1]
    assert meaning(source, "T", 1) == meaning(source, "T") == "parameter of function f"
    assert outer.cells() == set()


def test_bounds_of_type_parameters_are_no_annotations():
    source = "from __future__ import annotations\ntype X[T: (int, list[T])] = dict[T, T]\ndef f[U: X[U]](a: U): pass"
    assert [scope.kind for scope in scopes_of(source)] == ["module", "types", "types", "function", "annotation"]


def test_star_imports_are_listed():
    module = parse("from a import *\ndef f():\n    from .b.c import *", "python")
    assert module.stars == ("a", ".b.c")


def test_symbols_come_in_the_order_of_their_first_places_and_know_all_of_them():
    module = parse("def f(a): return b(a)\nb = f\nimport c", "python")
    assert [(symbol.name, symbol.kind) for symbol in module.symbols] == [
        ("f", "function"), ("a", "parameter"), ("b", "variable"), ("c", "import"),
    ]  # fmt: skip
    f, _, b, _ = module.symbols
    assert ([one.start for one in f.definitions], [one.start for one in f.references]) == ([4], [26])
    assert ([one.start for one in b.definitions], [one.start for one in b.references]) == ([22], [17])


def test_builtins_and_unknown_names_mean_nothing_in_the_file():
    assert meaning("len(x)", "len") is None
    assert scopes_of("def f(): return len")[1].globals() == {"len"}


@pytest.mark.parametrize(
    ("source", "whole"),
    [
        ("def f(:\n    pass\n\n\ndef g(a):\n    return a\n", {"function g": "a"}),
        ("class A:\n    def f(self): return self\n    x = (\n\ndef g(a): return a\n", {"function f": "self"}),
        ("def f(a):\n    return a +\n\ndef g(b):\n    return b\n", {"function f": "a", "function g": "b"}),
        ("import\nfrom x import\ndel\nlambda:\ndef g(b):\n    return b\n", {"function g": "b"}),
    ],
)
def test_what_stands_whole_in_broken_code_is_bound(source, whole):
    assert parse(source, "python").errors
    assert whole.items() <= scopes(source).items()


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfdef f(x):\r\n    return x\r\n", b"def f(x):\r    return x\r",
        b"def f(x):\n    '\xff\xfe'\n    return x",
        b"# coding: latin-1\ndef f(x):\n    return '\xe9' + x\n", b"def f(x):\n    return x\n\0\0",
    ],
    ids=["BOM and CR LF", "CR", "no UTF-8", "another encoding", "null bytes"],
)  # fmt: skip
def test_bytes_of_any_kind_keep_their_places(source):
    module = parse(source, "python")
    assert [source[one.start : one.end] for one in module.occurrences] == [b"f", b"x", b"x"]
    assert module.occurrences[-1].symbol.kind == "parameter"


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 10_000 + "a" + ")" * 10_000, "(" * 10_000 + "a", "lambda b: " * 10_000 + "b",
        "".join(" " * depth + "if a:\n" for depth in range(5_000)) + " " * 5_000 + "b = 1",
        "".join(" " * depth + f"def f{depth}():\n" for depth in range(2_000)) + " " * 2_000 + "return f0",
        "a = " * 10_000 + "1", "(" * 5_000 + "a," + ")" * 5_000 + " = b", "a" + ".b" * 10_000,
        "[a for a in " * 2_000 + "b" + "]" * 2_000, "match a:\n case " + "[" * 5_000 + "b" + "]" * 5_000 + ": pass",
    ],
    ids=[
        "parentheses", "open", "lambdas", "blocks", "defs", "chain", "targets", "attributes", "comprehensions",
        "patterns",
    ],
)  # fmt: skip
def test_deep_nesting_is_no_depth_of_calls(source):
    module = parse(source, "python")
    assert module.occurrences
    assert list(module.scopes.walk())[-1].frees() >= set()


def test_mutated_files_keep_their_names_in_order_and_in_their_scopes():
    chance = random.Random(3)
    files = [path.read_bytes() for path in sorted(LIBRARY.glob("*.py")) if path.stat().st_size < 10_000]
    pieces = [
        b"(",
        b")",
        b":",
        b",",
        b"=",
        b":=",
        b" as ",
        b"lambda ",
        b" for ",
        b"def ",
        b"global x\n",
        b"*",
        b"\\\n",
        b"f'{",
    ]
    for _ in range(500):
        module = parse(damaged(chance.choice(files), chance, pieces, cuts=[0, 0, 1, 5]), "python")
        starts = [one.start for one in module.occurrences]
        assert starts == sorted(set(starts))
        assert all(one.scope.start <= one.start and one.end <= one.scope.end for one in module.occurrences)
        assert sum(len(symbol.occurrences) for symbol in module.symbols) <= len(starts)


def test_a_language_without_scopes_says_which_have_them():
    with pytest.raises(AnalysisError, match=r"`lua` has no scopes; those that have them are .*python"):
        _ = parse("x = 1", "lua").scopes
