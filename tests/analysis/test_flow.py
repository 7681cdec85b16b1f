"""Python's control flow and data flow, construct by construct: edges, what is reached, depth, broken code."""

import pytest

from analysis import Module, parse
from analysis.flow import Graph
from hone.errors import AnalysisError

# A function → its edges, from the last step of a block to the first of the next; those that leave it on an exception
# are left out. `@` is a function's end, `(…)` its parameters.
EDGES = {
    "a condition is split where it may stop": (
        "def f(v):\n if a and not b or c:\n  x\n else:\n  y\n",
        """a -true-> b | a -false-> c | b -true-> c | b -false-> x | c -true-> x | c -false-> y | x -next-> @
        y -next-> @""",
    ),
    "loops": (
        "def f(v):\n for x in y:\n  if a: break\n  if b: continue\n  c\n else:\n  d\n e\n",
        """y -next-> x in y | x in y -true-> x | x in y -false-> d | a -true-> break | a -false-> b | break -break-> e
        b -true-> continue | b -false-> c | continue -continue-> x in y | c -loop-> x in y | d -next-> e
        e -next-> @""",
    ),
    "a loop without an end": ("def f(v):\n while 1:\n  a\n", "(v) -next-> 1 | 1 -true-> a | a -loop-> 1"),
    "try": (
        "def f(v):\n try:\n  a()\n except K as e:\n  b()\n except V:\n  return\n else:\n  c()\n finally:\n  d()\n",
        """(v) -next-> a() | a() -exception-> except K as e | a() -next-> c() | c() -exception-> d() | c() -next-> d()
        except K as e -case-> e | except K as e -exception-> d() | except K as e -false-> except V
        except V -case-> return | except V -exception-> d() | except V -false-> d() | e -exception-> d()
        e -next-> d() | return -return-> d() | d() -next-> @ | d() -return-> @""",
    ),
    "with may go on after an exception": (
        "def f(v):\n with a() as b:\n  c()\n d()\n",
        """a() as b -exception-> a() as b | a() as b -next-> b | a() as b -next-> d() | a() as b -suppress-> d()
        d() -next-> @""",
    ),
    "match": (
        "def f(v):\n match a:\n  case [b, 1] if b: c\n  case _: d\n e\n",
        "[b, 1] -case-> b | [b, 1] -false-> _ | b -true-> c | b -false-> _ | _ -case-> d | c -next-> e | d -next-> e"
        " | e -next-> @",
    ),
    "assert": ("def f(v):\n assert a, b\n c\n", "a -true-> c | a -false-> assert a, b | c -next-> @"),
    "every handler of a group is asked": (
        "def f(v):\n try: a()\n except* K: b()\n except* V: c()\n else: d()\n",
        """(v) -next-> a() | a() -exception-> except* K | a() -next-> d() | except* K -case-> b()
        except* K -exception-> except* V | except* K -false-> except* V | b() -exception-> except* V
        b() -next-> except* V | except* V -case-> c() | except* V -exception-> ? | except* V -false-> ?
        c() -exception-> ? | c() -next-> ? | ? -next-> @ | d() -next-> @""",
    ),
    "an expression that stores on one side": (
        "def f(v):\n x = a if (b := c) else d\n",
        """b := c -true-> a | b := c -false-> d | a -next-> x = a if (b := c) else d
        d -next-> x = a if (b := c) else d | x = a if (b := c) else d -next-> @""",
    ),
    "a comparison that stores behind its first two": (
        "def f(v):\n if a < b < (c := d): e\n",
        """a < b -true-> c := d | a < b -false-> @ | a < b < (c := d) -true-> e | a < b < (c := d) -false-> @
        e -next-> @""",
    ),
    "a comprehension that stores": (
        "def f(v):\n x = [(b := a) for a in v if c]\n",
        """v -next-> for a in v | for a in v -true-> a | for a in v -false-> x = [(b := a) for a in v if c]
        c -true-> b := a | c -false-> for a in v | b := a -loop-> for a in v
        x = [(b := a) for a in v if c] -next-> @""",
    ),
}

