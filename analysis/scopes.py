"""Names: the tree of scopes, what each defines, and every place where a name stands, bound to what it means there.

The records are the same for every language; `languages/NAME_scopes.py` makes them. Places are bytes, ends excluded.
"""

from collections.abc import Iterator


class Scope:
    """A part of a file in which names mean the same: the module, a function, a class, a block …"""

    __slots__ = ("children", "end", "kind", "name", "parent", "start", "symbols")

    def __init__(self, kind: str, name: str, start: int, end: int, parent: "Scope | None") -> None:
        # "module", "function", "lambda", "class", "comprehension", "block", "types" (type parameters, or a function's
        # type), "namespace", "name" (of a function expression, for itself alone)
        self.kind = kind
        self.name = name  # empty where it has none
        self.start, self.end = start, end  # of the node that makes it
        self.parent = parent
        self.children: list[Scope] = []
        # What is bound here, by name. Where a variable and a type, a method or a label have the same name, the key of
        # what is no variable has a mark: `name<>`, `name()`, `name:`.
        self.symbols: dict[str, Symbol] = {}
        if parent is not None:
            parent.children.append(self)

    def walk(self) -> "Iterator[Scope]":
        """This scope and all in it, outermost first, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.walk()


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


class Occurrence:
    """A place where a name stands."""

    __slots__ = ("end", "name", "role", "scope", "start", "symbol")

    def __init__(self, name: str, role: str, start: int, end: int, scope: Scope) -> None:
        self.name = name
        self.role = role  # "load", "store", "update" (read and written: `x += 1`), "delete", "declare" (`global x`)
        self.start, self.end = start, end
        self.scope = scope  # where it stands
        self.symbol: Symbol | None = None  # what it means; None for builtins and for what the file does not define


class Names:
    """All names of a file. `occurrences` is in the order of the file."""

    __slots__ = ("occurrences", "root")

    def __init__(self, root: Scope, occurrences: list[Occurrence]) -> None:
        self.root = root
        self.occurrences = occurrences
