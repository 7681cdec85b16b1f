"""What binding names is in every language of nested blocks: a walk that declares and notes, then a search outwards.

A language hands in a table of what it does at which node; what is in no table is walked through. Nothing here goes
down a tree by calling itself, so depth costs no stack; broken code binds what it still says.
"""

from collections.abc import Callable, Mapping

from tree_sitter import Node, Tree

from analysis.scopes import Names, Occurrence, Scope, Symbol

# Spaces of names, for languages where a type, a method or a label may be called as a variable is.
VALUE, TYPE, METHOD, LABEL = 1, 2, 4, 8
ANY = VALUE | TYPE | METHOD
# What stands behind a name in its scope's table, where the scope calls a variable so too.
MARKS = {VALUE: "", TYPE: "<>", METHOD: "()", LABEL: ":"}

Handler = Callable[["Binder", Node, Scope], None]


class Binder:
    """One file on its way to `Names`."""

    __slots__ = (
        "_handlers", "_heirs", "_kinds", "_merges", "_noted", "_parts", "_spaces", "bases", "bodies", "inner", "root",
        "since", "source", "types", "waiting",
    )  # fmt: skip

    def __init__(self, source: bytes, handlers: Mapping[str, Handler], kinds: Mapping[str, int], merges: bool) -> None:
        """`kinds` are the spaces in which each kind of symbol is found. Where a language `merges`, equal names of one
        scope are one symbol, found in the spaces of all its declarations."""
        self.source = source
        self.root = Scope("module", "", 0, len(source), None)
        self.waiting: list[tuple[Node, Scope]] = []
        self.since: dict[Symbol, int] = {}  # from which byte on a symbol is seen, where that is not everywhere
        self.inner: dict[Scope, int] = {}  # where a function's body begins, which its parameters do not see
        self.types: dict[str, Node] = {}  # what the file's types stand for, where a language has to know
        self.bodies: dict[Symbol, Scope] = {}  # classes whose members others of the file inherit
        self.bases: dict[Scope, list[tuple[list[str], Scope]]] = {}  # what a class extends, as written, and where
        self._heirs: dict[Scope, list[Scope]] = {}
        self._parts: dict[str, list[tuple[int, int, Symbol]]] = {}
        self._handlers, self._kinds, self._merges = handlers, kinds, merges
        self._noted: list[tuple[Occurrence, int]] = []
        self._spaces: dict[Symbol, int] = {}

    def run(self, tree: Tree) -> Names:
        """Walks the tree in the order of the file, then finds what each name means."""
        handlers, waiting = self._handlers, self.waiting
        waiting.append((tree.root_node, self.root))
        while waiting:
            node, scope = waiting.pop()
            handler = handlers.get(node.type)
            if handler is not None:
                handler(self, node, scope)
            elif node.named_child_count:
                waiting.extend([(child, scope) for child in reversed(node.named_children)])
        return self._names()

    def text(self, node: Node) -> str:
        """As written; what is no UTF-8 is replaced."""
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def walk(self, *parts: tuple[Node | None, Scope]) -> None:
        """Goes on with these, in their order; what is not there is passed over."""
        self.waiting.extend([(node, scope) for node, scope in reversed(parts) if node is not None])

    def walk_all(self, nodes: list[Node], scope: Scope) -> None:
        """Goes on with these, in their order."""
        self.waiting.extend([(node, scope) for node in reversed(nodes)])

    def open(self, kind: str, node: Node, parent: Scope, name: str = "") -> Scope:
        """A new scope, as long as the node."""
        return Scope(kind, name, node.start_byte, node.end_byte, parent)

    def symbol(self, name: str, kind: str, scope: Scope, space: int = 0) -> Symbol:
        """What a scope calls so, made where it is not there; in other spaces than its kind's, where `space` says so."""
        usual = self._kinds[kind]
        space = space or usual
        key, table = name, scope.symbols
        known = table.get(key)
        if known is not None and not self._merges and not self._space(known) & space:
            if space & VALUE:
                table[name + _mark(self._space(known))] = known
                known = None
            else:
                key = name + _mark(space)
                known = table.get(key)
        if known is None:
            known = table[key] = Symbol(name, kind, scope)
            if space != usual:
                self._spaces[known] = space
        elif not self._space(known) & space:
            self._spaces[known] = self._space(known) | space
        return known

    def declare(
        self, node: Node, kind: str, scope: Scope, role: str = "store", *, at: Scope | None = None, since: int = 0
    ) -> None:
        """Binds the name in a scope; `at` is where it stands, if that is another. Seen from byte `since` on."""
        name = self.text(node)
        if not name:  # the parser put it in, where the code is broken
            return
        before = len(scope.symbols)
        symbol = self.symbol(name, kind, scope)
        if len(scope.symbols) > before:
            inner = self.inner.get(scope, 0)
            if (start := since or inner) and node.start_byte >= inner:
                self.since[symbol] = start
        self.place(symbol, role, node.start_byte, node.end_byte, at or scope)

    def place(self, symbol: Symbol, role: str, start: int, end: int, scope: Scope) -> None:
        """Notes a place of a symbol that is known already."""
        occurrence = Occurrence(symbol.name, role, start, end, scope)
        occurrence.symbol = symbol
        self._noted.append((occurrence, 0))

    def declare_in_parts(self, node: Node, kind: str, scope: Scope, parts: list[tuple[int, int]]) -> None:
        """Binds a name that is seen in these parts of the file alone; another of that name may stand beside it."""
        name = self.text(node)
        if name:
            symbol = scope.symbols[f"{name}@{node.start_byte}"] = Symbol(name, kind, scope)
            self.place(symbol, "store", node.start_byte, node.end_byte, scope)
            self._parts.setdefault(name, []).extend((start, end, symbol) for start, end in parts)

    def refer(self, node: Node, scope: Scope, role: str = "load", space: int = VALUE) -> None:
        """Notes that a name stands here, to be looked for when all is declared."""
        name = self.text(node)
        if name:
            self._noted.append((Occurrence(name, role, node.start_byte, node.end_byte, scope), space))

    def _space(self, symbol: Symbol) -> int:
        return self._spaces.get(symbol) or self._kinds[symbol.kind]

    def _names(self) -> Names:
        for scope, bases in self.bases.items():  # of outer classes first, whose members the inner ones may extend
            self._heirs[scope] = [body for path, at in bases if (body := self._body(path, at, scope.start)) is not None]
        for occurrence, space in self._noted:
            if space:
                occurrence.symbol = self._meant(occurrence, space)
        occurrences = [occurrence for occurrence, _ in self._noted]
        occurrences.sort(key=lambda one: one.start)
        for occurrence in occurrences:
            if occurrence.symbol is not None:
                occurrence.symbol.occurrences.append(occurrence)
        return Names(self.root, occurrences)

    def _meant(self, occurrence: Occurrence, space: int) -> Symbol | None:
        """Where a name may be a variable or a type, it is the variable, however far that is."""
        name, start, scope = occurrence.name, occurrence.start, occurrence.scope
        first, second = (VALUE, TYPE) if space == VALUE | TYPE and not self._merges else (space, 0)
        found = self._found(name, scope, start, first)
        if first & VALUE and name in self._parts:
            parts = [part for part in self._parts[name] if part[0] <= start < part[1]]
            if parts:
                nearest = max(parts, key=lambda part: part[0])
                if found is None or found.scope.start < nearest[0]:
                    found = nearest[2]
        return found or (self._found(name, scope, start, second) if second else None)

    def _found(self, name: str, at: Scope, start: int, space: int) -> Symbol | None:
        since = self.since
        scope: Scope | None = at
        while scope is not None:
            symbol = scope.symbols.get(name)
            if symbol is not None:
                if not self._space(symbol) & space:
                    symbol = self._marked(scope, name, space)
                if symbol is not None and since.get(symbol, 0) <= start:
                    return symbol
            if scope in self._heirs and (symbol := self._inherited(scope, name, space)) is not None:
                return symbol
            scope = scope.parent
        return None

    def _inherited(self, scope: Scope, name: str, space: int) -> Symbol | None:
        """A member of what a class extends in this file."""
        waiting, seen = list(self._heirs[scope]), {scope}
        while waiting:
            body = waiting.pop()
            if body not in seen:
                seen.add(body)
                if (symbol := self._member(body, name, space)) is not None:
                    return symbol
                waiting += self._heirs.get(body, ())
        return None

    def _body(self, path: list[str], at: Scope, start: int) -> Scope | None:
        symbol = self._found(path[0], at, start, TYPE)
        for name in path[1:]:
            body = self.bodies.get(symbol) if symbol is not None else None
            symbol = self._member(body, name, TYPE) if body is not None else None
        return self.bodies.get(symbol) if symbol is not None else None

    def _member(self, body: Scope, name: str, space: int) -> Symbol | None:
        symbol = body.symbols.get(name)
        return symbol if symbol is None or self._space(symbol) & space else self._marked(body, name, space)

    def _marked(self, scope: Scope, name: str, space: int) -> Symbol | None:
        for one, mark in MARKS.items():
            if one & space and (symbol := scope.symbols.get(name + mark)) is not None and self._space(symbol) & space:
                return symbol
        return None


def _mark(space: int) -> str:
    return MARKS[space & -space]


def field(node: Node, name: str) -> Node | None:
    """The child of that role."""
    return node.child_by_field_name(name)


def passed_over(_binder: Binder, _node: Node, _scope: Scope) -> None:
    """Nothing in it is a name that a scope binds."""
