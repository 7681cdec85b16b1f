"""Who calls whom in a file, by the names' scopes."""

import re

import pytest

from analysis import parse
from hone.errors import AnalysisError

PYTHON = """
import a.b as c, d.e
from .x import y as z, Base
from . import q
from m import *
class A(Base, d.K):
    def m(self):
        self.n()
        self.absent()
        super().m()
        def inner():
            self.n()
            helper(inner)
        inner()
    def n(self): return A.m(self)
    @classmethod
    def k(cls): return cls()
class B(A):
    def o(self):
        self.n()
        self.absent()
        B()
def helper(x=z()):
    c.f(d.e.g())
    q.r()
    x()
    x.y()
    print(lambda: helper())
    def helper(): pass
helper()
"""
FOUND = {
    "python": (
        PYTHON,
        [
            "8 A.m → A.n local", "9 A.m → .x.Base.absent import", "10 A.m → .x.Base.m import",
            "10 A.m → super unknown", "12 A.m.<locals>.inner → A.n local",
            "13 A.m.<locals>.inner → helper local", "14 A.m → A.m.<locals>.inner local", "15 A.n → A.m local",
            "17 A.k → A local", "20 B.o → A.n local", "21 B.o → .x.Base.absent import", "22 B.o → B local",
            "23 - → .x.y import", "24 helper → a.b.f import", "24 helper → d.e.g import", "25 helper → .q.r import",
            "26 helper → x unknown", "27 helper → x.y unknown", "28 helper → print unknown",
            "28 helper → helper.<locals>.helper local", "30 - → helper local",
        ],
    ),
    "javascript": (
        """import {a as b} from './m'; import * as all from 'y'; import whole from 'w';
class A extends B { m() { this.x(); super.m(); b(); all.k(); whole(); } x() {} }
class B { m() {} }
function f() { g(); new A(); }
const h = () => f();
""",
        [
            "2 A.m → A.x local", "2 A.m → B.m local", "2 A.m → ./m.a import", "2 A.m → y.k import",
            "2 A.m → w.default import", "4 f → g unknown", "4 f → A local", "5 h → f local",
        ],
    ),
    "go": (
        """package p
import (
\tf "fmt"
\t"os/x"
)
func (s *T) M() { f.Println(); s.N(); g() }
func (s *T) N() {}
func g() { x.Y() }
""",
        ["6 T.M → fmt.Println import", "6 T.M → T.N local", "6 T.M → g local", "8 g → os/x.Y import"],
    ),
    "java": (
        """import java.util.List;
class A extends B { void m() { n(); this.n(); List.of(); new A(); super.n(); a.b(1).c(); } void n() {} }
class B { void n() {} }
""",
        [
            "2 A.m → A.n local", "2 A.m → A.n local", "2 A.m → java.util.List.of import", "2 A.m → A local",
            "2 A.m → B.n local", "2 A.m → a.b(1).c unknown", "2 A.m → a.b unknown",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", FOUND)
def test_calls_are_bound_to_functions_methods_classes_and_imports(language):
    source, expected = FOUND[language]
    calls = parse(source, language).calls
    assert [f"{call.place.first_line} {call.caller or '-'} → {call.callee} {call.kind}" for call in calls] == expected


def test_imports_say_their_module_and_what_of_it():
    imports = parse(PYTHON, "python").imports
    assert {one.name: one.target for one in imports} == {
        "c": "a.b", "d": "d", "z": ".x.y", "Base": ".x.Base", "q": ".q", "*": "m.*",
    }  # fmt: skip


def test_bases_are_classes_of_the_file_or_imports():
    assert parse(PYTHON, "python").bases == {"A": (".x.Base", "d.K"), "B": ("A",)}


def test_the_first_parameter_of_a_static_method_is_no_object_of_its_class():
    source = "class A:\n    @staticmethod\n    def m(x): x.m()\n"
    assert [(call.callee, call.kind) for call in parse(source, "python").calls] == [("x.m", "unknown")]


def test_builtins_are_named_where_the_file_does_not_define_them():
    source = """class E(ValueError):
    def m(self): self.x()
def f(list): list(); dict.fromkeys(len(f)); int.lost(); lost()
"""
    found = [(call.callee, call.kind) for call in parse(source, "python").calls]
    assert found == [
        ("self.x", "unknown"), ("list", "unknown"), ("dict.fromkeys", "builtin"), ("len", "builtin"),
        ("int.lost", "unknown"), ("lost", "unknown"),
    ]  # fmt: skip
    assert [call.kind for call in parse("from m import *\nopen()\n", "python").calls] == ["unknown"]
    go = parse("package p\nfunc f() { g := make(map[string]int); len(g); max := 1; max() }\n", "go").calls
    assert [(call.callee, call.kind) for call in go] == [("make", "builtin"), ("len", "builtin"), ("max", "unknown")]


def test_a_class_in_a_class_is_found_with_its_methods():
    source = "class A:\n class B:\n  def m(self): pass\n def n(self): self.B(); A.B.m(1); A.B.C()\n"
    found = [(call.callee, call.kind) for call in parse(source, "python").calls]
    assert found == [("A.B", "local"), ("A.B.m", "local"), ("A.B.C", "unknown")]


def test_classes_that_inherit_from_each_other_end():
    source = "class A(B):\n    def m(self): self.x()\nclass B(A): pass\n"
    assert [call.kind for call in parse(source, "python").calls] == ["unknown"]


def test_a_long_chain_of_calls_is_read_in_time_that_its_length_explains():
    assert len(parse("x" + ".a()" * 5000, "python").calls) == 5000


def test_a_language_without_a_call_graph_is_refused_by_name():
    with pytest.raises(AnalysisError, match=re.escape("`rust` has no")):
        _ = parse("fn main() {}", "rust").calls
