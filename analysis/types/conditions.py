"""What conditions make known: `isinstance`, `is None`, truth, and how these are put together."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.languages.python_nodes import parts_of
from analysis.types.kinds import (
    ANY,
    BOOL,
    NEVER,
    NONE,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Literal,
    Tuple,
    Type,
    Union,
    is_unknown,
    join,
    members_of,
)
from analysis.types.narrowing import away, falsy, to_class, truthy
from analysis.types.state import Environment, Key, merge

if TYPE_CHECKING:
    from analysis.types.expressions import Expressions

DEEPEST = 60  # conditions in conditions
Ways = tuple[Environment | None, Environment | None]  # where a condition is true, and where it is false


def branch(on: "Expressions", node: Node, environment: Environment) -> Ways:
    """What is known where a condition is true, and where it is false. The condition's type is noted."""
    if on.depth > DEEPEST:
        return environment, dict(environment)
    on.depth += 1
    ways = _branch(on, node, environment)
    on.depth -= 1
    return ways


def _branch(on: "Expressions", node: Node, environment: Environment) -> Ways:
    match node.type:
        case "parenthesized_expression":
            parts = parts_of(node)
            if parts:
                ways = branch(on, parts[0], environment)
                on.note(node, on.noted(parts[0]))
                return ways
        case "not_operator":
            inner = node.child_by_field_name("argument")
            if inner is not None:
                yes, no = branch(on, inner, environment)
                on.note(node, BOOL)
                return no, yes
        case "boolean_operator":
            kind, ways = both(on, node, environment)
            on.note(node, kind)
            return ways
        case "comparison_operator":
            on.type(node, environment)
            return by_comparison(on, node, environment)
        case "call":
            kind = on.type(node, environment)
            return by_call(on, node, environment) or by_truth(on, node, kind, environment)
    kind = on.type(node, environment)
    return by_truth(on, node, kind, environment)


