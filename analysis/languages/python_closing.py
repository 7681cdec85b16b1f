"""Python's statements around which something is done whatever happens: `with`, `try`."""

from collections.abc import Iterable

from tree_sitter import Node

from analysis.flow import Block, Step
from analysis.flow_builder import Around, Work
from analysis.languages import python_nodes as nodes
from analysis.languages.python_conditions import span_of
from analysis.languages.python_nodes import parts_of
from analysis.languages.python_walk import Walk


def with_(walk: Walk, node: Node) -> Work:
    build = walk.build
    opened: list[tuple[Around, Block, Step]] = []  # with the block in which each is entered
    for item in _items(node):
        value = item.child_by_field_id(nodes.F_VALUE) or item
        alias = value.child_by_field_id(nodes.F_ALIAS) if value.kind_id in nodes.AS_PATTERN else None
        for part in parts_of(value)[:1] if alias is not None else [value]:
            yield walk.expressions.evaluate(part)
        walk.expressions.finish(item)
        dispatch = build.block()
        leaving = Step("with_exit", item.start_byte, item.end_byte, ())
        around = build.enter_closing(leaving, dispatch)
        opened.append((around, build.fresh(), leaving))
        if alias is not None:
            yield walk.expressions.evaluate(alias)
            walk.expressions.flush(alias.type)
    yield walk.body(node.child_by_field_id(nodes.F_BODY))
    for around, entry, leaving in reversed(opened):
        _end_with(walk, around, entry, leaving)


def _end_with(walk: Walk, around: Around, entry: Block, leaving: Step) -> None:
    """Closes on the normal way, and on an exception, which this may swallow."""
    build, dispatch = walk.build, around.catches
    assert dispatch is not None
    behind = build.block()
    build.interrupt(entry)
    if build.here is not None:
        build.here.steps.append(leaving)
        build.go(behind)
    build.leave(around)
    build.start(dispatch)
    dispatch.note = "with, on exception"
    build.step(leaving.kind, leaving.start, leaving.end, ())
    build.edge(dispatch, behind, "suppress")
    build.throw()
    build.start(behind)


def _items(node: Node) -> Iterable[Node]:
    """The items of a `with`, in order."""
    pending = [child for child in node.named_children[::-1] if child.kind_id not in nodes.BLOCK]
    while pending:
        part = pending.pop()
        if part.kind_id in nodes.WITH_ITEM:
            yield part
        else:
            pending += part.named_children[::-1]


def try_(walk: Walk, node: Node) -> Work:
    build, parts = walk.build, parts_of(node)
    handlers = [part for part in parts if part.kind_id in nodes.EXCEPT_CLAUSE]
    behind, dispatch = build.block(), build.block()
    last = next((part for part in parts if part.kind_id in nodes.FINALLY_CLAUSE), None)
    finishing = build.enter_finally() if last is not None else None
    around = build.enter_handlers(dispatch) if handlers else None
    entry = build.fresh()
    yield walk.body(node.child_by_field_id(nodes.F_BODY))
    build.interrupt(entry)  # whatever is done: an interrupt may come anywhere
    if around is not None:
        build.leave(around)
    for part in parts:
        if part.kind_id in nodes.ELSE_CLAUSE:
            build.fresh()
            yield walk.body(part)
    build.finish(finishing, behind)
    if handlers:
        build.start(dispatch)
        grouped = any(child.type in ("*", "except*") for child in handlers[0].children)
        yield (_group_handlers if grouped else _handlers)(walk, handlers, finishing, behind)
    if finishing is not None:
        yield build.finish_finally(finishing, lambda: walk.body(last))
    build.start(behind)


def _handlers(walk: Walk, handlers: list[Node], finishing: Around | None, behind: Block) -> Work:
    build = walk.build
    for clause in handlers:
        following = build.block()
        yield _handler(walk, clause, following)
        build.finish(finishing, behind)
        build.start(following)
    if build.here is not None:
        build.throw()


def _group_handlers(walk: Walk, handlers: list[Node], finishing: Around | None, behind: Block) -> Work:
    """`except*`: each takes its part of the group, and what they raise is collected and raised at the end."""
    build = walk.build
    for clause in handlers:
        following = build.block()
        around = build.enter_handlers(following)
        yield _handler(walk, clause, following)
        build.leave(around)
        build.go(following)
        build.start(following)
    if (here := build.here) is not None:
        here.note = "except*, what is left"
        build.throw()
        build.here = here
    build.finish(finishing, behind)


def _handler(walk: Walk, clause: Node, following: Block) -> Work:
    """Whether an exception is one of a clause's, and what it does then."""
    build = walk.build
    value = clause.child_by_field_id(nodes.F_VALUE)
    alias = clause.child_by_field_id(nodes.F_ALIAS)
    if value is not None and value.kind_id in nodes.AS_PATTERN:
        alias = value.child_by_field_id(nodes.F_ALIAS)
        value = next(iter(parts_of(value)), None)
    inside = build.block()
    end = (alias or value or clause.children[0]).end_byte
    build.step(clause.type, clause.start_byte, end, (span_of(value),) if value is not None else ())
    condition = walk.expressions.source[value.start_byte : end].decode(errors="replace") if value else ""
    here = build.open()
    build.edge(here, inside, "case", condition)
    if value is not None:
        build.edge(here, following, "false", condition)
    build.start(inside)
    if alias is None:
        yield walk.body(clause)
        return
    span = span_of(alias)
    build.step(alias.type, *span, (span,), raises=False)
    unbind = Step("unbind", *span, (span,), raises=False)
    around = build.enter_closing(unbind)
    yield walk.body(clause)
    build.leave(around)
    if build.here is not None:
        build.here.steps.append(unbind)