# A function → what is left out of it, because nothing reaches it.
UNREACHED = {
    "def f():\n return 1\n a\n": {"a"},
    "def f():\n raise a\n b\n": {"b"},
    "def f():\n while 1:\n  a\n b\n": {"b"},
    "def f():\n while True:\n  if a: break\n b\n": set(),
    "def f():\n if 0: a\n elif not '': b\n else: c\n": {"a", "c"},
    "def f():\n if __debug__ and not None: a\n else: b\n": {"b"},
    "def f():\n if x and 0: a\n b\n": {"a"},
    "def f():\n x = 0 and a\n y = b if 1 else c\n": {"a", "c"},
    "def f():\n if -1: a\n else: b\n if (): c\n if (1, 2): d\n else: e\n if 0x0: g\n": {"b", "c", "e", "g"},
    "def f():\n assert 0\n a\n": {"a"},
    "def f():\n match a:\n  case [x]: b\n  case x | _: c\n d\n": set(),
    "def f():\n match a:\n  case (x): return\n b\n": {"b"},
    "def f():\n match a:\n  case x,: return\n b\n": set(),
    "def f():\n try: return a\n finally: return b\n c\n": {"c"},
    "def f():\n for x in y:\n  try: continue\n  finally: break\n else: a\n b\n": set(),
    "def f():\n try: raise a\n except: return\n b\n": {"b"},
    "def f():\n with a: return\n b\n": set(),
    "def f():\n for x in y: return\n else: return\n a\n": {"a"},
    "def f():\n try: pass\n except: a\n": set(),
    "def f():\n try: assert 1, b\n except: a\n": set(),
}

DEEP = {
    "parentheses": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
    "and": "if " + " and ".join(["x"] * 10_000) + ": pass",
    "calls around a walrus": "x = " + "f(" * 10_000 + "(y := 1)" + ")" * 10_000,
    "choices that store": "x = " + "a if (b := c) else " * 2_000 + "d",
    "ifs": "".join(" " * depth + f"if x{depth}:\n" for depth in range(5_000)) + " " * 5_000 + "pass\n",
    "elifs": "if a: pass\n" + "".join(f"elif x{number}: y\n" for number in range(20_000)),
    "finally in finally": "".join(" " * (2 * d) + "try: a\n" + " " * (2 * d) + "finally:\n" for d in range(200))
    + " " * 400 + "b\n",
    "lists in a case": "match x:\n case " + "[" * 2_000 + "a" + "]" * 2_000 + ": pass",
}  # fmt: skip


def graph_of(source: str, name: str | None = "f") -> tuple[Graph, Module]:
    """The flow of a function of a source."""
    module = parse(source, "python")
    return module.cfg(name), module


def said(graph: Graph, module: Module, block: int, step: int) -> str:
    """A step of a block in words."""
    if block == graph.exit:
        return "@"
    steps = graph.blocks[block].steps
    return module.text(steps[step].start, steps[step].end) if steps else "?"


@pytest.mark.parametrize("name", EDGES)
def test_edges_go_where_the_program_goes(name):
    source, expected = EDGES[name]
    graph, module = graph_of(source)
    alive = graph.reachable()
    found = {
        f"{said(graph, module, edge.source, -1)} -{edge.kind}-> {said(graph, module, edge.target, 0)}"
        for edge in graph.edges
        if edge.target != graph.raised and alive[edge.source]
    }
    assert found == {edge.strip() for line in expected.splitlines() for edge in line.split("|")}


@pytest.mark.parametrize("source", UNREACHED)
def test_what_cannot_be_reached_is_not_reached(source):
    graph, module = graph_of(source)
    alive = graph.reachable()
    texts = [
        {
            module.text(step.start, step.end)
            for block in graph.blocks
            if alive[block.index] is reached
            for step in block.steps
        }
        for reached in (False, True)
    ]
    assert {text for text in texts[0] - texts[1] if text.isalpha() and text not in ("x", "y")} == UNREACHED[source]


def test_a_jump_closes_what_it_leaves_from_the_inside_out():
    graph, module = graph_of("def f():\n with a as x, b:\n  return 1\n")
    (block,) = [block for block in graph.blocks if any(step.kind == "return_statement" for step in block.steps)]
    assert [module.text(step.start, step.end) for step in block.steps if step.kind == "with_exit"] == ["b", "a as x"]


def test_a_step_lists_its_parts_as_they_are_evaluated():
    graph, module = graph_of("@g\ndef h(a: b = c) -> d: e\nx = y = z\nx += 1\ndel x\nimport m\nq: int = r\n", None)
    parts = [[module.text(*span) for span in step.spans] for step in graph.blocks[0].steps]
    assert parts == [
        ["@g", "(a: b = c)", "d", "h"],
        ["z", "x", "y"],
        ["1", "x"],
        ["x"],
        ["import m"],
        ["r", "q", "int"],
    ]


def test_a_class_body_is_part_of_the_flow_around_it():
    module = parse("try:\n class A(b):\n  x = c()\n  def m(self): return d\nexcept E: pass\n", "python")
    assert [graph.name for graph in module.flows] == ["", "A.m"]
    kinds = [step.kind for block in module.cfg().blocks for step in block.steps]
    assert kinds[:4] == ["class_definition", "assignment", "function_definition", "class_definition"]
    assert kinds[4:] == ["except_clause", "pass_statement"]