def both(on: "Expressions", node: Node, environment: Environment) -> tuple[Type, Ways]:
    """`a and b`, `a or b`: the type, and what is known where it is true and where it is false."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = node.child_by_field_name("operator")
    if left is None or right is None or operator is None:
        return UNKNOWN, (environment, environment)
    both = on.state.text(operator) == "and"
    yes, no = branch(on, left, environment)
    first = on.noted(left)
    onward = yes if both else no
    if onward is None:
        return first, (yes, no)
    inner_yes, inner_no = branch(on, right, onward)
    second = on.noted(right)
    kept = falsy(first) if both else truthy(first)
    kind = join([kept, second])
    if both:
        return kind, (inner_yes, merge(no, inner_no))
    return kind, (merge(yes, inner_yes), inner_no)


def by_truth(on: "Expressions", node: Node, kind: Type, environment: Environment) -> Ways:
    """By whether the value of an expression is true."""
    if node.type == "true":
        return environment, None
    if node.type == "false":
        return None, environment
    if node.type == "identifier" and on.state.text(node) == "TYPE_CHECKING":
        return environment, None
    key = on.key(node)
    if key is None:
        return environment, dict(environment)
    if node.type == "named_expression":
        kind = environment.get(key, kind)
    return known(environment, key, truthy(kind)), known(environment, key, falsy(kind))


def known(environment: Environment, key: Key, kind: Type) -> Environment | None:
    """The environment where a variable is known to be this; None where it cannot be."""
    if kind == NEVER:
        return None
    found = dict(environment)
    if kind is not UNKNOWN or key in environment:
        found[key] = kind
    return found


def by_comparison(on: "Expressions", node: Node, environment: Environment) -> Ways:
    """By a comparison."""
    parts = parts_of(node)
    signs = [on.state.text(child) for child in node.children if not child.is_named]
    if len(parts) != 2 or not signs:
        return environment, dict(environment)
    left, right = parts
    sign = " ".join(signs)
    if sign in ("!=", "is not"):
        yes, no = equal(on, left, right, "is" if sign == "is not" else "==", environment)
        return no, yes
    if sign in ("==", "is"):
        return equal(on, left, right, sign, environment)
    return environment, dict(environment)


def equal(on: "Expressions", left: Node, right: Node, sign: str, environment: Environment) -> Ways:
    """By whether two are equal, or the same."""
    if left.type in ("none", "true", "false", "string", "integer") and right.type != left.type:
        left, right = right, left
    if left.type == "call":
        asked = type_is(on, left, right, environment)
        if asked is not None:
            return asked
    key = on.key(left)
    if key is None:
        return environment, dict(environment)
    kind = environment.get(key) or on.noted(left)
    other = on.noted(right)
    if other == NONE:
        yes = NONE if is_unknown(kind) or NONE in members_of(kind) else NEVER if sign == "is" else kind
        if isinstance(kind, Union) and ANY in kind.members:
            yes = NONE
        if not isinstance(kind, Union) and kind != NONE and not is_unknown(kind):
            return environment, dict(environment)  # it says that it cannot be: believed, but not relied on
        no = join([one for one in members_of(kind) if one != NONE])
        return known(environment, key, yes), known(environment, key, no)
    if isinstance(other, Literal) and isinstance(kind, Union):
        literal = [one for one in kind.members if isinstance(one, Literal)]
        if len(literal) == len(kind.members):
            yes_kinds = [one for one in literal if one == other] or literal
            rest = join([one for one in literal if one != other])
            return known(environment, key, join(yes_kinds)), known(environment, key, rest)
    return environment, dict(environment)


def type_is(on: "Expressions", call: Node, right: Node, environment: Environment) -> Ways | None:
    """`type(x) is C`."""
    function, listed = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or listed is None or on.state.text(function) != "type" or listed.named_child_count != 1:
        return None
    key = on.key(listed.named_children[0])
    target = on.noted(right)
    if key is None or not isinstance(target, ClassObject) or on.state.symbol(function) is not None:
        return None
    kind = environment.get(key) or on.noted(listed.named_children[0])
    return known(environment, key, to_class(kind, [target.of], on.solver)), dict(environment)


def by_call(on: "Expressions", node: Node, environment: Environment) -> Ways | None:
    """`isinstance(x, C)`, `issubclass`, `callable`, and functions that say they are guards."""
    function, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or listed is None or not listed.named_children:
        return None
    nodes = parts_of(listed)
    key = on.key(nodes[0]) if nodes else None
    if key is None:
        return None
    kind = environment.get(key) or on.noted(nodes[0])
    name = on.state.text(function)
    builtin = on.state.symbol(function) is None
    if builtin and name == "isinstance" and len(nodes) == 2:
        targets = targets_of(on, nodes[1])
        if targets is None:
            return environment, dict(environment)
        yes = to_class(kind, targets, on.solver)
        return known(environment, key, yes), known(environment, key, away(kind, targets, on.solver))
    if builtin and name == "callable" and isinstance(kind, Union):
        may = [one for one in kind.members if not isinstance(one, Instance) or one.name == "builtins.object"]
        return known(environment, key, join(may) if may else UNKNOWN), dict(environment)
    callee = on.noted(function)
    if isinstance(callee, Callable) and callee.guard is not None:
        other = away(kind, [callee.guard], on.solver) if callee.exact else kind
        yes = to_class(kind, [callee.guard], on.solver) if callee.exact else callee.guard
        return known(environment, key, yes), known(environment, key, other)
    return None


def targets_of(on: "Expressions", node: Node) -> list[Type] | None:
    """The classes that `isinstance` is asked about; None where one is not known."""
    noted = on.noted(node)
    found: list[Type] = []
    waiting = list(noted.items) if isinstance(noted, Tuple) else [noted]
    if node.type == "binary_operator":
        parts = [node.child_by_field_name("left"), node.child_by_field_name("right")]
        inner = [targets_of(on, part) for part in parts if part is not None]
        return [one for part in inner for one in part or ()] if all(inner) else None
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Tuple):
            waiting += one.items
        elif one == NONE:
            found.append(NONE)
        elif isinstance(one, ClassObject) and isinstance(one.of, Instance):
            found.append(one.of)
        else:
            return None
    return found
