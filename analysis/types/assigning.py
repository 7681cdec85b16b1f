"""Gives variables and attributes their values, however deep in a target they stand."""

from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.languages.python_nodes import parts_of
from analysis.types.kinds import (
    NEVER,
    OWN,
    UNKNOWN,
    ClassObject,
    Instance,
    Tuple,
    Type,
    Union,
    bounded,
    element_of,
    instance,
    is_unknown,
    join,
    widen,
)
from analysis.types.lineage import fields_of
from analysis.types.narrowing import within
from analysis.types.state import Environment
from analysis.types.view import Typed

if TYPE_CHECKING:
    from analysis.types.expressions import Expressions


def store(on: "Expressions", target: Node, kind: Type, environment: Environment, origin: str) -> None:
    """Gives a target, however deep, a value."""
    match target.type:
        case "identifier":
            bind(on, target, kind, environment, origin)
        case "attribute":
            store_attribute(on, target, kind, environment)
        case "subscript":
            for child in target.named_children:
                on.type(child, environment)
        case "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list" | "expression_list":
            unpack(on, target, kind, environment, origin)
        case "list_splat_pattern" | "list_splat":
            store(on, target.named_children[0], instance("list", widen(kind)), environment, origin)
        case "parenthesized_expression" | "as_pattern_target":
            if target.named_children:
                store(on, target.named_children[0], kind, environment, origin)


def unpack(on: "Expressions", target: Node, kind: Type, environment: Environment, origin: str) -> None:
    """`a, *b = c`"""
    targets = parts_of(target)
    starred = [place for place, one in enumerate(targets) if one.type in ("list_splat_pattern", "list_splat")]
    items: list[Type] | None = None
    known = fields(on, kind)
    if known is not None and not starred and len(known) == len(targets):
        items = known
    elif known is not None and len(starred) == 1 and len(known) >= len(targets) - 1:
        before, after = starred[0], len(targets) - starred[0] - 1
        middle = element_of(known[before : len(known) - after])
        items = [*known[:before], middle, *known[len(known) - after :]]
    if items is None:
        items = [on.element(kind)] * len(targets)
    for one, inner in zip(targets, items, strict=True):
        store(on, one, inner, environment, origin)


def fields(on: "Expressions", kind: Type) -> list[Type] | None:
    """The items of a tuple whose length is known; of a union of such, item by item."""
    if isinstance(kind, Tuple):
        return list(kind.items)
    if isinstance(kind, Instance):
        found = on.source.find(kind.name)
        if found is not None and found.ready().named:
            return fields_of(found, kind)
        for base in found.bases if found is not None else ():
            if isinstance(base, Tuple):
                return list(base.items)
    several = [fields(on, one) for one in kind.members] if isinstance(kind, Union) else []
    if several and all(one is not None and len(one) == len(several[0] or ()) for one in several):
        return [join(column) for column in zip(*[one or [] for one in several], strict=True)]
    return None


def bind(on: "Expressions", name: Node, kind: Type, environment: Environment, origin: str) -> None:
    """Gives a variable a value."""
    symbol = on.state.symbol(name)
    if symbol is None:
        return
    kind = bounded(widen(kind)) if kind != NEVER else UNKNOWN
    declared = on.state.declared.get(symbol)
    if declared is not None:
        kind = within(declared, kind, on.solver)
        origin = "annotation" if kind == declared else origin
    on.state.given.setdefault(symbol, []).append(kind)
    on.state.last[symbol] = (kind, origin)
    on.state.bindings[name.start_byte] = Typed(kind, origin if kind is not UNKNOWN else "")
    forget(environment, (symbol,))
    on.state.give(symbol, kind, environment)


def forget(environment: Environment, path: tuple[object, ...]) -> None:
    """What follows from something that has changed is no longer known."""
    size = len(path)
    gone = [key for key in environment if isinstance(key, tuple) and len(key) > size and key[:size] == path]
    for key in gone:
        del environment[key]


def store_attribute(on: "Expressions", target: Node, kind: Type, environment: Environment) -> None:
    """`a.b = c`"""
    owner, name = target.child_by_field_name("object"), target.child_by_field_name("attribute")
    if owner is None or name is None:
        return
    around = on.type(owner, environment)
    text = on.private(on.state.text(name))
    kind = bounded(widen(kind)) if kind != NEVER else UNKNOWN
    declared = declared_attribute(on, around, text, kind)
    key = on.key(target)
    if not isinstance(key, tuple):
        return
    forget(environment, key)
    if declared is None:
        environment.pop(key, None)
        for handler in on.state.handlers:
            handler.setdefault(key, []).append(UNKNOWN)
        return
    on.state.give(key, within(declared, kind, on.solver) if declared is not kind else kind, environment)


def declared_attribute(on: "Expressions", around: Type, name: str, kind: Type) -> Type | None:
    """What an attribute is declared as, or what it is given where nothing says it; None: read it anew."""
    if isinstance(around, ClassObject):
        around = around.of
    if not isinstance(around, Instance):
        return None
    lineage, _ = on.solver.lineages.of(around)
    if around.name.startswith(OWN):
        owner = on.source.own.defining(around, name, lineage)
        if owner is not None:
            body = on.source.own.bodies[owner]
            symbol = body.symbols.get(name)
            declared = on.state.declared.get(symbol) if symbol is not None else None
            if declared is not None:
                return declared
            if symbol is not None and symbol.kind == "function":
                return None
            on.state.attributes_given.setdefault((owner, name), []).append(kind)
            return kind
    found = on.solver.member(around, name)
    if found is None or found[0].kind != "variable":
        return None
    declared = on.attribute(around, name)
    return None if is_unknown(declared) else declared
