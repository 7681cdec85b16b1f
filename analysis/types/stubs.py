"""The standard library's declarations, from typeshed's stubs as the package `typeshed-client` carries them.

A module's stub is read when something of it is first asked for, and kept in memory for the life of the process.
"""

import ast
import sys
from functools import cache

import typeshed_client
from typeshed_client.parser import ImportedName, NameDict, NameInfo, OverloadedName

from analysis.types.annotations import FORMS, Annotations, value_of
from analysis.types.declared import Alias, Class, Form, Meaning, Member, Value
from analysis.types.kinds import (
    BOOL,
    NONE,
    STR,
    UNKNOWN,
    Callable,
    ModuleObject,
    Overloaded,
    Type,
    join,
)
from analysis.types.members import STAYS, annotated, attribute, declare, is_form, managed, member_of, merged, written

TYPING = ("typing", "typing_extensions")
OLD_NAMES = {  # of `typing`, whose stub does not say what they stand for
    "List": "list", "Dict": "dict", "Set": "set", "FrozenSet": "frozenset",
    "DefaultDict": "collections.defaultdict", "Counter": "collections.Counter", "Deque": "collections.deque",
    "ChainMap": "collections.ChainMap", "OrderedDict": "collections.OrderedDict",
}  # fmt: skip
FIXED = {  # module attributes that every module has
    "__name__": STR, "__file__": STR, "__doc__": join([STR, NONE]), "__debug__": BOOL,
}  # fmt: skip
DEEPEST = 30  # imports of imports


class Typeshed:
    """What the standard library declares."""

    def __init__(self) -> None:
        self._context = typeshed_client.get_search_context(version=sys.version_info[:2], search_path=[])
        self._known = frozenset(typeshed_client.finder.get_typeshed_versions(self._context.typeshed))
        self._modules: dict[str, NameDict | None] = {}
        self._meanings: dict[tuple[str, str], Meaning] = {}
        self._classes: dict[str, Class] = {}
        self._readers: dict[str, Annotations] = {}

    def module(self, name: str) -> NameDict | None:
        """The names of a module; None where the standard library has none such."""
        if name.partition(".")[0] not in self._known:
            return None  # and not kept: there is no end to the names that the standard library has not
        if name not in self._modules:
            try:
                self._modules[name] = typeshed_client.get_stub_names(name, search_context=self._context)
            except (typeshed_client.parser.InvalidStub, OSError, SyntaxError, ValueError):
                self._modules[name] = None
        return self._modules[name]

    def find(self, full_name: str) -> Class | None:
        """A class by its full name."""
        return self._classes.get(full_name) or self._find(full_name)

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
        if key in self._meanings:
            return self._meanings[key]
        self._meanings[key] = None  # a name that needs itself is not known
        found = self._meaning(module, name, depth)
        if found is not None:
            self._meanings[key] = found
        else:
            del self._meanings[key]
        return found

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
        inner = f"{module}.{node.name}"
        if self.module(inner) is not None:  # `from . import path`
            return ModuleObject(inner)
        return self.meaning(module, node.name, depth + 1)

    def _variable(self, module: str, name: str, node: ast.AnnAssign | ast.Assign, depth: int) -> Meaning:
        reader = self.reader(module)
        if isinstance(node, ast.AnnAssign):
            if is_form(reader, node.annotation, "TypeAlias") and node.value is not None:
                return reader.alias(node.value) or Alias(reader.type(node.value))
            return Value(annotated(reader, node))
        if isinstance(node.value, ast.Call):
            return reader.variable(name, module, node.value) or Value(UNKNOWN)
        if isinstance(node.value, ast.Name | ast.Attribute) and depth < DEEPEST:
            found = reader.named(node.value)
            if found is None and isinstance(node.value, ast.Attribute):
                member = attribute(reader, node.value)
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

    def _class(self, module: str, full_name: str, info: NameInfo) -> Class:
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
            return tuple((one.name, reader.type(one.ast.annotation)) for one in listed)

        made = Class(
            full_name,
            read,
            find=lambda name: self._member(reader, children, name, made),
            nested=nested,
            fields=fields,
            names=lambda: tuple(children),
        )
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
            return outer.meaning(name)

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


@cache
def typeshed() -> Typeshed:
    """The one of this process."""
    return Typeshed()
