"""What `analysis.parse` finds in a file, language by language; Python's against its own parser, over its library."""

import ast
import gc
import random
import re
import sysconfig
import warnings
from collections import Counter
from pathlib import Path

import pytest

from analysis import LANGUAGES, language_of, parse
from analysis.languages.generic import PACKED
from hone.errors import AnalysisError

SAMPLES = Path(__file__).parent / "samples"
LIBRARY = Path(sysconfig.get_path("stdlib"))
UNFOLLOWED = {  # the grammar cannot follow the first; the second is an error to Python's compiler, not to its parser
    "test/test_compile.py",
    "test/test_future_stmt/badsyntax_future8.py",
}
FEWEST_KEPT = 0.95  # of a file's functions, where one bracket is missing

# File → functions with their first and last lines and their docstrings, classes likewise, imports, comments.
FOUND = {
    "sample.py": (
        ["Shape.area 19-24 How large.", "Shape.area.<locals>.inner 22-23", "fetch 28-29"],
        ["class Shape 13-24 A shape.|With more."],
        ["import os", "from math import (\n    pi,\n    tau,\n)"],
        3,
    ),
    "sample.js": (
        [
            "add 7-9 Adds two numbers.|@param {number} a", "twice 12-12 Twice as much.",
            "Queue.take 16-19 Takes the first.", "Queue.take.<locals>.inner 17-17", "Queue.#hidden 20-20", "go 24-24",
            "stop 25-25",
        ],
        ["class Queue 14-21"],
        ['import { join } from "path";'],
        3,
    ),
    "sample.ts": (
        ["Inner.Base.area 13-13 How large.", "Inner.Base.size 15-15", "load 19-21"],
        ["interface Shape 4-6 A shape.", "enum Colour 8-8", "class Inner.Base 11-16"],
        ['import type { A } from "./a";'],
        2,
    ),
    "sample.tsx": (["Button 4-6 A button.", "Page 8-10"], [], ['import React from "react";'], 1),
    "Sample.java": (
        [
            "Stack.Stack 12-12 Makes one.", "Stack.push 15-18 Puts one on.", "Stack.push.<locals>.run 17-17",
            "Stack.Colour.code 22-22", "Stack.Point.Point 23-23", "Shape.area 26-26",
        ],
        ["class Stack 9-24 A stack.", "enum Stack.Colour 22-22", "class Stack.Point 23-23", "interface Shape 26-26"],
        ["import java.util.List;", "import static java.lang.Math.*;"],
        3,
    ),
    "sample.go": (
        ["Stack.Push 19-21 Push puts one on.", "main 23-25"],
        ["struct Stack 10-12 Stack is a stack.|It grows.", "interface Shape 14-16"],
        ['import (\n\t"fmt"\n\t"os"\n)'],
        3,
    ),
    "sample.rs": (
        ["Shape.name 11-11", "Point.area 17-17 How large.", "inner.twice 22-22 Twice."],
        ["struct Point 5-5 A point.", "enum Colour 7-7", "trait Shape 9-12"],
        ["use std::collections::HashMap;"],
        3,
    ),
    "sample.c": (
        ["add 14-17 Adds two numbers.", "name 19-19"],
        ["struct point 5-5 A point.", "struct vec 7-7", "enum colour 9-9"],
        ["#include <stdio.h>", '#include "local.h"'],
        2,
    ),
    "sample.cpp": (
        ["outer.Stack.~Stack 10-10", "outer.Stack.push 12-12 Puts one on.", "outer::Stack<T>::top 23-24", "main 26-26"],
        ["class outer.Stack 6-16 A stack.", "struct outer.Point 18-18", "enum outer.Colour 19-19"],
        ["#include <vector>"],
        3,
    ),
    "Sample.cs": (
        [
            "A.B.Stack.Stack 11-11 Makes one.", "A.B.Stack.Push 13-16", "A.B.Stack.Push.<locals>.Inner 15-15",
            "A.B.Stack.Area 17-17",
        ],
        [
            "class A.B.Stack 7-18 <summary>A stack.</summary>", "interface A.B.IShape 20-20", "struct A.B.Point 21-21",
            "enum A.B.Colour 22-22", "class A.B.Pair 23-23",
        ],
        ["using System;", "using System.Collections.Generic;"],
        2,
    ),
    "sample.rb": (
        ["Outer.Stack.push 8-10", "Outer.Stack.build 13-15 Makes one.", "Outer.Stack.empty? 17-19", "top_level 23-23"],
        ["class Outer.Stack 7-20 A stack.|It grows."],
        ['require "json"', 'require_relative "local"'],
        3,
    ),
    "sample.php": (
        ["Stack.__construct 13-13 Makes one.", "Stack.build 15-15", "Named.name 19-19", "twice 23-23 Twice."],
        ["class Stack 10-16 A stack.", "interface Shape 18-18", "trait Named 19-19", "enum Colour 20-20"],
        ["use App\\Base;", "require_once 'local.php';"],
        3,
    ),
    "sample.kt": (
        [
            "Stack.push 11-13 Puts one on.", "Stack.push.<locals>.inner 12-12", "Stack.build 16-16",
            "Single.only 21-21", "twice 23-23",
        ],
        ["class Stack 9-18 A stack.", "interface Shape 20-20", "object Single 21-21"],
        ["import java.util.*", "import kotlin.math.PI"],
        2,
    ),
    "sample.swift": (
        [
            "Stack.push 9-12 Puts one on.", "Stack.push.<locals>.inner 10-10", "Stack.init 14-14", "Square.area 20-20",
            "Square.deinit 21-21", "Square.twice 24-24",
        ],
        ["struct Stack 5-15 A stack.|It grows.", "interface Shape 17-17", "class Square 19-22", "enum Colour 26-26"],
        ["import Foundation"],
        3,
    ),
    "sample.scala": (
        ["Stack.push 9-11 Puts one on.", "Stack.push.<locals>.inner 10-10", "Stack.build 17-17"],
        ["class Stack 7-12 A stack.", "trait Shape 14-14", "object Stack 16-18"],
        ["import scala.math._", "import java.util.{List, Map}"],
        2,
    ),
}  # fmt: skip


