"""What a class says of its attributes: methods by their decorators, variables, bases, from Python's own syntax tree."""

import ast
from collections.abc import Callable as Function
from collections.abc import Iterable

from analysis.types.annotations import Annotations
from analysis.types.declared import Class, Form, Member
from analysis.types.kinds import NONE, UNKNOWN, Callable, Instance, Overloaded, Type

STAYS = frozenset(
    [
        "overload", "abstractmethod", "abc.abstractmethod", "final", "override", "deprecated", "type_check_only",
        "disjoint_base", "runtime_checkable", "dataclass_transform", "no_type_check", "typing.final", "typing.overload",
        "typing.override", "typing_extensions.override", "coroutine", "types.coroutine", "warnings.deprecated",
        "typing_extensions.deprecated",
    ]
)  # fmt: skip
PROPERTIES = frozenset(
    [
        "property", "abc.abstractproperty", "abstractproperty", "cached_property", "functools.cached_property",
        "types.DynamicClassAttribute", "_magic_enum_attr", "_builtins_property", "enum.property",
    ]
)  # fmt: skip

CACHES = frozenset(["cache", "functools.cache", "lru_cache", "functools.lru_cache"])


def is_form(reader: Annotations, node: ast.expr, name: str) -> bool:
    """Whether an annotation is this special form of `typing`, and nothing more."""
    meaning = reader.named(node) if isinstance(node, ast.Name | ast.Attribute) else None
    return isinstance(meaning, Form) and meaning.name == name


def annotated(reader: Annotations, node: ast.AnnAssign) -> Type:
    """The type of a variable by its annotation; by its value where that is a bare `Final`."""
    return constant(reader, node) if is_form(reader, node.annotation, "Final") else reader.type(node.annotation)


def constant(reader: Annotations, node: ast.AnnAssign) -> Type:
    """The type of a constant's value: a number, a string, or a member of an enumeration."""
    value = node.value.operand if isinstance(node.value, ast.UnaryOp) else node.value
    if isinstance(value, ast.Constant) and value.value is not ...:
        return Instance("types.NoneType" if value.value is None else f"builtins.{type(value.value).__name__}")
    member = attribute(reader, value) if isinstance(value, ast.Attribute) else None
    return member.type if member is not None else UNKNOWN


def attribute(reader: Annotations, node: ast.Attribute) -> Member | None:
    """What a class says of an attribute that is written with its name, such as a member of an enumeration."""
    owner = reader.named(node.value)
    return owner.own(node.attr) if isinstance(owner, Class) else None


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
        return Member("variable", annotated(reader, node))
    if isinstance(node, ast.Assign):
        if owner.ready().enumeration:
            return Member("variable", Instance(owner.name))
        return Member("variable", UNKNOWN)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return method(reader, node)
    return None


def method(reader: Annotations, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Member:
    """A function in a class."""
    return decorated(node.name, reader.signature(node), map(written, reversed(node.decorator_list)))


def decorated(name: str, signature: Callable, decorators: Iterable[str]) -> Member:
    """What decorators, the innermost first, make of a function in a class."""
    kind = "method"
    if name in ("__new__", "__init_subclass__", "__class_getitem__"):
        kind = "static method" if name == "__new__" else "class method"
    found: Type = signature
    for decorator in decorators:
        if decorator in STAYS:
            continue
        if decorator in ("classmethod", "staticmethod"):
            kind = "class method" if decorator == "classmethod" else "static method"
        elif decorator in PROPERTIES or decorator.endswith((".setter", ".deleter", ".getter")):
            return Member("property", found)
        elif decorator in ("contextmanager", "contextlib.contextmanager") and isinstance(found, Callable):
            found = managed(found)
        elif decorator in CACHES and isinstance(found, Callable):
            return Member("variable", Instance("functools._lru_cache_wrapper", (found.returns,)))
        else:
            return Member("variable", UNKNOWN)
    return Member(kind, found)


def managed(found: Callable) -> Type:
    """What `contextlib.contextmanager` makes of a generator function."""
    returns = found.returns
    if isinstance(returns, Instance) and returns.arguments:
        made = Instance(
            "contextlib._GeneratorContextManager",
            (returns.arguments[0], NONE, NONE),
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
