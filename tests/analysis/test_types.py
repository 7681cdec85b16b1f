"""Type inference for Python: what is inferred, from where, and what stays unknown."""

import random
import sysconfig
from pathlib import Path

import pytest

from analysis import parse
from analysis.types import Types
from hone.errors import AnalysisError


def types(source: str) -> Types:
    return parse(source, "python").types


def last(source: str, name: str = "x") -> tuple[str, str]:
    """The type of the last place that gives a name its value, and where it is from."""
    found = [one for one in types(source).names if one.name == name][-1]
    return found.type, found.source


def expression(source: str, text: str) -> str:
    """The type of the last expression that is written so."""
    start = source.encode().rindex(text.encode())
    typed = types(source).at(start, start + len(text.encode()))
    return str(typed) if typed is not None else "not reached"


def test_lines_that_go_on_hide_nothing() -> None:
    assert last("x = 1 if foo() \\\n    else 2") == ("int", "literal")
    source = "def f(a: int | None):\n    if a \\\n        is None:\n        return 1\n    x = a"
    assert last(source) == last(source.replace("\\\n", "")) == ("int", "narrowing")


def test_a_generic_class_in_a_function_is_named_with_what_is_around_it() -> None:
    source = "class A:\n    def m(self):\n        class B[T]:\n            x = 1\n"
    assert [one.scope for one in types(source).names if one.name == "x"] == ["A.m.<locals>.B"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", ("int", "literal")),
        ("x = f'{1}'", ("str", "literal")),
        ("x = [1, 'a']", ("list[int | str]", "container")),
        ("x = {'a': (1, 2.0)}", ("dict[str, tuple[int, float]]", "container")),
        ("x = {n: str(n) for n in range(3)}", ("dict[int, str]", "container")),
        ("x = (n for n in 'abc')", ("typing.Generator[str, None, None]", "container")),
        ("x = 1 + 2.0", ("float", "operator")),
        ("x = 'a' * 3", ("str", "operator")),
        ("x = [1] + ['a']", ("list[str | int]", "operator")),
        ("x = 1 < 2", ("bool", "operator")),
        ("x = {'a': [1]}['a'][0]", ("int", "item")),
        ("x = (1, 'a')[-1]", ("str", "item")),
        ("x = [1, 2][:1]", ("list[int]", "item")),
        ("for x in {'a': 1}.items(): pass", ("tuple[str, int]", "loop")),
        ("with open('f', 'rb') as f: x = f.read()", ("bytes", "typeshed f.read")),
        ("try: pass\nexcept (KeyError, OSError) as x: pass", ("KeyError | OSError", "except")),
        ("try: pass\nexcept* KeyError as x: pass", ("ExceptionGroup[KeyError]", "except")),
        ("try: pass\nexcept* KeyboardInterrupt as x: pass", ("BaseExceptionGroup[KeyboardInterrupt]", "except")),
        ("(_, *x), y = ('a', 1, 2), 3", ("list[int]", "container")),
        ("x: 'list[int]' = foo()", ("list[int]", "annotation")),
        ("import re\nx = re.match('a', 'b')", ("re.Match[str] | None", "typeshed re.match")),
        ("x = max(len(w) for w in 'a b'.split())", ("int", "typeshed max")),
        ("x = list(zip([1], 'a'))", ("list[tuple[int, str]]", "constructor list")),
        ("x = dict(a=1).get('a', '')", ("int | str", "typeshed dict(a=1).get")),
        ("x = sorted({'a': 1}, key=len)", ("list[str]", "typeshed sorted")),
        ("from pathlib import Path\nx = Path('a') / 'b'", ("pathlib.Path", "operator")),
        ("import os.path\nx = os.path.join('a', foo)", ("str", "typeshed os.path.join")),
        ("if (x := 'a'): pass", ("str", "literal")),
    ],
)  # fmt: skip
def test_a_name_has_the_type_of_what_it_is_given(source: str, expected: tuple[str, str]) -> None:
    assert last(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "x = foo()",
        "def f(x): return x",
        "from sibling import y\nx = y",
        "x = 1 + foo",
        "x = foo or 1",
        "import json\nx = json.loads('1')['a']",
        "def f(): return f()\nx = f()",
        "x = [][0]",
    ],
)
def test_what_cannot_be_known_is_unknown_and_has_no_source(source: str) -> None:
    assert last(source) == ("unknown", "")


