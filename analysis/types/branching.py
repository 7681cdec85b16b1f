"""Statements that run others: branches, loops, `try`, `with`. Where ways meet, what is known is joined."""

from collections.abc import Callable as Function
from typing import TYPE_CHECKING

from tree_sitter import Node

from analysis.scopes import Symbol
from analysis.types.assigning import store
from analysis.types.conditions import branch
from analysis.types.kinds import BOOL, NONE, UNKNOWN, Callable, ClassObject, Instance, Tuple, Type, is_unknown, join
from analysis.types.state import Environment, Key, Loop, merge

if TYPE_CHECKING:
    from analysis.types.statements import Statements

MOST_PASSES = 3  # over a loop's body, before what still changes is unknown
DEEPEST_FINALLY = 4  # `finally` in `finally` that are gone over for each way that leads there
DEEPEST_LOOP = 3  # loops in loops that are gone over again


def if_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`if`, with what follows it."""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
    if condition is None:
        return environment
    yes, rest = branch(walk.expressions, condition, environment)
    after = walk.block(body, dict(yes)) if body is not None and yes is not None else None
    for clause in node.children_by_field_name("alternative"):
        if rest is None:
            break
        if clause.type == "else_clause":
            return merge(after, walk.clause(clause, dict(rest)))
        condition, body = clause.child_by_field_name("condition"), clause.child_by_field_name("consequence")
        if condition is None:
            continue
        yes, rest = branch(walk.expressions, condition, rest)
        if body is not None and yes is not None:
            after = merge(after, walk.block(body, dict(yes)))
    return merge(after, rest)


def repeat(
    walk: "Statements",
    environment: Environment,
    once: Function[[Environment], tuple[Environment | None, Environment | None]],
) -> tuple[Environment | None, Environment | None]:
    """Goes over a loop until nothing more is learnt. Gives what is known at its end, and where it was broken."""
    start = environment
    way_out: Environment | None = None
    broken: Environment | None = None
    for turn in range(MOST_PASSES + 1):
        walk.loops.append(Loop())
        way_out, end = once(dict(start))
        loop = walk.loops.pop()
        broken = loop.broken
        back = merge(end, loop.continued)
        onward = merge(start, back) or start
        if onward == start:
            break
        if turn == MOST_PASSES - 1 or len(walk.loops) >= DEEPEST_LOOP:
            onward = {key: kind if start.get(key) == kind else UNKNOWN for key, kind in onward.items()}
            if turn >= MOST_PASSES:
                break
        start = onward
    return way_out, broken


def for_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`for`; its variable keeps what it was last given."""
    left, right, body = (node.child_by_field_name(name) for name in ("left", "right", "body"))
    if left is None or right is None or body is None:
        return environment
    element = walk.expressions.element(walk.expressions.type(right, environment), node.children[0].type == "async")

    def once(now: Environment) -> tuple[Environment | None, Environment | None]:
        inner = dict(now)
        store(walk.expressions, left, element, inner, "loop")
        return now, walk.block(body, inner)

    way_out, broken = repeat(walk, environment, once)
    return merge(loop_else(walk, node, way_out), broken)


def while_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`while`"""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None or body is None:
        return environment
    always = walk.state.text(condition).strip("() ") in ("True", "1")

    def once(now: Environment) -> tuple[Environment | None, Environment | None]:
        yes, no = branch(walk.expressions, condition, now)
        end = walk.block(body, dict(yes)) if yes is not None else None
        return None if always else no, end

    way_out, broken = repeat(walk, environment, once)
    return merge(loop_else(walk, node, way_out), broken)


def loop_else(walk: "Statements", node: Node, environment: Environment | None) -> Environment | None:
    """The `else` of a loop, which runs where nothing broke it."""
    clause = node.child_by_field_name("alternative")
    if clause is None or environment is None:
        return environment
    return walk.clause(clause, dict(environment))


def guarded(
    walk: "Statements", environment: Environment, body: Function[[], Environment | None]
) -> tuple[Environment | None, Environment]:
    """What is known after a body, and what where an exception leaves it anywhere."""
    walk.state.handlers.append({})
    end = body()
    given = walk.state.handlers.pop()
    caught: Environment = {}
    for key, kind in environment.items():
        changed = given.get(key)
        if isinstance(key, tuple) and (changed or touched(key, given)):
            continue
        caught[key] = join([kind, *changed]) if changed else kind
    for key, kinds in given.items():
        if key not in environment and isinstance(key, Symbol):
            caught[key] = join(kinds)
    return end, caught


def touched(path: tuple[object, ...], given: dict[Key, list[Type]]) -> bool:
    """Whether a variable, or what a path leads over, was given a value."""
    return any(path[0] is key or (isinstance(key, tuple) and key == path[: len(key)]) for key in given)


def try_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`try`, with its `finally`."""
    last = next((child for child in node.named_children if child.type == "finally_clause"), None)
    if last is None:
        return try_except(walk, node, environment)
    end, caught = guarded(walk, environment, lambda: try_except(walk, node, dict(environment)))
    if walk.ended >= DEEPEST_FINALLY:  # each goes over what is in it twice
        return walk.clause(last, merge(dict(caught), end) or caught)
    walk.ended += 1
    after = walk.clause(last, dict(end)) if end is not None else None
    walk.clause(last, merge(dict(caught), end) or caught)  # what is noted is what holds on every way
    walk.ended -= 1
    return after


