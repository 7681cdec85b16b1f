"""What Python's names mean, by the language's rules (https://docs.python.org/3/reference/executionmodel.html).

`Table` gathers what one scope says of its names while the tree is read; `bind` gives every name its symbol then.
"""

import unicodedata
from operator import attrgetter

from analysis.scopes import Occurrence, Scope, Symbol

START = attrgetter("start")
SEES_CLASS = ("types", "annotation")  # scopes that see the names of a class right around them
FUNCTIONS = ("function", "lambda", "comprehension")
CELL = "__class__"  # what `super()` needs: a name that a class gives to its methods alone


class Spelled(dict[bytes, tuple[str, list[Occurrence]]]):
    """What is written in a scope → the name that it is there, and where it stands."""

    __slots__ = ("private",)

    def __init__(self, private: str) -> None:
        self.private = private

    def __missing__(self, raw: bytes) -> tuple[str, list[Occurrence]]:
        name = spelled(raw)
        if self.private and name.startswith("__") and not name.endswith("__"):
            name = self.private + name
        found = self[raw] = (name, [])
        return found


class Table:
    """One scope while it is read."""

    __slots__ = ("bound", "cell", "declared", "names", "parent", "scope")

    def __init__(self, scope: Scope, parent: "Table | None", private: str) -> None:
        self.scope = scope
        self.parent = parent
        self.names = Spelled(private)
        self.bound: dict[str, str] = {}  # a name that is bound here → the kind of what it is
        self.declared: dict[str, str] = {}  # a name → "global" or "nonlocal"
        self.cell: Symbol | None = None


def spelled(raw: bytes) -> str:
    """A name as Python compares it (PEP 3131)."""
    name = raw.decode(errors="replace")
    return name if name.isascii() else unicodedata.normalize("NFKC", name)


def private_prefix(class_name: str) -> str:
    """What a class puts before its private names; empty where its name is nothing but underscores."""
    bare = class_name.lstrip("_")
    return f"_{bare}" if bare else ""


def bind(tables: list[Table]) -> None:
    """Gives every occurrence its symbol. The module's table is the first, and each follows the one around it."""
    root = tables[0].scope
    taken = _make_symbols(tables)
    again: set[Symbol] = set()  # those that are met in several scopes: their occurrences come out of order
    for table in tables:
        scope = table.scope
        meanings = scope.meanings
        for name, places in table.names.values():
            if name in meanings:  # spelled in two ways
                symbol = meanings[name]
            else:
                symbol = meanings[name] = meaning(table, name, root, taken)
            if symbol is not None:
                if symbol.occurrences:
                    again.add(symbol)
                symbol.occurrences += places
                for place in places:
                    place.symbol = symbol
        if "super" in meanings and CELL not in meanings and scope.kind in FUNCTIONS and _is_read(table, b"super"):
            meanings[CELL] = meaning(table, CELL, root, taken)
    for symbol in again:
        symbol.occurrences.sort(key=START)


def _is_read(table: Table, raw: bytes) -> bool:
    return any(place.role == "load" for place in table.names[raw][1])


def _make_symbols(tables: list[Table]) -> set[str]:
    """Makes what each scope binds. Returns the names that a scope inside can take from one that is not the module."""
    root = tables[0].scope
    taken = {CELL}
    for table in tables:
        scope = table.scope
        for name, kind in table.bound.items():
            declared = table.declared.get(name) if scope is not root else None
            if declared is None:
                if name not in scope.symbols:
                    scope.symbols[name] = Symbol(name, kind, scope)
            elif declared == "global" and name not in root.symbols:
                root.symbols[name] = Symbol(name, kind, root)
        if scope is not root and scope.kind != "class":
            taken.update(scope.symbols)
            taken.update(name for name, where in table.declared.items() if where == "global")
    return taken


def meaning(table: Table, name: str, root: Scope, taken: set[str]) -> Symbol | None:
    """What a name means that stands in a scope; None for what the file does not define."""
    scope, around = table.scope, table.parent
    declared = table.declared.get(name) if table.declared else None
    if around is None or declared == "global":
        return root.symbols.get(name)
    if declared is None and name in scope.symbols:
        return scope.symbols[name]
    if scope.kind in SEES_CLASS and around.scope.kind == "class" and name in around.scope.symbols:
        return around.scope.symbols[name]
    # Where no function around binds it, the usual case, there is nothing to look for.
    found = _around(around, name) if name in taken else None
    return found or root.symbols.get(name)


def _around(table: Table | None, name: str) -> Symbol | None:
    """A name that a function around binds; classes give theirs to nobody."""
    while table is not None and table.parent is not None:
        if table.scope.kind == "class":
            if name == CELL:
                table.cell = table.cell or Symbol(CELL, "variable", table.scope)
                return table.cell
        elif table.declared.get(name) == "global":
            return None
        elif name in table.scope.symbols:
            return table.scope.symbols[name]
        table = table.parent
    return None