def shown(part, kind=""):
    said = re.sub(r"\n+", "|", part.docstring)
    return f"{kind}{part.qualified_name} {part.place.first_line}-{part.place.last_line} {said}".rstrip()


def test_every_language_has_a_sample():
    assert {language_of(name) for name in FOUND} == set(LANGUAGES)


@pytest.mark.parametrize("name", FOUND)
def test_functions_classes_imports_and_comments_are_found(name):
    module = parse((SAMPLES / name).read_bytes(), language_of(name))
    functions, classes, imports, comments = FOUND[name]
    assert [shown(function) for function in module.syntax.functions] == functions
    assert [shown(one, f"{one.kind} ") for one in module.syntax.classes] == classes
    assert [one.text for one in module.syntax.imports] == imports
    assert len(module.syntax.comments) == comments
    assert module.errors == ()


@pytest.mark.parametrize("name", FOUND)
def test_places_are_those_of_the_source(name):
    source = (SAMPLES / name).read_bytes()
    module = parse(source, language_of(name))
    lines = source.split(b"\n")
    for part in (*module.syntax.functions, *module.syntax.classes, *module.syntax.imports):
        place = part.place
        assert source[: place.start].count(b"\n") + 1 == place.first_line
        assert source[place.start : place.end].rstrip().count(b"\n") == place.last_line - place.first_line
        assert place.last_line <= len(lines)
    for function in module.syntax.functions:
        assert function.name.encode() in source[function.place.start : function.place.end] or "init" in function.name
        assert function.place.start <= function.body.start <= function.body.end <= function.place.end


def defined(tree):
    """By Python's own parser: functions and classes (qualified name, first line with decorators, docstring), and how
    many imports. It looks into statements alone: no expression holds one."""
    found = set()
    imports = 0
    waiting = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        inner = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.add((prefix + node.name, first, words(ast.get_docstring(node))))
            inner = f"{prefix}{node.name}." + ("" if isinstance(node, ast.ClassDef) else "<locals>.")
        imports += isinstance(node, ast.Import | ast.ImportFrom)
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            waiting += [(child, inner) for child in getattr(node, name, ())]
    return found, imports


def words(docstring):
    """Spaces aside: Python leaves those of a docstring's last line."""
    return " ".join((docstring or "").split())


@pytest.fixture
def no_collection():
    """Python's trees are large and hold no cycles: to look for some takes a third of the time."""
    gc.disable()
    yield
    gc.enable()


def test_the_whole_standard_library_is_read_as_python_reads_it(record_property, no_collection):
    definitions = imports = 0
    for path in sorted(LIBRARY.rglob("*.py")):
        name = path.relative_to(LIBRARY).as_posix()
        if "site-packages" in path.parts or name in UNFOLLOWED:
            continue
        source = path.read_bytes()
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(source)
            source.decode()
        except (SyntaxError, ValueError):  # made to be broken, or not in UTF-8
            continue
        module = parse(source, "python")
        found = {
            (one.qualified_name, one.place.first_line, words(one.docstring))
            for one in (*module.syntax.functions, *module.syntax.classes)
        }
        expected, statements = defined(tree)
        assert found == expected, name
        assert len(module.syntax.imports) == statements, name
        assert module.errors == (), name
        definitions, imports = definitions + len(found), imports + statements
    record_property("functions and classes", definitions)
    record_property("imports", imports)
    assert definitions > 50_000


