"""What is known while a file's types are inferred, and what its scopes hold for that: variables by their symbols, what
a class's attributes are given, what functions return."""

from collections.abc import Iterable

from tree_sitter import Node

from analysis.scopes import Names, Occurrence, Scope, Symbol
from analysis.types.kinds import NEVER, NONE, UNKNOWN, Type, join
from analysis.types.view import Typed

Key = Symbol | tuple[object, ...]  # a variable, or one with the attributes that follow it
Environment = dict[Key, Type]  # what is known of variables at one place in the code

STEPS_PER_BYTE = 6  # expressions that may be worked out in all rounds; the standard library's files take up to 0.8
MOST_STEPS = 2_000_000  # about half a minute


class Loop:
    """What is known where a loop's body is left early."""

    def __init__(self) -> None:
        self.broken: Environment | None = None
        self.continued: Environment | None = None


class SpentError(Exception):
    """The file takes more work than it is worth."""


class State:
    """Tables of one file. A table's entry is what all places in the file together say, whatever the order."""

    def __init__(self, source: bytes, names: Names) -> None:
        self.source = source
        self.names = names
        self.at: dict[int, Occurrence] = {one.start: one for one in names.occurrences}
        self.declared: dict[Symbol, Type] = {}  # by annotations
        self.variables: dict[Symbol, Type] = {}
        self.attributes: dict[tuple[str, str], Type] = {}  # of a class, by its full name
        self.returns: dict[int, Type] = {}  # of a function, by where it starts
        self.given: dict[Symbol, list[Type]] = {}  # in this round
        self.attributes_given: dict[tuple[str, str], list[Type]] = {}
        self.expressions: dict[tuple[int, int], Typed] = {}
        self.bindings: dict[int, Typed] = {}  # of a name that is given a value, by where it starts
        self.last: dict[Symbol, tuple[Type, str]] = {}  # what a variable was last given, and where that is from
        # In the first round what is unknown does not count, so that `self.x += 1` does not hide that `self.x = 0`;
        # the rounds after it check that
        self.first = True
        self.pinned: set[object] = set()  # entries that never settle, and stay unknown
        self.steps = min(STEPS_PER_BYTE * (len(source) + 2000), MOST_STEPS)
        self.handlers: list[dict[Key, list[Type]]] = []  # what is given in each `try` that is being walked

    def forget(self) -> None:
        """Nothing is known after all."""
        for table in (self.variables, self.attributes, self.returns, self.expressions, self.bindings):
            table.clear()

    def step(self) -> None:
        """Counts one expression. Raises `SpentError` where the file has had its share."""
        self.steps -= 1
        if self.steps < 0:
            raise SpentError

    def symbol(self, node: Node) -> Symbol | None:
        """What a name means; None for builtins."""
        found = self.at.get(node.start_byte)
        return found.symbol if found is not None else None

    def scope(self, node: Node) -> Scope:
        """The scope that a name, or an expression that begins with one, stands in; else the module's."""
        found = self.at.get(node.start_byte)
        return found.scope if found is not None else self.names.root

    def text(self, node: Node) -> str:
        """What a node stands for in the source."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def variable(self, symbol: Symbol) -> Type:
        """What a variable may hold at any time."""
        if symbol in self.declared:
            return self.declared[symbol]
        return self.variables.get(symbol, UNKNOWN)

    def give(self, key: Key, kind: Type, environment: Environment) -> None:
        """Gives a variable, or an attribute of one, a value."""
        environment[key] = kind
        for handler in self.handlers:
            handler.setdefault(key, []).append(kind)

    def settled(self, key: object, kinds: list[Type]) -> Type:
        """A table's entry that is one of these."""
        if key in self.pinned:
            return UNKNOWN
        kind = joined([kind for kind in kinds if kind is not UNKNOWN] if self.first else kinds)
        local = isinstance(key, Symbol) and function_of(key.scope) is not None
        return kind if local or kind != NONE else UNKNOWN  # None alone stands for what comes from elsewhere

    def commit(self, symbols: Iterable[Symbol]) -> None:
        """Puts what variables were given into the table."""
        for symbol in symbols:
            kind = self.settled(symbol, self.given.get(symbol, []))
            if self.variables.get(symbol, UNKNOWN) != kind:
                self.variables[symbol] = kind


def joined(kinds: list[Type]) -> Type:
    """One of these; unknown where there is none."""
    found = join(kinds)
    return UNKNOWN if found == NEVER else found


def merge(one: Environment | None, other: Environment | None) -> Environment | None:
    """What is known where two ways meet. None is a way that nobody takes."""
    if one is None or one is other:
        return other
    if other is None:
        return one
    found: Environment = {}
    for key, kind in one.items():
        here = other.get(key)
        if here is None:
            if isinstance(key, Symbol):
                found[key] = kind
        else:
            found[key] = kind if here is kind or here == kind else join([kind, here])
    for key, kind in other.items():
        if key not in one and isinstance(key, Symbol):
            found[key] = kind
    return found


def function_of(scope: Scope) -> Scope | None:
    """The innermost function or lambda around, itself included; None outside of all."""
    found: Scope | None = scope
    while found is not None and found.kind not in ("function", "lambda"):
        found = found.parent
    return found