CLASS = """
class Base:
    kind = None
    def __init__(self, size: int):
        self.size = size
        self.names = []
        self.count = 0
        self.found = None
    @property
    def double(self): return self.size * 2
    @classmethod
    def made(cls): return cls(1)
    @staticmethod
    def parse(text: str) -> float: return float(text)
    def grow(self):
        self.count += 1
        self.found = "here"
        return self
    def hidden(self): return self.__secret()
    def __secret(self): return b""
class Derived(Base):
    kind = "derived"
    def __init__(self): super().__init__(3)
    def size_of_super(self): return super().double
"""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Derived()", "Derived"),
        ("Derived().size", "int"),
        ("Base(1).double", "int"),
        ("Base.made()", "Base"),
        ("Derived.made()", "Base"),  # at least
        ("Base.parse('1')", "float"),
        ("Base(1).count", "int"),
        ("Base(1).found", "str | None"),
        ("Base.kind", "unknown"),  # None alone is a place for what comes from elsewhere
        ("Derived.kind", "str"),
        ("Derived().grow()", "Base"),
        ("Base(1).hidden()", "bytes"),
        ("Derived().size_of_super()", "int"),
        ("Base(1).missing", "unknown"),
        ("Base(1).names", "list[unknown]"),
    ],
)
def test_attributes_come_from_class_bodies_methods_and_what_self_is_given(written: str, expected: str) -> None:
    assert last(f"{CLASS}x = {written}")[0] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if a is None: return\nx = a", "str"),
        ("if a is not None:\n    x = a", "str"),
        ("if not a: raise ValueError\nx = a", "str"),
        ("assert a\nx = a", "str"),
        ("x = a if a else 'b'", "str"),
        ("x = a or 1", "str | int"),
        ("x = a and a.upper()", "str | None"),
        ("while a is None: a = foo()\nx = a", "str"),
        ("if isinstance(b, int): return\nx = b", "list[int]"),
        ("if isinstance(b, (list, tuple)):\n    x = b", "list[int]"),
        ("if type(b) is int:\n    x = b", "int"),
        ("x = b[0] if not isinstance(b, int) else b", "int"),
        ("if a is None: a = 'b'\nx = a", "str"),
        ("if foo: y = 1\nelse: y = 'a'\nx = y", "int | str"),
        ("y = None\nfor i in range(3): y = i\nx = y", "None | int"),
        ("try: y = int('1')\nexcept ValueError: y = None\nx = y", "int | None"),
        ("match b:\n    case int(): pass\n    case list() as x: pass", "list[int]"),
        ("import sys\nif foo: y = 1\nelse: sys.exit()\nx = y", "int"),
        ("while True:\n    y = foo()\n    if isinstance(y, bytes): break\nx = y", "bytes"),
        ("if (m := a) is not None:\n    x = m", "str"),
    ],
)
def test_conditions_and_assignments_narrow_what_is_known(body: str, expected: str) -> None:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    source = f"def f(a: str | None, b: int | list[int], foo):\n{indented}\n"
    found = set(last(source)[0].split(" | "))
    assert found == set(expected.split(" | "))


