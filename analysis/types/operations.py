"""Types of what operators make."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.languages.python_nodes import parts_of
from analysis.types.assigning import store
from analysis.types.conditions import both, branch
from analysis.types.kinds import ANY, BOOL, NONE, UNKNOWN, Instance, Literal, Type, instance, join, widen
from analysis.types.operators import arithmetic, compared
from analysis.types.state import Environment

if TYPE_CHECKING:
    from analysis.types.expressions import Expressions

SLICE = instance("slice", ANY, ANY, ANY)


def inner(on: "Expressions", node: Node, environment: Environment) -> Type:
    """What parentheses stand around."""
    parts = parts_of(node)
    return on.type(parts[0], environment) if parts else UNKNOWN


def binary(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a + b` and the like."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = node.child_by_field_name("operator")
    if left is None or right is None or operator is None:
        return UNKNOWN
    return arithmetic(on.solver, on.state.text(operator), on.type(left, environment), on.type(right, environment))


def unary(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`-a` and the like."""
    operand = node.child_by_field_name("argument")
    operator = node.child_by_field_name("operator")
    if operand is None or operator is None:
        return UNKNOWN
    kind = on.type(operand, environment)
    sign = on.state.text(operator)
    if isinstance(kind, Literal) and kind.of == "builtins.int" and sign == "-" and kind.text != "0":
        return Literal(kind.of, kind.text[1:] if kind.text[0] == "-" else f"-{kind.text}")
    return on.solver.method(widen(kind), {"-": "__neg__", "+": "__pos__", "~": "__invert__"}.get(sign, ""))


def comparison(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a < b < c` and the like."""
    kinds = [on.type(part, environment) for part in parts_of(node)]
    signs = [on.state.text(child) for child in node.children if not child.is_named]
    signs = [sign for sign in signs if sign not in "()"]
    found = [compared(on.solver, sign, left, right) for sign, left, right in zip(signs, kinds, kinds[1:], strict=False)]
    return join(found) if found else UNKNOWN


def conditional(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a if b else c`"""
    parts = parts_of(node)
    if len(parts) != 3:
        return UNKNOWN
    yes, no = branch(on, parts[1], environment)
    kinds = [on.type(part, way) for part, way in ((parts[0], yes), (parts[2], no)) if way is not None]
    return join(kinds)


def condition(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`not a`"""
    branch(on, node, environment)
    return BOOL


def boolean(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a and b`, `a or b`"""
    return both(on, node, environment)[0]


def walrus(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a := b`"""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is None or value is None:
        return UNKNOWN
    kind = on.type(value, environment)
    store(on, name, kind, environment, on.origin(value, kind))
    return kind


def awaiting(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`await a`"""
    return on.solver.awaited(inner(on, node, environment))


def yielding(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`yield a`: what is sent back is not known."""
    kinds = [on.type(part, environment) for part in parts_of(node)]
    given = kinds[0] if kinds else NONE
    if any(child.type == "from" for child in node.children):
        if on.yields:
            on.yields[-1].append(on.element(given))
        if isinstance(given, Instance) and given.name == "typing.Generator" and len(given.arguments) > 2:
            return given.arguments[2]
        return UNKNOWN
    if on.yields:
        on.yields[-1].append(widen(given))
    return UNKNOWN


def slice_parts(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`a:b:c`"""
    for child in node.named_children:
        on.type(child, environment)
    return SLICE
