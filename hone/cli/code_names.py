"""`hone code symbols` and `hone code types`: what a file's names are, where they are used, and of which types."""

from typing import TYPE_CHECKING

import typer

from hone.cli.code_given import (
    FileArgument,
    FunctionOption,
    JsonOption,
    LanguageOption,
    find_function,
    print_json,
    read_module,
)

if TYPE_CHECKING:
    from analysis import Module
    from analysis.scopes import Scope, Symbol
    from analysis.syntax import Function

MOST_LINES = 6  # of uses, that are shown of one name
WIDEST_TYPE = 160  # characters

app = typer.Typer()


@app.command()
def symbols(
    file: FileArgument, function: FunctionOption = "", language: LanguageOption = "", as_json: JsonOption = False
) -> None:
    """List the names that a file defines, scope by scope, with the lines where each is defined and used.

    Example: hone code symbols analysis/module.py --function Module.cfg
    """
    module = read_module(file, language)
    chosen = find_function(module, function)
    scopes = [one for one in module.scopes.walk() if _within(chosen, one.start, one.end)]
    if as_json:
        print_json({"language": module.language, "scopes": [_scope(one, module) for one in scopes]})
        return
    for scope in scopes:
        depth = _depth(scope)
        where = "" if scope.parent is None else f"  line {module.line_of(scope.start)}"
        print(f"{'  ' * depth}{scope.kind}{f' {scope.name}' if scope.name else ''}{where}")
        for symbol in scope.symbols.values():
            if symbol.occurrences:
                print(f"{'  ' * depth}  {_symbol_line(symbol, module)}")


@app.command()
def types(
    file: FileArgument, function: FunctionOption = "", language: LanguageOption = "", as_json: JsonOption = False
) -> None:
    """List the types of names and of what functions return, as far as they are known, and where each comes from.

    Example: hone code types analysis/module.py --function Module.cfg
    """
    from analysis.draw import short

    module = read_module(file, language)
    chosen = find_function(module, function)
    names = [one for one in module.types.names if _within(chosen, one.place.start, one.place.end)]
    returns = [one for one in module.types.returns if _within(chosen, one.place.start, one.place.end)]
    if as_json:
        print_json({"language": module.language, "names": names, "returns": returns})
        return
    for one in sorted(names, key=lambda one: one.place.start):
        name = f"{one.scope}.{one.name}" if one.scope else one.name
        source = f"  ({one.source})" if one.source else ""
        print(f"{one.place.first_line:>6}  {name}: {short(one.type, WIDEST_TYPE)}{source}")
    for given in returns:
        source = f"  ({given.source})" if given.source else ""
        print(f"{given.place.first_line:>6}  {given.function} returns {short(given.type, WIDEST_TYPE)}{source}")
    kinds = [one.type for one in names] + [given.type for given in returns]
    known = sum(kind != "unknown" for kind in kinds)
    print(f"{known:,} of {len(kinds):,} are known")


def _within(function: "Function | None", start: int, end: int) -> bool:
    """Whether a part of the file is shown: all of it, where no function was chosen."""
    return function is None or (function.place.start <= start and end <= function.place.end)


def _depth(scope: "Scope") -> int:
    depth = 0
    while scope.parent is not None:
        scope, depth = scope.parent, depth + 1
    return depth


def _symbol_line(symbol: "Symbol", module: "Module") -> str:
    defined = _listed([module.line_of(one.start) for one in symbol.definitions if one.role != "delete"])
    deleted = _listed([module.line_of(one.start) for one in symbol.definitions if one.role == "delete"])
    used = _listed([module.line_of(one.start) for one in symbol.references])
    parts = [
        f"defined at {defined}" if defined else "",
        f"used at {used}" if used else "never used",
        f"deleted at {deleted}" if deleted else "",
    ]
    return f"{symbol.kind} {symbol.name}: {', '.join(part for part in parts if part)}"


def _listed(numbers: list[int]) -> str:
    """Lines, each once."""
    lines = list(dict.fromkeys(numbers))
    more = f" and {len(lines) - MOST_LINES} more" if len(lines) > MOST_LINES else ""
    return " ".join(str(line) for line in lines[:MOST_LINES]) + more


def _scope(scope: "Scope", module: "Module") -> dict[str, object]:
    return {
        "kind": scope.kind,
        "name": scope.name,
        "start": scope.start,
        "end": scope.end,
        "line": module.line_of(scope.start),
        "depth": _depth(scope),
        "symbols": [
            {
                "name": symbol.name,
                "kind": symbol.kind,
                "occurrences": [
                    {"role": one.role, "start": one.start, "end": one.end, "line": module.line_of(one.start)}
                    for one in symbol.occurrences
                ],
            }
            for symbol in scope.symbols.values()
        ],
    }
