"""How calls and imports are written in the languages that have scopes: which nodes they are, and what they name."""

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from analysis.languages.adapter import only_words, text_of


@dataclass(frozen=True)
class Calling:
    """One language's calls."""

    calls: dict[str, str]  # kind of node → field of what is called; empty: the node names it itself
    members: dict[str, tuple[str, str]]  # kind of node → fields of an object and of what is taken from it
    imported: Callable[[Node], tuple[str, str] | None]  # a name that an import binds → module and item, as written
    bases: Callable[[Node], list[Node]]  # a class → what it inherits from
    this: frozenset[str] = frozenset()  # kinds of node that are the object a method was called on
    above: frozenset[str] = frozenset()  # kinds of node that are it as its base
    receiver: bool = False  # the first parameter of a method is that object
    builtins: frozenset[str] = frozenset()  # what can be called and is defined nowhere; of Python with `dict.fromkeys`


def _up_to(node: Node, kinds: tuple[str, ...]) -> tuple[Node, Node] | None:
    """The nearest node of these kinds around, and the part of it in which the other stands."""
    part = node
    while (parent := part.parent) is not None:
        if parent.type in kinds:
            return parent, part
        part = parent
    return None


def _python_import(name: Node) -> tuple[str, str] | None:
    found = _up_to(name, ("import_statement", "import_from_statement", "future_import_statement"))
    if found is None:
        return None
    statement, part = found
    alias = part.type == "aliased_import"
    written = only_words(text_of(part.child_by_field_name("name") if alias else part))
    if statement.type == "import_statement":
        return (written if alias else written.partition(".")[0]), ""
    if statement.type == "future_import_statement":
        return "__future__", written
    return only_words(text_of(statement.child_by_field_name("module_name"))), written


def _python_bases(node: Node) -> list[Node]:
    listed = node.child_by_field_name("superclasses")
    bases = listed.named_children if listed is not None else []
    bases = [base.child_by_field_name("value") or base if base.type == "subscript" else base for base in bases]
    return [base for base in bases if base.type in ("identifier", "attribute")]


def _ecmascript_import(name: Node) -> tuple[str, str] | None:
    found = _up_to(name, ("import_statement",))
    if found is None:
        return None
    module = text_of(found[0].child_by_field_name("source")).strip("'\"")
    specifier = name.parent
    if specifier is not None and specifier.type == "import_specifier":
        return module, text_of(specifier.child_by_field_name("name"))
    return module, "" if specifier is not None and specifier.type == "namespace_import" else "default"


def _ecmascript_bases(node: Node) -> list[Node]:
    return _first_names(node, ("class_heritage", "extends_clause"))


def _go_import(name: Node) -> tuple[str, str] | None:
    found = _up_to(name, ("import_spec",))
    return (text_of(found[0].child_by_field_name("path")).strip('"`'), "") if found is not None else None


def _java_import(name: Node) -> tuple[str, str] | None:
    found = _up_to(name, ("import_declaration",))
    if found is None:
        return None
    module, _, item = only_words(text_of(found[1])).rpartition(".")
    return module, item


def _java_bases(node: Node) -> list[Node]:
    return _first_names(node, ("superclass",))


def _first_names(node: Node, kinds: tuple[str, ...]) -> list[Node]:
    """The names in children of these kinds, and in theirs."""
    found: list[Node] = []
    for child in node.named_children:
        if child.type in kinds:
            found += _first_names(child, kinds)
            found += [one for one in child.named_children if one.type in ("identifier", "type_identifier")]
    return found


def _python_builtins() -> Iterator[str]:
    """Functions and classes, and of these what can be called by its name."""
    for name, value in vars(builtins).items():
        if callable(value) and name != "_":
            yield name
        if isinstance(value, type):
            yield from (f"{name}.{item}" for item in dir(value) if callable(getattr(value, item, None)))


# Functions, and types, which are called to convert: all that the language's specification declares
_GO_BUILTINS = frozenset([
    "append", "cap", "clear", "close", "complex", "copy", "delete", "imag", "len", "make", "max", "min", "new",
    "panic", "print", "println", "real", "recover", "any", "bool", "byte", "comparable", "complex64",
    "complex128", "error", "float32", "float64", "int", "int8", "int16", "int32", "int64", "rune", "string",
    "uint", "uint8", "uint16", "uint32", "uint64", "uintptr",
])  # fmt: skip

_ECMASCRIPT = Calling(
    calls={"call_expression": "function", "new_expression": "constructor"},
    members={"member_expression": ("object", "property")},
    imported=_ecmascript_import,
    bases=_ecmascript_bases,
    this=frozenset(["this"]),
    above=frozenset(["super"]),
)
CALLING = {
    "python": Calling(
        calls={"call": "function"},
        members={"attribute": ("object", "attribute")},
        imported=_python_import,
        bases=_python_bases,
        receiver=True,
        builtins=frozenset(_python_builtins()),
    ),
    "javascript": _ECMASCRIPT,
    "typescript": _ECMASCRIPT,
    "tsx": _ECMASCRIPT,
    "go": Calling(
        calls={"call_expression": "function"},
        members={"selector_expression": ("operand", "field")},
        imported=_go_import,
        bases=lambda _node: [],
        receiver=True,
        builtins=_GO_BUILTINS,
    ),
    "java": Calling(
        calls={"method_invocation": "", "object_creation_expression": "type"},
        members={"method_invocation": ("object", "name")},
        imported=_java_import,
        bases=_java_bases,
        this=frozenset(["this"]),
        above=frozenset(["super"]),
    ),
}
