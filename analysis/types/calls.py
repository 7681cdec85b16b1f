"""Types of calls and of items: `a(b)`, `a[b]`."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.types.arguments import Argument
from analysis.types.kinds import (
    NONE,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    Tuple,
    Type,
    bounded,
    instance,
    is_unknown,
    join,
    members_of,
    tuple_instance,
    widen,
)
from analysis.types.lineage import fields_of
from analysis.types.state import Environment

if TYPE_CHECKING:
    from analysis.types.expressions import Expressions


def subscript(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a[b]`"""
    value = node.child_by_field_name("value")
    indices = node.children_by_field_name("subscript")
    if value is None or not indices:
        return UNKNOWN
    around = on.type(value, environment)
    kinds = [on.type(one, environment) for one in indices]
    index = (
        kinds[0] if len(kinds) == 1 and not on.state.text(node).rstrip("] \n").endswith(",") else Tuple(tuple(kinds))
    )
    if isinstance(around, ClassObject) and isinstance(around.of, Instance):
        found = on.solver.member(around.of, "__class_getitem__")
        cls = on.source.find(around.of.name)
        if found is not None or (cls is not None and cls.parameters):
            kind = on.source.reader(on.state.scope(node)).text(on.state.text(node))
            return ClassObject(kind) if isinstance(kind, Instance | Tuple) else UNKNOWN
    return join([item(on, one, index, indices[0]) for one in members_of(around) if one != NONE])


def item(on: "Expressions", around: Type, index: Type, node: Node) -> Type:
    """An item of one value."""
    place = integer_of(index)
    if isinstance(around, Instance):
        cls = on.source.find(around.name)
        fields = cls.fields() if cls is not None and (cls.ready().named or cls.typed_dict) else None
        if fields and cls is not None and cls.named:
            around = Tuple(tuple(fields_of(cls, around)))
        elif fields and isinstance(index, Literal):
            return dict(fields).get(str(index.value), UNKNOWN)
    if isinstance(around, Tuple):
        if place is not None and -len(around.items) <= place < len(around.items):
            return around.items[place]
        if node.type == "slice":
            ends = bounds(on, node)
            if ends is not None:
                return Tuple(around.items[ends])
            return tuple_instance(around)
    return on.solver.method(around, "__getitem__", widen(index) if not isinstance(index, Literal) else index)


def bounds(on: "Expressions", node: Node) -> slice | None:
    """A slice whose ends are written as numbers."""
    parts: list[int | None] = [None]
    for child in node.children:
        if child.type == ":":
            parts.append(None)
            continue
        value = integer_of(on.noted(child))
        if value is None:
            return None
        parts[-1] = value
    return slice(*parts) if len(parts) == 2 else None


def call(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a(b)`"""
    function, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or listed is None:
        return UNKNOWN
    callee = on.type(function, environment)
    name = on.state.text(function) if function.type == "identifier" else ""
    nodes = [listed] if listed.type == "generator_expression" else listed.named_children
    found = special(on, name, callee, nodes, environment)
    if found is not None:
        return found
    arguments = arguments_of(on, nodes, environment)
    if function.type == "attribute" and on.state.text(function.named_children[-1]) == "__new__" and arguments:
        made = arguments[0].type  # a class makes a value of whatever it is asked to
        return made.of if isinstance(made, ClassObject) else UNKNOWN
    return bounded(on.solver.call(callee, arguments))


def special(on: "Expressions", name: str, callee: Type, nodes: list[Node], environment: Environment) -> Type | None:
    """Calls whose result no signature says."""
    if name == "type" and len(nodes) == 1 and isinstance(callee, ClassObject):
        kind = widen(on.type(nodes[0], environment))
        return join([class_of(one) for one in members_of(kind)]) if not is_unknown(kind) else instance("type")
    if isinstance(callee, Callable) and callee.name == "namedtuple" and nodes:
        arguments_of(on, nodes, environment)
        return on.source.own.named_tuple(nodes)
    if name == "super" and on.classes and isinstance(callee, ClassObject):
        arguments_of(on, nodes, environment)
        return Instance("builtins.super")
    if isinstance(callee, Callable) and callee.name == "cast" and len(nodes) == 2:
        on.type(nodes[1], environment)
        return on.source.reader(on.state.scope(nodes[0])).text(on.state.text(nodes[0]))
    return None


def class_of(kind: Type) -> Type:
    """What `type(value)` is."""
    if isinstance(kind, Tuple):
        kind = tuple_instance(kind)
    return ClassObject(kind) if isinstance(kind, Instance) else UNKNOWN


def arguments_of(on: "Expressions", nodes: list[Node], environment: Environment) -> list[Argument]:
    """The arguments of a call."""
    found: list[Argument] = []
    for child in nodes:
        match child.type:
            case "keyword_argument":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                if name is not None and value is not None:
                    found.append(Argument(on.type(value, environment), on.state.text(name)))
            case "list_splat":
                inner = on.type(child.named_children[0], environment)
                if isinstance(inner, Tuple):
                    found += [Argument(one) for one in inner.items]
                else:
                    found.append(Argument(on.solver.iterated(inner), "*"))
            case "dictionary_splat":
                on.type(child.named_children[0], environment)
                found.append(Argument(UNKNOWN, "**"))
            case "comment":
                pass
            case _:
                found.append(Argument(on.type(child, environment)))
    return found


def integer_of(kind: Type) -> int | None:
    """The value of an integer that is written in the code."""
    if isinstance(kind, Literal) and kind.of == "builtins.int":
        return int(kind.text)
    return None
