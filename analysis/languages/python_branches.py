"""Python's statements that branch and loop: `if`, `while`, `for`, `match`, `assert`."""

from tree_sitter import Node

from analysis.flow import Block
from analysis.flow_builder import Around, Work
from analysis.languages import python_nodes as nodes
from analysis.languages.python_nodes import parts_of
from analysis.languages.python_patterns import captures, irrefutable, reads
from analysis.languages.python_walk import Walk


def if_(walk: Walk, node: Node) -> Work:
    build = walk.build
    behind = build.block()
    clauses = node.children_by_field_id(nodes.F_ALTERNATIVE)
    for clause in [node, *clauses]:
        if clause.kind_id in nodes.ELSE_CLAUSE:
            yield walk.body(clause)
            continue
        then, otherwise = build.block(), build.block()
        yield walk.condition(clause.child_by_field_id(nodes.F_CONDITION), then, otherwise)
        build.start(then)
        yield walk.body(clause.child_by_field_id(nodes.F_CONSEQUENCE))
        build.go(behind)
        build.start(otherwise)
    build.go(behind)
    build.start(behind)


def while_(walk: Walk, node: Node) -> Work:
    build = walk.build
    head, body, done, behind = build.block(), build.block(), build.block(), build.block()
    build.begin(head)
    around = build.enter_loop(behind, head)
    yield walk.condition(node.child_by_field_id(nodes.F_CONDITION), body, done)
    build.start(body)
    yield walk.body(node.child_by_field_id(nodes.F_BODY))
    yield _end_loop(walk, node, around, done)


def for_(walk: Walk, node: Node) -> Work:
    build = walk.build
    target, values = node.child_by_field_id(nodes.F_LEFT), node.child_by_field_id(nodes.F_RIGHT)
    if values is not None:
        yield walk.expressions.evaluate(values)
        walk.expressions.finish(values)
    head, body, done, behind = build.block(), build.block(), build.block(), build.block()
    build.begin(head)
    start = target.start_byte if target is not None else node.start_byte
    end = values.end_byte if values is not None else start
    build.step(node.type, start, end, ())  # asks for the next value
    build.branch(body, done, walk.expressions.source[start:end].decode(errors="replace"))
    around = build.enter_loop(behind, head)
    build.start(body)
    if target is not None:
        yield walk.expressions.evaluate(target)
        walk.expressions.flush("target")
    yield walk.body(node.child_by_field_id(nodes.F_BODY))
    yield _end_loop(walk, node, around, done)


def _end_loop(walk: Walk, node: Node, around: Around, done: Block) -> Work:
    build, head, behind = walk.build, around.ahead, around.behind
    assert head is not None
    assert behind is not None
    build.go(head, "loop")
    build.leave(around)
    build.start(done)
    yield walk.body(node.child_by_field_id(nodes.F_ALTERNATIVE))
    build.go(behind)
    build.start(behind)


def match_(walk: Walk, node: Node) -> Work:
    build = walk.build
    behind = build.block()
    for subject in node.children_by_field_id(nodes.F_SUBJECT):
        yield walk.expressions.evaluate(subject)
    walk.expressions.flush(node.type)
    body = node.child_by_field_id(nodes.F_BODY)
    for clause in (body or node).named_children:
        if clause.kind_id in nodes.CASE_CLAUSE:
            following = build.block()
            yield _case(walk, clause, following)
            build.go(behind)
            build.start(following)
    build.go(behind)
    build.start(behind)


def _case(walk: Walk, clause: Node, following: Block) -> Work:
    build = walk.build
    patterns = [part for part in clause.named_children if part.kind_id in nodes.CASE_PATTERN]
    start = patterns[0].start_byte if patterns else clause.start_byte
    end = patterns[-1].end_byte if patterns else start
    condition = walk.expressions.source[start:end].decode(errors="replace")
    several = len(patterns) != 1 or any(child.type == "," for child in clause.children)
    always = not several and irrefutable(patterns[0])
    matched = build.block()
    build.step(clause.type, start, end, tuple(reads(patterns)), raises=not always)
    here = build.open()
    build.edge(here, matched, "case", condition)
    if not always:
        build.edge(here, following, "false", condition)
    build.start(matched)
    for pattern in patterns:
        yield captures(pattern, build)
    if (guard := clause.child_by_field_id(nodes.F_GUARD)) is not None:
        inside = build.block()
        for test in parts_of(guard):
            yield walk.condition(test, inside, following)
        build.start(inside)
    yield walk.body(clause.child_by_field_id(nodes.F_CONSEQUENCE))


def assert_(walk: Walk, node: Node) -> Work:
    build, parts = walk.build, parts_of(node)
    behind, failed = build.block(), build.block()
    yield walk.condition(next(iter(parts), None), behind, failed)
    build.start(failed)
    for part in parts[1:]:
        yield walk.expressions.evaluate(part)
    walk.expressions.step(node.type, node.start_byte, node.end_byte)
    build.throw()
    build.start(behind)