def test_functions_are_found_by_name_and_by_record():
    module = parse("class A:\n @p\n def f(self):\n  if a: return\n @f.setter\n def f(self, v): pass\n", "python")
    first, second = module.syntax.functions
    assert [graph.start for graph in module.flows] == [0, module.cfg(first).start, module.cfg(second).start]
    assert (module.cfg("A.f").start, module.cfg("A.f").name) == (module.cfg(first).start, "A.f")
    assert module.text(module.cfg(second).start, module.cfg(second).end).startswith("def f(self, v)")


def test_what_is_not_there_is_said_in_one_line():
    module = parse("def first(): pass\n", "python")
    with pytest.raises(AnalysisError, match="there is no function `frist`; did you mean `first`"):
        module.cfg("frist")
    with pytest.raises(AnalysisError, match=r"`lua` has no control flow; those that have it are .*python"):
        parse("x = 1", "lua").cfg()


@pytest.mark.parametrize("name", DEEP)
def test_depth_does_not_matter(name):
    module = parse(DEEP[name], "python")
    blocks = sum(len(graph.blocks) for graph in module.flows)
    assert blocks >= 3
    assert sum(1 for flow in module.dataflows for _ in flow.chains()) >= 0
    assert blocks < 50_000


def test_of_broken_code_what_is_whole_is_followed():
    whole = "def f(a):\n    if a:\n        return 1\n    return 2\n"
    for broken in (
        "def g(:\n    x =\n",
        "class\n",
        "x = (\n",
        "try:\n  x\nfor\n",
        "match x:\n case\n",
        ")))\n",
        "if\n",
        "with\n",
    ):
        module = parse(broken + whole, "python")
        assert sum(1 for flow in module.dataflows for _ in flow.chains()) >= 0
        if "f" in {function.name for function in module.syntax.functions}:
            assert len(module.cfg("f").blocks) == 5


def test_every_function_that_syntax_finds_has_a_graph_in_broken_code_too():
    whole = "class A:\n def f(self, a):\n  def h(b): return b\n  return (g(a), [h])\n"
    module = parse(whole + " dg(f):\n  if a: return 1\n", "python")
    assert module.errors
    assert [graph.name for graph in module.flows] == ["", "A.f", "A.f.<locals>.h"]
    assert [len(flow.definitions) for flow in module.dataflows[1:]] == [3, 1]


def test_reaching_definitions_and_live_variables_of_a_block():
    module = parse("def f(a, b):\n x = 1\n if a:\n  x = 2\n else:\n  y = b\n return x\n", "python")
    flow = module.dataflow("f")
    blocks = [block for block in flow.graph.blocks if block.steps]
    (last,) = [block.index for block in blocks if block.steps[-1].kind == "return_statement"]
    assert " ".join(f"{one.name}{one.start}" for one in flow.reaching(last)) == "a6 b9 x14 x29 y44"
    assert [symbol.name for symbol in flow.live(last)] == ["x"]
    assert [symbol.name for symbol in flow.live(flow.graph.entry)] == []


def test_dead_stores_and_unbound_names_are_found():
    module = parse(
        "def f(a):\n x = 1\n x = a\n if a: y = x\n with a as z: w = 1\n for _ in a: q = 1\n"
        " def g(): return q\n return y, w, z, g\n",
        "python",
    )
    flow = module.dataflow("f")
    assert [(one.name, one.start) for one in flow.unused] == [("x", 11)]
    assert [one.name for one in flow.unbound] == ["y"]


def test_an_exception_leaves_with_what_held_before_each_step():
    module = parse("def f():\n try:\n  x = g()\n  x = h()\n except E:\n  return x\n", "python")
    flow = module.dataflow("f")
    (use,) = [use for definition, use in flow.chains() if definition.name == "x"]
    assert [one.start for one in flow.definitions_of(use)] == [17]  # not the second: nothing raises behind it
    assert flow.uses_of(flow.definitions_of(use)[0]) == [use]
    assert [one.start for one in flow.unbound] == [use.start]


def test_an_exception_may_come_between_two_targets():
    module = parse("def f(b):\n try:\n  a, b[a] = g()\n except E:\n  return a\n", "python")
    use = max((one for one in module.occurrences if one.name == "a"), key=lambda one: one.start)
    flow = module.dataflow("f")
    assert [one.start for one in flow.definitions_of(use)] == [18]
    assert flow.unbound == [use]
