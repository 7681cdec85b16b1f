"""Functions of Python files: what is found, where it is split, and what broken files answer."""

import ast
import sysconfig
from pathlib import Path

import pytest

from analysis.python import Fault, Function, decode, parse


def only(source: str) -> Function:
    (function,) = parse(source.encode()).functions
    return function


def test_a_function_is_split_behind_its_docstring() -> None:
    function = only('def add(a, b):\n    """Add two numbers."""\n    # carefully\n    return a + b\n')
    assert function.header == 'def add(a, b):\n    """Add two numbers."""\n'
    assert function.body == "    # carefully\n    return a + b\n"
    assert function.docstring == "Add two numbers."
    assert function.signature == "def add(a, b):"
    assert (function.first_line, function.last_line) == (1, 4)


def test_without_a_docstring_the_body_starts_behind_the_colon() -> None:
    function = only("def add(a, b):  # two: numbers\n    return a + b\n")
    assert (function.header, function.body) == ("def add(a, b):  # two: numbers\n", "    return a + b\n")
    assert function.docstring == ""


def test_decorators_are_neither_in_the_span_nor_in_the_header() -> None:
    function = only("@cache\n@other(1)\ndef f():\n    return 1\n")
    assert (function.first_line, function.header) == (3, "def f():\n")


def test_a_signature_over_many_lines_ends_at_its_own_colon() -> None:
    signature = "def f(\n    a: int,\n    *,\n    b: 'x:y' = (lambda: {1: 2}),  # neither: nor\n):"
    function = only(f"{signature}\n    return {{}}\n")
    assert function.signature == signature
    assert function.body == "    return {}\n"


def test_a_one_line_function_keeps_its_body_on_the_line() -> None:
    function = only("def f(): return 1\n")
    assert (function.header, function.body) == ("def f():", " return 1\n")


def test_a_docstring_that_shares_its_line_with_code_is_not_torn_from_it() -> None:
    function = only('def f(): "doc"; return 1\n')
    assert (function.header, function.body) == ('def f(): "doc"', "; return 1\n")


def test_a_docstring_in_parentheses_belongs_to_the_header_with_both_of_them() -> None:
    function = only('def f():\n    ("one "\n     "two")\n    return 1\n')
    assert (function.docstring, function.body) == ("one two", "    return 1\n")


def test_methods_and_nested_functions_carry_their_names_and_what_stands_around_them() -> None:
    source = b"class A(Base):\n    x = 1\n    def m(self):\n        async def inner():\n            return 1\n"
    method, inner = parse(source).functions
    assert (method.qualified_name, method.enclosing) == ("A.m", ("class A(Base):",))
    assert inner.qualified_name == "A.m.<locals>.inner"
    assert inner.enclosing == ("class A(Base):", "    def m(self):")
    assert inner.signature == "async def inner():"
    assert inner.indentation == "        "


@pytest.mark.parametrize("block", ["if x:", "for x in y:", "while x:", "with x:", "try:", "match x:\n  case 1:"])
def test_functions_inside_blocks_are_found(block: str) -> None:
    source = f"{block}\n    def f(): return 1\n" + ("except E:\n    def g(): return 2\n" if block == "try:" else "")
    assert [function.name for function in parse(source.encode()).functions] == ["f", "g"][: 1 + (block == "try:")]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_are_kept_byte_for_byte(ending: str) -> None:
    source = ending.join(["import os", "def f(a):", '    """Doc', '    two."""', "    return a", ""])
    function = only(source)
    assert function.header + function.body == source[source.index("def") :]
    assert function.body == f"    return a{ending}"
    assert function.first_line == 2


def test_tabs_and_characters_of_many_bytes_do_not_shift_the_split() -> None:
    function = only('def f():\n\t"""Größe → 漢字 \U0001f600"""; x = 1\n\treturn x\n')
    assert function.body == "; x = 1\n\treturn x\n"
    assert function.docstring == "Größe → 漢字 \U0001f600"


