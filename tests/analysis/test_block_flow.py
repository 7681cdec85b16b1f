"""Control and data flow of JavaScript, TypeScript, Go and Java: small programs by their lines; what always holds."""

import json
import random
import subprocess
import zipfile
from pathlib import Path

import pytest
from tree_sitter import Parser

from analysis import LANGUAGES, language_of, parse
from tests.analysis.flowing import assert_whole, chains, flowing
from tests.analysis.libraries import go_library, java_library
from tests.analysis.mutations import damaged
from tests.analysis.npm import installed, node

HERE = Path(__file__).parent
STATEMENTS = frozenset(  # that are one step each
    [
        "expression_statement", "return_statement", "throw_statement", "break_statement", "continue_statement",
        "lexical_declaration", "variable_declaration", "local_variable_declaration", "short_var_declaration",
        "assignment_statement", "inc_statement", "dec_statement", "send_statement", "go_statement", "defer_statement",
        "yield_statement", "goto_statement", "fallthrough_statement", "var_declaration",
    ]
)  # fmt: skip
OF_CLASSES = ("class_static_block", "static_initializer", "ambient_declaration")  # run with the class, or never
BODIES = ("class_body", "enum_body_declarations")

JUMPS = (
    b"return 1;", b"throw 1;", b"if (z) { return 1; } else { throw 2; }", b"while (true) { f(); }",
    b"for (;;) { if (z) break; g(); }", b"do { return; } while (q);", b"try { return h(); } finally { k(); }",
    b"try { throw 1; } catch { return 2; }", b"switch (q) { case 1: return; default: throw 2; }",
    b"a: { if (q) break a; return; }", b"a: for (;;) { for (;;) { break a; } }", b"do { continue; } while (false);",
    b"a: while (true) { for (;;) { if (q) continue a; r(); } }", b"try { q(); } finally { return 1; }",
    b"switch (q) { case 1: r(); break; default: return 2; }", b"do { if (q) continue; break; } while (r);",
    b"try { q(); } catch (e) { throw e; } finally { r(); }", b"x ??= y();",
)  # fmt: skip

