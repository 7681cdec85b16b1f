"""`hone code calls`: who calls whom, in a file or in a whole folder."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hone.cli.code_given import (
    DotOption,
    FunctionOption,
    JsonOption,
    LanguageOption,
    OutputOption,
    PathArgument,
    SvgOption,
    cache_of,
    counted,
    draw,
    find_function,
    folder_given,
    print_json,
    read_module,
    refuse_language,
    wants_picture,
)
from hone.errors import AnalysisError

if TYPE_CHECKING:
    from analysis import Project
    from analysis.repository import ProjectCall

app = typer.Typer()

OWN = "the module itself"
DRAWN = ("local", "project", "import")  # kinds of call; of `print` and `len` a picture would be full
MARKS = {"unknown": " ?", "builtin": "  (builtin)"}
Edge = tuple[str, str, str, int]  # caller, callee, kind, line


@app.command()
def calls(
    path: PathArgument,
    *,
    function: FunctionOption = "",
    dot: DotOption = False,
    svg: SvgOption = False,
    output: OutputOption = None,
    language: LanguageOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show who calls whom. With --function, the calls of that function and those that call it.

    Of a folder: the calls through the whole repository; its picture shows the files.

    Example: hone code calls analysis --function parse
    """
    picture = wants_picture(dot=dot, svg=svg, output=output, as_json=as_json)
    if folder_given(path):
        refuse_language(language)
        _of_folder(Path(path), function, picture=picture, svg=svg, output=output, as_json=as_json)
        return
    module = read_module(path, language)
    chosen = find_function(module, function)
    found = module.calls
    if chosen is not None:
        name = chosen.qualified_name
        found = tuple(call for call in found if name in (call.caller, call.callee))
    if picture:
        edges = Counter((call.caller or OWN, call.callee, call.kind) for call in found if call.kind in DRAWN)
        draw(_dot(path, edges), svg=svg, output=output)
    elif as_json:
        print_json({"language": module.language, "calls": list(found), "imports": list(module.imports)})
    else:
        _tell((call.caller or OWN, call.callee, call.kind, call.place.first_line) for call in found)


def _of_folder(root: Path, function: str, *, picture: bool, svg: bool, output: Path | None, as_json: bool) -> None:
    found = _project(root)
    listed = found.calls
    if function:
        listed = tuple(call for call in listed if _concerns(call, function))
        if not listed:
            raise AnalysisError(
                f"nothing in `{root}` calls `{function}` or is called by it; `hone code outline` lists names"
            )
    if picture and function:
        named = Counter((_caller(call), _callee(call), call.kind) for call in listed if call.kind in DRAWN)
        draw(_dot(str(root), named), svg=svg, output=output)
    elif picture:
        between = Counter((call.path, call.target, "project") for call in listed if call.kind == "project")
        draw(_dot(str(root), between), svg=svg, output=output)
    elif as_json:
        print_json(
            {
                "files": [
                    {"path": one.path, "language": one.language, "module": one.module, "errors": list(one.facts.errors)}
                    for one in found.files
                ],
                "skipped": list(found.skipped),
                "calls": list(listed),
                "dependencies": list(found.dependencies),
            }
        )
    else:
        for one in found.skipped:
            print(f"skipped {one.path}: {one.reason}")
        _tell((_caller(call), _callee(call), call.kind, call.line) for call in listed)


def _project(root: Path) -> "Project":
    from analysis import project
    from analysis.repository import FileFacts

    with cache_of("facts.db", FileFacts) as cache:
        return project(root, cache=cache)


def _concerns(call: "ProjectCall", function: str) -> bool:
    return any(name == function or name.endswith(f".{function}") for name in (call.caller, call.callee))


def _caller(call: "ProjectCall") -> str:
    return f"{call.path}: {call.caller or OWN}"


def _callee(call: "ProjectCall") -> str:
    return f"{call.target}: {call.callee}" if call.target else call.callee


def _tell(edges: Iterable[Edge]) -> None:
    """Callers with what each calls; what is unknown, and what is the language's own, has a mark."""
    kinds: Counter[str] = Counter()
    for caller, group in groupby(sorted(edges, key=lambda edge: (edge[0], edge[3])), key=lambda edge: edge[0]):
        print(caller)
        for _, callee, kind, line in group:
            kinds[kind] += 1
            print(f"{line:>8}  {callee}" + MARKS.get(kind, ""))
    said = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
    print(counted(kinds.total(), "call", "calls") + (f": {said}" if said else ""))


def _dot(title: str, edges: "Counter[tuple[str, str, str]]") -> str:
    from analysis.draw import digraph

    outside = {callee for _, callee, kind in edges if kind == "import"}
    names = dict.fromkeys(name for caller, callee, _ in edges for name in (caller, callee))
    nodes = [(name, {"style": "dashed", "color": "#999999"} if name in outside else {}) for name in names]
    lines = [
        (caller, callee, {"label": str(number)} if number > 1 else {}) for (caller, callee, _), number in edges.items()
    ]
    return digraph(title, nodes, lines)