def test_functions_return_what_their_statements_say() -> None:
    source = """
def nothing(): pass
def some(n):
    if n: return 1
    return "a"
def given(n) -> bytes: return n
def counted():
    yield 1
    return "done"
async def later(): return [1]
def again(n):
    if n: return again(n - 1)
    return 1
"""
    found = {one.function: (one.type, one.source) for one in types(source).returns}
    assert found == {
        "nothing": ("None", "no return"),
        "some": ("int | str", "return statements"),
        "given": ("bytes", "annotation"),
        "counted": ("typing.Generator[int, Any, str]", "yield"),
        "later": ("types.CoroutineType[Any, Any, list[int]]", "return statements"),
        "again": ("int", "return statements"),
    }


def test_a_method_that_does_nothing_is_not_taken_at_its_word() -> None:
    (returned,) = types("class A:\n    def m(self): raise NotImplementedError\n").returns
    assert returned.type == "unknown"


def test_type_variables_are_solved() -> None:
    source = """
from typing import Generic, TypeVar
T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, value: T): self.value = value
    def get(self) -> T: return self.value
def first(items: list[T]) -> T: return items[0]
x = first([Box(1).get()])
"""
    assert last(source)[0] == "int"


def test_overloads_are_chosen_by_what_is_known_of_the_arguments() -> None:
    assert last("x = open('f')")[0].startswith("_io.TextIOWrapper")
    assert last("x = open('f', 'wb')")[0].startswith("_io.BufferedWriter")
    assert last("def f(mode): x = open('f', mode)")[0] == "unknown"


def test_a_variable_of_the_module_may_hold_whatever_the_file_gives_it() -> None:
    source = "cache = None\ndef fill():\n    global cache\n    cache = 'a'\ndef read():\n    return cache\n"
    assert types(source).returns[1].type in ("str | None", "None | str")


def test_the_type_of_any_expression_can_be_asked_for() -> None:
    source = "def f(a: dict[str, int]):\n    return [a.get('k'), b'']\n"
    assert expression(source, "a.get('k')") == "int | None"
    assert expression(source, "[a.get('k'), b'']") in ("list[int | None | bytes]", "list[int | bytes | None]")
    assert types(source).at(0, 3) is None


def test_code_that_is_never_reached_says_nothing() -> None:
    assert expression("def f():\n    return 1\n    x = len('a')\n", "len('a')") == "not reached"


def test_other_languages_have_no_types() -> None:
    with pytest.raises(AnalysisError, match="`go` has no type inference"):
        _ = parse("package main", "go").types


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 10_000 + "1" + ")" * 10_000,
        "x = " + " + ".join(["1"] * 20_000),
        "x = (1,)\n" + "x = (x, x)\n" * 500,
        "x = 1\n" + "".join("  " * n + "for a in b:\n" for n in range(12)) + "  " * 12 + "x = (x, [x])\n",
        "".join(f"{'  ' * n}try:\n{'  ' * n}  x = 1\n{'  ' * n}finally:\n" for n in range(40)) + "  " * 40 + "x = 2",
        "class A(B): pass\nclass B(A): pass\nA = B\nx: A = A().y\n",
        "x = a" + ".b" * 10_000,
        "def f(:\n  x = [1\nclass (\n match x:\n  case",
    ],
)  # fmt: skip
def test_extreme_and_broken_code_ends_without_an_error(source: str) -> None:
    assert isinstance(types(source), Types)


def test_mutated_files_never_raise() -> None:
    rng = random.Random(7)
    root = Path(sysconfig.get_paths()["stdlib"])
    sources = [(root / name).read_bytes() for name in ("textwrap.py", "contextlib.py", "sched.py", "bisect.py")]
    pieces = [
        b"(",
        b")",
        b"]",
        b":",
        b'"""',
        b" = ",
        b"*",
        b"lambda ",
        b"async ",
        b"yield ",
        b"\n  ",
        b"\xff",
        b"class ",
    ]
    for _ in range(60):
        source = bytearray(rng.choice(sources)[: rng.randrange(200, 4000)])
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(len(source))
            if rng.random() < 0.5:
                del source[place : place + rng.randrange(1, 20)]
            source[place:place] = rng.choice(pieces)
        assert isinstance(parse(bytes(source), "python").types, Types)
