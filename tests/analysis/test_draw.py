"""Control flow as DOT that a person can read, and as SVG where graphviz is there."""

import shutil

import pytest

from analysis import parse
from analysis.draw import digraph, dot_of, short, svg_of
from hone.errors import AnalysisError

SOURCE = """
def f(queue, log):
    try:
        for job in queue:
            match job:
                case {"kind": "stop" | "<end> & \\"\\\\n\\""}:
                    return 1
                case [first, *rest] if first:
                    while rest:
                        rest = rest[1:]
                        if not rest: break
    except (KeyError, ValueError) as error:
        log(error, "a long line that goes on and on, and on, and on, until nobody wants to read it any more")
    finally:
        log()
    return 2
    never()
"""


def drawing(source: str = SOURCE, name: str | None = "f") -> str:
    """The DOT text of a function."""
    module = parse(source, "python")
    return dot_of(module.cfg(name), module)


def test_blocks_show_their_lines_and_what_they_do():
    dot = drawing()
    assert '"4: for job in queue\\l"' in dot
    assert '"8: bind first, rest\\l8: first ?\\l"' in dot
    assert "(finally, on return)\\l15: log()\\l" in dot
    assert "12: as error\\l" in dot
    assert "\\l12: forget error\\l" in dot


def test_edges_say_why_they_are_taken():
    dot = drawing()
    for label in ('"true"', '"false"', '"break"', '"return"', '"exception"', '"case: [first, *rest]"'):
        assert f"label={label}" in dot
    assert all("dashed" in line for line in dot.splitlines() if 'label="exception"' in line)
    assert any("bold" in line for line in dot.splitlines() if "->" in line)  # back to a loop's head


def test_ends_are_marked_and_what_is_not_reached_looks_so():
    dot = drawing()
    for label in ("f", "returns", "raises"):
        assert f'label="{label}"' in dot or f'label="{label}",' in dot
    (never,) = [line for line in dot.splitlines() if "never()" in line]
    assert 'style="dashed"' in never


def test_exceptions_that_nothing_catches_are_not_drawn():
    assert "raises" not in drawing("def f(a):\n b()\n if a: c()\n d()\n")
    assert "raises" in drawing("def f(a):\n if a: raise b\n")


def test_whatever_stands_in_a_label_stays_in_it():
    dot = digraph('a "title"\\', [("n", {"label": 'x "y" \\n & &lt; \0\x1b é\n'})], [("n", "n", {})])
    assert 'label="x \\"y\\" \\\\n &amp; &amp;lt; \ufffd\ufffd é\\l"' in dot
    assert dot.startswith('digraph "a \\"title\\"\\\\" {')


def test_long_lines_are_shortened():
    assert short("a" * 200) == "a" * 63 + "…"
    assert short("a  b\n\tc") == "a b c"
    assert max(len(line) for line in drawing().splitlines()) < 250


def test_a_module_is_drawn_under_its_own_name():
    assert drawing("x = 1\n", None).startswith('digraph "module" {')


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_draws_it():
    svg = svg_of(drawing())
    assert svg.startswith(b"<?xml")
    assert svg.count(b'class="node"') > 10
    assert "“kind”".encode() not in svg
    with pytest.raises(AnalysisError, match="`dot` failed"):
        svg_of("digraph {")


def test_without_graphviz_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalysisError, match="install graphviz"):
        svg_of(drawing())


def test_a_graph_that_takes_too_long_is_given_up(monkeypatch, tmp_path):
    slow = tmp_path / "dot"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalysisError, match=r"did not finish within 0\.2 s"):
        svg_of(drawing(), timeout_s=0.2)