def try_except(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`try` without its `finally`."""
    body = node.child_by_field_name("body")
    if body is None:
        return environment
    end, caught = guarded(walk, environment, lambda: walk.block(body, dict(environment)))
    after: Environment | None = None
    for clause in node.named_children:
        if clause.type in ("except_clause", "except_group_clause"):
            after = merge(after, except_clause(walk, clause, dict(caught)))
        elif clause.type == "else_clause" and end is not None:
            end = walk.clause(clause, end)
    return merge(end, after)


def except_clause(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`except`, with what it catches."""
    grouped = any(child.type in ("*", "except*") for child in node.children)
    for child in node.named_children:
        if child.type == "block":
            return walk.block(child, environment)
        if child.type == "as_pattern":
            parts = child.named_children
            kind = caught_by(walk, walk.expressions.type(parts[0], environment))
            if grouped:
                kind = group_of(walk, kind)
            if len(parts) > 1:
                store(walk.expressions, parts[1], kind, environment, "except")
        elif child.type != "comment":
            kind = caught_by(walk, walk.expressions.type(child, environment))
            alias = node.child_by_field_name("alias")
            if alias is not None and child != alias and alias.type == "identifier":
                store(walk.expressions, alias, kind, environment, "except")
    return environment


def group_of(walk: "Statements", kind: Type) -> Type:
    """What `except*` gives a handler for these exceptions."""
    if is_unknown(kind):
        return UNKNOWN
    ordinary = walk.expressions.solver.fits(Instance("builtins.Exception"), kind, {})
    if ordinary is None:
        return UNKNOWN
    return Instance("builtins.ExceptionGroup" if ordinary else "builtins.BaseExceptionGroup", (kind,))


def caught_by(walk: "Statements", kind: Type) -> Type:
    """The exception that a handler for these classes is given."""
    if isinstance(kind, ClassObject):
        return kind.of
    if isinstance(kind, Tuple):
        return join([caught_by(walk, one) for one in kind.items])
    if isinstance(kind, Instance) and kind.name == "builtins.tuple":
        return caught_by(walk, kind.arguments[0])
    return UNKNOWN


def with_statement(walk: "Statements", node: Node, environment: Environment) -> Environment | None:
    """`with`; a manager may swallow what is raised."""
    waits = node.children[0].type == "async"
    items = [item for clause in node.named_children if clause.type == "with_clause" for item in clause.named_children]
    swallows = False
    for item in items:
        value = item.child_by_field_name("value") if item.type == "with_item" else None
        if value is None:
            continue
        target = None
        if value.type == "as_pattern" and value.named_child_count > 1:
            target, value = value.named_children[1], value.named_children[0]
        manager = walk.expressions.type(value, environment)
        entered = walk.expressions.solver.method(manager, "__aenter__" if waits else "__enter__")
        leaving = walk.expressions.attribute(manager, "__aexit__" if waits else "__exit__")
        swallows = swallows or may_swallow(leaving)
        if target is not None:
            entered = walk.expressions.solver.awaited(entered) if waits else entered
            store(walk.expressions, target, entered, environment, "with")
    body = node.child_by_field_name("body")
    if body is None:
        return environment
    if not swallows:
        return walk.block(body, environment)
    end, caught = guarded(walk, environment, lambda: walk.block(body, dict(environment)))
    return merge(end, caught)


def may_swallow(leaving: Type) -> bool:
    """Whether a manager's `__exit__` says that it may hold exceptions back."""
    returns = leaving.returns if isinstance(leaving, Callable) else NONE
    return returns == BOOL
