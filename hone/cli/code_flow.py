"""`hone code cfg` and `hone code dataflow`: the ways through a function, and the way of values in it."""

from typing import TYPE_CHECKING

import typer

from hone.cli.code_given import (
    DotOption,
    FileArgument,
    FunctionOption,
    JsonOption,
    LanguageOption,
    OutputOption,
    SvgOption,
    counted,
    draw,
    find_function,
    print_json,
    read_module,
    wants_picture,
)

if TYPE_CHECKING:
    from analysis import Module
    from analysis.flow import Edge, Graph
    from analysis.scopes import Occurrence

app = typer.Typer()


@app.command()
def cfg(
    file: FileArgument,
    *,
    function: FunctionOption = "",
    dot: DotOption = False,
    svg: SvgOption = False,
    output: OutputOption = None,
    language: LanguageOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show the control flow of a function, or without --function of the file's own statements, as text or as a picture.

    Example: hone code cfg analysis/module.py --function Module.cfg --svg -o cfg.svg
    """
    from analysis.draw import dot_of

    picture = wants_picture(dot=dot, svg=svg, output=output, as_json=as_json)
    module = read_module(file, language)
    graph = module.cfg(find_function(module, function))
    if picture:
        draw(dot_of(graph, module), svg=svg, output=output)
    elif as_json:
        print_json(_graph(graph, module))
    else:
        _tell(graph, module)


@app.command()
def dataflow(
    file: FileArgument, function: FunctionOption = "", language: LanguageOption = "", as_json: JsonOption = False
) -> None:
    """Show where the values of a function's names go: each definition with its uses, and what looks wrong.

    Example: hone code dataflow analysis/module.py --function Module.cfg
    """
    module = read_module(file, language)
    flow = module.dataflow(find_function(module, function))
    definitions = sorted(flow.definitions, key=lambda one: one.start)
    if as_json:
        blocks = range(len(flow.graph.blocks))
        print_json(
            {
                "function": flow.graph.name,
                "definitions": [
                    _named(one, module) | {"uses": [_named(use, module) for use in flow.uses_of(one)]}
                    for one in definitions
                ],
                "unused": [_named(one, module) for one in flow.unused],
                "unbound": [_named(one, module) for one in flow.unbound],
                "live": {str(number): [symbol.name for symbol in flow.live(number)] for number in blocks},
                "reaching": {str(number): [_named(one, module) for one in flow.reaching(number)] for number in blocks},
            }
        )
        return
    print(f"{flow.graph.name or 'module'}: {counted(len(definitions), 'definition', 'definitions')}")
    for one in definitions:
        used = " ".join(str(line) for line in sorted({module.line_of(use.start) for use in flow.uses_of(one)}))
        print(f"{module.line_of(one.start):>6}  {one.name}" + (f" → {used}" if used else ""))
    for one in flow.unused:
        print(f"line {module.line_of(one.start)}: the value of `{one.name}` is never used")
    for one in flow.unbound:
        print(f"line {module.line_of(one.start)}: `{one.name}` may have no value")


def _tell(graph: "Graph", module: "Module") -> None:
    """One block after the other, each with the ways that lead on. That it may raise is left out."""
    from analysis.draw import said, short

    reachable = graph.reachable()
    names = {graph.exit: "returns", graph.raised: "raises"}
    shown = [block for block in graph.blocks if block.index not in names]
    leading: dict[int, list[Edge]] = {block.index: [] for block in graph.blocks}
    for edge in graph.edges:
        leading[edge.source].append(edge)
    print(f"{graph.name or 'module'}: {counted(len(shown), 'block', 'blocks')}; it begins at {graph.entry}")
    for block in shown:
        notes = [block.note] if block.note else []
        if not reachable[block.index]:
            notes.append("unreachable")
        print(f"block {block.index}" + (f" ({', '.join(notes)})" if notes else ""))
        for step in block.steps:
            print(f"  {module.line_of(step.start):>5}  {said(step, module)}")
        ways = leading[block.index]
        others = [edge for edge in ways if edge.kind != "exception" or edge.target != graph.raised]
        for edge in others or ways:
            asked = f" ({short(edge.condition, 40)})" if edge.condition and edge.kind not in ("true", "false") else ""
            print(f"         {edge.kind} → {names.get(edge.target, edge.target)}{asked}")


def _graph(graph: "Graph", module: "Module") -> dict[str, object]:
    reachable = graph.reachable()
    return {
        "function": graph.name,
        "entry": graph.entry,
        "exit": graph.exit,
        "raised": graph.raised,
        "blocks": [
            {
                "index": block.index,
                "note": block.note,
                "reachable": reachable[block.index],
                "steps": [
                    {
                        "kind": step.kind,
                        "start": step.start,
                        "end": step.end,
                        "line": module.line_of(step.start),
                        "text": module.text(step.start, step.end),
                    }
                    for step in block.steps
                ],
            }
            for block in graph.blocks
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, "kind": edge.kind, "condition": edge.condition}
            for edge in graph.edges
        ],
    }


def _named(one: "Occurrence", module: "Module") -> dict[str, object]:
    return {"name": one.name, "start": one.start, "end": one.end, "line": module.line_of(one.start)}
