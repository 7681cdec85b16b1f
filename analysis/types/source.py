"""What the file itself declares: what its names mean in annotations, imports, signatures of functions."""

import ast

from tree_sitter import Node

from analysis.scopes import Scope, Symbol
from analysis.types.annotations import Annotations
from analysis.types.classes import Classes
from analysis.types.declared import Alias, Class, Meaning, Value
from analysis.types.kinds import (
    ANY,
    OWN,
    UNKNOWN,
    Callable,
    Instance,
    ModuleObject,
    TypeVariable,
)
from analysis.types.state import State
from analysis.types.stubs import Typeshed, typeshed
from analysis.types.written import is_async, parsed, statement_of, yields

ALIASES = frozenset(["identifier", "attribute", "subscript", "binary_operator", "call", "string"])  # what may be a type


class Source:
    """Declarations of one file; also the `World` of its classes and the standard library's."""

    def __init__(self, state: State, root: Node) -> None:
        self.state = state
        self.root = root
        self.typeshed: Typeshed = typeshed()
        self.scopes: dict[int, Scope] = {}  # of classes and functions, by where their node starts
        self.own = Classes(self)
        self._signatures: dict[int, Callable] = {}
        self._readers: dict[int, Annotations] = {}
        self._decorators: dict[int, list[str]] = {}
        self._meanings: dict[Symbol, Meaning] = {}
        for scope in state.names.root.walk():
            if scope.kind in ("function", "class", "lambda", "comprehension"):
                self.scopes[scope.start] = scope

    # Names in annotations

    def find(self, full_name: str) -> Class | None:
        """A class by its full name."""
        return self.own.classes.get(full_name) if full_name.startswith(OWN) else self.typeshed.find(full_name)

    def reader(self, scope: Scope) -> Annotations:
        """Reads types as the names of this scope mean them."""
        key = id(scope)
        if key not in self._readers:
            self._readers[key] = Annotations(lambda name: self.meaning(name, scope), self.typeshed.meaning)
        return self._readers[key]

    def meaning(self, name: str, scope: Scope | None) -> Meaning:
        """What a name means where types are written in a scope."""
        first = scope
        while scope is not None:
            symbol = scope.symbols.get(name)
            if symbol is not None and (scope.kind != "class" or scope is first):
                return self.symbol_meaning(symbol)
            scope = scope.parent
        found = self.typeshed.meaning("builtins", name)
        if found is None:
            for module in self.stars():
                found = found or self.typeshed.meaning(module, name)
        return found

    def stars(self) -> tuple[str, ...]:
        """Modules all of whose names are imported."""
        return self.state.names.stars

    def symbol_meaning(self, symbol: Symbol) -> Meaning:
        """What a name that the file defines means."""
        if symbol not in self._meanings:
            self._meanings[symbol] = None  # a name that needs itself is not known
            self._meanings[symbol] = self._symbol_meaning(symbol)
        return self._meanings[symbol]

    def _symbol_meaning(self, symbol: Symbol) -> Meaning:
        places = [one for one in symbol.definitions if one.role in ("store", "declare")]
        for place in places:
            node = self.root.descendant_for_byte_range(place.start, place.end)
            found = self._defined(symbol, node, len(places)) if node is not None else None
            if found is not None:
                return found
        return None

    def _defined(self, symbol: Symbol, name: Node, count: int) -> Meaning:
        node = name.parent
        if symbol.kind == "type":
            return TypeVariable(symbol.name, f"{OWN}{symbol.scope.start}")
        if node is None:
            return None
        if node.type == "class_definition":
            return self.own.class_of(node)
        statement = node
        while statement.parent is not None and statement.type in ("dotted_name", "aliased_import"):
            statement = statement.parent
        if statement.type in ("import_statement", "import_from_statement"):
            return self.imported(name, statement)
        if node.type == "assignment" and node.child_by_field_name("left") == name and count == 1:
            return self._alias(symbol, node)
        if node.type == "type_alias_statement":
            written = node.child_by_field_name("right")
            return Alias(self.reader(symbol.scope).text(self.state.text(written))) if written is not None else None
        return None

    def _alias(self, symbol: Symbol, node: Node) -> Meaning:
        """What `X = int | str` or `T = TypeVar("T")` makes of a name."""
        right = node.child_by_field_name("right")
        if right is None or right.type not in ALIASES:
            return None
        reader = self.reader(symbol.scope)
        annotation = node.child_by_field_name("type")
        if annotation is not None and not self.state.text(annotation).endswith("TypeAlias"):
            return None
        written = parsed(self.state.text(right))
        if isinstance(written, ast.Call):
            return reader.variable(symbol.name, OWN, written) or self.own.made_by(right, symbol.scope)
        if isinstance(written, ast.Name | ast.Attribute):
            found = reader.named(written)
            return None if isinstance(found, Value) else found
        if isinstance(written, ast.Constant) and annotation is None:
            return None
        return reader.alias(written) if written is not None else None

    # Imports

    def imported(self, name: Node, statement: Node) -> Meaning:
        """What one name of an import statement means. `name` is where it stands, or its alias."""
        alias = name.parent if name.parent is not None and name.parent.type == "aliased_import" else None
        if alias is not None:
            dotted = alias.child_by_field_name("name")
        else:
            dotted = name.parent if name.parent is not None and name.parent.type == "dotted_name" else name
        if dotted is None:
            return None
        path = self.state.text(dotted)
        if statement.type == "import_statement":
            return ModuleObject(path if alias is not None else path.partition(".")[0])
        module = statement.child_by_field_name("module_name")
        if module is None or module.type != "dotted_name":
            return None  # relative: a sibling that is not at hand
        return self.typeshed.meaning(self.state.text(module), path)

    # Functions

    def signature(self, node: Node, scope: Scope) -> Callable:
        """A function's signature as its annotations say it; what is not said is unknown."""
        key = node.start_byte
        if key not in self._signatures:
            self._signatures[key] = self._read_signature(node, scope)
        return self._signatures[key]

    def _read_signature(self, node: Node, scope: Scope) -> Callable:
        parameters = node.child_by_field_name("parameters")
        returns = node.child_by_field_name("return_type")
        name = node.child_by_field_name("name")
        written = self.state.text(parameters) if parameters is not None else "()"
        tail = f" -> {self.state.text(returns)}" if returns is not None else ""
        body = node.child_by_field_name("body")
        generator = body is not None and yields(body, self.state.source)
        word = "async def" if is_async(node) and not generator else "def"  # an async generator is not awaited
        tree = statement_of(f"{word} {self.state.text(name) if name is not None else 'f'}{written}{tail}: ...")
        if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
            return Callable(None, UNKNOWN)
        return self.reader(scope).signature(tree)

    def decorators(self, node: Node) -> list[Node]:
        """The expressions that decorate a function or class, the innermost first."""
        around = node.parent
        if around is None or around.type != "decorated_definition":
            return []
        return [
            child.named_children[0]
            for child in reversed(around.children)
            if child.type == "decorator" and child.named_children
        ]

    def function(self, node: Node, scope: Scope) -> Callable:
        """A function with what it returns: what its annotation says, or what was found of its body."""
        signature = self.signature(node, scope)
        if node.child_by_field_name("return_type") is not None:
            return signature
        returns = self.state.returns.get(node.start_byte, UNKNOWN)
        if is_async(node) and not (isinstance(returns, Instance) and returns.name == "typing.AsyncGenerator"):
            returns = Instance("types.CoroutineType", (ANY, ANY, returns))
        return Callable(signature.parameters, returns, signature.name)

    def decorator_names(self, node: Node) -> list[str]:
        """What decorates a function, by name, the innermost first."""
        key = node.start_byte
        if key not in self._decorators:
            self._decorators[key] = [self.state.text(one).partition("(")[0] for one in self.decorators(node)]
        return self._decorators[key]