# Source → which lines lead to which; what leaves by an exception is not shown.
JAVASCRIPT = {
    "a condition is split where it may end early": (
        """\
function f(a) {
  if (a && b()) {
    c();
  } else {
    d();
  }
  e();
}
""",
        ["1,2 true 2", "1,2 false 5", "2 true 3", "2 false 5", "3 next 7", "5 next 7", "7 next out"],
    ),
    "loops go round, and are left by `break` and `continue`": (
        """\
function f(a) {
  for (let i = 0; i < a; i++) {
    if (i) continue;
    break;
  }
  do {
    y();
  } while (z);
  while (a)
    g();
}
""",
        ["1,2 next 2", "2 true 3", "2 false 7", "3 true 3", "3 false 4", "3 continue 2", "4 break 7", "2 loop 2",
         "7 next 8", "8 true 7", "8 false 9", "9 true 10", "9 false out", "10 loop 9"],
    ),
    "a labelled `continue` leaves the inner loop, a labelled block is left by `break`": (
        """\
function f(a) {
  o: for (const x of a) {
    for (const y in x)
      continue o;
  }
  b: {
    if (a) break b;
    c();
  }
  throw a;
}
""",
        ["1,2 next 2", "2 true 2,3", "2 false 7", "2,3 next 3", "3 true 3,4", "3 false 2", "3,4 continue 2",
         "7 true 7", "7 false 8", "7 break 10", "8 next 10"],
    ),
    "the cases of a switch fall through": (
        """\
function f(a) {
  switch (a) {
    case 1:
      b();
    case 2:
      c();
      break;
    default:
      d();
  }
  switch (a) { case 3: e(); }
  g();
}
""",
        ["1,2 case 4", "1,2 case 6,7", "1,2 case 9", "4 next 6,7", "6,7 break 11", "9 next 11", "11 case 11",
         "11 false 12", "11 next 12", "12 next out"],
    ),
    "`finally` is done on every way out": (
        """\
function f(a) {
  try {
    if (a) return b();
    c();
  } catch (e) {
    d(e);
  } finally {
    g();
  }
  h();
}
""",
        ["1 next 3", "3 exception 5,6", "3 true 3", "3 false 4", "3 exception 5,6", "3 return 8", "4 exception 5,6",
         "4 next 8", "5,6 exception 8", "5,6 next 8", "8 return out", "8 next 10", "10 next out"],
    ),
    "what `?.`, `??`, `&&` and `?:` may pass over is a block where it does something": (
        """\
function f(a) {
  a?.b(
    c());
  d = a ??
    e();
  g = a && h;
  return a
    ? i()
    : j;
}
""",
        ["1,2 true 2", "1,2 false 2,4", "2 next 2,4", "2,4 true 4,6,7", "2,4 false 5", "5 next 4,6,7",
         "4,6,7 true 8", "4,6,7 false 9", "8 next 7", "9 next 7", "7 return out"],
    ),
    "an assignment with `||=` may do nothing": (
        """\
function f(a) {
  a.b ||=
    c();
  d();
}
""",
        ["1 true 2", "1 false 2,4", "2 next 2,4", "2,4 next out"],
    ),
    "declared functions are there from the beginning, generators and `await` go on": (
        """\
async function* f(a) {
  for (;;) {
    yield await g();
  }
  dead();
  function g() {
    return h();
  }
}
""",
        ["1,6 next 3", "3 loop 3", "never 5"],
    ),
}  # fmt: skip
GO = {
    "if, for and range": (
        """\
func f(a int) {
    if b := g(a); b > 0 || a > 0 {
        h()
    }
    for a < 3 {
        a++
    }
    for i, v := range x {
        use(i, v)
    }
    for {
        if a > 1 {
            break
        }
    }
}
""",
        ["1,2 true 3", "1,2 false 2", "2 true 3", "2 false 5", "3 next 5", "5 true 6", "5 false 8", "6 loop 5",
         "8 next 8", "8 true 8,9", "8 false 12", "8,9 loop 8", "12 true 13", "12 false 12", "13 break out"],
    ),
    "a switch does not fall through unless it says so": (
        """\
func f(a int) {
    switch {
    case a > 1:
        b()
        fallthrough
    case a > 2:
        c()
    default:
        d()
    }
    switch x := y.(type) {
    case int:
        g(x)
    }
}
""",
        ["1,2 case 4,5", "1,2 case 7", "1,2 case 9", "4,5 next 7", "7 next 11", "9 next 11", "11 case 13",
         "11 false out", "13 next out"],
    ),
    "select chooses one, and an empty one waits for ever": (
        """\
func f() {
    select {
    case v := <-a:
        b(v)
    case c <- 1:
    }
    select {}
    d()
}
""",
        ["1,2 case 3,4", "1,2 case 5", "3,4 next 7", "5 next 7", "never 8"],
    ),
    "labels and goto": (
        """\
func f(a int) {
again:
    a++
    if a < 9 {
        goto again
    }
outer:
    for {
        for {
            break outer
        }
    }
}
""",
        ["1 next 3,4", "3,4 true 5", "3,4 false 10", "5 goto 3,4", "10 break out"],
    ),
    "what is deferred is done on every way out, and may end a panic": (
        """\
func f(a int) (err error) {
    defer func() {
        recover()
    }()
    if a > 0 {
        return g()
    }
    panic(a)
}
""",
        ["1 next 2,5", "2,5 exception 2", "2,5 true 6,2", "2,5 false 8", "6,2 exception 2", "6,2 return out",
         "8 exception 2", "2 suppress out"],
    ),
}  # fmt: skip
JAVA = {
    "the rules of a switch do not fall through, its groups do": (
        """\
class A { int f(int a) {
  int y = switch (a) {
    case 1 -> g();
    case 2 -> {
      yield 3;
    }
    default -> throw h();
  };
  switch (a) {
    case 1: i();
    case 2: j(); break;
  }
  return y;
} }
""",
        ["1,2 case 3", "1,2 case 5", "1,2 case 7", "3 next 2,9", "5 break 2,9", "2,9 case 10", "2,9 case 11",
         "2,9 false 13", "10 next 11", "11 break 13", "13 return out"],
    ),
    "what `try` opens is closed on every way out": (
        """\
class A { int f(int a) throws E {
  try (R r = open()) {
    return r.x();
  } catch (B | C e) {
    g(e);
  } finally {
    h();
  }
  return 1;
} }
""",
        ["1 next 2", "2 exception 4", "2 next 3,2", "3,2 exception 2", "3,2 return 7", "2 exception 4",
         "4 case 4,5", "4 false 7", "4,5 exception 7", "4,5 next 7", "7 return out", "7 next 9", "9 return out"],
    ),
    "a pattern matches and its guard decides": (
        """\
class A { void f(Object a) {
  switch (a) {
    case P p when p.x() ->
      g();
    case Q q ->
      h();
    case R r ->
      i();
  }
} }
""",
        ["1,2 case 3", "1,2 case 5,6", "1,2 case 7,8", "1,2 false out", "3 true 4", "3 false nothing",
         "nothing case 5,6", "nothing case 7,8", "nothing false out", "4 next out", "5,6 next out", "7,8 next out"],
    ),
    "loops, labels, assert and synchronized": (
        """\
class A { void f(List<S> a) {
  o: for (S s : a)
    while (true)
      if (g()) continue o;
  assert a != null
    : m();
  synchronized (a) {
    b: {
      break b;
    }
  }
} }
""",
        ["1,2 next 2", "2 true 2", "2 false 5", "2 next 3", "3 true 4", "4 true 4", "4 false 3", "4 continue 2",
         "5 true 7,9", "5 false 5", "7,9 break out"],
    ),
}  # fmt: skip
CHAINS = {
    "javascript": (
        """\
function f(a, b = 1) {
  let x = a;
  if (b) {
    x = 2;
  }
  for (const k of x) {
    x = k + x;
  }
  b && (x = 3);
  return () => x + b;
}
""",
        ["a 1: 2", "b 1: 3 9 10", "x 2: 6 7 10", "x 4: 6 7 10", "k 6: 7", "x 7: 7 10", "x 9: 10"],
    ),
    "typescript": (
        """\
function f(a: T) {
  let x: number = 1;
  try {
    x = g();
  } catch (e) {
    h(x, e);
  }
  x++;
  const { y, ...z } = x;
  return y;
}
""",
        ["a 1", "x 2: 6 8", "x 4: 8", "e 5: 6", "x 8: 9", "y 9: 10", "z 9"],
    ),
    "go": (
        """\
func f(a int) (err error) {
    x, err := g()
    if x := a; x > 0 {
        err = h(x)
    }
    for i := range x {
        x += i
    }
    switch t := x.(type) {
    case int:
        use(t)
    default:
        use(t)
    }
    return err
}
""",
        ["a 1: 3", "err 1", "x 2: 6 7 9", "err 2: 15", "x 3: 3 4", "err 4: 15", "i 6: 7", "x 7: 7 9", "t 9: 11 13"],
    ),
    "java": (
        """\
class A { int f(Object a) {
  int x = 1;
  while (x < 3) {
    x = x + 1;
  }
  if (a instanceof String s && s.length() > x) return 2;
  int y = switch (x) { case 1 -> x; default -> 3; };
  Runnable r = () -> g(y);
  return y;
} }
""",
        ["a 1: 6", "x 2: 3 4 6 7 7", "x 4: 3 4 6 7 7", "s 6: 6", "y 7: 8 9", "r 8"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", JAVASCRIPT)
def test_javascript_flows(rule):
    source, expected = JAVASCRIPT[rule]
    assert sorted(flowing(source, "javascript")) == sorted(expected)
    assert sorted(flowing(source, "typescript")) == sorted(expected)


@pytest.mark.parametrize("rule", GO)
def test_go_flows(rule):
    source, expected = GO[rule]
    assert sorted(flowing(source, "go")) == sorted(expected)


@pytest.mark.parametrize("rule", JAVA)
def test_java_flows(rule):
    source, expected = JAVA[rule]
    assert sorted(flowing(source, "java", "A.f")) == sorted(expected)


@pytest.mark.parametrize("language", CHAINS)
def test_definitions_reach_their_uses(language):
    source, expected = CHAINS[language]
    assert chains(source, language, "A.f" if language == "java" else "f") == expected


def test_conditions_stand_on_edges_as_written():
    graph = parse("function f(a) { if (a > 1 && !b) c(); }", "javascript").cfg("f")
    assert [(edge.kind, edge.condition) for edge in graph.edges if edge.condition] == [
        ("true", "a > 1"), ("false", "a > 1"), ("true", "b"), ("false", "b"),
    ]  # fmt: skip


def test_two_functions_of_one_declaration_are_told_apart():
    module = parse("const a = () => 1, b = () => { g(); };", "javascript")
    assert [module.cfg(name).blocks[0].steps[-1].kind for name in ("a", "b")] == ["number", "expression_statement"]
    assert [graph.name for graph in module.flows] == ["", "a", "b"]
    assert module.cfg("a").start != module.cfg("b").start


def node_files():
    folder = installed() / "node_modules"
    yield from [folder / "acorn/dist/acorn.mjs", *sorted((folder / "zod/src/v4/core").glob("*.ts"))]


def go_files():
    library = go_library()
    folders = ("encoding/json", "go/types", "net/http/httputil")
    yield from [path for name in folders for path in sorted((library / name).glob("*.go"))]


def java_files(folder):
    with zipfile.ZipFile(java_library()) as held:
        folders = ("java.base/java/util/concurrent/C", "java.base/java/util/concurrent/locks/")
        names = [name for name in held.namelist() if name.startswith(folders)]
        yield from [Path(held.extract(name, folder)) for name in names if name.endswith(".java")]


@pytest.mark.parametrize("language", ["javascript", "go", "java"])
def test_every_statement_of_real_code_is_one_step_of_one_function(language, tmp_path, record_property):
    files = {"javascript": node_files, "go": go_files, "java": lambda: java_files(tmp_path)}[language]()
    statements = functions = 0
    for path in files:
        module = parse(path.read_bytes(), language_of(path.name))
        assert_whole(module)
        owners = {}
        for number, graph in enumerate(module.flows):
            for block in graph.blocks:
                for step in block.steps:
                    owners.setdefault((step.start, step.end, step.kind), set()).add(number)
        found = [] if module.errors else list(statements_of(module))
        for one in found:
            assert len(owners.get((one.start_byte, one.end_byte, one.type), ())) == 1, (path, one)
        if language != "javascript" and not module.errors:  # the compilers see to it that all have a value
            assert not any(flow.unbound for flow in module.dataflows), path
        names = {graph.name for graph in module.flows}
        assert names >= {function.qualified_name for function in module.syntax.functions}, path
        statements, functions = statements + len(found), functions + len(module.flows)
    record_property("statements", statements)
    record_property("functions", functions)
    assert statements > 2_000


def statements_of(module):
    pending = [Parser(LANGUAGES[module.language].language).parse(module.source).root_node]
    while pending:
        node = pending.pop()
        if node.type in OF_CLASSES or (node.type == "block" and node.parent.type in BODIES):
            continue
        inner = node.named_children
        if node.type in STATEMENTS and not (inner and inner[0].type in ("switch_expression", "internal_module")):
            yield node
        pending += inner


def with_jumps(source, chance):
    """A file with ways out put before some of its statements."""
    spots, pending = [], [Parser(LANGUAGES["javascript"].language).parse(source).root_node]
    while pending:
        one = pending.pop()
        pending += one.named_children
        if one.type in STATEMENTS and one.parent.type in ("statement_block", "switch_case", "switch_default"):
            spots.append(one.start_byte)
    mutated = bytearray(source)
    for at in sorted(chance.sample(spots, min(len(spots), 12)), reverse=True):
        mutated[at:at] = chance.choice(JUMPS) + b" "
    return bytes(mutated)


def test_what_nothing_reaches_is_what_eslint_says(tmp_path, record_property):
    """But for handlers of what cannot throw, which ESLint takes for unreachable."""
    chance = random.Random(6)
    packages = installed()
    files = []
    for place, path in enumerate(sorted((packages / "node_modules/eslint/lib/rules").glob("*.js"))[::8]):
        files.append(tmp_path / f"{place}.js")
        files[-1].write_bytes(with_jumps(path.read_bytes().decode().encode("ascii", "replace"), chance))
    argv = [node(), str(HERE / "eslint_reach.mjs"), str(packages), *map(str, files)]
    said = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    statements = dead = missed = 0
    for path, theirs in zip(files, said, strict=True):
        reached = {}
        for graph in parse(path.read_bytes(), "javascript").flows:
            for block, reachable in zip(graph.blocks, graph.reachable(), strict=True):
                for step in block.steps:
                    if step.kind in STATEMENTS:
                        reached[step.start] = reachable or reached.get(step.start, False)
        ours = {start for start, reachable in reached.items() if not reachable}
        assert ours <= set(theirs), path
        statements, dead, missed = statements + len(reached), dead + len(ours), missed + len(set(theirs) - ours)
    record_property("statements", statements)
    record_property("unreachable", dead)
    record_property("handlers of what cannot throw", missed)
    assert dead > 300
    assert missed <= dead / 100


@pytest.mark.parametrize("language", ["javascript", "tsx", "go", "java"])
def test_mutated_programs_have_a_flow_all_the_same(language):
    chance = random.Random(5)
    programs = {"javascript": JAVASCRIPT, "tsx": JAVASCRIPT, "go": GO, "java": JAVA}[language]
    source = "\n".join(source for source, _ in programs.values()).encode()
    pieces = [b"", b"(", b"}", b"{", b"\xff", b"break", b"?."]
    for _ in range(60):
        module = parse(damaged(source, chance, pieces), language)
        assert_whole(module)
        assert all(list(flow.chains()) is not None for flow in module.dataflows)


@pytest.mark.parametrize("language", ["javascript", "go", "java"])
@pytest.mark.parametrize("deep", ["if (a) {" * 2_000, "{" * 3_000, "a && (" * 3_000, "try {" * 500, "x = " * 3_000])
def test_depth_costs_no_stack(language, deep):
    around = {"javascript": "function f() {", "go": "func f() {", "java": "class A { void f() {"}[language]
    assert_whole(parse(around + deep, language))
