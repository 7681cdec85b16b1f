"""The standard library's declarations, from typeshed's stubs as the package `typeshed-client` carries them.

A module's stub is read when something of it is first asked for, and kept in memory for the life of the process.
"""

import ast
import sys
from collections.abc import Callable as Function
from functools import cache

import typeshed_client
from typeshed_client.parser import ImportedName, NameDict, NameInfo, OverloadedName

from analysis.types.annotations import FORMS, Annotations, value_of
from analysis.types.declared import Alias, Class, Form, Meaning, Member, Value
from analysis.types.kinds import (
    BOOL,
    STR,
    UNKNOWN,
    Callable,
    Instance,
    ModuleObject,
    Overloaded,
    Type,
)  # fmt: skip

TYPING = ("typing", "typing_extensions")
OLD_NAMES = {  # of `typing`, whose stub does not say what they stand for
    "List": "list", "Dict": "dict", "Set": "set", "FrozenSet": "frozenset",
    "DefaultDict": "collections.defaultdict", "Counter": "collections.Counter", "Deque": "collections.deque",
    "ChainMap": "collections.ChainMap", "OrderedDict": "collections.OrderedDict",
}  # fmt: skip
STAYS = frozenset(
    [
        "overload", "abstractmethod", "abc.abstractmethod", "final", "override", "deprecated", "type_check_only",
        "disjoint_base", "runtime_checkable", "dataclass_transform", "no_type_check", "typing.final", "typing.overload",
        "typing.override", "typing_extensions.override", "coroutine", "types.coroutine",
    ]
)  # fmt: skip
PROPERTIES = frozenset(
    [
        "property", "abc.abstractproperty", "abstractproperty", "cached_property", "functools.cached_property",
        "types.DynamicClassAttribute", "_magic_enum_attr", "_builtins_property", "enum.property",
    ]
)  # fmt: skip
FIXED = {  # module attributes that every module has
    "__name__": STR, "__file__": STR, "__doc__": STR, "__debug__": BOOL,
}  # fmt: skip
DEEPEST = 30  # imports of imports


