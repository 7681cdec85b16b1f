"""What the file itself declares: imports, classes, functions and their signatures, and what names mean in annotations."""

import ast
import warnings

from tree_sitter import Node

from analysis.scopes import Scope, Symbol
from analysis.types.annotations import Annotations, value_of
from analysis.types.declared import Alias, Class, Meaning, Member, Value
from analysis.types.kinds import (
    AGAIN,
    ANY,
    OWN,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    ModuleObject,
    Overloaded,
    Parameter,
    Type,
    TypeVariable,
    join,
)  # fmt: skip
from analysis.types.state import State
from analysis.types.stubs import PROPERTIES, STAYS, Typeshed, declare, managed, typeshed

ARGUMENTS = frozenset(["classmethod", "staticmethod"])
DEEPEST = 20


class Source:
    """Declarations of one file; also the `World` of its classes and the standard library's."""

    def __init__(self, state: State, root: Node) -> None:
        self.state = state
        self.root = root
        self.typeshed: Typeshed = typeshed()
        self.classes: dict[str, Class] = {}
        self.scopes: dict[int, Scope] = {}  # of classes and functions, by where their node starts and its kind
        self._class_at: dict[int, Class] = {}
        self._signatures: dict[int, Callable] = {}
        self._readers: dict[int, Annotations] = {}
        self._decorators: dict[int, list[str]] = {}
        self._meanings: dict[Symbol, Meaning] = {}
        self.bodies: dict[str, Scope] = {}  # of classes
        self.annotated: dict[tuple[str, str], Type] = {}  # attributes, by `self.x: int`
        for scope in state.names.root.walk():
            if scope.kind in ("function", "class", "lambda", "comprehension"):
                self.scopes[scope.start] = scope

    # Names in annotations

    def find(self, full_name: str) -> Class | None:
        """A class by its full name."""
        return self.classes.get(full_name) if full_name.startswith("@") else self.typeshed.find(full_name)

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
        return getattr(self.state.names, "stars", ())

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
            return self.class_of(node)
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
        if right is None or right.type not in (
            "identifier",
            "attribute",
            "subscript",
            "binary_operator",
            "call",
            "string",
        ):
            return None
        reader = self.reader(symbol.scope)
        annotation = node.child_by_field_name("type")
        if annotation is not None and not self.state.text(annotation).endswith("TypeAlias"):
            return None
        written = parsed(self.state.text(right))
        if isinstance(written, ast.Call):
            return reader.variable(symbol.name, OWN, written) or self._made_by(right, symbol.scope)
        if isinstance(written, ast.Name | ast.Attribute):
            found = reader.named(written)
            return None if isinstance(found, Value) else found
        if isinstance(written, ast.Constant) and annotation is None:
            return None
        return reader.alias(written) if written is not None else None

    def _made_by(self, call: Node, scope: Scope) -> Class | None:
        """The named tuple that a call makes."""
        function, listed = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if function is None or listed is None or not listed.named_children:
            return None
        called = parsed(self.state.text(function))
        meaning = self.reader(scope).named(called) if called is not None else None
        if isinstance(meaning, Value) and isinstance(meaning.type, Callable) and meaning.type.name == "namedtuple":
            made = self.named_tuple(listed.named_children)
            return self.find(made.of.name) if isinstance(made, ClassObject) and isinstance(made.of, Instance) else None
        return None

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
        word = "async def" if is_async(node) else "def"
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
        self.state.asked.add(node.start_byte)
        returns = self.state.returns.get(node.start_byte, UNKNOWN)
        if is_async(node) and not (isinstance(returns, Instance) and returns.name == "typing.AsyncGenerator"):
            returns = Instance("types.CoroutineType", (ANY, ANY, returns))
        return Callable(signature.parameters, returns, signature.name)

    # Classes

    def class_of(self, node: Node) -> Class | None:
        """The class that a definition makes."""
        key = node.start_byte
        if key not in self._class_at:
            name = node.child_by_field_name("name")
            body = self.scopes.get(key)
            if name is None or body is None or body.kind != "class":
                return None
            full = OWN + qualified(body)
            while full in self.classes:
                full += AGAIN
            found = Class(full, lambda one: self._read_class(one, node, body), lambda _name: None)
            found.find = lambda asked: self._member(found, body, asked)
            found.nested = lambda asked: self._nested(body, asked)
            found.names = lambda: tuple(body.symbols)
            found.fields = lambda: self._fields(body)
            found.lasting = False
            self._class_at[key] = self.classes[full] = found
            self.bodies[full] = body
        return self._class_at[key]

    def _read_class(self, found: Class, node: Node, body: Scope) -> None:
        listed = node.child_by_field_name("superclasses")
        written = self.state.text(listed) if listed is not None else ""
        tree = statement_of(f"class C{written}: ...")
        if isinstance(tree, ast.ClassDef):
            declare(found, self.reader(body.parent or body), tree, self.find)
        else:
            found.whole = False
        for child in listed.named_children if listed is not None else []:
            made = self._made_by(child, body.parent or body) if child.type == "call" else None
            if made is not None:
                found.whole = found.whole or listed is not None and listed.named_child_count == 1
                found.declare(found.parameters, (*found.bases, made.instance()))
                found.named = True
                found.fields = made.fields
        own = node.child_by_field_name("type_parameters")
        if own is not None:  # class C[T]
            symbols = [self.state.symbol(child) for child in identifiers(own)]
            variables = [self.symbol_meaning(one) for one in symbols if one is not None]
            parameters = tuple(one for one in variables if isinstance(one, TypeVariable))
            found.declare(parameters, found.bases)

    def named_tuple(self, nodes: list[Node]) -> Type:
        """The class that `collections.namedtuple` makes of arguments that are written out."""
        key = nodes[0].start_byte
        if key not in self._class_at:
            written = [parsed(self.state.text(one)) for one in nodes[:2]]
            name, listed = (one.value if isinstance(one, ast.Constant) else None for one in (*written, None)[:2])
            if isinstance(listed, str):
                fields = listed.replace(",", " ").split()
            elif len(written) > 1 and isinstance(written[1], ast.List | ast.Tuple):
                fields = [str(one.value) for one in written[1].elts if isinstance(one, ast.Constant)]
            else:
                return UNKNOWN
            full = f"{OWN}{name}"
            while full in self.classes:
                full += AGAIN
            kinds = tuple((field, ANY) for field in fields)
            found = Class(full, lambda one: one.declare((), (Instance("typing.NamedTuple"),)), lambda _name: None)
            found.find = lambda asked: Member("variable", ANY) if asked in fields else None
            found.fields = lambda: kinds
            found.named = True
            self._class_at[key] = self.classes[full] = found
        return ClassObject(self._class_at[key].instance())

    def _nested(self, body: Scope, name: str) -> Meaning:
        symbol = body.symbols.get(name)
        meaning = self.symbol_meaning(symbol) if symbol is not None else None
        return meaning if isinstance(meaning, Class) else None

    def _fields(self, body: Scope) -> tuple[tuple[str, Type], ...]:
        declared = self.state.declared
        return tuple((name, declared[one]) for name, one in body.symbols.items() if one in declared)

    def _member(self, owner: Class, body: Scope, name: str) -> Member | None:
        symbol = body.symbols.get(name)
        key = (owner.name, name)
        if symbol is None:
            self.state.asked.add(key)
            given = self.state.attributes.get(key)
            return Member("variable", given) if given is not None else None
        functions = self.functions_of(symbol)
        if functions:
            return self._method(functions, body)
        if symbol in self.state.declared:
            return Member("variable", self.state.declared[symbol])
        if symbol.kind == "class":
            return Member("class", value_of(self.symbol_meaning(symbol)))
        kind = self.state.variable(symbol)
        if owner.ready().enumeration and not name.startswith("_"):
            return Member("variable", Instance(owner.name))
        self.state.asked.add(key)
        given = self.state.attributes.get(key)
        if given is not None:
            kind = join([kind, given])
        return Member("method" if isinstance(kind, Callable | Overloaded) else "variable", kind)

    def functions_of(self, symbol: Symbol) -> list[Node]:
        """The function definitions that give a symbol its values, where nothing else does."""
        found: list[Node] = []
        for place in symbol.definitions:
            node = self.root.descendant_for_byte_range(place.start, place.end)
            if node is None or node.parent is None or node.parent.type != "function_definition":
                return []
            found.append(node.parent)
        return found

    def _method(self, nodes: list[Node], body: Scope) -> Member:
        members = [self._one_method(node, body) for node in nodes]
        first = members[0]
        if len(members) == 1 or first.kind == "property":
            return first
        marked = [one for one, node in zip(members, nodes, strict=True) if "overload" in self.decorator_names(node)]
        items = tuple(one.type for one in marked if isinstance(one.type, Callable))
        if len(items) > 1:
            return Member(first.kind, Overloaded(items))
        return Member(first.kind, join([one.type for one in members]))

    def _one_method(self, node: Node, body: Scope) -> Member:
        name = node.child_by_field_name("name")
        kind = "method"
        text = self.state.text(name) if name is not None else ""
        if text in ("__new__", "__init_subclass__", "__class_getitem__"):
            kind = "static method" if text == "__new__" else "class method"
        found: Type = self.function(node, body)
        for decorator in self.decorator_names(node):
            if decorator in STAYS:
                continue
            if decorator in ARGUMENTS:
                kind = "class method" if decorator == "classmethod" else "static method"
            elif decorator in PROPERTIES or decorator.endswith((".setter", ".deleter", ".getter")):
                return Member("property", found)
            elif decorator in ("contextmanager", "contextlib.contextmanager") and isinstance(found, Callable):
                found = managed(found)
            else:
                return Member("variable", UNKNOWN)
        return Member(kind, found)

    def decorator_names(self, node: Node) -> list[str]:
        """What decorates a function, by name, the innermost first."""
        key = node.start_byte
        if key not in self._decorators:
            self._decorators[key] = [self.state.text(one).partition("(")[0] for one in self.decorators(node)]
        return self._decorators[key]

    def defining(self, owner: Instance, name: str, lineage: list[tuple[Class, Instance]]) -> str | None:
        """The class whose attribute is given a value through one of its descendants; None where the standard
        library's class says what it is."""
        found = owner.name
        for ancestor, _ in lineage:
            if not ancestor.name.startswith("@"):
                if ancestor.name != "builtins.object" and ancestor.own(name) is not None:
                    return None
                continue
            key = (ancestor.name, name)
            known = key in self.state.attributes or key in self.state.attributes_given
            if known or name in self.bodies[ancestor.name].symbols:
                found = ancestor.name
        return found


def parameter_types(signature: Callable) -> dict[str, Parameter]:
    """A signature's parameters by name."""
    return {one.name: one for one in signature.parameters or ()}


def qualified(scope: Scope) -> str:
    """A class's name with what is around it."""
    parts: list[str] = []
    at: Scope | None = scope
    while at is not None and at.parent is not None:
        if at.kind == "class":
            parts.append(at.name)
        elif at.kind == "function":
            parts += ["<locals>", at.name]
        at = at.parent
    return ".".join(reversed(parts))


def identifiers(node: Node) -> list[Node]:
    """The names in a list of type parameters."""
    found: list[Node] = []
    for child in node.named_children:
        inner = child
        while inner.type not in ("identifier",) and inner.named_children:
            inner = inner.named_children[0]
        if inner.type == "identifier":
            found.append(inner)
    return found


def is_async(node: Node) -> bool:
    """Whether a function is a coroutine."""
    return bool(node.children) and node.children[0].type == "async"


def parsed(written: str) -> ast.expr | None:
    """An expression as Python's own parser reads it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(f"({written})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def statement_of(written: str) -> ast.stmt | None:
    """A statement as Python's own parser reads it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(written).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return body[0] if body else None