def test_files_that_lack_a_bracket_keep_most_of_their_functions():
    """By their names: the class around them may be what is broken."""
    chance = random.Random(0)
    kept = total = 0
    for path in sorted(LIBRARY.glob("*.py")):
        source = path.read_bytes()
        brackets = [match.start() for match in re.finditer(rb"[()\[\]{}]", source)]
        names = Counter(function.name for function in parse(source, "python").syntax.functions)
        if brackets:
            at = chance.choice(brackets)
            broken = parse(source[:at] + source[at + 1 :], "python")
            kept += (names & Counter(function.name for function in broken.syntax.functions)).total()
            total += names.total()
    assert kept / total >= FEWEST_KEPT


def test_broken_code_says_where_and_keeps_what_is_whole():
    module = parse("def f(:\n    pass\n\n\ndef g():\n    return 1\n", "python")
    assert [function.name for function in module.syntax.functions] == ["f", "g"]
    assert [(error.message, error.place.first_line) for error in module.errors] == [("`)` is missing", 1)]


@pytest.mark.parametrize("language", ["python", "javascript", "c", "go"])
@pytest.mark.parametrize(
    "source",
    [
        b"", b"\0" * 100, b"\xff\xfe\x80def f(): pass", b"\xef\xbb\xbfdef f(): pass\r\n", b"x = " + b"(" * 10_000,
        b"x = " + b"-" * 10_000 + b"1", b"a" * 1_000_000, b"def f():\r    pass\r", b"{" * 5_000 + b"}" * 5_000,
    ],
    ids=["empty", "null bytes", "no text", "BOM and CR LF", "open brackets", "deep", "one long line", "CR", "nested"],
)  # fmt: skip
def test_no_source_makes_it_raise(source, language):
    module = parse(source, language)
    assert isinstance(module.syntax.functions, tuple)
    assert isinstance(module.errors, tuple)


def test_a_byte_stands_in_the_line_that_its_line_end_closes():
    module = parse("a\n\né\r\nb", "python")
    assert [module.line_of(at) for at in range(len(module.source) + 1)] == [1, 1, 2, 3, 3, 3, 3, 4, 4]


def test_mutated_files_of_the_library_never_make_it_raise():
    chance = random.Random(1)
    files = [path.read_bytes() for path in sorted(LIBRARY.glob("*.py")) if path.stat().st_size < 20_000]
    for _ in range(500):
        source = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 20)):
            at = chance.randrange(len(source) + 1)
            source[at : at + chance.randint(0, 30)] = chance.randbytes(chance.randint(0, 5))
        module = parse(bytes(source), "python")
        assert module.syntax.functions is not None
        assert len(module.errors) <= 100


@pytest.mark.parametrize("language", sorted(set(PACKED) - set(LANGUAGES)))
def test_every_other_grammar_of_the_pack_parses(language):
    module = parse(b"function f(x)\n  return x\nend\n", language)
    assert module.syntax is not None


@pytest.mark.parametrize(
    ("language", "source", "functions", "classes"),
    [
        ("lua", "-- Adds.\nlocal function add(a)\n  return a\nend\n", ["add 2-4 Adds."], []),
        ("bash", "# Says.\nsay() {\n  echo hi\n}\n", ["say 2-4 Says."], []),
        ("bash", "#!/bin/sh\nsay() {\n  echo hi\n}\n", ["say 2-4"], []),
        ("solidity", "contract A { function f() public {} }\n", ["A.f 1-1"], ["A"]),
    ],
)
def test_a_language_without_an_adapter_is_read_by_its_grammars_names(language, source, functions, classes):
    syntax = parse(source, language).syntax
    assert [shown(function) for function in syntax.functions] == functions
    assert [one.name for one in syntax.classes] == classes


def test_what_a_grammar_has_within_a_comment_is_no_other_comment():
    assert [comment.text for comment in parse("-- one\n--[[ two ]]\n", "lua").syntax.comments] == [
        "-- one",
        "--[[ two ]]",
    ]


def test_a_language_that_nobody_knows_is_refused_with_the_nearest_name():
    with pytest.raises(AnalysisError, match=r"there is no language `pyton`; did you mean `python`\?"):
        parse("", "pyton")
