"""Types of what is written out: numbers, strings, lists and other displays, comprehensions, lambdas."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.types.assigning import store
from analysis.types.conditions import branch
from analysis.types.kinds import (
    BYTES,
    FLOAT,
    INT,
    NONE,
    STR,
    UNKNOWN,
    Callable,
    Instance,
    Literal,
    Parameter,
    Tuple,
    Type,
    bounded,
    element_of,
    instance,
    widen,
)
from analysis.types.state import Environment

if TYPE_CHECKING:
    from analysis.types.expressions import Expressions

LONGEST_LITERAL = 60  # bytes of a string whose value may matter


def constant(_on: "Expressions", node: Node, _environment: Environment) -> Type:
    """`None`, `True`, `False`."""
    if node.type == "none":
        return NONE
    return Literal("builtins.bool", "True" if node.type == "true" else "False")


def ellipsis(_on: "Expressions", _node: Node, _environment: Environment) -> Type:
    """`...`"""
    return Instance("types.EllipsisType")


def integer(on: "Expressions", node: Node, _environment: Environment) -> Type:
    """An integer, or an imaginary number."""
    text = on.state.text(node)
    if text[-1:] in "jJ":
        return instance("complex")
    return Literal("builtins.int", text) if text.isdigit() and (text == "0" or text[0] != "0") else INT


def floating(on: "Expressions", node: Node, _environment: Environment) -> Type:
    """A number with a point or an exponent."""
    return instance("complex") if on.state.text(node)[-1:] in "jJ" else FLOAT


def string(on: "Expressions", node: Node, environment: Environment) -> Type:
    """A string, its value too where it is short and plainly written."""
    start = node.children[0]
    prefix = on.state.text(start).rstrip("\"'").lower() if start.type == "string_start" else ""
    kind = BYTES if "b" in prefix else STR
    if "f" in prefix:
        for child in node.named_children:
            if child.type == "interpolation":
                for part in child.named_children:
                    on.type(part, environment)
        return kind
    if node.end_byte - node.start_byte > LONGEST_LITERAL:
        return kind
    text = on.state.source[start.end_byte : node.children[-1].start_byte].decode(errors="replace")
    if "\\" in text:
        return kind
    value: str | bytes = text
    if kind is BYTES:
        if not text.isascii():
            return kind
        value = text.encode()
    return Literal(kind.name, repr(value))


def concatenated(on: "Expressions", node: Node, environment: Environment) -> Type:
    """Strings that stand beside each other."""
    kinds = [widen(on.type(child, environment)) for child in node.named_children if child.type == "string"]
    return kinds[0] if kinds else UNKNOWN


def elements(on: "Expressions", nodes: list[Node], environment: Environment) -> list[Type]:
    """What a display lists."""
    found: list[Type] = []
    for child in nodes:
        if child.type == "list_splat":
            found.append(on.solver.iterated(on.type(child.named_children[0], environment)))
        elif child.type != "comment":
            found.append(on.type(child, environment))
    return found


def list_display(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`[…]`"""
    return instance("list", element_of(elements(on, node.named_children, environment)))


def set_display(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`{…}`"""
    return instance("set", element_of(elements(on, node.named_children, environment)))


def tuple_display(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`(…)`, or without parentheses."""
    items = elements(on, node.named_children, environment)
    if any(child.type == "list_splat" for child in node.named_children):
        return instance("tuple", element_of(items))
    return bounded(Tuple(tuple(items)))


def dictionary(on: "Expressions", node: Node, environment: Environment) -> Type:
    """`{…: …}`"""
    keys: list[Type] = []
    values: list[Type] = []
    for child in node.named_children:
        if child.type == "pair" and child.named_child_count >= 2:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            keys.append(on.type(key, environment) if key is not None else UNKNOWN)
            values.append(on.type(value, environment) if value is not None else UNKNOWN)
        elif child.type == "dictionary_splat" and child.named_children:
            inner = on.type(child.named_children[0], environment)
            seen = on.solver.lineages.seen_as(inner, "typing.Mapping") if isinstance(inner, Instance) else None
            keys.append(seen.arguments[0] if seen is not None else UNKNOWN)
            values.append(seen.arguments[1] if seen is not None else UNKNOWN)
    return instance("dict", element_of(keys), element_of(values))


def comprehension(on: "Expressions", node: Node, environment: Environment) -> Type:
    """A comprehension, or a generator expression."""
    inner: Environment | None = dict(environment)
    body = node.child_by_field_name("body")
    waits = False
    for child in node.named_children:
        if inner is None:
            break
        if child.type == "for_in_clause":
            waits = waits or child.children[0].type == "async"
            clause(on, child, inner)
        elif child.type == "if_clause" and child.named_children:
            inner = branch(on, child.named_children[0], inner)[0]
    if body is None or inner is None:
        kinds = [UNKNOWN, UNKNOWN]
    elif body.type == "pair":
        kinds = [widen(on.type(part, inner)) for part in body.named_children]
    else:
        kinds = [widen(on.type(body, inner))]
    match node.type:
        case "list_comprehension":
            return instance("list", kinds[0])
        case "set_comprehension":
            return instance("set", kinds[0])
        case "dictionary_comprehension":
            return instance("dict", *kinds) if len(kinds) == 2 else UNKNOWN
    if waits:
        return Instance("typing.AsyncGenerator", (kinds[0], NONE))
    return Instance("typing.Generator", (kinds[0], NONE, NONE))


def clause(on: "Expressions", node: Node, environment: Environment) -> None:
    """`for … in …` within a comprehension."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return
    iterable = on.type(right, environment)
    waits = node.children[0].type == "async"
    store(on, left, on.element(iterable, waits), environment, "loop")


def lambda_function(on: "Expressions", node: Node, environment: Environment) -> Type:
    """A function in an expression; nothing says what it is given."""
    listed = node.child_by_field_name("parameters")
    body = node.child_by_field_name("body")
    inner = dict(environment)
    parameters: list[Parameter] = []
    for child in listed.named_children if listed is not None else []:
        name = child if child.type == "identifier" else child.child_by_field_name("name")
        if child.type in ("list_splat_pattern", "dictionary_splat_pattern"):
            name, stars = child.named_children[0], "*" if child.type == "list_splat_pattern" else "**"
            parameters.append(Parameter(on.state.text(name), UNKNOWN, stars))
            continue
        if name is None:
            continue
        value = child.child_by_field_name("value")
        if value is not None:
            on.type(value, environment)
        symbol = on.state.symbol(name)
        if symbol is not None:
            inner[symbol] = UNKNOWN
        parameters.append(Parameter(on.state.text(name), UNKNOWN, optional=value is not None))
    on.yields.append([])
    returns = on.type(body, inner) if body is not None else UNKNOWN
    yields = on.yields.pop()
    return Callable(tuple(parameters), UNKNOWN if yields else widen(returns))
