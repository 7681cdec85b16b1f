"""Who calls whom in a file: each call bound, through the scopes, to a function or class of the file or to an import.

What the file does not define and the language does is a builtin. What is called through a value (a parameter, an
attribute of an object whose class nothing says) stays unknown.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from tree_sitter import Node, Query, QueryCursor, Tree

from analysis.languages.adapter import Adapter, text_of
from analysis.languages.calling import CALLING, Calling
from analysis.scopes import Names, Occurrence, Scope, Symbol
from analysis.syntax import Class, Function, Place, Syntax, place_of
from hone.errors import AnalysisError
from hone.records import Record

SHOWN = 60  # characters of what is called where it is no name
MOST_BASES = 20  # classes that are looked through for one method


class Call(Record, frozen=True, gc=False):
    """One call."""

    caller: str  # the qualified name of the function it stands in; empty for the module's own statements
    callee: str  # a qualified name, what an import names with the path behind it, or what is written
    kind: str  # "local": a function or class of this file, "import", "builtin", "unknown"
    place: Place


class Imported(Record, frozen=True, gc=False):
    """One name that an import binds, or, with the name `*`, all of a module's."""

    name: str
    module: str  # as written; of Python with its leading dots
    item: str  # of the module; empty for the module itself
    scope: str  # "module", or what else it is bound in
    line: int

    @property
    def target(self) -> str:
        """Module and item."""
        return _joined(self.module, self.item)


class Calls(Record, frozen=True, gc=False):
    """The calls of a file in the order of its lines, and what they are resolved by."""

    calls: tuple[Call, ...]
    imports: tuple[Imported, ...]
    bases: dict[str, tuple[str, ...]]  # of each class: its own classes by qualified name, imported ones by target


def calls_of(tree: Tree, source: bytes, adapter: Adapter, names: Names, syntax: Syntax) -> Calls:
    """The calls of a file. Raises `AnalysisError` for a language whose calls are not known."""
    calling = CALLING.get(adapter.name)
    if calling is None:
        raise AnalysisError(f"`{adapter.name}` has no call graph; those that have one are {', '.join(sorted(CALLING))}")
    resolver = _Resolver(tree, source, calling, names, syntax)
    callers = _Callers(syntax)
    found = QueryCursor(_query(adapter)).captures(tree.root_node).get("call", [])
    calls = []
    for node in sorted(found, key=lambda node: (node.start_byte, -node.end_byte)):
        field = calling.calls[node.type]
        called = node.child_by_field_name(field) if field else node
        if called is not None:
            callee, kind = resolver.resolve(called)
            calls.append(Call(callers.around(node.start_byte), callee, kind, place_of(node)))
    stars = [Imported("*", module, "*", "module", 0) for module in names.stars]
    return Calls(tuple(calls), (*resolver.imports.values(), *stars), resolver.bases)


@cache
def _query(adapter: Adapter) -> Query:
    return Query(adapter.language, "[" + " ".join(f"({kind})" for kind in CALLING[adapter.name].calls) + "] @call")


class _Callers:
    """Finds the innermost function whose body a place is in."""

    def __init__(self, syntax: Syntax) -> None:
        self._functions = sorted(syntax.functions, key=lambda one: (one.body.start, -one.body.end))
        self._starts = [one.body.start for one in self._functions]
        self._around: list[int] = []  # of each function the one it stands in, or -1
        open_ones: list[int] = []
        for number, function in enumerate(self._functions):
            while open_ones and self._functions[open_ones[-1]].body.end <= function.body.start:
                open_ones.pop()
            self._around.append(open_ones[-1] if open_ones else -1)
            open_ones.append(number)

    def around(self, at: int) -> str:
        """Its qualified name; empty for none."""
        number = bisect_right(self._starts, at) - 1
        while number >= 0 and self._functions[number].body.end <= at:
            number = self._around[number]
        return self._functions[number].qualified_name if number >= 0 else ""