class Typeshed:
    """What the standard library declares."""

    def __init__(self) -> None:
        self._context = typeshed_client.get_search_context(version=sys.version_info[:2], search_path=[])
        self._modules: dict[str, NameDict | None] = {}
        self._meanings: dict[tuple[str, str], Meaning] = {}
        self._classes: dict[str, Class | None] = {}
        self._readers: dict[str, Annotations] = {}

    def module(self, name: str) -> NameDict | None:
        """The names of a module; None where the standard library has none such."""
        if name not in self._modules:
            try:
                self._modules[name] = typeshed_client.get_stub_names(name, search_context=self._context)
            except (typeshed_client.parser.InvalidStub, OSError, SyntaxError, ValueError):
                self._modules[name] = None
        return self._modules[name]

    def find(self, full_name: str) -> Class | None:
        """A class by its full name."""
        if full_name not in self._classes:
            self._classes[full_name] = self._find(full_name)
        return self._classes[full_name]

    def _find(self, full_name: str) -> Class | None:
        parts = full_name.split(".")
        for split in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:split])
            if self.module(module) is None:
                continue
            meaning = self.meaning(module, parts[split])
            for part in parts[split + 1 :]:
                meaning = meaning.nested(part) if isinstance(meaning, Class) else None
            return meaning if isinstance(meaning, Class) else None
        return None

    def meaning(self, module: str, name: str, depth: int = 0) -> Meaning:
        """What a module's name means."""
        key = (module, name)
        if key not in self._meanings:
            self._meanings[key] = None  # a name that needs itself is not known
            self._meanings[key] = self._meaning(module, name, depth)
        return self._meanings[key]

    def _meaning(self, module: str, name: str, depth: int) -> Meaning:
        names = self.module(module)
        if names is None or depth > DEEPEST:
            return None
        info = names.get(name)
        if info is None:
            inner = f"{module}.{name}"
            if self.module(inner) is not None:
                return ModuleObject(inner)
            return Value(FIXED[name]) if name in FIXED else None
        if module in TYPING and name in FORMS:
            return Form(name)
        if module == "typing" and name in OLD_NAMES:
            old = OLD_NAMES[name]
            return self.find(old if "." in old else f"builtins.{old}")
        return self._declared(module, info, depth)

    def _declared(self, module: str, info: NameInfo, depth: int) -> Meaning:
        node = info.ast
        match node:
            case ImportedName():
                return self._imported(node, depth)
            case ast.ClassDef():
                return self._class(module, f"{module}.{info.name}", info)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return Value(self._function(module, node))
            case ast.AnnAssign() | ast.Assign():
                return self._variable(module, info.name, node, depth)
            case OverloadedName():
                functions = [one for one in node.definitions if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
                if len(functions) == len(node.definitions):
                    return Value(self._overloaded(module, functions))
                last = node.definitions[-1]
                if isinstance(last, ImportedName):
                    return self._imported(last, depth)
                if isinstance(last, ast.Assign | ast.AnnAssign):
                    return self._variable(module, info.name, last, depth)
        return None

    def _imported(self, node: ImportedName, depth: int) -> Meaning:
        module = ".".join(node.module_name)
        if node.name is None:
            return ModuleObject(module)
        return self.meaning(module, node.name, depth + 1)

    def _variable(self, module: str, name: str, node: ast.AnnAssign | ast.Assign, depth: int) -> Meaning:
        reader = self.reader(module)
        if isinstance(node, ast.AnnAssign):
            form = reader.named(node.annotation) if isinstance(node.annotation, ast.Name | ast.Attribute) else None
            if isinstance(form, Form) and form.name == "TypeAlias" and node.value is not None:
                return reader.alias(node.value) or Alias(reader.type(node.value))
            return Value(reader.type(node.annotation))
        if isinstance(node.value, ast.Call):
            return reader.variable(name, module, node.value) or Value(UNKNOWN)
        if isinstance(node.value, ast.Name | ast.Attribute) and depth < DEEPEST:
            found = reader.named(node.value)
            if found is None and isinstance(node.value, ast.Attribute):  # a member of an enumeration
                owner = reader.named(node.value.value)
                member = owner.own(node.value.attr) if isinstance(owner, Class) else None
                return Value(member.type) if member is not None else None
            return found
        return reader.alias(node.value) or Value(UNKNOWN)

    def reader(self, module: str) -> Annotations:
        """Reads types as this module's names mean them."""
        if module not in self._readers:

            def meaning(name: str) -> Meaning:
                own = self.module(module)
                if own is not None and name in own:
                    return self.meaning(module, name)
                return self.meaning("builtins", name) if module != "builtins" else None

            self._readers[module] = Annotations(meaning, self.meaning)
        return self._readers[module]

    def _function(self, module: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Type:
        """A function; unknown where a decorator may have made something else of it."""
        reader = self.reader(module)
        found: Type = reader.signature(node)
        for decorator in reversed(node.decorator_list):
            name = written(decorator)
            if name in STAYS:
                continue
            if name == "contextmanager" and isinstance(found, Callable):
                found = managed(found)
                continue
            return UNKNOWN
        return found

    def _overloaded(self, module: str, nodes: list[ast.FunctionDef | ast.AsyncFunctionDef]) -> Type:
        found = [self._function(module, node) for node in nodes]
        items = tuple(one for one in found if isinstance(one, Callable))
        return Overloaded(items) if len(items) == len(found) > 1 else items[0] if items else UNKNOWN

    def _class(self, module: str, full_name: str, info: NameInfo, inside: str = "") -> Class:
        known = self._classes.get(full_name)
        if known is not None:
            return known
        node = info.ast
        children = info.child_nodes or {}
        reader = self._class_reader(module, full_name, children)

        def read(found: Class) -> None:
            if isinstance(node, ast.ClassDef):
                declare(found, reader, node, self.find)

        def nested(name: str) -> Meaning:
            child = children.get(name)
            if child is None:
                return None
            if isinstance(child.ast, ast.ClassDef):
                return self._class(module, f"{full_name}.{name}", child)
            return None

        def fields() -> tuple[tuple[str, Type], ...] | None:
            listed = [one for one in children.values() if isinstance(one.ast, ast.AnnAssign)]
            return tuple((one.name, reader.type(one.ast.annotation)) for one in listed)  # type: ignore[union-attr]

        made = Class(full_name, read, lambda name: self._member(reader, children, name, made), nested)
        made.fields = fields
        made.names = lambda: tuple(children)
        self._classes[full_name] = made
        return made

    def _class_reader(self, module: str, full_name: str, children: NameDict) -> Annotations:
        """Names within a class: its own classes before the module's."""
        outer = self.reader(module)
        inner = {name: child for name, child in children.items() if isinstance(child.ast, ast.ClassDef)}
        if not inner:
            return outer

        def meaning(name: str) -> Meaning:
            if name in inner:
                return self._class(module, f"{full_name}.{name}", inner[name])
            return outer._meaning(name)

        return Annotations(meaning, self.meaning)

    def _member(self, reader: Annotations, children: NameDict, name: str, owner: Class) -> Member | None:
        info = children.get(name)
        if info is None:
            return None
        node = info.ast
        if isinstance(node, OverloadedName):
            members = [member_of(reader, one, owner) for one in node.definitions if isinstance(one, ast.AST)]
            known = [one for one in members if one is not None]
            return merged(known)
        if isinstance(node, ast.ClassDef):
            found = owner.nested(name)
            return Member("class", value_of(found))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):  # another name for a method
            return self._member(reader, children, node.value.id, owner) if node.value.id != name else None
        return member_of(reader, node, owner) if isinstance(node, ast.AST) else None


def merged(members: list[Member]) -> Member | None:
    """Several definitions of one attribute: overloads of a method, or a property with its setter."""
    if not members:
        return None
    first = members[0]
    if first.kind in ("property", "variable"):
        return first
    items = tuple(one.type for one in members if isinstance(one.type, Callable))
    return Member(first.kind, Overloaded(items) if len(items) > 1 else first.type)


def member_of(reader: Annotations, node: ast.AST, owner: Class) -> Member | None:
    """One definition of an attribute in a class."""
    if isinstance(node, ast.AnnAssign):
        return Member("variable", reader.type(node.annotation))
    if isinstance(node, ast.Assign):
        if owner.ready().enumeration:
            return Member("variable", Instance(owner.name))
        return Member("variable", UNKNOWN)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return method(reader, node)
    return None


def method(reader: Annotations, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Member:
    """A function in a class, by its decorators."""
    signature = reader.signature(node)
    kind = "method"
    if node.name in ("__new__", "__init_subclass__", "__class_getitem__"):
        kind = "static method" if node.name == "__new__" else "class method"
    found: Type = signature
    for decorator in reversed(node.decorator_list):
        name = written(decorator)
        if name in STAYS:
            continue
        if name in ("classmethod", "staticmethod"):
            kind = "class method" if name == "classmethod" else "static method"
        elif name in PROPERTIES or name.endswith((".setter", ".deleter", ".getter")):
            return Member("property", found)
        elif name in ("contextmanager", "contextlib.contextmanager") and isinstance(found, Callable):
            found = managed(found)
        else:
            return Member("variable", UNKNOWN)
    return Member(kind, found)


def managed(found: Callable) -> Type:
    """What `contextlib.contextmanager` makes of a generator function."""
    returns = found.returns
    if isinstance(returns, Instance) and returns.arguments:
        made = Instance(
            "contextlib._GeneratorContextManager",
            (returns.arguments[0], Instance("types.NoneType"), Instance("types.NoneType")),
        )
        return Callable(found.parameters, made, found.name, found.rest)
    return UNKNOWN


def declare(found: Class, reader: Annotations, node: ast.ClassDef, find: Function[[str], Class | None]) -> None:
    """Reads a class's bases."""
    bases, parameters, whole, forms = reader.bases(node.bases)
    found.whole = whole
    found.protocol = "Protocol" in forms
    found.typed_dict = "TypedDict" in forms
    for keyword in node.keywords:
        if keyword.arg == "metaclass":
            found.metaclass = reader.type(keyword.value)
            named = written(keyword.value)
            found.enumeration = named in ("EnumMeta", "EnumType", "enum.EnumMeta", "enum.EnumType")
    if "NamedTuple" in forms:
        found.named = True
        bases = (*bases, Instance("typing.NamedTuple"))
    found.declare(parameters, bases)
    for base in bases:
        above = find(base.name) if isinstance(base, Instance) else None
        if above is not None:
            found.enumeration = found.enumeration or above.ready().enumeration
            found.typed_dict = found.typed_dict or above.typed_dict


def written(node: ast.expr) -> str:
    """A decorator's name with its dots; of a call, that of what is called."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{written(node.value)}.{node.attr}"
        case ast.Call():
            return written(node.func)
    return ""


@cache
def typeshed() -> Typeshed:
    """The one of this process."""
    return Typeshed()
