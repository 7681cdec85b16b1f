"""Names: the tree of scopes, what each defines, and every place where a name stands, bound to what it means there.

The records are the same for every language; `languages/NAME_scopes.py` makes them. Places are bytes, ends excluded.
"""

from collections.abc import Iterator

import msgspec


class Scope:
    """A part of a file in which names mean the same: the module, a function, a class, a block …"""

    __slots__ = ("children", "end", "kind", "meanings", "name", "parent", "start", "symbols")

    def __init__(self, kind: str, name: str, start: int, end: int, parent: "Scope | None") -> None:
        # "module", "function", "lambda", "class", "comprehension", "block", "types" (type parameters, a type alias,
        # or a function's type), "namespace", "name" (of a function expression, for itself alone), "annotation" (where
        # annotations are never evaluated: Python's `from __future__ import annotations`)
        self.kind = kind
        self.name = name  # empty where it has none
        self.start, self.end = start, end  # of the node that makes it
        self.parent = parent
        self.children: list[Scope] = []
        # What is bound here, by name. Where a variable and a type, a method or a label have the same name, the key of
        # what is no variable has a mark: `name<>`, `name()`, `name:`; that of an `instanceof` has its place, `name@12`.
        self.symbols: dict[str, Symbol] = {}
        self.meanings: dict[str, Symbol | None] = {}  # of the names that stand here; None as in `Occurrence.symbol`
        if parent is not None:
            parent.children.append(self)

    def walk(self, *, evaluated: bool = False) -> "Iterator[Scope]":
        """This scope and all in it, outermost first, in the order of the file; `evaluated`: but for annotations."""
        waiting = [self]
        while waiting:
            scope = waiting.pop()
            yield scope
            inner = scope.children
            if evaluated:
                inner = [one for one in inner if one.kind != "annotation"]
            waiting += reversed(inner)

    def locals(self) -> set[str]:
        """Names that are bound here."""
        return set(self.symbols)

    def globals(self) -> set[str]:
        """Names that stand here and mean the module's, a builtin, or nothing that the file defines."""
        return {name for name, symbol in self.meanings.items() if symbol is None or symbol.scope.parent is None}

    def frees(self) -> set[str]:
        """Names that it, or a scope in it, takes from a function around it."""
        inside: set[Scope] = set()
        found: set[str] = set()
        for scope in self.walk(evaluated=True):
            inside.add(scope)
            found.update(symbol.name for symbol in scope.captures() if symbol.scope not in inside)
        return found

    def cells(self) -> set[str]:
        """Names that are bound here and taken by a scope in it."""
        inner = self.walk(evaluated=True)
        next(inner)
        return {symbol.name for scope in inner for symbol in scope.captures() if symbol.scope is self}

    def captures(self) -> "Iterator[Symbol]":
        """What the names that stand here mean in functions: no globals, and not what a class binds."""
        for symbol in self.meanings.values():
            if symbol is None or symbol.scope.parent is None:
                continue
            if symbol.scope.kind != "class" or symbol.scope.symbols.get(symbol.name) is not symbol:
                yield symbol


class Symbol:
    """One thing that has a name, in the scope that binds it."""

    __slots__ = ("kind", "name", "occurrences", "scope")

    def __init__(self, name: str, kind: str, scope: Scope) -> None:
        self.name = name
        self.kind = kind  # "variable", "parameter", "function", "class", "import", "type", "namespace", "label"
        self.scope = scope
        self.occurrences: list[Occurrence] = []  # definitions and references, in the order of the file

    @property
    def definitions(self) -> "list[Occurrence]":
        """Where it gets a value or is declared."""
        return [one for one in self.occurrences if one.role != "load"]

    @property
    def references(self) -> "list[Occurrence]":
        """Where it is read."""
        return [one for one in self.occurrences if one.role == "load"]


class Occurrence(msgspec.Struct, eq=False):
    """A place where a name stands."""

    name: str  # as the language means it: in a Python class, `__x` is `_Class__x`
    # "load", "store", "update" (read and written: `x += 1`), "delete", "declare" (`global x`, `x: int`)
    role: str
    start: int
    end: int
    scope: Scope  # where it stands
    symbol: Symbol | None = None  # what it means; None for builtins and for what the file does not define


class Names:
    """All names of a file. `occurrences` is in the order of the file."""

    __slots__ = ("occurrences", "root", "stars")

    def __init__(self, root: Scope, occurrences: list[Occurrence], stars: tuple[str, ...] = ()) -> None:
        self.root = root
        self.occurrences = occurrences
        self.stars = stars  # modules all of whose names are imported, as written: a name without a symbol may be theirs
