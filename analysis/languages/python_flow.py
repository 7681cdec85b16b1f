"""Python's control flow, as CPython runs it: what is constant decides, `finally` is done on every way out.

A class body runs where it stands, so it is part of the flow around it. The bodies of functions and lambdas are not:
making one is a step. What single statements add stands in `python_branches` and `python_closing`.
"""

from collections.abc import Callable, Iterator

from tree_sitter import Node

from analysis.flow import Graph
from analysis.flow_builder import Builder, Work, run
from analysis.languages import python_branches as branches
from analysis.languages import python_closing as closing
from analysis.languages import python_nodes as nodes
from analysis.languages.python_conditions import span_of
from analysis.languages.python_walk import File, Walk, table

_LOCAL = "<locals>"


def flow(node: Node, source: bytes) -> Graph:
    """The flow of one function's node, its decorators around it or not, or of a module's root."""
    if node.kind_id in nodes.DECORATED:
        node = node.child_by_field_id(nodes.F_DEFINITION) or node
    return _walked(File(source), node, "").build.done()


def flows(root: Node, source: bytes) -> Iterator[Graph]:
    """The flow of a module, and of every function in it, named as in `__qualname__`, in the order of the lines."""
    file = File(source)
    pending = [(root, "")]
    while pending:
        node, name = pending.pop()
        walk = _walked(file, node, name)
        yield walk.build.done()
        pending += [walk.inner[place] for place in sorted(walk.inner, reverse=True)]


def _walked(file: File, node: Node, name: str) -> Walk:
    walk = Walk(file, Builder(name, node.start_byte, node.end_byte), _COMPOUND)
    walk.prefix = f"{name}.{_LOCAL}." if name else ""
    if node.kind_id in nodes.FUNCTION:
        parameters = node.child_by_field_id(nodes.F_PARAMETERS)
        if parameters is not None:
            span = span_of(parameters)
            walk.build.step("parameters", *span, (span,), raises=False)
        run(walk.body(node.child_by_field_id(nodes.F_BODY)))
    else:
        walk.annotates = file.annotates
        run(walk.suite(node.named_children))
    return walk


def _decorated(walk: Walk, node: Node) -> Work:
    for decorator in node.named_children:
        if decorator.kind_id in nodes.DECORATOR:
            yield walk.expressions.evaluate(decorator)
    definition = node.child_by_field_id(nodes.F_DEFINITION)
    compound = _COMPOUND.get(definition.kind_id) if definition is not None else None
    if definition is not None and compound is not None:
        yield compound(walk, definition)
    walk.expressions.flush(node.type)


def _function(walk: Walk, node: Node) -> Work:
    """Makes it: defaults and annotations are evaluated, and its name is stored."""
    name = node.child_by_field_id(nodes.F_NAME)
    if name is not None:  # a `finally` is walked for every way out, and finds the same ones again
        walk.inner[node.start_byte] = node, walk.prefix + walk.expressions.text(name)
    end = node.start_byte
    for field in (nodes.F_PARAMETERS, nodes.F_RETURN_TYPE, nodes.F_NAME):
        if (part := node.child_by_field_id(field)) is not None:
            end = max(end, part.end_byte)
            yield walk.expressions.evaluate(part)
    walk.expressions.step(node.type, node.start_byte, end)


def _class(walk: Walk, node: Node) -> Work:
    name, bases = node.child_by_field_id(nodes.F_NAME), node.child_by_field_id(nodes.F_SUPERCLASSES)
    end = (bases or name or node.children[0]).end_byte
    if bases is not None:
        yield walk.expressions.evaluate(bases)
    walk.expressions.step(node.type, node.start_byte, end)
    outer = walk.prefix, walk.annotates
    if name is not None:
        walk.prefix += f"{walk.expressions.text(name)}."
    walk.annotates = walk.file.annotates
    yield walk.body(node.child_by_field_id(nodes.F_BODY))
    walk.prefix, walk.annotates = outer
    if name is not None:
        walk.expressions.spans.append(span_of(name))
        walk.expressions.flush(node.type)


def _inside(walk: Walk, node: Node) -> Work:
    """What stands in a place that could not be followed."""
    yield walk.suite(node.named_children)


_COMPOUND: dict[int, Callable[[Walk, Node], Work]] = {
    nodes.ERROR: _inside,
    **table(
        ("block", _inside),
        ("if_statement", branches.if_),
        ("while_statement", branches.while_),
        ("for_statement", branches.for_),
        ("match_statement", branches.match_),
        ("assert_statement", branches.assert_),
        ("with_statement", closing.with_),
        ("try_statement", closing.try_),
        ("decorated_definition", _decorated),
        ("function_definition", _function),
        ("class_definition", _class),
    ),
}
