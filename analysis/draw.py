"""Graphs as a person reads them: DOT text, and SVG through graphviz' `dot`. What is in a graph is not decided here."""

import re
import subprocess
from collections.abc import Iterable

from analysis.flow import Block, Edge, Graph, Step
from analysis.module import Module
from hone.errors import AnalysisError

WIDEST = 64  # characters of a line
MOST_LINES = 30  # of a block
TIMEOUT_S = 60.0

Look = dict[str, str]  # attributes of a node or an edge

_WORDS = {  # what stands before a step's text, where the text alone does not say what is done
    "for_statement": "for ",
    "for_in_statement": "for ",
    "enhanced_for_statement": "for ",
    "case_clause": "case ",
    "match_statement": "match ",
    "with_item": "with ",
    "as_pattern_target": "as ",
    "with_exit": "leave with ",
    "unbind": "forget ",
    "target": "take next ",
    "caught": "as ",
    "close": "close ",
    "deferred": "do ",
    "case_pattern": "bind ",
}
_WAYS, _CASE, _FALSE, _CAUGHT, _BACK, _BREAK = "#444444", "#1a7f37", "#b35900", "#b3261e", "#1f5fbf", "#6b3fa0"
_COLOURS = {
    "true": _CASE, "case": _CASE, "false": _FALSE, "exception": _CAUGHT, "suppress": _CAUGHT, "loop": _BACK,
    "continue": _BACK, "break": _BREAK,
}  # fmt: skip
_ROUND: Look = {"shape": "oval", "style": "filled"}
_ENTRY: Look = _ROUND | {"fillcolor": "#e8f0fe"}
_RETURNS: Look = _ROUND | {"label": "returns", "fillcolor": "#e6f4ea"}
_RAISES: Look = _ROUND | {"label": "raises", "fillcolor": "#fce8e6"}
_UNREACHABLE: Look = {"style": "dashed", "color": "#999999", "fontcolor": "#777777"}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def dot_of(graph: Graph, module: Module) -> str:
    """The control flow of a function of a module, in DOT.

    Exceptional ways are dashed. Those that any step may take out of the function, and nothing in it catches, are left
    out: they would lead from almost every block to the same place.
    """
    leaves = {edge.source for edge in graph.edges if edge.kind not in ("exception", "suppress")}
    drawn = [
        edge
        for edge in graph.edges
        if edge.kind != "exception" or edge.target != graph.raised or edge.source not in leaves
    ]
    nodes = [("entry", _ENTRY | {"label": graph.name or "module"})]
    nodes += _blocks(graph, module, {edge.target for edge in drawn})
    edges: list[tuple[str, str, Look]] = [("entry", f"b{graph.entry}", {})]
    edges += [(f"b{edge.source}", f"b{edge.target}", _look(edge)) for edge in drawn]
    return digraph(graph.name or "module", nodes, edges)


def digraph(title: str, nodes: Iterable[tuple[str, Look]], edges: Iterable[tuple[str, str, Look]]) -> str:
    """DOT text of any graph. Labels are plain text; a line of a label that ends in a line feed stands to the left."""
    lines = [f"digraph {_quoted(title)} {{"]
    lines.append('  node [shape=box, fontname="monospace", fontsize=10, style=rounded];')
    lines.append('  edge [fontname="sans-serif", fontsize=9];')
    lines += [f"  {_quoted(name)}{_attributes(look)};" for name, look in nodes]
    lines += [f"  {_quoted(source)} -> {_quoted(target)}{_attributes(look)};" for source, target, look in edges]
    return "\n".join([*lines, "}", ""])


def svg_of(dot: str, *, timeout_s: float = TIMEOUT_S) -> bytes:
    """The picture of DOT text. Raises `AnalysisError` where graphviz is missing, fails, or takes too long."""
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"], input=dot.encode(errors="replace"), capture_output=True, timeout=timeout_s, check=True
        )
    except FileNotFoundError:
        raise AnalysisError("there is no `dot` on this machine; install graphviz") from None
    except subprocess.TimeoutExpired:
        raise AnalysisError(f"`dot` did not finish within {timeout_s:g} s; draw a smaller function") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines()
        raise AnalysisError(f"`dot` failed: {reason[-1] if reason else error.returncode}") from None
    return done.stdout


def _blocks(graph: Graph, module: Module, led_to: set[int]) -> list[tuple[str, Look]]:
    deciding = {edge.source for edge in graph.edges if edge.kind in ("true", "false")}
    reachable = graph.reachable()
    found = []
    for block in graph.blocks:
        look: Look
        if block.index == graph.exit:
            look = _RETURNS
        elif block.index == graph.raised:
            look = _RAISES
        else:
            look = {"label": _label(block, module, decides=block.index in deciding)}
            if not reachable[block.index]:
                look = look | _UNREACHABLE
        if block.index in led_to or block.index not in (graph.exit, graph.raised):
            found.append((f"b{block.index}", look))
    return found


def _label(block: Block, module: Module, *, decides: bool) -> str:
    told = [f"{module.line_of(step.start)}: {said(step, module)}" for step in block.steps]
    if decides and block.steps and block.steps[-1].kind not in _WORDS and block.steps[-1].kind != "except_clause":
        told[-1] += " ?"
    if len(told) > MOST_LINES:
        told = [*told[: MOST_LINES - 2], f"… {len(told) - MOST_LINES + 1} more", told[-1]]
    if block.note:
        told.insert(0, f"({block.note})")
    return "".join(line + "\n" for line in told)


def said(step: Step, module: Module) -> str:
    """What a step does, on one line."""
    text = module.text(step.start, step.end)
    if step.kind == "case_pattern":  # what it binds stands apart in it
        text = ", ".join(module.text(*span) for span in step.spans)
    return short(_WORDS.get(step.kind, "") + (text or step.kind.removesuffix("_statement")))


def _look(edge: Edge) -> Look:
    label = edge.condition and f"{edge.kind}: {short(edge.condition, WIDEST // 2)}"
    if edge.kind in ("true", "false"):
        label = edge.kind  # what is asked stands in the block
    elif edge.kind != "next" and not label:
        label = edge.kind
    colour = _COLOURS.get(edge.kind, _WAYS)
    look = {"color": colour, "fontcolor": colour} | ({"label": label} if label else {})
    if edge.kind in ("exception", "suppress"):
        look["style"] = "dashed"
    elif edge.target <= edge.source:
        look["style"] = "bold"
    return look


def short(text: str, widest: int = WIDEST) -> str:
    """A text on one line, with an ellipsis in place of what is too long."""
    line = " ".join(text[: 4 * widest].split())
    return line if len(line) <= widest and len(text) <= 4 * widest else line[: widest - 1] + "…"


def _attributes(look: Look) -> str:
    return f" [{', '.join(f'{name}={_quoted(value)}' for name, value in look.items())}]" if look else ""


def _quoted(text: str) -> str:
    """A string of DOT, in which graphviz would also follow HTML's entities."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\l")
    return '"' + _UNPRINTABLE.sub("\ufffd", text) + '"'