class _Resolver:
    """What the expressions mean that are called in one file."""

    def __init__(self, tree: Tree, source: bytes, calling: Calling, names: Names, syntax: Syntax) -> None:
        self._root, self._source, self._calling = tree.root_node, source, calling
        self._occurrences = {one.start: one for one in names.occurrences}
        self._scopes = names.root
        self._builtins = frozenset() if names.stars else calling.builtins  # a star may bring others in their place
        self._definitions: dict[str, list[Function | Class]] = {}
        defined: list[Function | Class] = [*syntax.functions, *syntax.classes]
        for definition in defined:
            self._definitions.setdefault(definition.name, []).append(definition)
        self._functions = {one.qualified_name for one in syntax.functions}
        self._by_end = {(one.name, one.place.end): one for one in defined}
        self._meanings: dict[Symbol, str | None] = {}
        self._classes = {one.qualified_name for one in syntax.classes}
        self._receivers: dict[Scope, tuple[Symbol, str]] = {}
        self.imports = dict(self._imports(names))
        self.bases: dict[str, tuple[str, ...]] = {}
        for one in syntax.classes:
            bases = tuple(name for name, kind in map(self.resolve, self._bases(one)) if kind in ("local", "import"))
            if bases:
                self.bases.setdefault(one.qualified_name, bases)

    def resolve(self, node: Node) -> tuple[str, str]:
        """What a called expression means, and its kind."""
        root, path = self._parts(node)
        found = self._bound(root, path) if root is not None else None
        return found or (self._written(node), "unknown")

    def _parts(self, node: Node) -> tuple[Node | None, list[str]]:
        """Of `a.b.c` the node of `a`, and `b` and `c`."""
        path: list[str] = []
        at: Node | None = node
        while at is not None and (fields := self._calling.members.get(at.type)) is not None:
            name, at = at.child_by_field_name(fields[1]), at.child_by_field_name(fields[0])
            if at is None:  # of Java, where a method's name may stand alone
                return name, path[::-1]
            path.append(text_of(name))
        return at, path[::-1]

    def _written(self, node: Node) -> str:
        """What is called as it is written, on one line, shortened."""
        end = node.end_byte
        if node.type == "method_invocation" and (name := node.child_by_field_name("name")) is not None:
            end = name.end_byte
        begun = self._source[node.start_byte : min(end, node.start_byte + 4 * SHOWN)]
        text = " ".join(begun.decode(errors="replace").split())
        return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"

    def _bound(self, root: Node, path: list[str]) -> tuple[str, str] | None:
        """What `root.path` means. None where it is unknown."""
        is_super = root.type == "call" and text_of(root.child_by_field_name("function")) == "super"
        if is_super or root.type in self._calling.this or root.type in self._calling.above:
            return self._method(self._class_around(root), path, above=root.type not in self._calling.this)
        made = self._class_made(root) if path else ""
        if made:
            return self._method(made, path)
        occurrence = self._occurrences.get(root.start_byte)
        if occurrence is None or occurrence.end != root.end_byte:
            return None
        if occurrence.symbol is None:
            name = ".".join([occurrence.name, *path])
            return (name, "builtin") if name in self._builtins else None
        return self._meant(occurrence.symbol, path)

    def _meant(self, symbol: Symbol, path: list[str]) -> tuple[str, str] | None:
        """What `path` behind a symbol is."""
        if symbol.kind == "import":
            imported = next((self.imports[one.start] for one in symbol.definitions if one.start in self.imports), None)
            return (_joined(imported.target, *path), "import") if imported is not None else None
        definition = self._definition(symbol)
        if definition is None:
            owner = self._receiver(symbol) if self._calling.receiver else ""
            return (owner, "local") if owner and not path else self._method(owner, path)
        if not path:
            return definition, "local"
        return self._method(definition, path) if definition in self._classes else None

    def _class_made(self, node: Node) -> str:
        """The class of this file that `A()` or `new A()` makes an object of."""
        made = node.child_by_field_name(self._calling.calls.get(node.type) or "function")
        if made is None or made.type not in ("identifier", "type_identifier"):
            return ""
        occurrence = self._occurrences.get(made.start_byte)
        definition = self._definition(occurrence.symbol) if occurrence is not None and occurrence.symbol else None
        return definition if definition in self._classes and definition is not None else ""

    def _definition(self, symbol: Symbol) -> str | None:
        """The qualified name of the function or class that a symbol is."""
        if symbol not in self._meanings:
            self._meanings[symbol] = next(
                filter(None, (self._defined(symbol, one.start) for one in symbol.definitions)), None
            )
        return self._meanings[symbol]

    def _defined(self, symbol: Symbol, at: int) -> str | None:
        """What is defined where a symbol stands: the innermost whose name that is."""
        best: Function | Class | None = None
        for one in self._definitions.get(symbol.name, ()):
            end = one.body.start if isinstance(one, Function) else one.place.end
            inside = symbol.scope.start <= one.place.start <= at < max(end, one.place.start + 1)
            if inside and (best is None or best.place.start < one.place.start):
                best = one
        return best.qualified_name if best is not None else None

    def _receiver(self, symbol: Symbol) -> str:
        """The class whose method has this symbol as its first parameter; empty where none has."""
        scope = symbol.scope
        if symbol.kind != "parameter" or scope.kind != "function":
            return ""
        if scope not in self._receivers:
            bound = [one for one in scope.symbols.values() if one.occurrences]
            first = min(bound, key=lambda one: one.occurrences[0].start)
            method = self._by_end.get((scope.name, scope.end))
            owner = method.qualified_name.rpartition(".")[0] if method is not None else ""
            static = method is not None and b"@staticmethod" in self._source[method.place.start : scope.start]
            self._receivers[scope] = first, "" if static or owner.endswith(">") else owner
        first, owner = self._receivers[scope]
        return owner if first is symbol else ""

    def _method(self, owner: str, path: list[str], *, above: bool = False) -> tuple[str, str] | None:
        """A method of a class or of what it inherits from; `above`: not of itself. Also what is in a class in it."""
        while path and not above and f"{owner}.{path[0]}" in self._classes:
            owner, path = f"{owner}.{path[0]}", path[1:]
            if not path:
                return owner, "local"
        if not owner or len(path) > 1:
            return None
        if not path:  # `super()` in JavaScript and Java: the constructor
            base = next(iter(self.bases.get(owner, ())), None)
            return (base, "local" if base in self._classes else "import") if base is not None else None
        waiting = list(self.bases.get(owner, ())) if above else [owner]
        for _ in range(MOST_BASES):
            if not waiting:
                break
            one = waiting.pop(0)
            if f"{one}.{path[0]}" in self._functions:
                return f"{one}.{path[0]}", "local"
            if one not in self._classes and one != owner:  # imported: whoever knows its file knows whether it has it
                return f"{one}.{path[0]}", "import"
            waiting = [*self.bases.get(one, ()), *waiting]
        return None

    def _class_around(self, node: Node) -> str:
        """The innermost class that a node stands in."""
        scope: Scope | None = self._scopes
        found = ""
        while scope is not None:
            if scope.kind == "class" and (one := self._by_end.get((scope.name, scope.end))) is not None:
                found = one.qualified_name
            number = bisect_right(scope.children, node.start_byte, key=lambda inside: inside.start) - 1
            inner = scope.children[number] if number >= 0 else None
            scope = inner if inner is not None and node.end_byte <= inner.end else None
        return found

    def _bases(self, one: Class) -> list[Node]:
        node = self._root.descendant_for_byte_range(one.place.start, one.place.end)
        while node is not None and (inner := node.child_by_field_name("definition")) is not None:  # below decorators
            node = inner
        return self._calling.bases(node) if node is not None else []

    def _imports(self, names: Names) -> Iterator[tuple[int, Imported]]:
        for occurrence in names.occurrences:
            if occurrence.symbol is not None and occurrence.symbol.kind == "import" and occurrence.role == "store":
                imported = self._imported(occurrence)
                if imported is not None:
                    yield occurrence.start, imported

    def _imported(self, occurrence: Occurrence) -> Imported | None:
        node = self._root.descendant_for_byte_range(occurrence.start, occurrence.end)
        found = self._calling.imported(node) if node is not None else None
        if node is None or found is None:
            return None
        return Imported(occurrence.name, *found, occurrence.scope.kind, node.start_point.row + 1)


def _joined(module: str, *path: str) -> str:
    """`a.b`, and `.b` of `.` and `b`."""
    parts = [part for part in path if part]
    return ".".join([module, *parts]) if not module.endswith(".") else module + ".".join(parts)