def test_separators_that_python_does_not_count_as_line_ends_do_not_shift_lines() -> None:
    function = only('x = "a\u2028b\x0cc\x85d"\ndef f():\n    "doc"\n    return 1\n')
    assert (function.first_line, function.body) == (2, "    return 1\n")


def test_a_byte_order_mark_is_dropped() -> None:
    (function,) = parse(b"\xef\xbb\xbfdef f():\n    return 1\n").functions
    assert function.header == "def f():\n"


def test_a_declared_encoding_is_followed() -> None:
    (function,) = parse('# coding: latin-1\ndef f():\n    "Größe"\n    return 1\n'.encode("latin-1")).functions
    assert function.docstring == "Größe"


@pytest.mark.parametrize(
    "body",
    ["pass", "...", "raise NotImplementedError", "raise NotImplementedError('x')", '"""Doc."""', '"""Doc."""\n    ...'],
)
def test_a_body_that_does_nothing_is_trivial(body: str) -> None:
    assert only(f"def f():\n    {body}\n").trivial


@pytest.mark.parametrize(
    "body", ["return", "raise ValueError", "pass\n    return 1", '"""Doc."""\n    "not a docstring"']
)
def test_a_body_that_does_something_is_not_trivial(body: str) -> None:
    assert not only(f"def f():\n    {body}\n").trivial


def test_imports_are_those_of_the_module_as_whole_lines() -> None:
    module = parse(b"import a; import b\nfrom c import (\n    d,\n)\ndef f():\n    import e\n")
    assert [line.text for line in module.imports] == ["import a; import b\n", "from c import (\n    d,\n)\n"]
    assert [line.last_line for line in module.imports] == [1, 4]


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        (b"x = 1\ndef f(:\n", "syntax error", 2),
        (b"def f():\nreturn\n", "syntax error", 2),
        (b"x = 1\ny = '\0'\n", "null bytes", 2),
        (b"x = '\xff\xfe'\n", "not text in its encoding", 0),
        (b"# coding: nonsense\n", "not text in its encoding", 0),
        (b"# coding: rot13\n", "not text in its encoding", 0),
        (b"# coding: unicode_escape\nx = '\\ud800'\n", "not text in its encoding", 0),
        (b"(" * 10_000, "syntax error", 1),
        (b"-" * 10_000 + b"1", "nested too deeply", 0),
        (b"x" + b".y" * 10_000, "nested too deeply", 0),
        (b"1" + b"+1" * 10_000, "nested too deeply", 0),
        (b"if a: pass\n" + b"elif a: pass\n" * 10_000, "nested too deeply", 0),
        (b"x = " + b"9" * 10_000, "syntax error", 1),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_where(source: bytes, reason: str, line: int) -> None:
    module = parse(source)
    assert module.fault is not None
    assert (module.fault.reason, module.fault.line) == (reason, line)
    assert module.fault.message
    assert module.functions == ()


@pytest.mark.parametrize(
    "source", [b"", b"\n", b"\r", b"\x0c", b"# only a comment", b"x = '" + b"a" * 5_000_000 + b"'"]
)
def test_a_file_without_functions_is_no_fault(source: bytes) -> None:
    assert parse(source).fault is None


def test_every_function_of_real_files_is_found_and_put_together_again() -> None:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::3]
    assert len(files) > 40
    for path in files:
        text = decode(path.read_bytes())
        assert not isinstance(text, Fault)
        lines = text.splitlines(keepends=True) if "\x0c" not in text else text.split("\n")
        expected = {
            node.lineno: node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        functions = parse(path.read_bytes()).functions
        assert [function.first_line for function in functions] == sorted(expected)
        for function in functions:
            node = expected[function.first_line]
            assert function.docstring == (ast.get_docstring(node) or "")
            if "\x0c" not in text:
                assert function.header + function.body == "".join(lines[function.first_line - 1 : function.last_line])
